"""Stream specifiers mean what they mean to FFmpeg."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleplex.ffmpeg import specifier


@pytest.mark.parametrize(
    ("text", "stream", "meant"),
    [
        ("0", (0, "video", 0, None), True),
        ("0", (1, "audio", 0, None), False),
        ("v", (0, "video", 0, None), True),
        ("v", (1, "audio", 0, None), False),
        ("s:0", (3, "subtitle", 0, None), True),
        ("s:0", (4, "subtitle", 1, None), False),
        ("a:1", (2, "audio", 1, None), True),
        ("#0x02", (1, "audio", 0, 2), True),
        ("#0x02", (2, "audio", 1, 3), False),
        ("#0x1011", (0, "video", 0, 0x1011), True),
        ("i:258", (0, "video", 0, 258), True),
        ("", (7, "data", 0, None), True),
        ("m:language:eng", (1, "audio", 0, None), False),
    ],
)
def test_a_specifier_means_the_streams_it_names(text: str, stream: tuple, meant: bool) -> None:
    assert specifier.parse(text).covers(*stream) is meant


@pytest.mark.parametrize(("text", "file"), [("0:0", 0), ("1:s:0", 1), ("0:#0x02", 0), ("0:v:0", 0), ("0:t?", 0)])
def test_a_pad_names_its_input(text: str, file: int) -> None:
    pad = specifier.parse_pad(text)
    assert pad is not None
    assert pad.file == file
    assert pad.text == text.removesuffix("?")


@pytest.mark.parametrize("text", ["[4]", "-0:1", "", "in", "v:0"])
def test_what_is_no_pad_is_not_taken_for_one(text: str) -> None:
    assert specifier.parse_pad(text) is None


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    specifier.parse(text).covers(0, "video")
    specifier.parse_pad(text)
