#!/usr/bin/python3
"""Imitates Plex Media Server as far as a transcode needs it: starts the transcoder, takes its callbacks, on loopback.

POST /test/play {"input": PATH, "root": TRANSCODE-DIRECTORY, "scheme": "dash" or "hls", "slow": false, "seconds": LIMIT}
makes a session directory, starts "Plex Transcoder" with the argv and environment Plex gives it, and answers when it has
ended. Every callback is kept; GET /test/calls shows them.
"""

import json
import os
import re
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOME = Path("/usr/lib/plexmediaserver")
SUPPORT = Path("/var/lib/plexmediaserver/Library/Application Support")
PORT = 32400
CALLBACK = re.compile(r"/(video|music)/:/transcode/session/([^/?]+)/([^/?]+)/([^?]+)")
calls = []
jobs = {}
lock = threading.Lock()


def argv(source, session, job, scheme, slow):
    """Return the arguments of a recorded transcode, with this job's ids."""
    base = f"http://127.0.0.1:{PORT}/video/:/transcode/session/{session}/{job}"
    manifest = f"{base}/manifest?X-Plex-Http-Pipeline=infinite"
    width, height, preset = (1920, 1080, "veryslow") if slow else (320, 180, "veryfast")
    graph = f"[0:0]scale=w={width}:h={height}:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1]"
    sound = "[0:1] aresample=async=1:ochl='stereo':rematrix_maxval=0.000000dB:osr=48000[2]"
    words = [
        "-codec:0",
        "h264",
        "-codec:1",
        "aac",
        "-analyzeduration",
        "20000000",
        "-probesize",
        "20000000",
        "-i",
        source,
    ]
    words += ["-start_at_zero", "-copyts", "-fps_mode", "cfr", "-y", "-nostats", "-loglevel", "quiet"]
    words += ["-loglevel_plex", "error", "-progressurl", f"{base}/progress"]
    words += ["-filter_complex", graph, "-map", "[1]", "-metadata:s:0", "language=eng", "-codec:0", "libx264"]
    words += ["-crf:0", "23", "-maxrate:0", "500k", "-bufsize:0", "1000k", "-r:0", "25", "-preset:0", preset]
    if not slow:
        words += ["-x264opts:0", "subme=0:me_range=4:rc_lookahead=10:me=dia:no_chroma_me:8x8dct=0:partitions=none"]
    words += ["-force_key_frames:0", "expr:gte(t,n_forced*1)", "-filter_complex", sound, "-map", "[2]"]
    words += ["-metadata:s:1", "language=eng", "-codec:1", "aac", "-b:1", "128k"]
    if scheme == "dash":
        words += ["-f", "dash", "-seg_duration", "1", "-dash_segment_type", "mp4"]
        words += ["-init_seg_name", "init-stream$RepresentationID$.m4s"]
        words += ["-media_seg_name", "chunk-stream$RepresentationID$-$Number%05d$.m4s", "-window_size", "5"]
        words += ["-delete_removed", "false", "-skip_to_segment", "1", "-manifest_name", manifest]
        return [*words, "-avoid_negative_ts", "disabled", "-map_metadata", "-1", "-map_chapters", "-1", "dash"]
    words += ["-segment_format", "mpegts", "-f", "ssegment", "-individual_header_trailer", "0", "-segment_time", "1"]
    words += ["-segment_start_number", "0", "-segment_time_delta", "0.0625", "-segment_list", manifest]
    words += ["-segment_list_type", "csv", "-segment_list_size", "5", "-segment_list_separate_stream_times", "1"]
    words += ["-segment_list_unfinished", "1", "-max_delay", "5000000", "-avoid_negative_ts", "disabled"]
    return [*words, "-map_metadata", "-1", "-map_chapters", "-1", "media-%05d.ts"]


def environment():
    """Return what Plex gives its transcoder, with the values that would hurt another program."""
    return {
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "HOME": "/var/lib/plexmediaserver",
        "LD_LIBRARY_PATH": f"{HOME}/lib",
        "OCL_ICD_VENDORS": "0",
        "PLEX_MEDIA_SERVER_HOME": str(HOME),
        "X_PLEX_TOKEN": f"local-{uuid.uuid4()}",
    }


def play(wish):
    """Run one transcode to its end and tell what became of it."""
    session, job = uuid.uuid4().hex[:24], str(uuid.uuid4())
    cwd = Path(wish["root"]) / "Transcode" / "Sessions" / f"plex-transcode-{session}-{job}"
    cwd.mkdir(parents=True, mode=0o755)
    began = time.monotonic()
    process = subprocess.Popen(
        [
            str(HOME / "Plex Transcoder"),
            *argv(wish["input"], session, job, wish.get("scheme", "dash"), wish.get("slow")),
        ],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with lock:
        jobs[job] = process
    try:
        _, stderr = process.communicate(timeout=float(wish.get("seconds", 120)))
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        _, stderr = process.communicate()
        code = -9
    with lock:
        del jobs[job]
        seen = [call for call in calls if call["job"] == job]
    return {
        "session": session,
        "job": job,
        "exit": code,
        "stderr": stderr.decode("utf-8", "replace")[-2000:],
        "seconds": round(time.monotonic() - began, 2),
        "files": {path.name: path.stat().st_size for path in sorted(cwd.iterdir())},
        "owners": sorted({path.stat().st_uid for path in cwd.iterdir()}),
        "calls": {kind: sum(call["kind"] == kind for call in seen) for kind in {call["kind"] for call in seen}},
        "cwd": str(cwd),
    }


class Handler(BaseHTTPRequestHandler):
    """Answers callbacks with 200, tests with JSON, and everything else with 404."""

    protocol_version = "HTTP/1.1"

    def body(self):
        """Return the request's body, chunked or not."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def answer(self, status, value=None):
        """Send a status and a JSON body."""
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def callback(self):
        """Keep a callback. The token has to come as a header: a worker must never have had it."""
        body, found = self.body(), CALLBACK.match(self.path)
        if not found:
            return self.answer(404)
        with lock:
            token = "X-Plex-Token" in self.headers
            calls.append({"job": found[3], "kind": found[4], "bytes": len(body), "token": token})
            known = found[3] in jobs
        return self.answer(200 if known else 404)  # as Plex answers for a session it does not have

    do_PUT = callback

    def do_POST(self):
        if self.path == "/test/play":
            return self.answer(200, play(json.loads(self.body())))
        return self.callback()

    def do_GET(self):
        if self.path == "/test/calls":
            with lock:
                return self.answer(200, list(calls))
        return self.answer(200 if self.path in ("/", "/identity") else 404, {"version": os.environ.get("VERSION", "")})

    def log_message(self, *words):
        """Say nothing: the journal is searched for other things."""


def main():
    """Serve on loopback only, as Plex answers callbacks from there only."""
    SUPPORT.mkdir(parents=True, exist_ok=True)
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
