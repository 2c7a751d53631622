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
        self._epochs: dict[str, str] = {}  # of services that asked for it, by authority
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

        A service that has just started asks for its epoch; the request is then sent a second time.

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
        answer = self._dispatch(prepared, payload, connect_seconds, read_seconds)
        if self._secret is not None and self._learn_epoch(wire.authority(url), answer):
            answer = self._dispatch(prepared, payload, connect_seconds, read_seconds)
        return answer

    def _dispatch(
        self, prepared: requests.PreparedRequest, payload: bytes, connect_seconds: float, read_seconds: float
    ) -> requests.Response:
        if self._secret is not None:
            receiver = wire.authority(str(prepared.url))
            prepared.headers[wire.AUTH_HEADER] = wire.sign_request(
                self._secret.reveal(),
                str(prepared.method),
                receiver,
                prepared.path_url,
                payload,
                wall_clock_ms(),
                new_nonce(),
                self._epochs.get(receiver, wire.NO_EPOCH),
            )
        return self._session.send(prepared, timeout=(connect_seconds, read_seconds), allow_redirects=False)

    def _learn_epoch(self, receiver: str, answer: requests.Response) -> bool:
        """Note the epoch a service asks for; return whether the request has to be sent again."""
        epoch = answer.headers.get(wire.EPOCH_HEADER, "")
        if answer.status_code != 401 or not wire.is_epoch(epoch) or epoch == self._epochs.get(receiver):
            return False
        try:
            wanted = bool(answer.json().get("error") == wire.EPOCH_WANTED)
        except (ValueError, AttributeError):
            return False
        if wanted:
            self._epochs[receiver] = epoch
        return wanted

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
