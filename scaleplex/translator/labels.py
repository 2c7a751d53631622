"""The list of changes a translation made: one label for each, `kind:detail`.

The kind is what a counter counts, the detail is for people. Labels never hold a URL, a path, an identity or a value of
the environment, so they may be logged and shown anywhere.
"""

from __future__ import annotations

#: Every kind of label: what it means, and an example. `docs/reference/labels.md` is printed from here.
KINDS: dict[str, tuple[str, str]] = {
    "bail": (
        (
            "The command was not understood well enough to be planned. It was only cleaned of what our ffmpeg cannot"
            " parse. `burn:text` means a subtitle would have to be drawn into the picture by an ffmpeg that has no"
            " `inlineass`; a worker refuses it, so that the transcoder on the Plex host plays it."
        ),
        "bail:burn:text",
    ),
    "where": ("The place in the command that was not understood.", "where:-filter_complex, filter 2 of 4"),
    "policy": (
        (
            "The command stays in software although the worker has hardware. `no-plex-pass`: Plex itself would not use"
            " hardware without a Plex Pass. `follow`: the worker is told to follow Plex's choice."
        ),
        "policy:no-plex-pass:software",
    ),
    "fallback": (
        "The worker's hardware lacks this capability, so the processor does it; `:10` is ten bits.",
        "fallback:encode:hevc:10",
    ),
    "callback": (
        "A callback URL on the Plex host's loopback address now points at the relay.",
        "callback:-manifest_name",
    ),
    "drop": (
        "An option was removed: private to Plex, meant for other hardware, or of no use on this worker.",
        "drop:-eae_prefix:1",
    ),
    "decode": (
        "The decoder named for an input stream was exchanged; `none` means that ffmpeg chooses by itself.",
        "decode:1:eac3_eae->eac3",
    ),
    "encode": ("An encoder was exchanged.", "encode:h264_vaapi->libx264"),
    "rate": ("Rate control was carried over to the other encoder's terms.", "rate:qp=22->crf=22"),
    "set": ("An option was added or given another value.", "set:-preset:0=veryfast"),
    "move": (
        "An option was moved to where ffmpeg obeys it, or written under its current name.",
        "move:-vsync->-fps_mode",
    ),
    "graph": (
        "The video filtergraph was written anew, with the filters named.",
        "graph:hwupload,scale_vaapi,hwupload->scale,format",
    ),
    "map": ("A map follows the new last link label of the graph.", "map:[2]->[1]"),
    "tonemap": (
        "HDR to SDR is done by another filter, with the same algorithm.",
        "tonemap:tonemap_opencl=mobius->zscale+tonemap=mobius",
    ),
    "bsf": ("A bitstream filter was exchanged or removed.", "bsf:framedrop=count=2->noise"),
    "filter": (
        "An argument of a filter was renamed or removed, the rest of the graph stands.",
        "filter:aresample:ocl->ochl",
    ),
    "output": ("A whole output was removed.", "output:null"),
    "mux": ("An option of an inner muxer was changed.", "mux:live=1->live=0"),
    "env": ("Environment variables were withheld from ffmpeg; the number is how many.", "env:4"),
}


class Labels:
    """Labels in the order of the changes."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: list[str] = []

    def add(self, kind: str, detail: str) -> None:
        """Record one change.

        Raises:
            KeyError: the kind is not in `KINDS`; every kind has to be documented there.
        """
        if kind not in KINDS:
            raise KeyError(kind)
        self._items.append(f"{kind}:{detail}")

    def items(self) -> tuple[str, ...]:
        """Return what was recorded."""
        return tuple(self._items)


def kind(label: str) -> str:
    """Return the kind of a label, for counting."""
    return label.partition(":")[0]


def reference() -> str:
    """Return `docs/reference/labels.md`."""
    lines = [
        "# Labels",
        "",
        "Every change the translator makes to a command line leaves one label. Labels are logged with the task,",
        "returned to the Plex host, counted by kind, and printed by `scaleplex explain`.",
        "",
        "A label is `kind:detail`. In details `-name:specifier` is an option as it stood in the command,",
        "`a->b` an exchange.",
        "This page is printed from `scaleplex/translator/labels.py`.",
        "",
        "| kind | example | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | `{example}` | {meaning} |" for name, (meaning, example) in sorted(KINDS.items())]
    return "\n".join(lines) + "\n"
