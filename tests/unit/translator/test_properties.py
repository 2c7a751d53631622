"""What holds for every translation, whatever the command."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleplex.translator import Source, SourceStream, Translation, translate
from tests.argvgen import SHAPES, Shape, build
from tests.argvgen.strategies import shapes
from tests.unit.ffmpeg.test_argv import WORDS
from tests.unit.translator import promises
from tests.unit.translator.helpers import SITE


def done(words: list[str]) -> Translation:
    return translate(words, {"X_PLEX_TOKEN": "t"}, None, "sw", SITE)


@given(st.lists(WORDS))
@settings(max_examples=300)
def test_any_list_of_strings_gives_an_answer(words: list[str]) -> None:
    first = done(words)
    assert done(list(first.argv)).argv == first.argv


SOURCES = st.none() | st.builds(
    lambda video, transfer, audio, seconds: Source(
        (
            SourceStream(0, "video", video, stream_id=1, transfer=transfer),
            SourceStream(1, "audio", audio, stream_id=2),
            SourceStream(2, "audio", "aac", stream_id=3),
            SourceStream(3, "subtitle", "subrip", stream_id=4),
        ),
        seconds,
        1.5,
    ),
    st.sampled_from(("h264", "hevc", "av1")),
    st.sampled_from((None, "unknown", "bt709", "smpte2084")),
    st.sampled_from(("dts", "eac3", "truehd")),
    st.sampled_from((None, 1200.5)),
)


@given(shapes(), SOURCES)
@settings(max_examples=200, deadline=None)
def test_the_promises_hold_for_any_job(shape: Shape, source: Source | None) -> None:
    words = build(shape)
    first = translate(words, {}, source, "sw", SITE)
    assert promises.broken(words, first, SITE, source) == []


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_promises_hold_for_every_listed_shape(shape: Shape) -> None:
    words = build(shape)
    assert promises.broken(words, done(words), SITE) == []


def test_the_promises_can_be_broken() -> None:
    words = build(Shape("dash", "vaapi"))
    good = done(words)
    bad = [
        (*good.argv, "-init_hw_device", "vaapi=v:"),
        tuple(word.replace("[1]", "[9]") if word == "[1]" else word for word in good.argv),
        tuple(word.replace("ochl", "ochx") for word in good.argv),
        good.argv[:-1],
        tuple(word.replace("w=640", "w=641") for word in good.argv),
    ]
    for words_after in bad:
        broken = Translation(words_after, good.env, good.labels, good.facts, None, True)
        assert promises.broken(words, broken, SITE), words_after


def test_labels_count_changes() -> None:
    words = build(Shape("dash", "sw"))
    first = done(words)
    again = done(list(first.argv))
    assert first.changed
    assert not again.changed
    assert [label for label in again.labels if not label.startswith("env:")] == []
