"""Take out of a command line what would tell who watches what, and leave everything a parser may stumble over.

A letter becomes an `x`, a digit a `0`, a letter of another script one of its own; blanks, brackets, braces, commas,
quotes, dashes, percent signs and the length stay. Ids keep their form and differ where they differed, so that a session
reads the same in URLs, prefixes and paths. Names PMS itself writes (`Plex Versions`) stay; those of a session directory
(`temp-0.srt`) stay in one only, since a film may be called Header.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence

from scaleplex.ffmpeg import argv as language
from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.worker.policy.options import OPTIONS

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
_LOOPBACK = re.compile(r"127\.0\.0\.1|localhost|\[::1\]")
_SESSION_URL = re.compile(r"(/transcode/session/)([^/?]+)(?:/([^/?]+))?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_JOB_DIRECTORY = re.compile(r"plex-transcode-(.+)-([0-9a-f-]{36})")
# A path inside a graph or a device: at its start or behind `=`, `'`, `:`, `,`, up to what ends an argument.
_PATH_WITHIN = re.compile(r"(?<![^=':,\[\]])/(?:\\.|[^:,;\[\]'\\])+")
_EXTENSION = re.compile(r"\.(?:[a-z][a-z0-9]{1,4}|[A-Z][A-Z0-9]{1,4})(?:\.[0-9]{1,6}){0,2}(?:\.sidecar)?\Z")
_TOKEN = re.compile(r"(X-Plex-Token=)[^&\s]*", re.I)

#: Directories whose content is the same on every host.
_PUBLIC = ("/usr/", "/dev/", "/etc/", "/lib/")
_KNOWN_NAMES = frozenset(
    (
        *("media", "library", "transcode", "data", "mnt", "srv", "home", "var", "lib", "tmp", "config"),
        *("Transcode", "Sessions", "Detection", "Library", "Application Support", "Plex Media Server", "Cache"),
        *("plexmediaserver", "Codecs", "Plex Versions", "Optimized for TV", "Optimized for Mobile", ".inProgress"),
        "Original Quality",
    )
)
#: Names PMS gives to files of a session directory.
_STAGED = re.compile(
    r"temp-\d+\.[a-z]{3}|(?:sub-)?(?:header|chunk-%0\dd)|(?:media|thumb)-%0\dd(?:\.[a-z0-9]{2,4})?|dash|nullfile"
    r"|init-stream\$RepresentationID\$\.m4s|chunk-stream\$RepresentationID\$-\$Number%0\dd\$\.m4s"
)
_HARMLESS = re.compile(r"(?:LANG|LC_[A-Z]+|TZ)\Z")
_LANGUAGES = ("language", "languageISO639")
_GRAPHS = ("filter_complex", "vf", "af", "filter")
_PREFIXES = ("eae_prefix",)


class Scrubber:
    """Scrubs alike what is alike, for the life of one process; nobody can tell back what an id was."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)

    def words(self, argv: Sequence[str]) -> list[str]:
        """Return a command line scrubbed; it parses into the same options and files."""
        command = language.parse(argv)
        files = tuple(File(tuple(map(self._option, f.options)), self._file(f.url), f.is_input) for f in command.files)
        return language.emit(Command(files, tuple(map(self._option, command.trailing))))

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the variables; values stay only where they say nothing of the host."""
        return {name: value if _HARMLESS.match(name) else masked(value) for name, value in env.items()}

    def path(self, path: str) -> str:
        """Return a path scrubbed, component by component."""
        if path.startswith(_PUBLIC):
            return path
        *directories, name = path.split("/")
        staged = not directories or _JOB_DIRECTORY.fullmatch(directories[-1])
        name = name if staged and _STAGED.fullmatch(name) else self._component(name, _EXTENSION.search(name))
        return "/".join((*map(self._component, directories), name))

    def _option(self, option: Option) -> Option:
        value = option.value
        if value is None:
            return option
        if option.key in _GRAPHS:
            value = self._paths_within(value)
        elif option.key == "metadata":
            key, equals, text = value.partition("=")
            value = value if key in _LANGUAGES else key + equals + masked(text)
        elif option.key in _PREFIXES:
            value = self.identity(value[:-1]) + "_" if value.endswith("_") else self.identity(value)
        else:
            value = self._value(value) if option.key in OPTIONS else self._unknown(value)
        return Option(option.name, option.specifier, value)

    def _value(self, text: str) -> str:
        """Scrub the value of an option that is no graph: a URL, a path, or something that holds one."""
        if _URL.match(text):
            return self._url(text)
        return self.path(text) if text.startswith("/") else self._paths_within(text)

    def _unknown(self, text: str) -> str:
        """Scrub the value of an option nobody has seen Plex use: it may say anything."""
        return self._value(text) if _URL.match(text) or text.startswith("/") else masked(text)

    def _paths_within(self, text: str) -> str:
        return _PATH_WITHIN.sub(lambda found: self.path(found[0]), text) if "/" in text else text

    def _file(self, text: str) -> str:
        if _URL.match(text):
            return self._url(text)
        return self.path(text)

    def _url(self, url: str) -> str:
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        if not _LOOPBACK.match(host):
            host = masked(host)
        path = _TOKEN.sub(lambda found: found[1] + "xxxx", slash + path)
        found = _SESSION_URL.search(path)
        if found is None:
            plain, mark, query = path.partition("?")
            return f"{scheme}://{host}{self.path(plain)}{mark}{masked(query)}"
        ids = "/".join(self.identity(part) for part in found.groups()[1:] if part)
        return f"{scheme}://{host}{path[: found.start(2)]}{ids}{path[found.end() :]}"

    def _component(self, name: str, extension: re.Match[str] | None = None) -> str:
        if not name or name in _KNOWN_NAMES:
            return name
        job = _JOB_DIRECTORY.fullmatch(name)
        if job is not None:
            return f"plex-transcode-{self.identity(job[1])}-{self.identity(job[2])}"
        if _UUID.fullmatch(name):
            return self.identity(name)
        stem = name[: extension.start()] if extension and extension.start() else name
        return masked(stem) + name[len(stem) :]

    def identity(self, text: str) -> str:
        """Return an id of the same form, the same one for the same id."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=64).hexdigest()
        stream = iter(digest * (len(text) // len(digest) + 1))
        hexadecimal = _UUID.fullmatch(text) is not None
        return "".join(_same_class(char, next(stream), hexadecimal) for char in text)


def _same_class(char: str, nibble: str, hexadecimal: bool) -> str:
    if hexadecimal:
        return char if char == "-" else nibble
    if char.isascii() and char.isdigit():
        return str(int(nibble, 16) % 10)
    if char.isascii() and char.isalpha():
        letter = "abcdefghijklmnop"[int(nibble, 16)]
        return letter.upper() if char.isupper() else letter
    return masked(char)


def masked(text: str) -> str:
    """Return a text of the same length and the same kinds of characters that says nothing."""
    return "".join(map(_mask, text))


def _mask(char: str) -> str:
    if char.isascii():
        if char.isdigit():
            return "0"
        return ("X" if char.isupper() else "x") if char.isalpha() else char
    if not char.isalnum():
        return char
    if char.isupper() or char.islower():
        return "É" if char.isupper() else "é"
    return "文"
