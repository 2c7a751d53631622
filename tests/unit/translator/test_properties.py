"""What holds for every translation, whatever the command."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleplex.ffmpeg import argv
from scaleplex.translator import Hardware, Site, Source, SourceStream, Translation, labels, translate
from tests.argvgen import SHAPES, Shape, build
from tests.argvgen.strategies import shapes
from tests.unit.ffmpeg.test_argv import WORDS
from tests.unit.translator import promises
from tests.unit.translator.helpers import SITE

TARGETS = ("sw", "vaapi", "nvenc")


def done(words: list[str], target: str = "sw", site: Site = SITE) -> Translation:
    return translate(words, {"X_PLEX_TOKEN": "t"}, None, target, site)


CAPABILITIES = st.none() | st.frozensets(st.sampled_from(("h264", "hevc", "hevc:10", "av1", "av1:10", "mpeg2video")))
SITES = st.builds(
    Site,
    callback_base=st.just(SITE.callback_base),
    burn=st.booleans(),
    policy=st.sampled_from(("force", "follow")),
    plex_pass=st.booleans(),
    hardware=st.builds(
        Hardware,
        device=st.sampled_from(("", "1")),
        driver=st.sampled_from(("", "iHD", "radeonsi")),
        decoders=CAPABILITIES,
        encoders=CAPABILITIES,
        tonemap=st.sampled_from(("", "opencl", "vaapi", "cuda", "cpu")),
        qvbr=st.booleans(),
        draws=st.booleans(),
    ),
)


@given(st.lists(WORDS), st.sampled_from(TARGETS), SITES)
@settings(max_examples=300)
def test_any_list_of_strings_gives_an_answer(words: list[str], target: str, site: Site) -> None:
    first = done(words, target, site)
    assert done(list(first.argv), target, site).argv == first.argv


@given(shapes(), st.data(), st.sampled_from(TARGETS), SITES)
@settings(max_examples=200, deadline=None)
def test_a_damaged_command_comes_back_and_gives_an_answer(
    shape: Shape, data: st.DataObject, target: str, site: Site
) -> None:
    words = build(shape)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(words) - 1))
        words[place : place + 1] = data.draw(st.lists(WORDS | st.sampled_from(words), max_size=2))
        words = words or ["-i"]
    assert argv.emit(argv.parse(words)) == words
    first = done(words, target, site)
    assert done(list(first.argv), target, site).argv == first.argv


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


@given(shapes(), SOURCES, st.sampled_from(TARGETS[1:]), SITES)
@settings(max_examples=300, deadline=None)
def test_whatever_a_worker_is_like_its_command_is_its_own_and_final(
    shape: Shape, source: Source | None, target: str, site: Site
) -> None:
    words = build(shape)
    first = translate(words, {}, source, target, site)
    again = translate(first.argv, {}, source, target, site)
    assert again.argv == first.argv
    assert {labels.kind(label) for label in again.labels} <= {"policy", "fallback", "bail", "where"}
    if first.bail is None:
        spoken = " ".join(w for w in first.argv if "/" not in w or "=" in w)
        assert not [word for word in promises.FOREIGN[target] if word in spoken]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_promises_hold_for_every_listed_shape(shape: Shape, target: str) -> None:
    words = build(shape)
    site = replace(SITE, burn=True, plex_pass=True)
    assert promises.broken(words, done(words, target, site), site, target=target) == []


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
