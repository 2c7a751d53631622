"""The worker's way to the relay: signed requests on one keep-alive connection per task."""

import requests

from scaleplex.common.log import Secret
from scaleplex.protocol.client import SignedSession
from scaleplex.worker.reporter import Reply

CONNECT_SECONDS = 1.0
READ_SECONDS = 3.0
BODY_MAX_CHARS = 4096


class RelayClient:
    """Transport of one task's reporter; belongs to its thread."""

    def __init__(self, secret: Secret | None) -> None:
        self._session = SignedSession(secret)

    def send(self, method: str, url: str) -> Reply:
        """Send one request, once more if the kept connection was closed meanwhile.

        Raises:
            OSError: it could not be delivered (``requests.RequestException`` is one).
        """
        try:
            return self._send(method, url)
        except requests.ConnectionError as exc:
            if isinstance(exc, requests.exceptions.ConnectTimeout):
                raise
            return self._send(method, url)

    def _send(self, method: str, url: str) -> Reply:
        answer = self._session.request(method, url, connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS)
        return Reply(answer.status_code, answer.text[:BODY_MAX_CHARS])

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
