"""Find and load recorded command lines: one JSON object per file, with `id`, `argv`, `env`, `facts` and more."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MISSING = "no recorded command lines: set SCALEPLEX_CORPUS to a directory of them"


@cache
def entries() -> tuple[dict[str, Any], ...]:
    """Return every entry in the order of the file names; none when there is no corpus."""
    place = Path(os.environ.get("SCALEPLEX_CORPUS") or ROOT.parent / "shared" / "corpus" / "plex-argv")
    return tuple(json.loads(file.read_text(encoding="utf-8")) for file in sorted(place.glob("*.json")))


def entries_of(name: str) -> tuple[dict[str, Any], ...]:
    """Return every entry of a directory beside the corpus; none when there is none."""
    place = Path(os.environ.get("SCALEPLEX_CORPUS") or ROOT.parent / "shared" / "corpus" / "plex-argv").parent / name
    return tuple(json.loads(file.read_text(encoding="utf-8")) for file in sorted(place.glob("*.json")))
