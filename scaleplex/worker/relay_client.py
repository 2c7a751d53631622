"""The worker's way to the relay: signed requests on one keep-alive connection per task."""

import requests

from scaleplex.protocol.client import SignedSession
from scaleplex.worker.reporter import Reply

CONNECT_SECONDS = 1.0
READ_SECONDS = 3.0
# The relay holds a job's last callback until PMS has its manifests: 2 s for files to become visible on the Plex host,
# and 10 s for PMS to answer (docs/explanation/relay).
LAST_READ_SECONDS = 15.0
LAST_HEADER = "X-Scaleplex-Last"
BODY_MAX_CHARS = 4096


class RelayClient(SignedSession):
    """Transport of one task's reporter; belongs to its thread."""

    def send(self, method: str, url: str, *, last: bool = False) -> Reply:
        """Send one request, once more if the kept connection was closed meanwhile.

        Raises:
            OSError: it could not be delivered (``requests.RequestException`` is one).
        """
        try:
            return self._send(method, url, last)
        except requests.exceptions.ConnectTimeout:
            raise
        except requests.ConnectionError:
            return self._send(method, url, last)

    def _send(self, method: str, url: str, last: bool) -> Reply:
        answer = self.request(
            method,
            url,
            headers={LAST_HEADER: "1"} if last else None,
            connect_seconds=CONNECT_SECONDS,
            read_seconds=LAST_READ_SECONDS if last else READ_SECONDS,
        )
        return Reply(answer.status_code, answer.text[:BODY_MAX_CHARS])
