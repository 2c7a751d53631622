"""Checks signed requests: the MAC, the receiver, the sender's clock, and that the nonce was never seen before.

The canonical text and its MAC are defined in ``wire``, since the shim signs too.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterable

from scaleplex.common.auth import Proof, canonical_host
from scaleplex.common.errors import EpochWanted, Unauthorized
from scaleplex.protocol import wire


def wall_clock_ms() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_nonce() -> str:
    """Return 32 random hex digits."""
    return secrets.token_hex(16)


class NonceMemory:
    """Remembers nonces as long as a request that carries them could still pass the clock check."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}  # nonce → when it may be forgotten, in order of arrival
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._seen)

    def first_use(self, nonce: str, now_ms: int) -> bool:
        """Note a nonce; return False if it was noted before."""
        with self._lock:
            while self._seen:
                oldest = next(iter(self._seen))
                if self._seen[oldest] > now_ms:
                    break
                del self._seen[oldest]
            if nonce in self._seen:
                return False
            self._seen[nonce] = now_ms + 2 * wire.CLOCK_TOLERANCE_MS
            return True


class Verifier:
    """Lets a request through once, if it was signed with the fleet's secret within the last minute, for this service.

    Nonces are forgotten when the process ends. A request the earlier process could have received, one whose time is at
    most the clock tolerance after our start, therefore has to name our epoch, which that process did not know.
    """

    def __init__(
        self,
        secret: bytes,
        urls: Iterable[str] = (),
        *,
        setting: str = "the URLS setting of this service",
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        """Begin a life.

        Args:
            urls: under which others call this service, beside its addresses.
            setting: what an operator sets to name one more.
        """
        self._secret = secret
        self._names = tuple(dict.fromkeys(canonical(wire.authority(url)) for url in urls if url))
        self._setting = setting
        self._clock_ms = clock_ms
        self._nonces = NonceMemory()
        self._unsafe_until_ms = clock_ms() + wire.CLOCK_TOLERANCE_MS
        self.epoch = secrets.token_hex(8)

    def __call__(self, method: str, target: str, header: str | None, body: bytes, called_at: str) -> Proof:
        """Check one request.

        Args:
            target: path and query exactly as in the request line.
            header: value of ``X-Scaleplex-Auth``, None if absent.
            called_at: ``host:port`` at which the connection came in, empty if not known.

        Raises:
            Unauthorized: unsigned, malformed, wrongly signed, meant for another, stale or replayed.
            EpochWanted: all is well but that it may be older than this process.
        """
        time_ms, nonce, receiver, epoch, mac = _parts(header)
        wanted = wire.request_mac(self._secret, method, receiver, target, time_ms, nonce, epoch, body)
        if not wire.same(wanted, mac):
            raise Unauthorized(
                "The signature does not fit the request.", "Both hosts need the same fleet secret; compare its digest."
            )
        try:
            self._check_receiver(receiver, called_at)
            self._check_time(time_ms, epoch)
        except Unauthorized as exc:
            exc.nonce = nonce
            raise
        if not self._nonces.first_use(nonce, self._clock_ms()):
            # Not signed: its sender has had the answer to this nonce.
            raise Unauthorized("The request was seen before.", "Sign each request anew.")
        return Proof(nonce, receiver)

    def seal(self, nonce: str, status: int, body: bytes | None) -> str:
        """Return the value of ``X-Scaleplex-Answer`` for the answer to a request; a body of None is a stream."""
        return wire.seal_answer(self._secret, nonce, status, body)

    def _check_time(self, time_ms: int, epoch: str) -> None:
        self._check_clock(time_ms)
        if epoch != self.epoch and (epoch != wire.NO_EPOCH or time_ms <= self._unsafe_until_ms):
            raise EpochWanted(
                "The request may be older than this process, which cannot know whether it was carried out before.",
                f"Send it again with the epoch that stands in {wire.EPOCH_HEADER} of this answer.",
            )

    def glance(self, header: str | None) -> None:
        """Refuse what can be refused by the header alone, before anybody reads a body.

        Raises:
            Unauthorized: unsigned, malformed or stale.
        """
        self._check_clock(_parts(header)[0])

    def _check_clock(self, time_ms: int) -> None:
        now_ms = self._clock_ms()
        if abs(now_ms - time_ms) > wire.CLOCK_TOLERANCE_MS:
            raise Unauthorized(
                f"The request's time is off by {abs(now_ms - time_ms) // 1000} s.", "Synchronise the hosts' clocks."
            )

    def _check_receiver(self, receiver: str, called_at: str) -> None:
        names = tuple(filter(None, (called_at, *self._names)))
        if canonical(receiver) not in names:
            shown = receiver[:255]
            raise Unauthorized(
                f"This request was meant for {shown}; this service answers to {', '.join(names) or 'nobody'}.",
                f"If {shown} is this service, name it in {self._setting}; otherwise somebody passes requests on.",
            )


def canonical(receiver: str) -> str:
    """Return ``host:port`` in the one form in which addresses are compared."""
    host, _, port = receiver.rpartition(":")
    return f"{canonical_host(host)}:{port}"


def _parts(header: str | None) -> tuple[int, str, str, str, str]:
    """Return time, nonce, receiver, epoch and MAC of a header.

    Raises:
        Unauthorized: it is missing or malformed.
    """
    if header is None:
        raise Unauthorized("The request is not signed.", f"Send {wire.AUTH_HEADER}; see docs/reference/protocol.")
    version, *parts = header.split(" ")
    if version != wire.AUTH_VERSION and version.startswith("v") and version[1:].isdecimal() and len(version) < 6:
        raise Unauthorized(
            f"The request is signed in the way {version} and this service reads {wire.AUTH_VERSION}.",
            "The two hosts run different versions of scaleplex; upgrade both to the same one.",
        )
    if version != wire.AUTH_VERSION or len(parts) != 5 or not _is_time(parts[0]) or len(parts[1]) != 32:
        raise Unauthorized(f"{wire.AUTH_HEADER} is malformed.", "Look at who sent it; no version of scaleplex did.")
    time_ms, nonce, receiver, epoch, mac = parts
    return int(time_ms), nonce, receiver, epoch, mac


def _is_time(text: str) -> bool:
    # At most 20 digits: int() refuses thousands of them with an error of its own.
    return text.isascii() and text.isdigit() and len(text) <= 20
