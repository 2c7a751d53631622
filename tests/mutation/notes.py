"""A plugin of pytest that writes down after each test which blocks ran since the one before: `-p tests.mutation.notes`.

``SCALEPLEX_NOTES`` names the file of the notes, ``SCALEPLEX_REACHED`` the file for what they were.
"""

import json
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_file = os.open(os.environ["SCALEPLEX_NOTES"], os.O_RDWR)
_notes = mmap.mmap(_file, 0)
_nothing = bytes(len(_notes))
_reached = Path(os.environ["SCALEPLEX_REACHED"])
_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    result = yield
    now = bytes(_notes)
    _notes[:] = _nothing
    line = {"test": item.nodeid, "seconds": round(_seconds.pop(item.nodeid, 0.0), 3), "failed": item.nodeid in _failed}
    line["blocks"] = [number for number, octet in enumerate(now) if octet]
    with _reached.open("a") as file:
        file.write(json.dumps(line) + "\n")
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        _failed.add(report.nodeid)
