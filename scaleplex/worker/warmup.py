"""Before the first task: is ffmpeg there and ours, can it encode, are the directories mounted?

It also pages binary and libraries in, so that the first viewer does not wait for the disk. Until it has passed the
worker answers 503 ``starting``, and ``/readyz`` says why in a sentence. A failed check is tried again, since a package
or a mount may come later.
"""

import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaleplex.worker.command import THROTTLE_OPTION
from scaleplex.worker.config import WorkerConfig
from scaleplex.worker.process import PATH, SETPRIV

RETRY_SECONDS = 15.0
COMMAND_SECONDS = 60.0
PRIVATE_OPTIONS = (THROTTLE_OPTION, "manifest_name", "skip_to_segment", "segment_list_separate_stream_times")
TEST_ENCODE = ["-hide_banner", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=640x360:d=1"]
ENCODERS = {"sw": "libx264"}


class NotReady(Exception):
    """A check failed; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Codecs:
    """Names of codecs ffmpeg was built with, sorted."""

    decoders: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()


class WarmUp:
    """Runs the checks in a thread of its own until they pass.

    Attributes:
        problem: why the worker is not ready, None once it is.
        codecs: what ffmpeg can do, empty until it was asked.
    """

    def __init__(self, config: WorkerConfig, backend: str, on_problem: Callable[[str], None]) -> None:
        self._config = config
        self._backend = backend
        self._on_problem = on_problem
        self._stop = threading.Event()
        self.codecs = Codecs()
        self.problem: str | None = "The warm-up has not finished."

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="warm-up", daemon=True).start()

    def stop(self) -> None:
        """Try no more."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.codecs = check(self._config, self._backend)
            except NotReady as exc:
                if str(exc) != self.problem:
                    self._on_problem(str(exc))
                self.problem = str(exc)
                self._stop.wait(RETRY_SECONDS)
            else:
                self.problem = None
                return


def check(config: WorkerConfig, backend: str) -> Codecs:
    """Check everything a task needs.

    Raises:
        NotReady: the first thing that is missing.
    """
    for program in (Path(SETPRIV), config.ffmpeg, config.ffprobe):
        if not program.exists():
            raise NotReady(f"{program} is not there. Install scaleplex-ffmpeg (and util-linux) on this host.")
    if not config.transcode_root.is_dir():
        raise NotReady(f"{config.transcode_root} is not a directory. Mount PMS's transcode directory there.")
    text = _run([str(config.ffmpeg), "-hide_banner", "-h", "full"])
    missing = [name for name in PRIVATE_OPTIONS if f"-{name} " not in text]
    if missing:
        raise NotReady(
            f"{config.ffmpeg} has no -{missing[0]}: it is not scaleplex-ffmpeg, or an older one. Install ours."
        )
    _run([str(config.ffmpeg), *TEST_ENCODE, "-codec:v", ENCODERS[backend], "-f", "null", "-"])
    _run([str(config.ffprobe), "-version"])
    return Codecs(
        read_names(_run([str(config.ffmpeg), "-hide_banner", "-decoders"])),
        read_names(_run([str(config.ffmpeg), "-hide_banner", "-encoders"])),
    )


def _run(words: Sequence[str]) -> str:
    command = [SETPRIV, "--pdeathsig", "KILL", "--", *words]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env={"PATH": PATH}, timeout=COMMAND_SECONDS,
            check=False, text=True, errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NotReady(f"{words[0]} could not be run: {exc}.") from exc
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise NotReady(f"{' '.join([words[0], *words[-4:]])} left with status {done.returncode}; it said: {last}")
    return done.stdout


def read_names(text: str) -> tuple[str, ...]:
    """Read ``-encoders``/``-decoders``: ``VF..... libx264  description`` below a line of dashes."""
    rows = text.partition("------")[2].splitlines()
    return tuple(sorted({row.split()[1] for row in rows if len(row.split()) > 1 and row.split()[0][0] in "VA"}))
