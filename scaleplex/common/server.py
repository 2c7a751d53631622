"""The HTTP server of every service: a gunicorn worker whose threads never wait for a client.

One loop accepts connections, takes each request in until it is whole, and only then hands it to a thread; it also sends
what a client has not taken when its thread is done, and says goodbye. All of that has deadlines and bounds
(``Limits``), so a client without the fleet secret can hold connections but no thread. The loop itself answers
``/healthz``.

Only the stream of a film keeps its thread: the app hands out an answer of unknown length, and the thread sends it.

gunicorn's own threaded worker reads heads and bodies in its threads and waits for clients in its loop, which let
anybody stop a service (docs/decisions/0034).
"""

import contextlib
import errno
import os
import queue
import resource
import selectors
import socket
import struct
import time
from collections.abc import Callable
from concurrent import futures
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.workers.base import Worker

from scaleplex.common import errors
from scaleplex.common.connection import Connection, Limits, Outlet, answer_bytes, respond
from scaleplex.common.intake import Intake
from scaleplex.common.pulse import PULSE
from scaleplex.common.seats import Seats

BOOT_ERROR = 3  # gunicorn's: the main process ends instead of starting the service again
ACCEPTS_PER_TURN = 64
REPORT_SECONDS = 0.25
RECEIVE_BYTES = 64 * 1024
DISCARD_MAX_BYTES = 8 << 20
RESET = struct.pack("ii", 1, 0)  # struct linger: on, and wait no time
GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ETIMEDOUT)
FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Server(Worker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker class of every service."""

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._selector = selectors.DefaultSelector()
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_read, self._wake_write = -1, -1
        self._accepting = False
        self._accept_again = 0.0
        self._working = 0  # connections whose request a thread handles or will
        self._queued: dict[Connection, None] = {}  # of these, those no thread has taken yet, in order
        self._next_deadline = 0.0
        self._report_at = 0.0
        self._why_not_started: Callable[[], str | None] | None = None

    # --- life ------------------------------------------------------------------------------------------------------

    def init_process(self) -> None:
        """Make what belongs to this process, and run."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        # Half of what may be open is for ffmpeg's pipes, other services and files.
        self._connections_max = max(16, min(int(self.cfg.worker_connections), soft // 2))
        self._seats: Seats[Connection] = Seats(
            per_peer=self.limits.waiting_per_peer, total=self._connections_max, bytes_max=self.limits.kept_max_bytes
        )
        self._pool = futures.ThreadPoolExecutor(max_workers=self.cfg.threads, thread_name_prefix="request")
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        super().init_process()

    def load_wsgi(self) -> None:
        """Make the app; settings that cannot work end the whole service."""
        try:
            super().load_wsgi()
        except errors.ConfigError as exc:
            self.log.error("%s", exc)
            PULSE.bad_config()
            raise SystemExit(BOOT_ERROR) from exc
        self._admit = self.wsgi.admit
        self._body_max_bytes = self.wsgi.body_max_bytes
        self._why_not_started = self.wsgi.why_not_started

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: take nothing new, finish what runs."""
        self.alive = False
        self._wake()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGQUIT and SIGINT: end at once."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        super().handle_quit(sig, frame)

    def run(self) -> None:
        """Turn the loop until told to stop, then until what runs has ended."""
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._run_calls)
        while self.alive:
            if self.ppid != os.getppid():
                self.log.warning("The main process is gone; ending.")
                break
            self._turn()
        self._accept_from_now(False)
        stop_at = time.monotonic() + self.cfg.graceful_timeout
        linger_until = time.monotonic() + self.limits.drain_linger_seconds
        for connection in self._seats.waiting():
            self._until(connection, min(connection.deadline, linger_until))
        while (self._working or len(self._seats)) and time.monotonic() < stop_at:
            self._turn()
        for connection in self._seats.waiting():
            self._drop(connection)
        self._pool.shutdown(wait=False)
        self._selector.close()
        for listener in self.sockets:
            listener.close()

    def _turn(self) -> None:
        now = time.monotonic()
        if now >= self._report_at:
            self._report_at = now + REPORT_SECONDS
            self.notify()
            self._report(now)
        room = self._working + len(self._seats) < self._connections_max or len(self._seats) > 0
        self._accept_from_now(self.alive and room and now >= self._accept_again)
        soon = min(1.0, max(0.0, self._next_deadline - now)) if len(self._seats) else 1.0
        if self._accept_again > now:
            soon = min(soon, self._accept_again - now)
        for key, _ in self._selector.select(soon):
            key.data()
        self._end_late()

    def _report(self, now: float) -> None:
        """Tell the main process that the loop turns and threads take requests, and whether the service is ready."""
        first = next(iter(list(self._queued)), None)
        if first is None or now - first.since < self.limits.stuck_seconds:
            PULSE.beat(now)
        if not PULSE.is_ready and self._why_not_started is not None:
            PULSE.start(self._why_not_started(), self.log.warning)

    # --- other threads ---------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # a full pipe wakes as well
            os.write(self._wake_write, b"\0")

    def _later(self, call: Callable[[], None]) -> None:
        """Have the loop call something; from any thread."""
        self._calls.put(call)
        self._wake()

    def _run_calls(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass
        while not self._calls.empty():
            call = self._calls.get_nowait()
            try:
                call()
            except Exception:
                self.log.exception("A connection met an error of ours.")

    # --- connections come ------------------------------------------------------------------------------------------

    def _accept_from_now(self, wanted: bool) -> None:
        if wanted == self._accepting:
            return
        self._accepting = wanted
        for listener in self.sockets:
            if wanted:
                listener.setblocking(False)
                self._selector.register(listener, selectors.EVENT_READ, partial(self._accept, listener))
            else:
                self._selector.unregister(listener)

    def _accept(self, listener: Any) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, address = listener.accept()
            except OSError as exc:
                if exc.errno in FULL:
                    self._drop(self._seats.longest())
                    self._accept_again = time.monotonic() + 0.1
                return
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, address)
            self._guarded(connection, self._first_request)
            if self._working + len(self._seats) > self._connections_max:
                self._drop(self._seats.longest())

    def _wait(
        self, connection: Connection, events: int, state: Callable[[Connection], None], seconds: float, kept_bytes: int
    ) -> None:
        """Let the loop call ``state`` when the socket is ready, and close the connection when the time is over."""
        connection.state = state
        self._selector.register(connection.sock, events, partial(self._ready, connection))
        self._seats.enter(connection.peer, connection, kept_bytes)
        self._until(connection, time.monotonic() + seconds)
        self._drop(self._seats.surplus(connection.peer))

    def _until(self, connection: Connection, deadline: float) -> None:
        connection.deadline = deadline
        self._next_deadline = min(self._next_deadline, deadline) if len(self._seats) > 1 else deadline

    def _ready(self, connection: Connection, sent_already: bytes = b"") -> None:
        """Do what a connection waited for."""
        if connection.state is None:
            return  # it was closed in this very turn
        if sent_already:
            self._guarded(connection, partial(self._feed, data=sent_already))
        else:
            self._guarded(connection, connection.state)

    def _guarded(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """Do something for a connection; a client that went costs nothing, a fault of ours that connection only."""
        try:
            step(connection)
        except OSError:
            self._drop(connection)
        except Exception:
            self.log.exception("A connection met an error of ours.")
            self._drop(connection)

    def _leave(self, connection: Connection) -> None:
        """Stop waiting for a connection."""
        if connection.state is None:
            return
        connection.state = None
        self._seats.leave(connection.peer, connection)
        self._selector.unregister(connection.sock)

    def _drop(self, connection: Connection | None) -> None:
        if connection is not None:
            self._leave(connection)
            if connection.outbox:
                # It does not read: a reset frees what the kernel keeps for it as well.
                with contextlib.suppress(OSError):
                    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            util.close(connection.sock)

    def _end_late(self) -> None:
        now = time.monotonic()
        if now < self._next_deadline or not len(self._seats):
            return
        waiting = self._seats.waiting()
        for connection in waiting:
            if connection.deadline <= now:
                self._drop(connection)
        self._next_deadline = min((c.deadline for c in waiting if c.deadline > now), default=now + 1.0)

    # --- a request comes in ----------------------------------------------------------------------------------------

    def _first_request(self, connection: Connection) -> None:
        """Take in what came with the connection, mostly the whole request, or wait for it."""
        try:
            data = connection.sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            data = b""
        connection.intake = self._new_intake(connection)
        connection.intake.feed(data)
        if connection.intake.whole:
            self._hand_over(connection)
            return
        self._wait(connection, selectors.EVENT_READ, self._receive, self.limits.head_seconds, 0)
        if data and connection.state is not None:
            self._follow(connection, in_head=True)

    def _next_request(self, connection: Connection, sent_already: bytes, seconds: float) -> None:
        connection.intake = self._new_intake(connection)
        self._wait(connection, selectors.EVENT_READ, self._receive, seconds, 0)
        if sent_already:
            self._later(partial(self._ready, connection, sent_already))

    def _new_intake(self, connection: Connection) -> Intake:
        return Intake(
            self.cfg,
            connection.address,
            admit=self._admit,
            head_max_bytes=self.limits.head_max_bytes,
            body_max_bytes=self._body_max_bytes,
        )

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        if not data:
            self._drop(connection)
            return
        self._feed(connection, data)

    def _feed(self, connection: Connection, data: bytes) -> None:
        intake = connection.intake
        in_head = intake.request is None
        intake.feed(data)
        self._follow(connection, in_head)

    def _follow(self, connection: Connection, in_head: bool) -> None:
        """Do what has become due for the request that comes in."""
        intake = connection.intake
        if intake.refusal is not None:
            self._answer(connection, intake.refusal.status, intake.refusal.to_json(), keep=False)
        elif intake.whole:
            self._hand_over(connection)
        else:
            self._go_on(connection, in_head)

    def _go_on(self, connection: Connection, in_head: bool) -> None:
        """Wait for the rest of a request: one deadline for the whole head, one that follows the size of the body."""
        intake, now, limits = connection.intake, time.monotonic(), self.limits
        if intake.request is None:
            self._until(connection, min(connection.deadline, now + limits.head_seconds))
        else:
            if in_head:
                connection.since = now
                if intake.wants_continue:
                    connection.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            allowed = limits.body_seconds + intake.body_bytes / limits.body_bytes_per_second
            self._until(connection, connection.since + allowed)
        self._seats.keep(connection.peer, connection, intake.kept_bytes)
        self._drop(self._seats.surplus(connection.peer))

    def _hand_over(self, connection: Connection) -> None:
        request = connection.intake.request
        if request.path == "/healthz" and request.method in ("GET", "HEAD"):
            body: dict[str, object] | None = {"status": "ok"} if request.method == "GET" else None
            self._answer(connection, 200, body, keep=self.alive and not request.should_close())
            return
        self._leave(connection)
        self._working += 1
        connection.since = time.monotonic()
        self._queued[connection] = None
        self._pool.submit(self._work, connection)

    # --- a thread handles it ---------------------------------------------------------------------------------------

    def _work(self, connection: Connection) -> None:
        self._queued.pop(connection, None)
        outlet = Outlet(connection.sock)
        keep = False
        try:
            connection.sock.settimeout(self.limits.send_seconds)  # of each piece of a film's stream
            keep = respond(self.wsgi, self.cfg, connection, outlet, closing=not self.alive)
        except OSError as exc:
            # The client is gone, or took nothing for too long; anything else is a fault of ours.
            if not isinstance(exc, TimeoutError) and exc.errno not in GONE:
                self.log.exception("A request met an error of ours.")
        except Exception:
            self.log.exception("A request met an error of ours.")
            if not outlet.sent_any:
                outlet.pending += answer_bytes(500, {"error": "internal", "detail": "", "hint": ""}, keep=False)
        self._later(partial(self._worked, connection, outlet, keep))

    def _worked(self, connection: Connection, outlet: Outlet, keep: bool) -> None:
        """Take a connection back from its thread."""
        self._working -= 1
        connection.sock.setblocking(False)
        connection.outbox += outlet.pending
        connection.keep = keep and self.alive
        self._guarded(connection, self._flush)

    # --- an answer goes out ----------------------------------------------------------------------------------------

    def _answer(self, connection: Connection, status: int, body: dict[str, object] | None, *, keep: bool) -> None:
        self._leave(connection)
        connection.outbox += answer_bytes(status, body, keep=keep)
        connection.keep = keep
        self._guarded(connection, self._flush)

    def _flush(self, connection: Connection) -> None:
        """Send what the client takes now; wait for the rest of it, then for its next request or for its goodbye."""
        while connection.outbox:
            try:
                sent = connection.sock.send(connection.outbox)
            except (BlockingIOError, InterruptedError):
                if connection.state is None:
                    kept = len(connection.outbox)
                    self._wait(connection, selectors.EVENT_WRITE, self._flush, self.limits.send_seconds, kept)
                return
            del connection.outbox[:sent]
        self._leave(connection)
        if connection.keep:
            rest = connection.intake.rest
            idle = self.limits.idle_seconds if self.alive else self.limits.drain_linger_seconds
            self._next_request(connection, rest, self.limits.head_seconds if rest else idle)
            return
        # Closing with bytes unread would be a reset, and the client might lose the answer.
        connection.sock.shutdown(socket.SHUT_WR)
        self._wait(connection, selectors.EVENT_READ, self._discard, self.limits.linger_seconds, 0)

    def _discard(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        connection.discarded += len(data)
        if not data or connection.discarded > DISCARD_MAX_BYTES:
            self._drop(connection)
