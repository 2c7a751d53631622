"""The reference pages of explain and replay show what the commands print."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scaleplex.cli import examples, pages, plexlog
from scaleplex.cli.main import main

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(pages.PAGES))
def test_a_page_is_what_the_code_prints(name: str) -> None:
    page = REFERENCE / name
    assert page.exists(), f"{page} is missing; run ./dev docs"
    assert page.read_text(encoding="utf-8") == pages.PAGES[name](), f"{page} is stale; run ./dev docs"


@pytest.mark.parametrize("name", sorted(pages.PAGES))
def test_a_page_is_the_same_each_time(name: str) -> None:
    assert pages.PAGES[name]() == pages.PAGES[name]()


def test_the_page_shows_the_output_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "job.log").write_text(examples.VAAPI)
    assert main(["explain", "--target", "sw", str(tmp_path / "job.log")]) == 0
    assert f"```\n{capsys.readouterr().out.rstrip()}\n```" in pages.explain_page()


def test_the_example_log_is_read_as_three_jobs() -> None:
    jobs = [job for job in plexlog.jobs(examples.LOG) if isinstance(job, plexlog.Job)]
    assert [job.line for job in jobs] == [1, 2, 3]
    assert [job.argv[-1] for job in jobs] == ["dash"] * 3


def test_the_picture_is_one() -> None:
    assert ET.fromstring(pages.picture()).tag.endswith("svg")


def test_the_replay_page_shows_a_step_back() -> None:
    page = pages.replay_page()
    assert "worse  monday.log:1: planned -> cleaned (filter:crop_vaapi)" in page
    assert "scaleplex-pages-" not in page
