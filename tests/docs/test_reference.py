"""The reference says what the code says."""

import re
from pathlib import Path

import pytest

from scaleplex.cli.reference import PAGES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_is_what_the_code_prints(name: str) -> None:
    page = DOCS / "reference" / name
    assert page.read_text() == PAGES[name](), f"{page} is stale; run ./dev docs"


def test_every_page_in_the_navigation_exists_and_every_page_of_the_reference_is_in_it() -> None:
    navigation = (DOCS.parent / "mkdocs.yml").read_text()
    named = {word for word in navigation.split() if word.endswith(".md")}
    assert [name for name in sorted(named) if not (DOCS / name).is_file()] == []
    assert [p.name for p in sorted((DOCS / "reference").glob("*.md")) if f"reference/{p.name}" not in named] == []


def test_the_readme_names_only_commands_that_exist() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    verbs = set(re.findall(r"`scaleplex ([a-z]+)", readme))
    assert verbs
    assert [verb for verb in sorted(verbs) if f"\n## {verb}\n" not in PAGES["cli.md"]()] == []
    commands = set(re.findall(r"\./dev ([a-z]+)", readme))
    usage = (DOCS.parent / "dev").read_text()
    assert commands
    assert [command for command in sorted(commands) if f"\n  {command}" not in usage] == []
