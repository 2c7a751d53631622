"""The signed outgoing session of the services and the command line: requests with a signature, answers with a bound.

What comes back counts only when it was signed for this very request; see ``wire``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from scaleplex.common.log import Secret
from scaleplex.protocol import bounded, wire
from scaleplex.protocol.signing import new_nonce, wall_clock_ms

CONNECT_SECONDS = 1.0
READ_SECONDS = 10.0
ANSWER_MAX_BYTES = 1 << 20
STRANGER_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer read to its end."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is no error."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the value of the body.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.content)

    def error(self) -> dict[str, object]:
        """Return the object an error answer holds, an empty one if it holds none."""
        try:
            fields = self.json()
        except (ValueError, RecursionError):
            return {}
        return fields if isinstance(fields, dict) else {}


class UntrustedAnswer(requests.RequestException):
    """Nobody of the fleet signed this answer; ``answer`` may say why its sender refused, which nobody vouches for."""

    def __init__(self, receiver: str, answer: Answer) -> None:
        said = str(answer.error().get("detail") or "")[:STRANGER_MAX_CHARS]
        said = "".join(char if char.isprintable() else "?" for char in said)
        super().__init__(
            f"the answer {answer.status_code} of {receiver} is not signed with this host's fleet secret: the secrets or"
            " versions of the two hosts differ, or somebody else answers there"
            + (f"; it says, unverified: {said}" if said else "")
        )
        self.answer = answer


class SignedSession:
    """One keep-alive session; not to be shared between threads."""

    def __init__(self, secret: Secret | None) -> None:
        self._secret = secret
        self._epochs: dict[str, str] = {}  # of services that asked for it, by authority
        self._budget = bounded.Budget()
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy from the environment has no business between two hosts of a fleet
        self._session.adapters.clear()  # nothing but plain HTTP is spoken in a fleet
        self._session.mount("http://", bounded.adapter(self._budget))
        self._session.headers["Accept-Encoding"] = "identity"

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
        answer_max_bytes: int = ANSWER_MAX_BYTES,
    ) -> Answer:
        """Send a signed request and return the answer, whatever its status.

        A service that has just started asks for its epoch; the request is then sent a second time.

        Args:
            json: sent as a JSON body when not None; dicts, lists, strings, integers, booleans and None.
            body: sent as it is otherwise.
            headers: sent beside those of the body and the signature; not signed.
            connect_seconds: for the connection.
            read_seconds: for the whole answer, from when the connection stands.
            answer_max_bytes: a longer body is an error.

        Raises:
            UntrustedAnswer: a secret is set, and the answer was not signed with it.
            requests.RequestException: it could not be sent, or no whole answer came in time.
        """
        payload = body if json is None else wire.dump_json(json).encode()
        sent = dict(headers or {})
        if json is not None:
            sent["Content-Type"] = "application/json"
        prepared = self._session.prepare_request(requests.Request(method, url, data=payload or None, headers=sent))
        limits = (connect_seconds, read_seconds, answer_max_bytes)
        answer = self._send(prepared, payload, limits)
        if self._learn_epoch(wire.authority(url), answer):
            answer = self._send(prepared, payload, limits)
        return answer

    def _send(self, prepared: requests.PreparedRequest, payload: bytes, limits: tuple[float, float, int]) -> Answer:
        connect_seconds, read_seconds, limit_bytes = limits
        receiver, nonce = wire.authority(str(prepared.url)), new_nonce()
        if self._secret is not None:
            prepared.headers[wire.AUTH_HEADER] = wire.sign_request(
                self._secret.reveal(),
                str(prepared.method),
                receiver,
                prepared.path_url,
                payload,
                wall_clock_ms(),
                nonce,
                self._epochs.get(receiver, wire.NO_EPOCH),
            )
        self._budget.renew(connect_seconds + read_seconds, limit_bytes)
        timeout = (connect_seconds, read_seconds)
        with self._session.send(prepared, timeout=timeout, allow_redirects=False, stream=True) as response:
            content = bounded.read_body(response, limit_bytes)
            answer = Answer(response.status_code, response.headers, content)
        if self._secret is not None:
            seal = wire.seal_answer(self._secret.reveal(), nonce, answer.status_code, content)
            if not wire.same(seal, answer.headers.get(wire.ANSWER_HEADER, "")):
                raise UntrustedAnswer(receiver, answer)
        return answer

    def _learn_epoch(self, receiver: str, answer: Answer) -> bool:
        """Note the epoch a service asks for; return whether the request has to be sent again."""
        epoch = answer.headers.get(wire.EPOCH_HEADER, "")
        if self._secret is None or answer.status_code != 401 or not wire.is_epoch(epoch):
            return False
        if answer.error().get("error") != wire.EPOCH_WANTED:
            return False
        self._epochs[receiver] = epoch
        return True

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
