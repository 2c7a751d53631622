"""The stand-in's library: the clips that lie in the media folder, as PMS knows them after analysis."""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from scaleplex.common.errors import NotFound


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One sound track; ``index`` is its stream index in the file."""

    index: int
    codec: str
    channels: int
    language: str
    title: str


@dataclass(frozen=True, slots=True)
class Item:
    """One film."""

    key: int
    title: str
    path: Path
    duration_seconds: float
    frames: int
    rate: Fraction
    width: int
    height: int
    video_codec: str
    hdr: bool
    audio: tuple[AudioStream, ...]
    sidecars: tuple[Path, ...]

    def to_json(self) -> dict[str, object]:
        """Return what the page shows of it."""
        return {
            "key": f"/library/metadata/{self.key}",
            "title": self.title,
            "file": self.path.name,
            "duration_seconds": self.duration_seconds,
            "frames": self.frames,
            "rate": [self.rate.numerator, self.rate.denominator],
            "video": f"{self.video_codec.upper()} {self.width}x{self.height}" + (" HDR10" if self.hdr else ""),
            "audio": [
                {"index": a.index, "codec": a.codec, "channels": a.channels, "language": a.language, "title": a.title}
                for a in self.audio
            ],
            "sidecars": [path.name for path in self.sidecars],
        }


class Library:
    """All films, found by their key."""

    def __init__(self, items: tuple[Item, ...]) -> None:
        self.items = items

    def find(self, path: str) -> Item:
        """Return the film of a ``/library/metadata/<key>`` path.

        Raises:
            NotFound: there is none.
        """
        for item in self.items:
            if path == f"/library/metadata/{item.key}":
                return item
        raise NotFound(f"No film has the key {path}.", "Open /standin/library on this server: it lists the keys.")


def read_library(folder: Path) -> Library:
    """Return the library described by ``library.json`` in a folder."""
    entries = json.loads((folder / "library.json").read_text(encoding="utf-8"))["items"]
    return Library(tuple(item_of(key, entry, folder) for key, entry in enumerate(entries, 1)))


def item_of(key: int, entry: dict[str, Any], folder: Path) -> Item:
    return Item(
        key=key,
        title=entry["title"],
        path=folder / entry["file"],
        duration_seconds=float(entry["duration_seconds"]),
        frames=int(entry["frames"]),
        rate=Fraction(*entry["rate"]),
        width=int(entry["width"]),
        height=int(entry["height"]),
        video_codec=entry["video_codec"],
        hdr=bool(entry["hdr"]),
        audio=tuple(AudioStream(**track) for track in entry["audio"]),
        sidecars=tuple(folder / name for name in entry["sidecars"]),
    )
