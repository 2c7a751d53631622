"""What the stand-in reads from its environment, under ``SCALEPLEX_STANDIN_``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaleplex.common.config import absolute_path, bind_address, load, positive_int, seconds, setting

PREFIX = "SCALEPLEX_STANDIN_"


def path_or_none(text: str) -> Path | None:
    return absolute_path(text) if text else None


@dataclass(frozen=True, slots=True)
class StandinConfig:
    """One stand-in's settings; what a test changes while it runs is in ``switches.Switches``."""

    bind: str = setting(bind_address, default="127.0.0.1:32400", help="address and port to listen on")
    threads: int = setting(positive_int, default="48", help="requests answered at once; held ones count")
    media_dir: Path = setting(absolute_path, default=None, help="folder with the clips and their library.json")
    transcode_dir: Path = setting(
        absolute_path, default=None, help="TranscoderTempDirectory: sessions are made below it"
    )
    transcoder: Path = setting(absolute_path, default=None, help="what is started as Plex Transcoder")
    players_dir: Path | None = setting(path_or_none, default="", help="node_modules with dashjs and hls.js")
    events_file: Path | None = setting(
        path_or_none, default="", help="the relay's events.jsonl: says which worker runs a job"
    )
    argv_origin: str = setting(
        str, default="http://127.0.0.1:32400", help="scheme, host and port in the argv's callback URLs"
    )
    segment_seconds: int = setting(positive_int, default="3", help="segment length PMS asks for")
    throttle_buffer_seconds: float = setting(seconds, default="60", help="TranscoderThrottleBuffer")
    prune_buffer_seconds: float = setting(seconds, default="300", help="TranscoderPruneBuffer")
    reach_seconds: float = setting(
        seconds, default="20", help="how far ahead of the last announced segment a GET may wait"
    )
    start_limit_seconds: float = setting(seconds, default="30", help="how long a start request waits for the duration")
    segment_limit_seconds: float = setting(seconds, default="120", help="how long a segment request waits")
    idle_seconds: float = setting(
        seconds, default="180", help="a session without any sign of its client ends after that"
    )


def load_config(environ: Mapping[str, str]) -> StandinConfig:
    """Return the stand-in's settings; raises ConfigError naming every problem."""
    return load(StandinConfig, PREFIX, environ)
