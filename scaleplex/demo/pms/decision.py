"""What PMS decides about a playback before it writes an argv: protocol, quality, tracks, subtitle."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scaleplex.common.errors import BadField
from scaleplex.demo.pms.library import AudioStream, Item

PROTOCOLS = ("dash", "hls", "hls-mkv")  # hls-mkv: what a client with a Matroska profile gets for protocol=hls
SUBTITLES = ("none", "side-channel")


@dataclass(frozen=True, slots=True)
class Quality:
    """One step of the quality menu with what PMS writes for it (pairs read off recorded argv)."""

    name: str
    height_px: int
    crf: int
    maxrate_kbps: int
    audio_kbps: int
    x264opts: str


FAST = "subme=0:me_range=4:rc_lookahead=10:me=dia:no_chroma_me:8x8dct=0:partitions=none"
MIDDLE = "subme=1:me_range=4:rc_lookahead=10:me=hex:8x8dct=0:partitions=none"
CAREFUL = "subme=2:me_range=4:rc_lookahead=20:me=hex"
QUALITIES = (
    Quality("720p", 720, 23, 3419, 119, MIDDLE),
    Quality("480p", 480, 21, 1724, 162, CAREFUL),
    Quality("360p", 360, 21, 1297, 119, MIDDLE),
    Quality("240p", 240, 18, 700, 96, FAST),
)
DEFAULT_QUALITY = "480p"


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything an argv is written from, except the ids."""

    item: Item
    protocol: str
    quality: Quality
    audio: AudioStream
    subtitle: str
    segment_seconds: int
    start_seconds: float = 0.0
    cautious: bool = False  # second try after a failure: PMS leaves out what may have been the reason

    @property
    def first_number(self) -> int:
        """Number of the first segment counted from 0, as in client URLs (contract 6.1, 6.2)."""
        return int(self.start_seconds // self.segment_seconds)

    @property
    def segment_count(self) -> int:
        whole, rest = divmod(self.item.duration_seconds, self.segment_seconds)
        return int(whole) + (1 if rest > 1e-6 else 0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, both divisible by 4."""
        height = min(self.quality.height_px, self.item.height)
        return round(self.item.width * height / self.item.height / 4) * 4, height

    def at(self, number: int, *, cautious: bool = False) -> "Decision":
        """Return the same decision for a job that starts at another segment."""
        return replace(self, start_seconds=float(number * self.segment_seconds), cautious=cautious)


def decide(item: Item, query: Mapping[str, str], protocol: str, segment_seconds: int) -> Decision:
    """Return what a client's start request amounts to.

    Args:
        item: the film asked for.
        query: the request's parameters.
        protocol: ``dash`` or ``hls``, from the request's path.
        segment_seconds: the length PMS asks for.

    Raises:
        BadField: a parameter has a value PMS would refuse.
    """
    if protocol == "hls" and "container=mkv" in query.get("X-Plex-Client-Profile-Extra", ""):
        protocol = "hls-mkv"
    names = {quality.name: quality for quality in QUALITIES}
    quality = names.get(query.get("videoQualityName", DEFAULT_QUALITY))
    tracks = {str(track.index): track for track in item.audio}
    audio = tracks.get(query.get("audioStreamIndex", str(item.audio[0].index)))
    if quality is None or audio is None:
        known = f"Qualities: {', '.join(names)}; tracks: {', '.join(tracks)}."
        raise BadField("There is no such quality or sound track.", known)
    wants_text = query.get("subtitles", "none") == "auto" and item.sidecars and protocol == "dash"
    try:
        offset = max(0.0, float(query.get("offset", "0")))
    except ValueError as exc:
        raise BadField("offset is not a number.", "Send seconds.") from exc
    decision = Decision(item, protocol, quality, audio, "side-channel" if wants_text else "none", segment_seconds)
    number = min(int(offset // segment_seconds), decision.segment_count - 1)
    return decision.at(number)
