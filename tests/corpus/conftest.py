"""What the tests here share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where generated clips are kept for the whole run."""
    return tmp_path_factory.mktemp("clips")
