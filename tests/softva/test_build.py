"""Building the driver: once for the same sources, and a reason where it cannot be."""

from pathlib import Path

import pytest

from tests.softva import build
from tests.softva.build import CannotBuild


def test_without_a_compiler_the_reason_names_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBuild, match=r"apt-get install gcc .*libva-dev"):
        build.ensure.__wrapped__()


def test_without_libva_the_reason_names_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "gcc"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBuild, match=r"no libva headers; apt-get install .*libva-dev"):
        build.ensure.__wrapped__()


def test_every_source_is_part_of_the_build() -> None:
    named = set(build._CORE) | {source for part in build.PARTS for source in part.sources}
    assert {path.stem for path in build.SOURCES.glob("*.c")} == named | {"fakedrm", "fakecl"}
