"""``scaleplex explain``: what would become of a Plex command line, and why. Runs nothing."""

import argparse
import json
import sys
from pathlib import Path

from scaleplex.common.errors import ScaleplexError
from scaleplex.ffmpeg import argv as language
from scaleplex.translator import Facts, Site, Translation, translate

EXAMPLES = """\
examples:
  scaleplex explain --target sw argv.json         facts, changes and the resulting command
  scaleplex explain --json --target sw - < argv.json
"""

_SHAPE = 'It must hold a JSON list of strings, or an object with such a list as "argv" and optionally "env".'


class UnreadableCommand(ScaleplexError):
    """The file does not hold a command line."""

    code = "unreadable-command"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="what would become of a Plex command line",
        description="Translate a command line of Plex's transcoder and say what changed. Nothing is run.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="a JSON list of arguments, or an object with argv; - for stdin")
    parser.add_argument("--target", default="sw", help="backend to translate for: sw (default)")
    parser.add_argument("--callback-base", metavar="URL", help="what stands in for http://127.0.0.1:PORT in callbacks")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain one command line.

    Returns:
        0 done; 2 the file cannot be read or holds something else, or there is no such target.
    """
    try:
        words, env = _read(args.file)
        done = translate(words, env, None, args.target, Site(callback_base=args.callback_base))
    except ScaleplexError as exc:
        print(f"scaleplex: {exc.detail}\n{exc.hint}", file=sys.stderr)
        return 2
    print(_as_json(done) if args.json else _as_text(done))
    return 0


def _read(name: str) -> tuple[list[str], dict[str, str]]:
    """Return argv and environment from a file, `-` for stdin."""
    shown = "Standard input" if name == "-" else name
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise UnreadableCommand(f"{shown} cannot be read: {reason}.", "Name a file that this user can read.") from exc
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise UnreadableCommand(f"{shown} is not JSON: {exc}.", _SHAPE) from exc
    words = document.get("argv") if isinstance(document, dict) else document
    env = (document.get("env") or {}) if isinstance(document, dict) else {}
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UnreadableCommand(f"{shown} holds no list of arguments.", _SHAPE)
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise UnreadableCommand(f'"env" in {shown} does not map names to strings.', _SHAPE)
    return words, env


def _as_json(done: Translation) -> str:
    return json.dumps(
        {
            "argv": list(done.argv),
            "labels": list(done.labels),
            "facts": done.facts.to_json(),
            "bail": done.bail,
        },
        indent=2,
    )


def _as_text(done: Translation) -> str:
    lines = ["Plex asks for"]
    lines += [f"  {name:<14} {value}" for name, value in _wishes(done.facts) if value not in (None, "", "none")]
    lines += ["", f"Changes ({len(done.labels)})"]
    lines += [f"  {kind:<14} {detail}" for kind, _, detail in (label.partition(":") for label in done.labels)]
    lines += ["", "Command"]
    command = language.parse(done.argv)
    for file in command.files:
        lines.append("  input" if file.is_input else "  output")
        lines += [f"    {' '.join(_printable(word) for word in option.words())}" for option in file.options]
        lines.append(f"    {'-i ' if file.is_input else ''}{_printable(file.url)}")
    lines += [f"  {' '.join(_printable(word) for word in option.words())}" for option in command.trailing]
    if done.bail:
        lines += ["", f"Not planned: {done.bail}. The command was only cleaned of what our ffmpeg cannot parse."]
    return "\n".join(_visible(line) for line in lines)


def _wishes(facts: Facts) -> list[tuple[str, object]]:
    video = facts.video
    size = f"{video.width}x{video.height}" if video and video.width else None
    audio = ", ".join(f"{stream.pad} {stream.decoder or '?'} to {stream.encoder}" for stream in facts.audio)
    subtitle = facts.subtitle
    return [
        ("kind", facts.kind),
        ("written for", facts.source_backend),
        ("video", f"{video.decoder or '?'} to {video.encoder}" if video else None),
        ("size", size),
        ("ten bit", "yes" if video and video.ten_bit else None),
        ("tone mapping", video.tonemap if video else None),
        ("audio", audio),
        ("subtitle", f"{subtitle.mode} {subtitle.pad or ''}".strip()),
        ("seek", None if facts.seek_seconds is None else f"{facts.seek_seconds:g} s"),
        ("segments", None if facts.segment_seconds is None else f"{facts.segment_seconds:g} s"),
        ("first segment", facts.first_segment),
    ]


def _visible(text: str) -> str:
    """Return a text fit for a terminal: what a command line holds may be control characters and broken UTF-8."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _printable(word: str) -> str:
    """Return a word as a line of the command shows it, quoted where a shell would need it."""
    shown = _visible(word)
    return shown if shown and all(char.isalnum() or char in "-_=:./,+%@$#" for char in shown) else f"'{shown}'"
