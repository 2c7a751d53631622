"""Every generated command translates exactly as its golden file says."""

import pytest

from tests.argvgen import SHAPES, Shape
from tests.golden import ROOT, TARGETS, document, path


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_translation_is_the_one_in_the_golden_file(shape: Shape, target: str) -> None:
    file = path(target, shape)
    assert file.exists(), f"{file.name} is missing; run ./dev golden"
    assert document(target, shape) == file.read_text(encoding="utf-8"), "if the change is meant, run ./dev golden"


@pytest.mark.parametrize("target", TARGETS)
def test_every_golden_file_belongs_to_a_shape(target: str) -> None:
    assert {file.stem for file in (ROOT / target).glob("*.json")} == {shape.name for shape in SHAPES}


def test_shapes_have_names_of_their_own() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)
