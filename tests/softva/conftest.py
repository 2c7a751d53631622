"""The device, and our ffmpeg."""

import os
from pathlib import Path

import pytest

from scaleplex.demo.tools import ToolMissingError, find_ffmpeg
from tests.softva.fixtures import softva_built, vaapi

__all__ = ["softva_built", "vaapi"]


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    """Return our ffmpeg."""
    named = os.environ.get("SCALEPLEX_FFMPEG")
    try:
        return Path(named) if named else find_ffmpeg()
    except ToolMissingError as exc:
        pytest.skip(exc.detail)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where generated clips are kept for the whole run."""
    return tmp_path_factory.mktemp("clips")
