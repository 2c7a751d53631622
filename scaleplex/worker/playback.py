"""A task's stream: ffmpeg's output as frames, for as long as the shim listens. One loop owns the task.

The loop runs in the request's own thread, as the generator gunicorn iterates; it starts ffmpeg, polls everything that
can happen and ends ffmpeg on every way out. What it polls:

* ffmpeg's stdout, stderr and progress pipe, and its pidfd;
* the shim's socket (``gunicorn.socket``) for POLLRDHUP: PMS ends a transcode by killing the shim, and a closed
  connection is the only notice of that. A failed write would tell it a heartbeat or two later, and by then ffmpeg
  writes into a directory PMS is deleting;
* an eventfd by which other threads wake it (kill, drain, supersede, throttle, announced, final report
  delivered).

It never blocks on a slow shim: bytes are handed to gunicorn only when the socket can take them, and when too many wait,
ffmpeg's pipes are left alone until they are gone. A shim whose host acknowledges nothing for eight seconds is as good
as gone (TCP_USER_TIMEOUT), which is also what ends ffmpeg when the Plex host lost power.
"""

import re
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress

from scaleplex.common.errors import StorageHung
from scaleplex.protocol import wire
from scaleplex.worker import process, progress, session
from scaleplex.worker.reports import LONGEST_END_SECONDS, Told
from scaleplex.worker.session import Action, Event, Exit, State
from scaleplex.worker.staged import Staged, remove_staged, staged_files
from scaleplex.worker.storage import Storage
from scaleplex.worker.task import Task

CHUNK_BYTES = 4096  # small enough that a socket that polls as writable takes it without waiting
PENDING_MAX_BYTES = 256 * 1024
KEPT_LINES = 50
SIGNED_URL = re.compile(r"/cb/\d+/[0-9a-f]+")  # ffmpeg names the URL it could not reach; signatures stay out of logs
LINE_MAX_BYTES = 4096
USER_TIMEOUT_MS = 8_000  # noticed within two seconds more: a heartbeat has to be on its way first
FINAL_REPORT_SECONDS = LONGEST_END_SECONDS + 1.0  # more than the senders take
REAP_SECONDS = 5.0  # from SIGKILL to giving a process up
CLEAN_SECONDS = 2.0
ENOSPC_STATUS = 228  # ffmpeg leaves with the low byte of -ENOSPC


Spawn = Callable[[Task], process.Child]


class Playback:
    """The iterable gunicorn sends; ``close`` ends the task however far it came."""

    def __init__(
        self,
        task: Task,
        *,
        spawn: Spawn,
        reports: Told,
        backend: str,
        shim: socket.socket | None,
        grace_seconds: float,
        storage: Storage,
        on_spawned: Callable[[Task], None],
        on_throttle: Callable[[Task], None],
        on_end: Callable[[Task, Exit], None],
        mac: wire.FrameMac | None = None,
    ) -> None:
        self._task = task
        self._spawn = spawn
        self._reports = reports
        self._backend = backend
        self._shim = shim
        self._mac = mac
        self._grace_seconds = grace_seconds
        self._storage = storage
        self._on_spawned = on_spawned
        self._on_throttle = on_throttle
        self._on_end = on_end
        self._child: process.Child | None = None
        self._ended: process.Ended | None = None
        self._spawn_problem: str | None = None
        self._exit: Exit | None = None
        self._pending = bytearray()
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._partial_line = b""
        self._blocks = progress.BlockReader()
        self._seen_progress = False
        self._told_announced = False
        self._grace_at: float | None = None
        self._given_up_at: float | None = None
        self._staged: set[Staged] = set()
        self._final_at: float | None = None
        self._beat_at = time.monotonic() + wire.HEARTBEAT_SECONDS
        self._shim_here = True
        self._poll = select.poll()
        self._open: dict[int, Callable[[bytes], None]] = {}
        self._polled: set[int] = set()
        self._frames = self._run()

    def __iter__(self) -> Iterator[bytes]:
        return self._frames

    def close(self) -> None:
        """End whatever is left; gunicorn calls this when the stream is over or broken."""
        self._frames.close()
        self._clean_up()

    # --- the loop ---------------------------------------------------------------------------------------------------

    def _run(self) -> Generator[bytes, None, None]:
        try:
            self._start()
            while self._task.state is not State.ENDED:
                yield from self._send()
                self._wait()
            yield from self._send(flush=True)
        finally:
            self._clean_up()

    def _start(self) -> None:
        self._poll.register(self._task.wake_fd, select.POLLIN)
        if self._shim is not None:
            _watch_for_silence(self._shim)
            self._poll.register(self._shim.fileno(), select.POLLRDHUP)
        for event in self._task.take_posts():
            self._feed(event)
        if self._shim is not None and _hung_up(self._shim):
            self._shim_here = False  # seeks follow each other quickly: this one was replaced before it began
            self._poll.unregister(self._shim.fileno())
            self._feed(Event.SHIM_GONE)
        if self._task.state is not State.STARTING:
            self._feed(Event.SPAWN_FAILED)
            return
        try:
            child = self._child = self._spawn(self._task)
        except OSError as exc:
            self._spawn_problem = f"ffmpeg could not be started: {exc}."
            self._feed(Event.SPAWN_FAILED)
            return
        self._open = {child.stdout: self._on_stdout, child.stderr: self._on_stderr, child.progress: self._on_progress}
        self._poll.register(child.pidfd, select.POLLIN)
        self._feed(Event.SPAWNED)
        # Two threads that begin now would have made ffmpeg wait for a millisecond.
        self._reports.start()

    def _wait(self) -> None:
        """Wait for the next thing to happen and take note of it."""
        self._choose_pipes()
        ready = self._poll.poll(self._timeout_ms())
        now = time.monotonic()
        for fd, flags in ready:
            if fd in self._open:
                self._read(fd)
            elif fd == self._task.wake_fd:
                for event in self._task.take_posts():
                    self._feed(event)
            elif self._shim is not None and fd == self._shim.fileno():
                self._on_shim(flags)
            elif self._child is not None and fd == self._child.pidfd:
                self._on_exit(now)
        self._follow_throttle()
        self._tell_announced()
        if self._grace_at is not None and now >= self._grace_at:
            self._grace_at = None
            self._feed(Event.GRACE_OVER)
        if self._given_up_at is not None and now >= self._given_up_at:
            self._given_up_at = None
            self._feed(Event.EXITED)  # killed, and still there: a hung file system or driver keeps it, not the slot
        if self._final_at is not None and (self._reports.done or now >= self._final_at or not self._shim_here):
            self._final_at = None
            self._feed(Event.EXITED)
        if now >= self._beat_at:
            self._beat_at = now + wire.HEARTBEAT_SECONDS
            if not self._pending:
                self._frame(wire.HEARTBEAT, b"")

    def _timeout_ms(self) -> int:
        moments = [self._beat_at, *(at for at in (self._grace_at, self._given_up_at, self._final_at) if at is not None)]
        return max(0, int((min(moments) - time.monotonic()) * 1000) + 1)

    def _choose_pipes(self) -> None:
        """Poll ffmpeg's pipes, except those whose bytes the shim cannot take just now."""
        child, full = self._child, len(self._pending) > PENDING_MAX_BYTES
        wanted = {fd for fd in self._open if not full or (child is not None and fd == child.progress)}
        for fd in self._polled - wanted:
            self._poll.unregister(fd)
        for fd in wanted - self._polled:
            self._poll.register(fd, select.POLLIN)
        self._polled = wanted

    def _send(self, flush: bool = False) -> Iterator[bytes]:
        """Yield what waits, as far as the shim takes it; a shim that is gone takes nothing."""
        while self._pending and self._shim_here:
            if self._shim is not None and not _writable(self._shim, USER_TIMEOUT_MS if flush else 0):
                self._poll.modify(self._shim.fileno(), select.POLLRDHUP | select.POLLOUT)
                return
            chunk = bytes(self._pending[:CHUNK_BYTES])
            del self._pending[:CHUNK_BYTES]
            yield chunk
            self._beat_at = time.monotonic() + wire.HEARTBEAT_SECONDS

    # --- what can happen --------------------------------------------------------------------------------------------

    def _feed(self, event: Event) -> None:
        if self._ended is not None and event in (Event.DRAIN, Event.KILL):
            return  # ffmpeg has ended by itself; only its last report is under way
        if event in session.STOPS and self._task.stopped_by is None and self._task.state is not State.ENDED:
            self._task.stopped_by = event
            self._reports.abort()
        state, actions = session.step(self._task.state, event)
        if state is not State.ENDED:
            self._task.state = state
        for action in actions:
            self._act(action)
        self._task.state = state

    def _act(self, action: Action) -> None:
        child = self._child
        if action is Action.ANNOUNCE and child is not None:
            self._announce(child)
        elif action is Action.KILL and child is not None:
            self._note_staged(child)
            child.signal_group(signal.SIGKILL)
            self._given_up_at = self._given_up_at or time.monotonic() + REAP_SECONDS
        elif action is Action.TERMINATE and child is not None:
            self._note_staged(child)
            child.signal_group(signal.SIGTERM)
        elif action is Action.ARM_GRACE:
            self._grace_at = time.monotonic() + self._grace_seconds
        elif action is Action.SEND_EXIT:
            self._clean_staged()
            self._tell_announced()
            self._exit = self._describe()
            self._json(wire.EXIT, self._exit.to_json())

    def _announce(self, child: process.Child) -> None:
        self._json(
            wire.INFO,
            {
                "event": "spawned",
                "pid": child.pid,
                "monotonic_ns": time.monotonic_ns(),
                "backend": self._backend,
                "labels": self._task.prepared.labels,
            },
        )
        self._task.watch.pid = child.pid
        self._task.watch.spawn_seconds = time.monotonic() - self._task.received
        self._on_spawned(self._task)

    def _on_shim(self, flags: int) -> None:
        assert self._shim is not None
        if flags & (select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL):
            self._shim_here = False
            self._poll.unregister(self._shim.fileno())
            self._feed(Event.SHIM_GONE)
        else:
            self._poll.modify(self._shim.fileno(), select.POLLRDHUP)

    def _on_exit(self, now: float) -> None:
        """Take ffmpeg's last bytes and its exit code; the exit frame waits for the final report."""
        child = self._child
        assert child is not None
        self._ended = child.reap()
        if self._ended is None:
            return
        self._poll.unregister(child.pidfd)
        for fd in list(self._open):
            while fd in self._open and self._read(fd):
                pass
        if self._task.stopped_by is not None:
            self._feed(Event.EXITED)
            return
        self._reports.finish()
        self._final_at = now + FINAL_REPORT_SECONDS

    def _read(self, fd: int) -> bool:
        """Take what a pipe holds; return whether there may be more."""
        data = process.read_available(fd)
        if data is None:
            take = self._open.pop(fd)
            if fd in self._polled:
                self._poll.unregister(fd)
                self._polled.discard(fd)
            if take == self._on_stderr and self._partial_line:
                self._on_line(self._partial_line)
            return False
        if data:
            self._open[fd](data)
        return bool(data)

    def _on_stdout(self, data: bytes) -> None:
        self._frame(wire.STDOUT, data)

    def _on_stderr(self, data: bytes) -> None:
        if not self._task.prepared.silent:
            self._frame(wire.STDERR, data)
        *lines, rest = (self._partial_line + data).split(b"\n")
        self._partial_line = rest[:LINE_MAX_BYTES]
        for line in lines:
            self._on_line(line)

    def _on_line(self, line: bytes) -> None:
        text = SIGNED_URL.sub("/cb/...", line[:LINE_MAX_BYTES].decode("utf-8", "replace").strip())
        if text:
            self._lines.append(text)
            self._reports.line(text)

    def _on_progress(self, data: bytes) -> None:
        for sample in self._blocks.feed(data, time.monotonic()):
            self._seen_progress = True
            self._reports.sample(sample)

    def _follow_throttle(self) -> None:
        """Carry PMS's wish to ffmpeg; before its first progress it may not have installed the handlers yet."""
        task, child = self._task, self._child
        if child is None or not self._seen_progress or task.want_throttle == task.watch.throttled:
            return
        task.watch.throttled = task.want_throttle
        task.watch.throttles += task.want_throttle
        child.signal_leader(signal.SIGUSR1 if task.want_throttle else signal.SIGUSR2)
        self._on_throttle(task)

    def _tell_announced(self) -> None:
        """Tell the shim, once, that PMS may have been told of a file: nobody may start over from here."""
        if self._task.announced and not self._told_announced:
            self._told_announced = True
            self._json(wire.INFO, {"event": "announced"})

    # --- frames and the end -----------------------------------------------------------------------------------------

    def _frame(self, kind: bytes, payload: bytes) -> None:
        self._pending += wire.encode_frame(kind, payload, self._mac)

    def _json(self, kind: bytes, value: dict[str, object]) -> None:
        self._frame(kind, wire.dump_json(value).encode())

    def _describe(self) -> Exit:
        ended = self._ended
        lines = tuple(self._lines)
        if ended is not None and ended.code == ENOSPC_STATUS:
            lines = (*lines, session.NO_SPACE)
        return session.describe_exit(
            code=ended.code if ended else None,
            signal=ended.signal if ended else None,
            stopped_by=self._task.stopped_by,
            last_lines=lines,
            spawn_problem=self._spawn_problem,
            callbacks_problem=self._reports.problem,
            stop_detail=self._task.stop_detail,
        )

    def _note_staged(self, child: process.Child) -> None:
        if self._task.stopped_by in session.DIRECTORY_LIVES_ON:
            self._staged |= staged_files(child.pid)

    def _clean_staged(self) -> None:
        """Remove segments a killed ffmpeg had begun, where the directory lives on for another attempt."""
        staged = self._staged
        if staged:
            with suppress(StorageHung):  # else it is litter in a directory nobody can reach
                self._storage.run(lambda: remove_staged(staged), CLEAN_SECONDS, self._task.prepared.cwd)

    def _clean_up(self) -> None:
        """Make sure that nothing of the task is left; runs once, on every way out."""
        child, self._child = self._child, None
        if child is not None:
            if self._ended is None:
                self._ended = child.kill_and_wait(REAP_SECONDS if self._exit is None else 0)
            child.close()
        if not self._task.ended.is_set():
            if self._exit is None:
                if self._task.stopped_by is None:
                    self._task.stopped_by = Event.SHIM_GONE
                self._exit = self._describe()
            self._reports.abort()
            self._task.finish()
            self._on_end(self._task, self._exit)


def _hung_up(shim: socket.socket) -> bool:
    poll = select.poll()
    poll.register(shim.fileno(), select.POLLRDHUP)
    return bool(poll.poll(0))


def _writable(shim: socket.socket, timeout_ms: int) -> bool:
    poll = select.poll()
    poll.register(shim.fileno(), select.POLLOUT)
    return bool(poll.poll(timeout_ms))


def _watch_for_silence(shim: socket.socket) -> None:
    """Let the kernel end a connection whose other end has stopped answering for eight seconds."""
    try:
        shim.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        shim.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3)
        shim.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        shim.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        shim.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    except OSError:
        pass  # not a TCP socket
