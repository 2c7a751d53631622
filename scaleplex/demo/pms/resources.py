"""HTTP on both sides of the stand-in: the transcoder's callbacks and the clients' requests."""

import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import falcon

from scaleplex.common.errors import NotFound
from scaleplex.demo.pms import documents
from scaleplex.demo.pms.decision import Decision, decide
from scaleplex.demo.pms.inbox import Inbox
from scaleplex.demo.pms.library import Library
from scaleplex.demo.pms.report import report, summary
from scaleplex.demo.pms.serving import Server
from scaleplex.demo.pms.sessions import SessionTable

LOOPBACK = ("127.", "::1")
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
GONE_EVENTS = select.POLLRDHUP | select.POLLHUP | select.POLLERR


def client_gone(req: falcon.Request) -> Callable[[], bool]:
    """Return a question: has the peer closed its connection?"""
    peer: socket.socket | None = req.env.get("gunicorn.socket")

    def gone() -> bool:
        if peer is None:
            return False
        poll = select.poll()
        try:
            poll.register(peer, GONE_EVENTS)
        except (ValueError, OSError):
            return True
        return bool(poll.poll(0))

    return gone


class Callbacks:
    """``/video/:/transcode/session/<session>/<job>/...``: from loopback only."""

    def __init__(self, table: SessionTable, inbox: Inbox) -> None:
        self._table = table
        self._inbox = inbox

    def handle(self, req: falcon.Request, resp: falcon.Response, session: str, job: str, tail: str) -> None:
        switches = self._table.switches
        body = (
            req.stream.read() if "chunked" in (req.get_header("Transfer-Encoding") or "") else req.bounded_stream.read()
        )
        if len(body) < (req.content_length or 0):
            raise falcon.HTTPBadRequest  # its sender was killed while it sent, so nothing was said
        foreign = not req.remote_addr.startswith(LOOPBACK) or any(req.get_header(name) for name in FORWARDED)
        if foreign:
            self._table.violations.add("not-loopback", f"{tail} from {req.remote_addr}", session, job)
            raise falcon.HTTPNotFound
        if switches.slow_callbacks_ms:
            time.sleep(switches.slow_callbacks_ms / 1000)
        if switches.drop_callbacks or switches.fail_callbacks:
            switches.faults_met += 1
        if switches.drop_callbacks:
            drop(req)
        if switches.fail_callbacks or switches.drop_callbacks:
            raise falcon.HTTPInternalServerError
        token = req.get_header("X-Plex-Token")
        status, data = self._inbox.receive(req.method, session, job, tail, req.query_string, token, body)
        resp.status = falcon.code_to_http_status(status)
        resp.set_header("X-Plex-Protocol", "1.0")
        if status != 204:
            resp.content_type = "text/xml;charset=utf-8"
            resp.data = data

    def on_put(self, req: falcon.Request, resp: falcon.Response, session: str, job: str, tail: str = "") -> None:
        self.handle(req, resp, session, job, tail)

    on_post = on_get = on_head = on_delete = on_patch = on_put


class Tail:
    """Binds one callback path to :class:`Callbacks`."""

    def __init__(self, callbacks: Callbacks, tail: str) -> None:
        self._callbacks = callbacks
        self._tail = tail

    def on_put(self, req: falcon.Request, resp: falcon.Response, session: str, job: str) -> None:
        self._callbacks.handle(req, resp, session, job, self._tail)

    on_post = on_get = on_head = on_delete = on_patch = on_put


def drop(req: falcon.Request) -> None:
    peer: socket.socket | None = req.env.get("gunicorn.socket")
    if peer is not None:
        peer.shutdown(socket.SHUT_RDWR)


class Start:
    """``start.mpd`` and ``start.m3u8``, and the decision that comes before them."""

    def __init__(self, table: SessionTable, library: Library, protocol: str) -> None:
        self._table = table
        self._library = library
        self._protocol = protocol

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        session = req.get_param("session", required=True)
        decision = self._decide(req)
        self._table.start(session, decision)
        if self._protocol == "dash":
            resp.content_type = "application/dash+xml"
            resp.text = documents.client_mpd(decision, session)
        else:
            resp.content_type = "application/vnd.apple.mpegurl"
            resp.text = documents.master_playlist(decision, session)

    def on_get_decision(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = "text/xml;charset=utf-8"
        resp.text = documents.decision_xml(self._decide(req))

    def _decide(self, req: falcon.Request) -> Decision:
        item = self._library.find(req.get_param("path", default=""))
        seconds = self._table.config.segment_seconds
        query = {key: value if isinstance(value, str) else value[-1] for key, value in req.params.items()}
        return decide(item, query, self._protocol, seconds)


class Media:
    """Headers, segments and playlists of a session."""

    def __init__(self, table: SessionTable, server: Server) -> None:
        self._table = table
        self._server = server

    def on_get_init(self, req: falcon.Request, resp: falcon.Response, session: str, stream: int) -> None:
        resp.content_type = "video/mp4"
        resp.data = self._server.header(session, f"init-stream{stream}.m4s", client_gone(req))

    def on_get_chunk(self, req: falcon.Request, resp: falcon.Response, session: str, stream: int, number: int) -> None:
        resp.content_type = "video/mp4"
        resp.data = self._server.segment(session, str(stream), number, client_gone(req))

    def on_get_header(self, req: falcon.Request, resp: falcon.Response, session: str) -> None:
        resp.content_type = "video/x-matroska"
        resp.data = self._server.header(session, "header", client_gone(req))

    def on_get_playlist(self, req: falcon.Request, resp: falcon.Response, session: str) -> None:
        resp.content_type = "application/vnd.apple.mpegurl"
        resp.text = documents.media_playlist(self._table.find(session).decision)

    def on_get_segment(self, req: falcon.Request, resp: falcon.Response, session: str, number: int) -> None:
        resp.content_type = "video/mp2t"
        resp.data = self._server.segment(session, "base", number, client_gone(req))


class Life:
    """Signs of life, and the end."""

    def __init__(self, table: SessionTable) -> None:
        self._table = table

    def on_get_ping(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._table.find(req.get_param("session", required=True))

    def on_get_stop(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._table.stop(req.get_param("session", required=True))

    def on_get_timeline(self, req: falcon.Request, resp: falcon.Response) -> None:
        session = req.get_param("session") or req.get_header("X-Plex-Session-Identifier") or ""
        if req.get_param("state") == "stopped":
            self._table.stop(session)
        elif session in self._table.sessions:
            self._table.find(session)

    def on_get_sessions(self, req: falcon.Request, resp: falcon.Response) -> None:
        rows = []
        with self._table.changed:
            for session in self._table.sessions.values():
                if session.job is not None:
                    rows.append(transcode_session(session.id, session.job.throttled, session.job.exit_code == 0))
        resp.content_type = "text/xml;charset=utf-8"
        head = f'<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="{len(rows)}">\n'
        resp.text = f"{head}{''.join(rows)}</MediaContainer>\n"

    def on_delete_session(self, req: falcon.Request, resp: falcon.Response, session: str) -> None:
        self._table.stop(session)


def transcode_session(session: str, throttled: bool, complete: bool) -> str:
    flags = f'throttled="{int(throttled)}" complete="{int(complete)}" size="-22"'
    return f'<TranscodeSession key="/transcode/sessions/{session}" {flags}/>\n'


class Standin:
    """What only a stand-in has: the library as JSON, the report, the switches."""

    def __init__(self, table: SessionTable, library: Library) -> None:
        self._table = table
        self._library = library

    def on_get_library(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"items": [item.to_json() for item in self._library.items]}

    def on_get_report(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = report(self._table)

    def on_get_jobs(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = summary(self._table)

    def on_post_control(self, req: falcon.Request, resp: falcon.Response) -> None:
        values: dict[str, Any] = req.get_media()
        self._table.switches.update(values)


class Files:
    """Static files below some folders; the first that has the file answers."""

    def __init__(self, *folders: Path | None, default: str = "") -> None:
        self._folders = [folder for folder in folders if folder is not None]
        self._default = default

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str = "") -> None:
        wanted = name or self._default
        for folder in self._folders:
            path = (folder / wanted).resolve()
            if path.is_file() and path.is_relative_to(folder.resolve()):
                resp.content_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
                resp.data = path.read_bytes()
                return
        raise NotFound(f"There is no file {wanted}.", "The page is at /.")
