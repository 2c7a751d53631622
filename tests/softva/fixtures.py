"""The fixture `vaapi`: the software driver, or the GPU that `SCALEPLEX_TEST_VAAPI` names (`/dev/dri/renderD128`).

Use it with ``from tests.softva.fixtures import softva_built, vaapi`` in a conftest.py or a test module.
"""

import os
from pathlib import Path

import pytest

from tests.softva.build import Built, CannotBuild, ensure
from tests.softva.device import NODE, Device


@pytest.fixture(scope="session")
def softva_built() -> Built | None:
    """Return the software driver; None when a real GPU is to be used instead."""
    if os.environ.get("SCALEPLEX_TEST_VAAPI"):
        return None
    try:
        return ensure()
    except CannotBuild as exc:
        pytest.skip(f"the VA-API driver for tests cannot be built: {exc}")


@pytest.fixture
def vaapi(softva_built: Built | None, tmp_path: Path) -> Device:
    """Return a VAAPI device for one test."""
    node = os.environ.get("SCALEPLEX_TEST_VAAPI") or NODE
    if softva_built is not None and missing(softva_built):
        pytest.skip(f"the VA-API driver for tests lacks {missing(softva_built)}: its libraries are not installed")
    return Device(node, softva_built, tmp_path / "softva.log")


def missing(built: Built) -> str:
    """Return the parts nearly every test needs and the build lacks."""
    return " and ".join(sorted({"encode", "decode"} - built.parts))
