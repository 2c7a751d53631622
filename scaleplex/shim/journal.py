"""What the shim tells: events for the relay to count, and lines for the journal.

Neither may cost a film: every failure to write is swallowed. No token, secret or command line is ever written here, and
no title: what is said of a film has its path taken out.
"""

import posix
import time

from scaleplex.protocol import wire

try:
    import _socket as socket
except ImportError:  # pragma: no cover - no CPython on Debian or Ubuntu lacks it
    import socket  # type: ignore[no-redef]

EVENTS_MAX_BYTES = 8 << 20  # nobody reads them: /run is memory
ERROR, WARNING, INFO = 3, 4, 6  # syslog's numbers


class Journal:
    """Writes for one job; session and job are filled in as soon as they are known."""

    def __init__(self, runtime_dir: str, journal_socket: str) -> None:
        self._events = f"{runtime_dir}/events.jsonl"
        self._journal_socket = journal_socket
        self.session = ""
        self.job = ""
        self._films: list[str] = []

    def conceal(self, args: "list[str]") -> None:
        """Take the inputs of a command line out of everything that is told from now on."""
        for index in range(1, len(args)):
            path = args[index]
            if args[index - 1] == "-i" and "/" in path:
                # The longest first: a worker names the whole path, FFmpeg sometimes only the file.
                self._films += [path, *(part for part in reversed(path.split("/")[2:]) if len(part) > 3)]

    def event(self, event: str, reason: str, detail: str = "", worker: str = "", priority: int | None = INFO) -> None:
        """Record one event.

        Args:
            event: ``placed``, ``refused``, ``fallback``, ``local``, ``lost`` or ``ended``.
            reason: one word, a metric's label.
            detail: a sentence.
            priority: syslog's number for the journal; None keeps it out of there (thumbnails come by the thousand).
        """
        for film in self._films:
            detail = detail.replace(film, "***")
        fields = {
            "time_ms": time.time_ns() // 1_000_000,
            "event": event,
            "reason": reason,
            "detail": detail[:500],
            "session": self.session,
            "job": self.job,
            "worker": worker,
        }
        self._append(wire.dump_json(fields) + "\n")
        if priority is not None:
            self.line(f"{event}: {detail or reason}", priority, event=event, reason=reason, worker=worker)

    def line(self, message: str, priority: int, **fields: str) -> None:
        """Send one line to the journal, with fields as ``SCALEPLEX_*``."""
        if not self._journal_socket:
            return
        named = {"SESSION": self.session, "JOB": self.job, **{name.upper(): value for name, value in fields.items()}}
        entries = [("MESSAGE", message), ("PRIORITY", str(priority)), ("SYSLOG_IDENTIFIER", "scaleplex-shim")]
        entries += [("SCALEPLEX_" + name, value) for name, value in named.items() if value]
        try:
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                channel.setblocking(False)
                channel.sendto(b"".join(_entry(name, value) for name, value in entries), self._journal_socket)
            finally:
                channel.close()
        except OSError:
            pass

    def _append(self, line: str) -> None:
        try:
            flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_CLOEXEC
            descriptor = posix.open(self._events, flags, 0o640)
            try:
                size = posix.fstat(descriptor).st_size
                if not size:
                    posix.fchmod(descriptor, 0o640)  # whatever the umask: the relay's group has to read it
                if size < EVENTS_MAX_BYTES:
                    # One write: lines of shims that run side by side do not mix.
                    posix.write(descriptor, line.encode())
            finally:
                posix.close(descriptor)
        except OSError:
            pass


def _entry(name: str, value: str) -> bytes:
    """Return one field in the journal's native form; a value with newlines carries its length."""
    data = value.encode("utf-8", "surrogateescape")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
