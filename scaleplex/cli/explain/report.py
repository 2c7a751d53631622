"""What `scaleplex explain` prints: facts, changes with their reasons, both filtergraphs, the command."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaleplex.cli.explain import diagram, shell, svg
from scaleplex.cli.explain.diagram import Drawing
from scaleplex.cli.recorded import Recorded
from scaleplex.translator import Facts, Translation
from scaleplex.translator.labels import KINDS
from scaleplex.worker import giveup

PROGRAM = "/usr/lib/scaleplex-ffmpeg/ffmpeg"
_WIDTH = 100
_PLACE = "where:"  # what this label says is said more exactly in front
_COLUMN = 15

_JOBS = {
    "dash": "DASH for a browser",
    "hls-matroska": "segments of Matroska, as phones and boxes get them",
    "hls-mpegts": "segments of MPEG-TS, as televisions get them",
    "segmented-matroska": "segments of Matroska for a desktop player",
    "optimize": "an Optimized Version",
    "optimize-remux": "an Optimized Version, video copied",
    "detection": "sound for intro, credits or voice detection",
    "sub-side-channel": "a subtitle in segments, nothing else",
    "thumbnails": "preview thumbnails",
    "other": "not recognised",
}
_WRITTEN_FOR = {
    "sw": "software",
    "vaapi": "VAAPI (Intel or AMD)",
    "nvenc": "NVIDIA",
    "vaapi+sw": "VAAPI decoding, software encoding",
    "nvdec+sw": "NVIDIA decoding, software encoding",
    "copy": "nothing: video is copied",
    "none": "nothing: no video is encoded",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A command, and what became of it on one backend."""

    recorded: Recorded
    target: str
    done: Translation
    callbacks_kept: bool

    @property
    def before(self) -> tuple[Drawing, ...]:
        """Plex's filtergraphs."""
        return diagram.drawings(self.recorded.argv)

    @property
    def after(self) -> tuple[Drawing, ...]:
        """The filtergraphs of the result."""
        return diagram.drawings(self.done.argv)


def as_json(found: Explanation) -> str:
    """Return everything as one JSON document."""
    done = found.done
    return json.dumps(
        {
            "target": found.target,
            "argv": list(done.argv),
            "env": done.env,
            "labels": list(done.labels),
            "facts": done.facts.to_json(),
            "bail": done.bail,
            "where": giveup.where(found.recorded.argv, done.bail) if done.bail else None,
            "changed": done.changed,
        },
        indent=2,
    )


def as_svg(found: Explanation) -> str:
    """Return both filtergraphs as a picture."""
    return svg.picture((("as Plex wrote it", found.before), (f"as it runs on {found.target}", found.after)))


def as_text(found: Explanation) -> str:
    """Return the explanation for people."""
    blocks = [_facts(found.done.facts), _outcome(found), _changes(found.done.labels), _graphs(found), _command(found)]
    if found.recorded.note:
        blocks.insert(0, [shell.visible(found.recorded.note)])
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _row(name: str, text: str) -> list[str]:
    wide = _WIDTH - _COLUMN - 2
    shown = shell.visible(text)
    if len(shown) > wide and " " not in shown.removeprefix("- "):
        shown = shown.replace("->", " -> ").replace(",", ", ")  # a graph's label is one long word
    wrapped = textwrap.wrap(shown, wide, break_on_hyphens=False, break_long_words=False) or [""]
    return [f"  {name:<{_COLUMN}}{wrapped[0]}", *(" " * (_COLUMN + 2) + line for line in wrapped[1:])]


def _facts(facts: Facts) -> list[str]:
    lines = ["What Plex asks for"]
    for name, value in wishes(facts):
        lines += _row(name, value)
    return lines


def wishes(facts: Facts) -> list[tuple[str, str]]:
    """Return the facts as a table; what is not asked for has no row."""
    rows = [
        ("job", f"{_JOBS.get(facts.kind, facts.kind)} ({facts.kind})"),
        ("written for", _WRITTEN_FOR.get(facts.source_backend, facts.source_backend)),
    ]
    rows += [(f"input {number}", url) for number, url in enumerate(facts.inputs)]
    rows += _video(facts)
    for stream in facts.audio:
        details = [stream.layout, f"{stream.rate_hz} Hz" if stream.rate_hz else None]
        shape = ", ".join(detail for detail in details if detail)
        text = f"{stream.pad or '?'}, {_stream(stream.decoder, stream.encoder)}"
        rows.append(("audio", text + (f", {shape}" if shape else "")))
    subtitle = facts.subtitle
    if subtitle.mode != "none":
        codec = f" ({subtitle.codec})" if subtitle.codec else ""
        rows.append(("subtitle", f"{subtitle.mode} {subtitle.pad or ''}".rstrip() + codec))
    if facts.seek_seconds is not None:
        rows.append(("seek", f"{facts.seek_seconds:g} s" + (", timestamps kept" if facts.copyts else "")))
    if facts.segment_seconds is not None:
        first = "" if facts.first_segment is None else f", the first is number {facts.first_segment}"
        rows.append(("segments", f"{facts.segment_seconds:g} s{first}"))
    return rows


def _stream(decoder: str | None, encoder: str | None) -> str:
    if encoder == "copy":
        return f"{decoder}, copied" if decoder else "copied"
    return f"{decoder or 'any decoder'} to {encoder or 'the default'}"


def _video(facts: Facts) -> list[tuple[str, str]]:
    video = facts.video
    if video is None:
        return []
    rows = [("video", f"{video.pad or '?'}, {_stream(video.decoder, video.encoder)}")]
    if video.width and video.height:
        rows.append(("size", f"{video.width}x{video.height}" + (", ten bits" if video.ten_bit else "")))
    if video.tonemap:
        rows.append(("tone mapping", f"HDR to SDR, {video.tonemap} (by {video.tonemap_filter})"))
    elif facts.hdr:
        rows.append(("tone mapping", "none, although the source is HDR"))
    if video.gate:
        rows.append(("gate", video.gate))
    return rows


def _outcome(found: Explanation) -> list[str]:
    done = found.done
    if done.bail is not None:
        place = giveup.where(found.recorded.argv, done.bail)
        text = (
            f"Not planned for {found.target}: {done.bail}{f' ({place})' if place else ''}."
            " The command was only cleaned of what our ffmpeg cannot parse; everything else stands word for word."
            ' See "Not understood" in docs/explanation/translator.'
        )
        if done.bail in ("no-input", "no-output"):
            text += " A line that was cut looks like this: it usually ends with the name of an output."
        return textwrap.wrap(shell.visible(text), _WIDTH)
    if not done.changed:
        return [f"On {found.target} it runs as it stands."]
    return []


def _changes(labels: Sequence[str]) -> list[str]:
    labels = [label for label in labels if not label.startswith(_PLACE)]
    lines = [f"Changes ({len(labels)})"]
    details: dict[str, list[str]] = {}
    for label in labels:
        kind, _, detail = label.partition(":")
        details.setdefault(kind, []).append(detail)
    for kind, found in details.items():
        lines += _row(kind, KINDS[kind][0] if kind in KINDS else "")
        for detail in found:
            lines += _row("", f"- {detail}")
    return lines if labels else []


def _graphs(found: Explanation) -> list[str]:
    before, after = found.before, found.after
    if not before and not after:
        return []
    lines: list[str] = ["Filtergraphs"]
    for title, drawings in (("as Plex wrote it", before), (f"on {found.target}", after)):
        for drawing in drawings:
            if title != "as Plex wrote it" and drawing in before:
                lines += ["", f"  {drawing.title}, {title}: the same"]
                continue
            lines += ["", f"  {drawing.title}, {title}", *(f"    {line}" for line in diagram.as_text(drawing))]
    if any(row.kind == diagram.HARDWARE for drawing in (*before, *after) for row in drawing.rows):
        lines += ["", "  ◆ on the GPU, or to and from it   ● in memory"]
    return lines


def _command(found: Explanation) -> list[str]:
    done = found.done
    lines = ["Command"]
    if any(option.startswith("drop:") for option in done.labels) and not found.callbacks_kept and _calls(done.facts):
        lines += textwrap.wrap(
            "Without --callback-base nothing is called back: a worker fills in the relay here.",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="  ",
        )
    return [*lines, "", shell.command(PROGRAM, done.argv, _kept(done.env))]


def _calls(facts: Facts) -> bool:
    return any(output.callback for output in facts.outputs)


def _kept(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.isidentifier()}
