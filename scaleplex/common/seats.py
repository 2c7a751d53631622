"""Who may wait for this server: bounds on connections that hold no thread, and which one goes when there are too many.

A connection waits while its request comes in, between two requests, and while its client takes the answer. Waiting is
free for whoever opens connections, with or without the fleet secret, so it is bounded: per peer, in all, and by the
bytes that are kept for it. Nobody is turned away at the door, since the newcomer may be the Plex host. The peer that
holds the most loses the connection that has waited longest, so a flood pushes out itself.

Pure: connections are whatever the caller hands in, told apart by identity.
"""

import ipaddress
from collections.abc import Hashable
from functools import lru_cache
from typing import Generic, TypeVar

C = TypeVar("C", bound=Hashable)

IPV6_PEER_BITS = 64  # a host commands every address of its /64


def peer_of(address: object) -> str:
    """Return what identifies a peer: its IPv4 address, the /64 network of its IPv6 address, or ``local``.

    Args:
        address: what ``accept()`` returned: a tuple that starts with the host, or text for a Unix socket.
    """
    return _peer_of_host(str(address[0])) if isinstance(address, tuple) and address else "local"


@lru_cache(256)
def _peer_of_host(host: str) -> str:
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "local"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip) >> IPV6_PEER_BITS << IPV6_PEER_BITS, IPV6_PEER_BITS)))
    return str(ip)


class Seats(Generic[C]):
    """The waiting connections of one server."""

    def __init__(self, *, per_peer: int, total: int, bytes_max: int) -> None:
        self._per_peer = per_peer
        self._total = total
        self._bytes_max = bytes_max
        self._peers: dict[str, dict[C, int]] = {}  # peer → connection, longest waiting first → bytes kept for it
        self._count = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._count

    @property
    def bytes_kept(self) -> int:
        """Bytes kept for all waiting connections."""
        return self._bytes

    def waiting(self) -> list[C]:
        """Return every waiting connection."""
        return [connection for seats in self._peers.values() for connection in seats]

    def enter(self, peer: str, connection: C, kept_bytes: int = 0) -> None:
        """Note that a connection waits from now on."""
        self._peers.setdefault(peer, {})[connection] = kept_bytes
        self._count += 1
        self._bytes += kept_bytes

    def keep(self, peer: str, connection: C, kept_bytes: int) -> None:
        """Note how many bytes are kept for a waiting connection now."""
        self._bytes += kept_bytes - self._peers[peer][connection]
        self._peers[peer][connection] = kept_bytes

    def leave(self, peer: str, connection: C) -> None:
        """Note that a connection no longer waits; one that did not wait is no error."""
        seats = self._peers.get(peer, {})
        kept_bytes = seats.pop(connection, None)
        if kept_bytes is None:
            return
        self._count -= 1
        self._bytes -= kept_bytes
        if not seats:
            del self._peers[peer]

    def surplus(self, peer: str) -> C | None:
        """Return the connection to close now that this peer has come or sent something; None when all is in bounds."""
        seats = self._peers.get(peer, {})
        if len(seats) > self._per_peer:
            return next(iter(seats))
        if self._bytes > self._bytes_max:
            heaviest = max(self._peers.values(), key=lambda some: sum(some.values()))
            return max(heaviest, key=lambda connection: heaviest[connection])
        return self.longest() if self._count > self._total else None

    def longest(self) -> C | None:
        """Return the longest waiting connection of the peer that has the most; None when nobody waits."""
        fullest = max(self._peers.values(), key=len, default=None)
        return next(iter(fullest)) if fullest else None
