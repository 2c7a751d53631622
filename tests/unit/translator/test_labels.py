"""Labels follow one grammar, and its page is printed from the code."""

from pathlib import Path

import pytest

from scaleplex.translator import labels, translate
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


def test_every_kind_is_used_by_some_shape() -> None:
    used = set()
    for shape in SHAPES:
        done = translate(build(shape), {"HOME": "/"}, None, "sw", SITE)
        used |= {labels.kind(label) for label in done.labels}
    # A null sink without a burn is not a shape of Plex's; test_passes covers it.
    assert used == set(labels.KINDS) - {"output"}


def test_labels_carry_neither_urls_nor_paths_nor_ids() -> None:
    for shape in SHAPES:
        done = translate(build(shape), {"X_PLEX_TOKEN": "secret"}, None, "sw", SITE)
        text = "\n".join(done.labels)
        assert not any(secret in text for secret in ("http", "/media", "5f1e0c9a", "secret", "X_PLEX"))
