"""Plex Media Server's preferences, read and never written: the server keeps them in memory and writes them over."""

from pathlib import Path
from xml.parsers import expat

from scaleplex.cli.doctor.findings import Finding, Skip, ok, problem
from scaleplex.cli.doctor.survey import Reply

ATTRIBUTE = "TranscoderTempDirectory"
WHERE = "Settings > Transcoder > Transcoder temporary directory"


def transcode_directory(path: Path) -> str:
    """Return the transcoder temporary directory, empty when none is set.

    Raises:
        Skip: the preferences cannot be read.
    """
    try:
        text = path.read_bytes()
    except OSError as exc:
        raise Skip(f"Plex's preferences cannot be read: {path}: {exc.strerror}") from exc
    found: dict[str, str] = {}

    def element(name: str, attributes: dict[str, str]) -> None:
        if name == "Preferences":
            found.update(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = element
    try:
        parser.Parse(text, True)
    except expat.ExpatError as exc:
        raise Skip(f"Plex's preferences are no XML: {path}: {exc}") from exc
    return found.get(ATTRIBUTE, "").rstrip("/")


def transcoder_directory(path: Path, named: Path | None, workers: dict[str, Reply]) -> list[Finding]:
    """Return whether Plex writes its sessions where the workers look for them.

    Args:
        named: the transcode directory as this host's own settings have it, None if they do not.
        workers: answers to ``/doctor/storage``, by worker.
    """
    set_to = transcode_directory(path)
    if not set_to:
        where = named or "the directory that is mounted on the workers"
        return [
            problem(
                "Plex has no transcoder temporary directory set: sessions lie on a disk no worker sees",
                f"In Plex's {WHERE}, enter {where}.",
            )
        ]
    others = {str(named): "this host's settings"} if named is not None else {}
    for url, reply in workers.items():
        root = reply.body.get("transcode_root")
        if reply.status == 200 and isinstance(root, dict):
            others.setdefault(str(root.get("path")), url)
    wrong = [
        problem(
            f"Plex's transcoder temporary directory is {set_to}, but {other} according to {who}",
            f"Use one path everywhere: in Plex's {WHERE}, or as SCALEPLEX_WORKER_TRANSCODE_ROOT.",
        )
        for other, who in others.items()
        if other != set_to
    ]
    return wrong or [ok(f"Plex's transcoder temporary directory is {set_to}")]
