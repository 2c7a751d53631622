import json
import py_compile
from pathlib import Path

import pytest

from scaleplex.cli.doctor import diversion, plex_preferences, shim
from scaleplex.cli.doctor.findings import Skip, worst
from scaleplex.cli.doctor.survey import Reply
from scaleplex.shim import stub

NOW_S = 1_795_521_600.0


def preferences(directory: Path, text: str) -> Path:
    path = directory / "Preferences.xml"
    path.write_text('<?xml version="1.0" encoding="utf-8"?>\n' + text)
    return path


def storage(path: str) -> dict[str, Reply]:
    return {"http://10.0.0.6:32481": Reply(200, {"transcode_root": {"path": path, "inode": 1}, "media_roots": []})}


def test_plexs_transcoder_directory_is_read_from_its_preferences(tmp_path: Path) -> None:
    path = preferences(tmp_path, '<Preferences Name="a &amp; b" TranscoderTempDirectory="/transcode/"/>')
    assert plex_preferences.transcode_directory(path) == "/transcode"
    assert worst(plex_preferences.transcoder_directory(path, Path("/transcode"), storage("/transcode"))) == "ok"


def test_a_directory_that_is_another_one_on_a_worker_is_a_problem(tmp_path: Path) -> None:
    path = preferences(tmp_path, '<Preferences TranscoderTempDirectory="/transcode"/>')
    (found,) = plex_preferences.transcoder_directory(path, None, storage("/srv/transcode"))
    assert found.severity == "problem"
    assert "/srv/transcode" in found.seen


def test_no_directory_set_is_a_problem_since_no_worker_sees_plexs_own(tmp_path: Path) -> None:
    path = preferences(tmp_path, '<Preferences FriendlyName="home"/>')
    assert worst(plex_preferences.transcoder_directory(path, None, {})) == "problem"


@pytest.mark.parametrize("text", ["<Preferences", "", "<a><b></a>"])
def test_preferences_that_are_no_xml_are_skipped(tmp_path: Path, text: str) -> None:
    with pytest.raises(Skip):
        plex_preferences.transcode_directory(preferences(tmp_path, text))


def test_absent_preferences_are_skipped(tmp_path: Path) -> None:
    with pytest.raises(Skip):
        plex_preferences.transcode_directory(tmp_path / "Preferences.xml")


@pytest.mark.parametrize("transcoder", ["", "/opt/plex/Plex Transcoder.real"])
def test_a_stub_can_be_taken_apart_and_made_again(transcoder: str) -> None:
    text = stub.stub("/usr/lib/scaleplex/shim", "/etc/scaleplex/shim.env", "/usr/bin/python3", transcoder, "/run/plex")
    parts = diversion.stub_parts(text)
    assert parts is not None
    assert stub.stub(**parts) == text


def test_a_script_that_is_no_stub_has_no_parts() -> None:
    assert diversion.stub_parts("#!/bin/sh\nexec ffmpeg\n") is None


def test_a_compiled_module_is_known_by_the_time_and_size_or_the_hash_of_its_source(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("x = 1\n")
    cached = tmp_path / "__pycache__" / "module.cpython-399.pyc"
    assert not shim.is_compiled(source, "cpython-399")
    for mode in (py_compile.PycInvalidationMode.TIMESTAMP, py_compile.PycInvalidationMode.CHECKED_HASH):
        source.write_text("x = 1\n")
        py_compile.compile(str(source), cfile=str(cached), invalidation_mode=mode)
        assert shim.is_compiled(source, "cpython-399")
        source.write_text("x = 123\n")
        assert not shim.is_compiled(source, "cpython-399")


def event(name: str, reason: str, age_s: float = 60.0, detail: str = "nobody there") -> str:
    return (
        json.dumps({"time_ms": int((NOW_S - age_s) * 1000), "event": name, "reason": reason, "detail": detail}) + "\n"
    )


def test_recent_fallbacks_are_counted_by_reason_with_the_last_detail(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl.1").write_text(event("fallback", "no-worker", detail="earlier"))
    lines = [
        event("placed", "placed"),
        event("fallback", "no-worker"),
        event("lost", "silence"),
        "{broken\n",
        "[]\n",
        "1\n",
    ]
    (tmp_path / "events.jsonl").write_text("".join(lines) + event("fallback", "no-worker", age_s=90_000))
    found = shim.fallbacks(tmp_path, tmp_path, NOW_S)
    assert [finding.severity for finding in found] == ["warning", "warning"]
    assert found[0].seen == "2 jobs ran on the Plex host (no-worker), the last one: nobody there"
    assert "scaleplex status" in found[0].fix


def test_jobs_that_stay_on_the_plex_host_by_design_are_no_fallbacks(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(event("local", "thumbnails") + event("placed", "placed"))
    (found,) = shim.fallbacks(tmp_path, tmp_path, NOW_S)
    assert found.severity == "ok"
    assert "1 placed" in found.seen


def test_no_event_yet_is_well(tmp_path: Path) -> None:
    assert worst(shim.fallbacks(tmp_path, tmp_path, NOW_S)) == "ok"


def test_fallbacks_outlive_the_host_s_last_start_by_reason(tmp_path: Path) -> None:
    """/run is empty after a start; what the relay kept is not."""
    kept = [event("fallback", "no-worker"), event("fallback", "no-worker", age_s=120), event("lost", "silent", 90_000)]
    kept += [event("fallback", "no-secret", 5 * 86_400), event("fallback", "no-secret", 8 * 86_400)]
    (tmp_path / "fallbacks.jsonl").write_text("".join(kept))
    recent, earlier = shim.fallbacks(tmp_path, tmp_path, NOW_S)
    assert recent.severity == "warning"
    assert recent.seen == "2 jobs ran on the Plex host (no-worker), the last one: before this host's last start"
    assert earlier.severity == "ok"
    assert earlier.seen == "in the six days before: 1 fallback (no-secret), 1 lost (silent)"


def test_an_event_that_was_also_kept_counts_once(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(event("fallback", "no-worker"))
    (tmp_path / "fallbacks.jsonl").write_text(event("fallback", "no-worker"))
    (found,) = shim.fallbacks(tmp_path, tmp_path, NOW_S)
    assert found.seen.startswith("1 jobs ran on the Plex host")
