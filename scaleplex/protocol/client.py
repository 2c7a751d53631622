"""The signed outgoing session of the services and the command line: requests with a signature and time-outs."""

from collections.abc import Mapping

import requests

from scaleplex.common.log import Secret
from scaleplex.protocol import wire
from scaleplex.protocol.signing import new_nonce, wall_clock_ms

CONNECT_SECONDS = 1.0
READ_SECONDS = 10.0


class SignedSession:
    """One keep-alive session; not to be shared between threads."""

    def __init__(self, secret: Secret | None) -> None:
        self._secret = secret
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy from the environment has no business between two hosts of a fleet

    def request(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> requests.Response:
        """Send a signed request and return the answer, whatever its status.

        Args:
            json: sent as a JSON body when not None; dicts, lists, strings, integers, booleans and None.
            body: sent as it is otherwise.
            headers: sent beside those of the body and the signature; not signed.

        Raises:
            requests.RequestException: it could not be sent, or no answer came in time.
        """
        payload = body if json is None else wire.dump_json(json).encode()
        sent = dict(headers or {})
        if json is not None:
            sent["Content-Type"] = "application/json"
        prepared = self._session.prepare_request(requests.Request(method, url, data=payload or None, headers=sent))
        if self._secret is not None:
            prepared.headers[wire.AUTH_HEADER] = wire.sign_request(
                self._secret.reveal(), method, prepared.path_url, payload, wall_clock_ms(), new_nonce()
            )
        return self._session.send(prepared, timeout=(connect_seconds, read_seconds), allow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
