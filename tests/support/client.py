"""A client of the stand-in without a player: asks for segments in order, as a television would, and keeps the bytes."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from scaleplex.demo.fleet import Fleet

UNIVERSAL = "/video/:/transcode/universal"


@dataclass
class Client:
    """One playback."""

    fleet: Fleet
    protocol: str  # dash, hls, or hls-mkv: HLS with Matroska segments
    item: str = "/library/metadata/1"
    session: str = field(default_factory=lambda: f"{uuid.uuid4().hex[:16]}-com-plexapp-android")
    http: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, /, **query: object) -> requests.Response:
        answer = self.http.get(self.fleet.pms.url + path, params=query, timeout=60)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer

    def start(self, **query: object) -> str:
        """Ask for the manifest; ``videoQualityName``, ``offset`` and ``audioStreamIndex`` say what is wanted."""
        name = "start.mpd" if self.protocol == "dash" else "start.m3u8"
        if self.protocol == "hls-mkv":
            target = "add-transcode-target(type=videoProfile&context=streaming&protocol=hls&container=mkv)"
            query["X-Plex-Client-Profile-Extra"] = target
        asked = self.protocol.removesuffix("-mkv")
        answer = self.get(f"{UNIVERSAL}/{name}", session=self.session, path=self.item, protocol=asked, **query)
        if self.protocol != "dash":
            self.get(f"{UNIVERSAL}/session/{self.session}/base/index.m3u8")
        return answer.text

    def fetch(self, number: int) -> list[bytes]:
        """Return a segment: picture and sound of DASH, or the one file of HLS."""
        base = f"{UNIVERSAL}/session/{self.session}"
        if self.protocol == "dash":
            return [self.get(f"{base}/{stream}/{number}.m4s").content for stream in (0, 1)]
        return [self.get(f"{base}/base/{number:05d}.ts").content]

    def fetch_to_files(self, first: int, count: int, folder: Path) -> list[Path]:
        """Fetch segments in order and return the files to decode: picture and sound, for HLS twice the same one."""
        segments = [self.fetch(number) for number in range(first, first + count)]
        if self.protocol != "dash":
            base = f"{UNIVERSAL}/session/{self.session}/base"
            head = self.get(f"{base}/header").content if self.protocol == "hls-mkv" else b""
            path = folder / f"{first}-{count}.{'mkv' if head else 'ts'}"
            path.write_bytes(head + b"".join(part for segment in segments for part in segment))
            return [path, path]
        paths = []
        for stream in (0, 1):
            head = self.get(f"{UNIVERSAL}/session/{self.session}/{stream}/header").content
            path = folder / f"{first}-{count}-{stream}.mp4"
            path.write_bytes(head + b"".join(segment[stream] for segment in segments))
            paths.append(path)
        return paths

    def stop(self) -> None:
        self.get(f"{UNIVERSAL}/stop", session=self.session)
        self.http.close()

    def jobs(self) -> list[dict[str, Any]]:
        """Return this session's jobs, the newest last."""
        jobs: Any = self.fleet.report()["jobs"]
        return [job for job in jobs if job["session"] == self.session]

    def violations(self) -> list[str]:
        """Return the breaches of the contract the stand-in saw in this session."""
        violations: Any = self.fleet.report()["violations"]
        return [f"{v['code']}: {v['detail']}" for v in violations if v["session"] in (self.session, "")]
