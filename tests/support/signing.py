"""Signs requests as a sender of the fleet does, for clients that a test steers byte by byte."""

import http.client

from scaleplex.protocol import wire
from scaleplex.protocol.signing import new_nonce, wall_clock_ms


def epoch_of(url: str) -> str:
    """Return the epoch of a running service; that of nobody where nothing answers."""
    host, _, port = wire.authority(url).rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=10)
    try:
        connection.request("GET", "/readyz", headers={"Connection": "close"})
        return connection.getresponse().headers.get(wire.EPOCH_HEADER, wire.NO_EPOCH)
    except OSError:
        return wire.NO_EPOCH
    finally:
        connection.close()


def sign(
    url: str,
    method: str,
    target: str,
    body: bytes = b"",
    *,
    secret: bytes,
    time_ms: int | None = None,
    epoch: str | None = None,
) -> str:
    """Return the signature of a request.

    Args:
        url: of the service it is meant for.
        time_ms: the sender's clock; None for the right one.
        epoch: None for the one the service has now.
    """
    now_ms = wall_clock_ms() if time_ms is None else time_ms
    known = epoch_of(url) if epoch is None else epoch
    return wire.sign_request(secret, method, wire.authority(url), target, body, now_ms, new_nonce(), known)


def sealed(auth: str | None, status: int, body: bytes, *, secret: bytes) -> dict[str, str]:
    """Return the header that signs an answer, as a fake service sends it.

    Args:
        auth: the request's signature; without one nothing is signed.
    """
    if not auth:
        return {}
    return {wire.ANSWER_HEADER: wire.seal_answer(secret, auth.split(" ")[2], status, b"" if status == 204 else body)}
