"""What a service knows of a signed request: the interface between the HTTP layer and the check in ``protocol``.

A request names its receiver. Its names here are those of the settings and the address at which the connection came in,
which the network decides and not the sender; the ``Host`` header proves nothing.
"""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Protocol, cast

import falcon

from scaleplex.common.errors import Unauthorized

AUTH_HEADER = "X-Scaleplex-Auth"
EPOCH_HEADER = "X-Scaleplex-Epoch"
ANSWER_HEADER = "X-Scaleplex-Answer"
BODILESS = (204, 304)


@dataclass(frozen=True, slots=True)
class Proof:
    """A request that was signed with the fleet's secret.

    Attributes:
        nonce: its own, never used before.
        receiver: ``host:port`` it was meant for, one of this service's names.
    """

    nonce: str
    receiver: str


class Verify(Protocol):
    """Checks signed requests; see ``protocol.signing.Verifier``."""

    @property
    def epoch(self) -> str:
        """The word of this life of the service, for senders that have to prove they mean it."""

    def __call__(self, method: str, target: str, header: str | None, body: bytes, called_at: str) -> Proof:
        """Return the proof, or raise Unauthorized.

        Args:
            target: path and query exactly as in the request line.
            header: value of ``X-Scaleplex-Auth``, None if absent.
            called_at: ``host:port`` at which the connection came in, empty if not known.
        """

    def glance(self, header: str | None) -> None:
        """Raise Unauthorized if no body could make this header good: it is missing, malformed or stale."""

    def seal(self, nonce: str, status: int, body: bytes | None) -> str:
        """Return the value of ``X-Scaleplex-Answer``; a body of None is a stream."""


def check(verify: Verify, req: falcon.Request, body: bytes) -> Proof:
    """Check a request's signature and keep the proof in ``req.context.proof``.

    Raises:
        Unauthorized: unsigned, wrongly signed, stale, replayed or meant for somebody else.
    """
    try:
        proof = verify(req.method, request_target(req), req.get_header(AUTH_HEADER), body, called_at(req))
    except Unauthorized as exc:
        req.context.nonce = exc.nonce
        raise
    req.context.proof, req.context.nonce = proof, proof.nonce
    return proof


def seal(verify: Verify, req: falcon.Request, resp: falcon.Response) -> None:
    """Sign the answer to a signed request, and name the epoch in any.

    A stream is signed as one, frame by frame by whoever makes it, unless it has its whole body in ``whole``.
    """
    resp.set_header(EPOCH_HEADER, verify.epoch)
    nonce = getattr(req.context, "nonce", "")
    if not nonce:
        return
    body: bytes | None
    if resp.stream is not None:
        body = getattr(resp.stream, "whole", None)
    else:
        body = b"" if resp.status_code in BODILESS else resp.render_body() or b""
    resp.set_header(ANSWER_HEADER, verify.seal(nonce, resp.status_code, body))


def request_target(req: falcon.Request) -> str:
    """Return path and query exactly as they stood in the request line."""
    return cast("str", req.env.get("RAW_URI") or req.relative_uri)


def called_at(req: falcon.Request) -> str:
    """Return ``host:port`` of our end of the connection, empty if there is none."""
    connection = cast("socket.socket | None", req.env.get("gunicorn.socket"))
    if connection is None:
        return ""
    try:
        host, port = connection.getsockname()[:2]
    except (OSError, ValueError):  # closed meanwhile, or no TCP
        return ""
    return f"{canonical_host(str(host))}:{port}"


def canonical_host(host: str) -> str:
    """Return a host as it stands in a canonical URL: lower case, an IPv6 address compressed and in brackets.

    An IPv4 address that arrived at an IPv6 socket is an IPv4 address; a zone is not part of it.
    """
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host.lower()
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address}]"
    return str(address)
