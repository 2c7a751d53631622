"""Checks signed requests: the MAC, the sender's clock, and that the nonce was never seen before.

The canonical text and its MAC are defined in ``wire``, since the shim signs too.
"""

import secrets
import threading
import time
from collections.abc import Callable

from scaleplex.common.errors import Unauthorized
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
    """Lets a request through once, if it was signed with the fleet's secret within the last minute."""

    def __init__(self, secret: bytes, clock_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._secret = secret
        self._clock_ms = clock_ms
        self._nonces = NonceMemory()

    def __call__(self, method: str, target: str, header: str | None, body: bytes) -> None:
        """Check one request.

        Args:
            target: path and query exactly as in the request line.
            header: value of ``X-Scaleplex-Auth``, None if absent.

        Raises:
            Unauthorized: unsigned, malformed, wrongly signed, stale or replayed.
        """
        if header is None:
            raise Unauthorized("The request is not signed.", f"Send {wire.AUTH_HEADER}; see docs/reference/protocol.")
        parts = header.split(" ")
        if len(parts) != 4 or parts[0] != wire.AUTH_VERSION or not _is_time(parts[1]) or len(parts[2]) != 32:
            raise Unauthorized(
                f"{wire.AUTH_HEADER} is malformed.", "Both ends must run the same major version of scaleplex."
            )
        time_ms, nonce, mac = int(parts[1]), parts[2], parts[3]
        if not wire.same(wire.request_mac(self._secret, method, target, time_ms, nonce, body), mac):
            raise Unauthorized(
                "The signature does not fit the request.", "Both hosts need the same fleet secret; compare its digest."
            )
        now_ms = self._clock_ms()
        if abs(now_ms - time_ms) > wire.CLOCK_TOLERANCE_MS:
            raise Unauthorized(
                f"The request's time is off by {abs(now_ms - time_ms) // 1000} s.", "Synchronise the hosts' clocks."
            )
        if not self._nonces.first_use(nonce, now_ms):
            raise Unauthorized("The request was seen before.", "Sign each request anew.")


def _is_time(text: str) -> bool:
    # At most 20 digits: int() refuses thousands of them with an error of its own.
    return text.isascii() and text.isdigit() and len(text) <= 20
