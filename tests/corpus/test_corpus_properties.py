"""Recorded command lines come back word for word, their facts are read, their translations keep the promises."""

from dataclasses import replace
from typing import Any

import pytest

from scaleplex.ffmpeg import argv, filtergraph
from scaleplex.translator import Facts, Hardware, Site, facts, translate
from tests.corpus import recorded
from tests.unit.translator import promises
from tests.unit.translator.hardware import all_in_hardware

SITE = Site(callback_base="http://10.0.0.5:32499/cb/1/0f1e2d3c4b5a")
SITES = {
    "sw": replace(SITE, burn=True),
    "vaapi": replace(SITE, burn=True, plex_pass=True, hardware=Hardware("/dev/dri/renderD129", "iHD")),
    "nvenc": replace(SITE, burn=True, plex_pass=True, hardware=Hardware("1")),
}

pytestmark = pytest.mark.skipif(not recorded.entries(), reason=recorded.MISSING)
each = pytest.mark.parametrize("entry", recorded.entries(), ids=lambda entry: entry["id"])


def of(entry: dict[str, Any]) -> Facts:
    return facts.collect(argv.parse(entry["argv"]), None)


@each
def test_a_recorded_command_comes_back_word_for_word(entry: dict[str, Any]) -> None:
    command = argv.parse(entry["argv"])
    assert argv.emit(command) == entry["argv"]
    for option in command.options():
        if option.key == "filter_complex":
            graph = filtergraph.parse(option.value or "")
            assert filtergraph.emit(graph) == option.value
            assert all(found.name for found in graph.filters())


@each
def test_the_facts_are_those_written_down_for_it(entry: dict[str, Any]) -> None:
    found, known = of(entry), entry["facts"]
    if entry["kind"] == "other":
        assert found.kind == "thumbnails"
        return
    mode = "burn" if found.subtitle.mode.startswith("burn-") else found.subtitle.mode
    video = found.video
    read = {
        "kind": found.kind,
        "backend": found.source_backend,
        "w": found.width_px,
        "h": found.height_px,
        "tonemap": video.tonemap if video else None,
        "tonemap_filter": video.tonemap_filter if video else None,
        "video_in": video.decoder if video else None,
        "video_out": video.encoder if video else None,
        "seek_s": found.seek_seconds,
        "segment_s": found.segment_seconds,
        "first_segment": found.first_segment,
        "subtitle_mode": mode,
        "inputs": len(found.inputs),
        "outputs": len(found.outputs),
        "audio": [(a.decoder, a.encoder, a.layout, a.rate_hz) for a in found.audio],
    }
    expected = {key: known[key] for key in read if key in known} | {"kind": entry["kind"], "backend": entry["backend"]}
    expected["audio"] = [(a["decoder"], a["encoder"], a["layout"], a["rate"]) for a in known["audio"]]
    assert read == expected


@each
def test_a_recorded_command_is_planned_unless_it_draws_text(entry: dict[str, Any]) -> None:
    done = translate(entry["argv"], entry["env"], None, "sw", SITE)
    draws = entry["facts"]["subtitle_mode"] == "burn" and entry["facts"]["subtitle"] not in ("pgs", "dvd")
    assert done.bail == ("burn:text" if draws else None)


@pytest.mark.parametrize("target", SITES)
@each
def test_a_recorded_translation_keeps_the_promises(entry: dict[str, Any], target: str) -> None:
    done = translate(entry["argv"], entry["env"], None, target, SITES[target])
    assert done.bail is None
    assert all_in_hardware(done)
    assert promises.broken(entry["argv"], done, SITES[target], target=target) == []


@pytest.mark.parametrize("first", SITES)
@each
def test_a_translation_can_be_translated_for_any_other_worker(entry: dict[str, Any], first: str) -> None:
    words = list(translate(entry["argv"], {}, None, first, SITES[first]).argv)
    for target, site in SITES.items():
        done = translate(words, {}, None, target, site)
        assert done.bail is None
        assert promises.broken(words, done, site, target=target) == []


@each
def test_without_a_relay_nothing_calls_anybody(entry: dict[str, Any]) -> None:
    done = translate(entry["argv"], entry["env"], None, "sw", Site())
    assert not any(word.startswith("http") for word in done.argv)
    assert set(done.env) <= {"LANG", "TZ"}
