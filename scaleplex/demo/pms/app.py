"""Builds the stand-in's app, for gunicorn: ``scaleplex.demo.pms.app:create()``."""

import os
from collections.abc import Mapping
from pathlib import Path

import falcon

from scaleplex.common.errors import ScaleplexError
from scaleplex.demo.pms.config import load_config
from scaleplex.demo.pms.inbox import Inbox
from scaleplex.demo.pms.library import read_library
from scaleplex.demo.pms.resources import Callbacks, Files, Life, Media, Standin, Start, Tail
from scaleplex.demo.pms.serving import Server
from scaleplex.demo.pms.sessions import SessionTable
from scaleplex.demo.pms.switches import Switches
from scaleplex.demo.pms.violations import Recorder

PAGE_DIR = Path(__file__).parent.parent / "page"
TAILS = ("progress", "progress/stream", "progress/streamDetail", "progress/log", "manifest")
App = falcon.App[falcon.Request, falcon.Response]
_tables: list[SessionTable] = []


def create(environ: Mapping[str, str] = os.environ) -> App:
    """Return the app of one stand-in."""
    config = load_config(environ)
    switches = Switches(
        throttle_buffer_seconds=config.throttle_buffer_seconds,
        prune_buffer_seconds=config.prune_buffer_seconds,
        reach_seconds=config.reach_seconds,
        segment_limit_seconds=config.segment_limit_seconds,
        idle_seconds=config.idle_seconds,
    )
    table = SessionTable(config, switches, Recorder())
    _tables.append(table)
    app: App = falcon.App()
    app.add_error_handler(ScaleplexError, answer_error)
    add_routes(app, table)
    return app


def close() -> None:
    """End all jobs of all tables of this process."""
    for table in _tables:
        table.close()


def answer_error(req: falcon.Request, resp: falcon.Response, exc: ScaleplexError, params: object) -> None:
    resp.status = falcon.code_to_http_status(exc.status)
    resp.content_type = falcon.MEDIA_JSON  # the resource may have set another before it raised
    resp.media = exc.to_json()


def add_routes(app: App, table: SessionTable) -> None:
    library = read_library(table.config.media_dir)
    callbacks = Callbacks(table, Inbox(table))
    for tail in TAILS:
        app.add_route(f"/video/:/transcode/session/{{session}}/{{job}}/{tail}", Tail(callbacks, tail))
    universal = "/video/:/transcode/universal"
    dash, hls = Start(table, library, "dash"), Start(table, library, "hls")
    app.add_route(f"{universal}/start.mpd", dash)
    app.add_route(f"{universal}/start.m3u8", hls)
    app.add_route(f"{universal}/decision", dash, suffix="decision")
    media, life, standin = Media(table, Server(table)), Life(table), Standin(table, library)
    app.add_route(f"{universal}/session/{{session}}/base/index.m3u8", media, suffix="playlist")
    app.add_route(f"{universal}/session/{{session}}/base/header", media, suffix="header")
    app.add_route(f"{universal}/session/{{session}}/base/{{number:int}}.ts", media, suffix="segment")
    app.add_route(f"{universal}/session/{{session}}/{{stream:int}}/header", media, suffix="init")
    app.add_route(f"{universal}/session/{{session}}/{{stream:int}}/{{number:int}}.m4s", media, suffix="chunk")
    app.add_route(f"{universal}/ping", life, suffix="ping")
    app.add_route(f"{universal}/stop", life, suffix="stop")
    app.add_route("/:/timeline", life, suffix="timeline")
    app.add_route("/transcode/sessions", life, suffix="sessions")
    app.add_route("/transcode/sessions/{session}", life, suffix="session")
    app.add_route("/standin/library", standin, suffix="library")
    app.add_route("/standin/report", standin, suffix="report")
    app.add_route("/standin/jobs", standin, suffix="jobs")
    app.add_route("/standin/control", standin, suffix="control")
    app.add_route("/", Files(PAGE_DIR, default="index.html"))
    players = table.config.players_dir
    scripts = (players / "dashjs/dist/modern/umd", players / "hls.js/dist") if players else ()
    app.add_route("/page/{name}", Files(PAGE_DIR, *scripts))
