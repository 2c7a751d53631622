"""Harmless requests that show whether a relay answers, and refuses what it must.

They speak of a job nobody runs, so nothing reaches Plex Media Server. The doctor sends them from the Plex host, and has
each worker send them from where ffmpeg will call.
"""

import uuid
from dataclasses import dataclass

import requests

from scaleplex.common.log import Secret
from scaleplex.protocol import wire
from scaleplex.protocol.client import SignedSession, UntrustedAnswer

SESSION = "scaleplex-doctor"
CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
NO_SIGNATURE = "0" * 40


@dataclass(frozen=True, slots=True)
class Probe:
    """One request and the only right answer to it."""

    name: str
    method: str
    target: str
    signed: bool
    wanted: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or why there is none."""

    probe: str
    wanted: int
    status: int | None
    error: str = ""

    def to_json(self) -> dict[str, object]:
        """Return it JSON-ready."""
        return {"probe": self.probe, "wanted": self.wanted, "status": self.status, "error": self.error}


def probes(secret: Secret | None, job: str) -> list[Probe]:
    """Return the requests, health first; without a fleet secret nothing has to be signed."""
    key = secret.reveal() if secret is not None else b""
    tail = f"/video/:/transcode/session/{SESSION}/{job}/progress"
    good = wire.callback_base("", key, SESSION, job, 1) + tail
    forged = f"/cb/1/{NO_SIGNATURE}{tail}"
    found = [
        Probe("healthz", "GET", "/healthz", False, 200),
        Probe("another path of Plex's", "GET", "/:/prefs", False, 404),
        Probe("a callback with a forged signature", "PUT", forged, True, 403),
        Probe("a callback of a job that has ended", "PUT", good, True, 410),
    ]
    if secret is not None:
        found.append(Probe("an unsigned progress", "PUT", good, False, 401))
    return found


def ask(url: str, secret: Secret | None) -> list[Answer]:
    """Send every probe; only the first when the relay does not answer it.

    Args:
        url: the relay as workers reach it, without a path.
    """
    answers: list[Answer] = []
    signed, unsigned = SignedSession(secret), SignedSession(None)
    try:
        for probe in probes(secret, str(uuid.uuid4())):
            session = signed if probe.signed else unsigned
            try:
                status = session.request(
                    probe.method, url.rstrip("/") + probe.target,
                    connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS,
                ).status_code  # fmt: skip
            except UntrustedAnswer as exc:
                # A refusal shows what is wrong, whoever it is from; anything else is not the relay's.
                refused = exc.answer.status_code if not exc.answer.ok else None
                answers.append(Answer(probe.name, probe.wanted, refused, "" if refused else "its answer is not signed"))
            except requests.RequestException as exc:
                answers.append(Answer(probe.name, probe.wanted, None, short(exc)))
                break
            else:
                answers.append(Answer(probe.name, probe.wanted, status))
    finally:
        signed.close()
        unsigned.close()
    return answers


def short(exc: requests.RequestException) -> str:
    """Return an error of requests in a few words: its own text repeats itself, with addresses in memory."""
    text = str(exc)
    if isinstance(exc, requests.ConnectTimeout):
        return "no answer to the connection"
    if isinstance(exc, requests.Timeout):
        return "connected, but no answer in time"
    for phrase in ("Connection refused", "No route to host", "Network is unreachable", "Name or service not known",
                   "Temporary failure in name resolution", "Connection reset by peer"):  # fmt: skip
        if phrase in text:
            return phrase.lower()
    return type(exc).__name__
