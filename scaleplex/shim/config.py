"""The shim's settings: a file of ``KEY=value`` lines, since PMS controls the environment.

A wrong line is no reason to fail a film: it is reported, the default takes its place, and only a value nothing can be
done without (where to ask, the fleet secret) sends the job to the real transcoder. ``SETTINGS`` is the one list;
``describe`` gives it to the reference.
"""

import posix

PREFIX = "SCALEPLEX_SHIM_"
DEFAULT_PATH = "/etc/scaleplex/shim.env"
APPLICATION_SUPPORT = "/var/lib/plexmediaserver/Library/Application Support"
SECRET_MIN_BYTES = 16  # as common.config demands of the services

# name without prefix, default, one phrase for the reference
SETTINGS = (
    ("ORCHESTRATORS", "", "URLs of the orchestrators, separated by commas; asked in this order"),
    ("WORKERS_LIST", "", "URLs of workers to use when no orchestrator answers, separated by commas"),
    ("RELAY_URL", "", "the relay as workers reach it, such as http://10.0.0.5:32482"),
    ("RUNTIME_DIR", "/run/scaleplex", "directory shared with the relay: live jobs and the log of events"),
    ("SECRET_FILE", "", "file that holds the fleet secret; without one requests are not worth signing (loopback only)"),
    ("TRANSCODER", "", "the diverted Plex Transcoder; empty means the shim's own path with .real appended"),
    ("FALLBACK", "1", "1 runs the real transcoder when no worker can take a job, 0 fails the job with exit code 75"),
    ("DETECTION", "remote", "where intro and voice detection runs: remote or local"),
    ("PLEX_PORT", "32400", "port of Plex Media Server on loopback, as it stands in callback URLs"),
    ("SILENCE_SECONDS", "10", "a worker that sends nothing for so long is taken for lost"),
    (
        "JOURNAL_SOCKET",
        "/run/systemd/journal/socket",
        "the journal's socket for native datagrams; empty: no log lines",
    ),
)


class Config:
    """The settings as values, and a sentence for everything that was wrong with them."""

    def __init__(self, given: dict[str, str]) -> None:
        self.problems: list[str] = []
        known = [PREFIX + name for name, _, _ in SETTINGS]
        for name in given:
            if name not in known:
                self.problems.append(f"{name} is not a setting; did you mean {nearest(name, known)}?")
        self._texts = {name: given.get(PREFIX + name, default) for name, default, _ in SETTINGS}
        self.orchestrators = self._urls("ORCHESTRATORS")
        self.workers = self._urls("WORKERS_LIST")
        self.relay_url = next(iter(self._urls("RELAY_URL")), "")
        self.runtime_dir = self._path("RUNTIME_DIR")
        self.secret_file = self._path("SECRET_FILE")
        self.transcoder = self._path("TRANSCODER")
        self.fallback = self._choice("FALLBACK", ("1", "0")) == "1"
        self.detection = self._choice("DETECTION", ("remote", "local"))
        self.plex_port = int(self._number("PLEX_PORT", 1, 65535))
        self.silence_seconds = self._number("SILENCE_SECONDS", 0.1, 3600)
        self.journal_socket = self._path("JOURNAL_SOCKET")

    def _bad(self, name: str, wanted: str) -> str:
        default = next(default for known, default, _ in SETTINGS if known == name)
        self.problems.append(f"{PREFIX}{name}={self._texts[name]!r} must be {wanted}; using {default or 'nothing'}")
        return default

    def _urls(self, name: str) -> tuple[str, ...]:
        urls: list[str] = []
        for part in self._texts[name].split(","):
            url = part.strip().rstrip("/")
            if not url:
                continue
            if is_url(url):
                urls.append(url)
            else:
                self.problems.append(f"{PREFIX}{name}: {url!r} must be a URL such as http://10.0.0.6:32481; left out")
        return tuple(urls)

    def _path(self, name: str) -> str:
        text = self._texts[name]
        return text if not text or text.startswith("/") else self._bad(name, "an absolute path")

    def _choice(self, name: str, allowed: tuple[str, ...]) -> str:
        text = self._texts[name]
        return text if text in allowed else self._bad(name, " or ".join(allowed))

    def _number(self, name: str, least: float, most: float) -> float:
        try:
            value = float(self._texts[name])
        except ValueError:
            value = least - 1
        # Written so that nan, which compares with nothing, is refused too.
        return value if least <= value <= most else float(self._bad(name, f"a number from {least} to {most}"))


def read(path: str) -> Config:
    """Return the settings of a file; one that cannot be read gives the defaults and a problem."""
    try:
        text = read_file(path).decode("utf-8", "surrogateescape")
    except OSError as exc:
        config = Config({})
        config.problems.append(f"the settings cannot be read: {path}: {exc.strerror}")
        return config
    given, problems = parse(text)
    config = Config(given)
    config.problems += problems
    return config


def parse(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the values of ``KEY=value`` lines and a sentence for each line that is none.

    Blank lines and lines that start with ``#`` or ``;`` are skipped; one pair of quotes around a value is not part of
    it, as in systemd's EnvironmentFile, so that one habit serves every file in /etc/scaleplex.
    """
    values: dict[str, str] = {}
    problems: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        name, equals, value = line.partition("=")
        if not equals:
            problems.append(f"line {number} of the settings is no KEY=value line")
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        values[name.strip()] = value
    return values, problems


def read_secret(path: str) -> bytes:
    """Return the fleet secret, white space at its ends removed; no path means an empty one.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds too little to be a secret.
    """
    if not path:
        return b""
    secret = read_file(path).strip()
    if len(secret) < SECRET_MIN_BYTES:
        raise ValueError(f"{path} holds {len(secret)} bytes; a fleet secret has at least {SECRET_MIN_BYTES}")
    return secret


def read_file(path: str) -> bytes:
    """Return the first 64 KiB of a file: more than any file of the shim's holds."""
    descriptor = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(descriptor, 1 << 16)
    finally:
        posix.close(descriptor)


def has_plex_pass(application_support: bytes) -> bool:
    """Tell whether PMS has a subscription, from its Preferences.xml; one that cannot be read means no.

    Args:
        application_support: PMS's ``PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR``, empty for the package's own.
    """
    directory = application_support.decode("utf-8", "surrogateescape") or APPLICATION_SUPPORT
    try:
        return b' myPlexSubscription="1"' in read_file(f"{directory}/Plex Media Server/Preferences.xml")
    except OSError:
        return False


def is_url(text: str) -> bool:
    """Tell whether a text is ``http://host:port``."""
    host, _, port = text[len("http://") :].rpartition(":")
    return text.startswith("http://") and bool(host) and "/" not in host and port.isdigit() and 0 < int(port) < 65536


def nearest(name: str, known: list[str]) -> str:
    """Return the known name with the least edit distance."""
    return min(known, key=lambda candidate: _distance(name, candidate))


def _distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def describe() -> list[tuple[str, str, str]]:
    """Return name, default and help of every setting, for the reference."""
    return [(PREFIX + name, default, text) for name, default, text in SETTINGS]
