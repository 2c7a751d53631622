"""Labels follow one grammar, and its page is printed from the code."""

from dataclasses import replace
from pathlib import Path

import pytest

from scaleplex.translator import Hardware, Site, labels, translate
from scaleplex.translator.labels import Labels
from tests.argvgen import SHAPES, build
from tests.unit.translator.helpers import SITE

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "labels.md"


def test_the_page_of_labels_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == labels.reference(), "run ./dev docs"


def test_every_example_is_of_the_kind_it_explains() -> None:
    assert all(labels.kind(example) == name for name, (_, example) in labels.KINDS.items())


def test_a_kind_nobody_explained_cannot_be_used() -> None:
    with pytest.raises(KeyError):
        Labels().add("magic", "x")


def used(site: Site, *targets: str) -> set[str]:
    """Return the labels all shapes get."""
    translations = (
        translate(build(shape), {"HOME": "/"}, None, target, site) for shape in SHAPES for target in targets
    )
    return {label for done in translations for label in done.labels}


def test_every_kind_is_used_by_some_shape() -> None:
    old = Hardware(encoders=frozenset({"h264"}))
    found = used(SITE, "sw", "vaapi") | used(replace(SITE, burn=True, plex_pass=True, hardware=old), "vaapi", "nvenc")
    # Plex's own graphs hold nothing that is not understood; test_sw covers it.
    assert {labels.kind(label) for label in found} == set(labels.KINDS) - {"where"}


def test_labels_carry_neither_urls_nor_paths_nor_ids() -> None:
    for target in ("sw", "vaapi", "nvenc"):
        text = "\n".join(used(replace(SITE, burn=True, plex_pass=True), target))
        assert not any(secret in text for secret in ("http", "/media", "5f1e0c9a", "/dev", "HOME"))
