"""The strip along a clip's top edge that says which frame of the source this is.

32 cells in two rows; the second row is the first one inverted. A reader compares the two rows of a cell and needs no
threshold: scaling, lossy coding, tone mapping and range changes cannot flip a bit, and damage shows as low contrast
instead of as a wrong number. Cells: ``1 0``, 24 bits of frame number, 4 check bits (the sum of the number's six
nibbles modulo 16), ``0 1``. ``page/strip.js`` reads the same strip in a browser.
"""

from collections.abc import Sequence
from fractions import Fraction

CELLS = 32
ROWS_PER_HEIGHT = 54  # each of the two rows is height / 54 tall
NUMBER_BITS = 24
MIN_CONTRAST = 24  # of 255, between the two rows of a cell


def check_bits(number: int) -> int:
    """Return the sum of the number's six nibbles modulo 16."""
    return sum(number >> shift & 15 for shift in range(0, NUMBER_BITS, 4)) & 15


def encode(number: int) -> list[bool]:
    """Return the 32 cells of the upper row, left to right; True is white.

    Raises:
        ValueError: the number does not fit into 24 bits.
    """
    if not 0 <= number < 1 << NUMBER_BITS:
        raise ValueError(f"{number} does not fit into {NUMBER_BITS} bits")
    payload = number << 4 | check_bits(number)
    return [True, False, *(bool(payload >> bit & 1) for bit in range(NUMBER_BITS + 3, -1, -1)), False, True]


def decode(cells: Sequence[int]) -> tuple[int | None, int]:
    """Return the frame number, None when it cannot be read, and the lowest contrast of any cell.

    Args:
        cells: 2 x 32 grey values from 0 to 255, upper row first.
    """
    differences = [cells[i] - cells[CELLS + i] for i in range(CELLS)]
    contrast = min(map(abs, differences))
    bits = [difference > 0 for difference in differences]
    number = sum(bit << (NUMBER_BITS - 1 - i) for i, bit in enumerate(bits[2 : 2 + NUMBER_BITS]))
    if contrast < MIN_CONTRAST or bits != encode(number):
        return None, contrast
    return number, contrast


def read_picture(grey: bytes, width: int, height: int) -> list[int]:
    """Return the cells of a whole grey picture, a screenshot for example, for :func:`decode`.

    Args:
        grey: one byte a pixel, rows from top to bottom.
    """
    row_height = height / ROWS_PER_HEIGHT
    cells = []
    for row in range(2):
        top = round((row + 0.25) * row_height)
        bottom = max(round((row + 0.75) * row_height), top + 1)
        for cell in range(CELLS):
            left, right = int((cell + 0.25) * width / CELLS), int((cell + 0.75) * width / CELLS)
            values = [grey[y * width + x] for y in range(top, bottom) for x in range(left, right)]
            cells.append(sum(values) // len(values))
    return cells


def lavfi_source(width: int, height: int, rate: Fraction, white: float = 1.0) -> str:
    """Return a lavfi source that draws the strip.

    The expression runs on 64 pixels a frame and is then enlarged without interpolation: next to no CPU.

    Args:
        width: of the clip, in pixels.
        height: of the clip, in pixels.
        rate: frames per second.
        white: brightness of a white cell, 1.0 being nominal white.
    """
    nibbles = "+".join(f"bitand(floor(N/{16**i}),15)" for i in range(NUMBER_BITS // 4))
    bit = (
        "if(lt(X,2),eq(X,0),if(lt(X,26),bitand(floor(N/pow(2,25-X)),1),"
        "if(lt(X,30),bitand(floor(ld(0)/pow(2,29-X)),1),eq(X,31))))"
    )
    luma = f"st(0,{nibbles});st(1,{bit});16+{219 * white:.0f}*abs(Y-ld(1))"
    luma = luma.replace(",", r"\,").replace(";", r"\;")
    return (
        f"color=black:s={CELLS}x2:r={rate},format=yuv420p,geq=lum='{luma}':cb=128:cr=128,"
        f"scale={width}:{2 * round(height / ROWS_PER_HEIGHT)}:flags=neighbor"
    )
