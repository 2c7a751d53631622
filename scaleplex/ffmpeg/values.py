"""Durations, bit rates, frame rates and sizes as FFmpeg reads them. What cannot be read gives None."""

from __future__ import annotations

_SUFFIXES = {"k": 1000, "K": 1000, "M": 1000_000, "G": 1000_000_000}


def _float(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None


def seconds(text: str | None) -> float | None:
    """Read a duration: `495`, `734.11000000000001`, `00:01:02.5`, `200ms`, `5us`."""
    if not text:
        return None
    sign = -1.0 if text[0] == "-" else 1.0
    body = text[1:] if sign < 0 else text
    for unit, factor in (("ms", 1e-3), ("us", 1e-6), ("s", 1.0)):
        if body.endswith(unit):
            number = _float(body[: -len(unit)])
            return None if number is None else sign * number * factor
    parts = body.split(":")
    if len(parts) > 3:
        return None
    total = 0.0
    for part in parts:
        number = _float(part)
        if number is None:
            return None
        total = total * 60 + number
    return sign * total


def bits_per_second(text: str | None) -> int | None:
    """Read a bit rate: `3419k`, `4M`, `128000`."""
    if not text:
        return None
    factor = _SUFFIXES.get(text[-1], 1)
    number = _float(text[:-1] if factor != 1 else text)
    return None if number is None else int(number * factor)


def rate(text: str | None) -> float | None:
    """Read a frame rate in frames per second: `24`, `23.975999999999999`, `24000/1001`."""
    if not text:
        return None
    above, slash, below = text.partition("/")
    number, divisor = _float(above), _float(below) if slash else 1.0
    return None if number is None or not divisor else number / divisor


def integer(text: str | None) -> int | None:
    """Read a whole number."""
    try:
        return int(text) if text else None
    except ValueError:
        return None


def print_seconds(value: float) -> str:
    """Print seconds with at most six decimals and no trailing zeros: `1200.5`, `13`."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def dictionary(text: str) -> list[tuple[str, str]]:
    """Split `key=value:key=value` (`-segment_format_options`); an item without `=` has an empty value."""
    items = []
    for item in text.split(":"):
        if item:
            key, _, value = item.partition("=")
            items.append((key, value))
    return items


def print_dictionary(items: list[tuple[str, str]]) -> str:
    """Join what `dictionary` split."""
    return ":".join(f"{key}={value}" for key, value in items)


def words(text: str) -> frozenset[str]:
    """Return the set of names in a text, for tables that read better as prose than as a list of literals."""
    return frozenset(text.split())
