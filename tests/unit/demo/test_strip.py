"""The strip: what is drawn is what is read, and damage is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleplex.demo.strip import CELLS, MIN_CONTRAST, decode, encode, read_picture

NUMBERS = st.integers(0, (1 << 24) - 1)


def grey(number: int, black: int = 16, white: int = 235) -> list[int]:
    upper = [white if cell else black for cell in encode(number)]
    return upper + [black + white - level for level in upper]


@given(NUMBERS)
def test_every_number_is_read_back(number: int) -> None:
    assert decode(grey(number)) == (number, 219)


@given(NUMBERS, st.integers(0, 100), st.integers(MIN_CONTRAST, 155))
def test_brightness_and_contrast_do_not_change_the_number(number: int, black: int, contrast: int) -> None:
    assert decode(grey(number, black, black + contrast))[0] == number


@given(NUMBERS, st.integers(0, CELLS - 1))
def test_one_flipped_cell_is_not_read_as_another_number(number: int, cell: int) -> None:
    cells = grey(number)
    cells[cell], cells[CELLS + cell] = cells[CELLS + cell], cells[cell]
    assert decode(cells)[0] is None


def test_a_faint_strip_is_reported_as_unreadable() -> None:
    assert decode(grey(77, 100, 100 + MIN_CONTRAST - 1))[0] is None


def test_a_number_beyond_24_bits_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="24 bits"):
        encode(1 << 24)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (852, 480), (426, 240)])
def test_a_screenshot_is_read_at_any_size(width: int, height: int) -> None:
    row = height / 54
    lines = []
    for y in range(height):
        cells = grey(123456)[CELLS:] if row <= y < 2 * row else grey(123456)[:CELLS] if y < row else [90] * CELLS
        lines.append(bytes(cells[x * CELLS // width] for x in range(width)))
    assert decode(read_picture(b"".join(lines), width, height))[0] == 123456
