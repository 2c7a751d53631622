"""A test that passes without the patch it is for proves nothing: run each patch's tests on the unpatched ffmpeg."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.ffmpeg.programs import PATCHES, REPOSITORY, stock_ffmpeg

SERIES = (PATCHES / "series").read_text().split()


def header(patch: str) -> str:
    return (PATCHES / patch).read_text().split("\n---\n")[0]


def file_of(patch: str) -> Path:
    named = re.search(r"^Test: (\S+)$", header(patch), re.MULTILINE)
    assert named, f"{patch} names no test"
    return REPOSITORY / named[1]


@pytest.mark.parametrize("patch", SERIES)
def test_every_test_of_a_patch_fails_on_the_stock_build(patch: str, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-m", "patch and not guard"),
            *(f"--junitxml={report}", f"--basetemp={tmp_path / 'stock'}", str(file_of(patch))),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "SCALEPLEX_FFMPEG": str(stock_ffmpeg())},
        capture_output=True,
        timeout=120,
        check=False,
    )
    cases = ElementTree.parse(report).getroot().findall(".//testcase")
    passed_or_broken = [case.get("name") for case in cases if case.find("failure") is None]
    assert cases
    assert passed_or_broken == []


@pytest.mark.parametrize("patch", SERIES)
def test_the_tests_of_a_patch_carry_its_name(patch: str) -> None:
    assert f'pytest.mark.patch("{patch.removesuffix(".patch")}")' in file_of(patch).read_text()


@pytest.mark.parametrize("patch", SERIES)
def test_a_patch_says_what_it_is_for(patch: str) -> None:
    fields = {line.split(":")[0] for line in header(patch).splitlines() if not line.startswith(" ")}
    assert fields == {"Description", "Origin", "Forwarded", "Test", "Last-Update"}


def test_the_series_lists_every_patch_in_order() -> None:
    assert sorted(path.name for path in PATCHES.glob("*.patch")) == SERIES
