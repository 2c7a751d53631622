"""Generated command lines and what becomes of them, one file per shape and target, read in review like code.

`python -m tests.golden.update` rewrites them.
"""

import json
from dataclasses import replace
from pathlib import Path

from scaleplex.translator import Hardware, Site, translate
from tests.argvgen import Shape, build

ROOT = Path(__file__).parent
TARGETS = ("sw", "vaapi", "nvenc")

#: A worker whose ffmpeg draws subtitles, for a server that may use hardware.
SITE = Site(
    callback_base="http://10.0.0.5:32499/cb/1/0f1e2d3c4b5a",
    burn=True,
    plex_pass=True,
)
HARDWARE = {
    "sw": Hardware(),
    "vaapi": Hardware(device="/dev/dri/renderD129", driver="iHD"),
    "nvenc": Hardware(device="1"),
}


def path(target: str, shape: Shape) -> Path:
    """Return the file of a shape."""
    return ROOT / target / f"{shape.name}.json"


def document(target: str, shape: Shape) -> str:
    """Return the file's text for the translator as it is now."""
    words = build(shape)
    done = translate(words, {}, None, target, replace(SITE, hardware=HARDWARE[target]))
    record = {
        "kind": done.facts.kind,
        "written_for": done.facts.source_backend,
        "bail": done.bail,
        "labels": list(done.labels),
        "argv": words,
        "translated": list(done.argv),
    }
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"
