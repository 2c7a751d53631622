"""The worker's settings, from ``/etc/scaleplex/worker.env`` under ``SCALEPLEX_WORKER_``."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scaleplex.common import config
from scaleplex.common.config import setting
from scaleplex.common.errors import ConfigError

PREFIX = "SCALEPLEX_WORKER_"


def device_name(text: str) -> str:
    """Take a render node or the index of a GPU."""
    if text.isdigit() or text.startswith("/dev/dri/renderD"):
        return text
    raise ValueError("a render node like /dev/dri/renderD128, or the index of an NVIDIA GPU like 0")


def optional(parse: Callable[[str], str]) -> Callable[[str], str]:
    """Return a parser that also takes an empty text."""
    return lambda text: parse(text) if text else ""


def optional_path(text: str) -> Path | None:
    """Take an absolute path, or an empty text for none."""
    return config.absolute_path(text) if text else None


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Everything the worker reads from its environment, once."""

    bind: str = setting(config.bind_address, default="127.0.0.1:32481", help="address and port to listen on")
    worker_id: str = setting(str, default="", help="name shown to operators; empty: the host's name")
    backend: str = setting(
        config.choice("auto", "nvenc", "vaapi", "sw"),
        default="auto",
        help="encoder family: auto takes the first of nvenc and vaapi that encodes, else sw; one by name must work",
    )
    device: str = setting(
        optional(device_name), default="", help="render node, or index of an NVIDIA GPU; empty: the first that works"
    )
    policy: str = setting(
        config.choice("force", "follow"),
        default="force",
        help="force: the GPU does whatever Plex may use hardware for; follow: what Plex itself would use it for",
    )
    tonemap: str = setting(
        config.choice("auto", "opencl", "vaapi", "cpu"),
        default="auto",
        help="HDR to SDR on a GPU worker: vaapi is Intel's fixed curve; auto: OpenCL where it works, else cpu",
    )
    max_sessions: int = setting(config.positive_int, default="4", help="transcodes at once before it answers 503")
    stop_grace_seconds: float = setting(
        config.seconds, default="5", help="from SIGTERM to SIGKILL when an operator ends a task"
    )
    media_roots: tuple[Path, ...] = setting(
        config.path_list, default="/media", help="directories films may lie in, comma-separated; same paths as for PMS"
    )
    transcode_root: Path = setting(
        config.absolute_path, default="/transcode", help="PMS's transcoder temporary directory, at the same path"
    )
    ffmpeg: Path = setting(
        config.absolute_path, default="/usr/lib/scaleplex-ffmpeg/ffmpeg", help="our ffmpeg; stock builds are refused"
    )
    ffprobe: Path = setting(
        config.absolute_path, default="/usr/lib/scaleplex-ffmpeg/ffprobe", help="the ffprobe beside it"
    )
    state_dir: Path = setting(
        config.absolute_path, default="/var/lib/scaleplex-worker", help="pid files and ffmpeg's font cache; local disk"
    )
    orchestrators: tuple[str, ...] = setting(
        config.url_list,
        default="",
        help="orchestrators to register with, comma-separated; empty: they find this worker",
    )
    advertise_url: str = setting(
        optional(config.url), default="", help="URL of this worker for the others; needed with ORCHESTRATORS"
    )
    urls: tuple[str, ...] = setting(
        config.url_list,
        default="",
        help="further URLs under which this worker is called by name, comma-separated; its addresses need not be named",
    )
    capture_dir: Path | None = setting(
        optional_path,
        default="",
        help="keep the command lines that arrive here, for scaleplex replay; empty: keep none",
    )
    capture_raw: bool = setting(config.boolean, default="0", help="1: keep titles, ids and tokens in them")
    capture_max: int = setting(config.positive_int, default="500", help="command lines kept; the oldest goes first")
    plex_port: int = setting(config.port, default="32400", help="port of PMS in the callback URLs it writes")
    warm_up: bool = setting(config.boolean, default="1", help="0: take tasks without the one-second test encode first")

    def check(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            ConfigError: all contradictions.
        """
        problems = []
        if self.orchestrators and not self.advertise_url:
            problems.append(f"{PREFIX}ORCHESTRATORS is set, so {PREFIX}ADVERTISE_URL must say where this worker is")
        if problems:
            raise ConfigError(problems)

    @property
    def own_urls(self) -> tuple[str, ...]:
        """URLs under which this worker is called, beside its addresses."""
        return (self.advertise_url, *self.urls) if self.advertise_url else self.urls

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.worker_id or socket.gethostname()

    @property
    def home(self) -> Path:
        """Where ffmpeg keeps caches; apart from the pid files, which it must not change."""
        return self.state_dir / "home"

    @property
    def threads(self) -> int:
        """Threads of the HTTP server: one per stream, and some for questions while all streams run."""
        return self.max_sessions + 8
