"""The rules of the box ffmpeg is started in; that the box holds is in tests/ffmpeg/test_confine.py."""

import os
from pathlib import Path

from scaleplex.worker.confine import SETPRIV, Grants, Launcher

FFMPEG = Path("/usr/lib/scaleplex-ffmpeg/ffmpeg")


def rules(words: list[str]) -> set[tuple[str, str]]:
    """Return the rules in the words that start a program."""
    named = words[3 : words.index("--")]
    return set(zip(named[::2], named[1::2], strict=True))


def test_a_job_gets_what_it_is_granted_and_its_parent_is_this_process() -> None:
    grants = Grants(reads=("/media/films",), writes=("/transcode/a",), port=32480)
    words = Launcher(Path("/x/confine"), 7).words(FFMPEG, grants)
    assert words[:3] == ["/x/confine", "--parent", str(os.getpid())]
    assert words[-2:] == ["--", str(FFMPEG)]
    assert {("--read", "/media/films"), ("--write", "/transcode/a"), ("--connect", "32480")} <= rules(words)
    assert ("--run", str(FFMPEG.parent)) in rules(words)


def test_no_rule_opens_secrets_other_processes_or_the_whole_host() -> None:
    words = Launcher(Path("/x/confine"), 7).words(FFMPEG, Grants())
    paths = {Path(path) for _, path in rules(words)}
    for secret in (
        "/etc/scaleplex/fleet-secret",
        "/run/credentials/x",
        "/proc/1/environ",
        "/root/x",
        "/home/x",
        "/tmp/x",
    ):
        assert not paths & {Path(secret), *Path(secret).parents}, secret
    assert not any(kind in ("--connect", "--write") for kind, path in rules(words) if path != "/dev/shm")


def test_a_kernel_without_landlock_starts_the_program_all_the_same_and_it_is_told() -> None:
    launcher = Launcher(Path("/x/confine"), 0)
    assert launcher.words(FFMPEG, Grants(reads=("/media",)))[3:] == ["--", str(FFMPEG)]
    assert "no Landlock" in str(launcher.missing)
    assert Launcher(Path("/x/confine"), 1).missing is None


def test_an_ffmpeg_without_the_helper_is_started_by_setpriv_and_it_is_told(tmp_path: Path) -> None:
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.touch()
    launcher = Launcher.beside(ffmpeg)
    assert launcher.words(ffmpeg, Grants()) == [SETPRIV, "--pdeathsig", "KILL", "--", str(ffmpeg)]
    assert "scaleplex-ffmpeg7" in str(launcher.missing)


def test_the_helper_is_found_where_a_link_leads_and_asked_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    helper = tmp_path / "real/confine"
    helper.write_text('#!/bin/sh\n[ "$*" = --abi ] && echo 4\n')
    helper.chmod(0o755)
    (tmp_path / "real/ffmpeg").touch()
    (tmp_path / "ffmpeg").symlink_to("real/ffmpeg")
    assert Launcher.beside(tmp_path / "ffmpeg") == Launcher(helper.resolve(), 4)


def test_a_helper_that_does_not_answer_is_none(tmp_path: Path) -> None:
    helper = tmp_path / "confine"
    for text in ("#!/bin/sh\nexit 1\n", "#!/bin/sh\necho many\n", "no program"):
        helper.write_text(text)
        helper.chmod(0o755)
        assert Launcher.beside(tmp_path / "ffmpeg") == Launcher()
