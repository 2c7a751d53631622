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

from scaleplex.translator import Hardware
from scaleplex.worker.command import PLACE_OPTION, THROTTLE_OPTION
from scaleplex.worker.config import WorkerConfig
from scaleplex.worker.confine import SETPRIV
from scaleplex.worker.equipment import Equipment, Wanted, find, runner
from scaleplex.worker.process import PATH

RETRY_SECONDS = 15.0
COMMAND_SECONDS = 60.0
PRIVATE_OPTIONS = (
    THROTTLE_OPTION,
    PLACE_OPTION,
    "manifest_name",
    "skip_to_segment",
    "segment_list_separate_stream_times",
)
TEST_ENCODE = ["-hide_banner", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=640x360:d=1"]
ENCODERS = {"sw": "libx264"}
GPUS = ("vaapi", "nvenc")


class NotReady(Exception):
    """A check failed; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Codecs:
    """What this worker decodes and encodes, sorted: names of ffmpeg's, or on a GPU its capabilities (``hevc:10``)."""

    decoders: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()


class WarmUp:
    """Runs the checks in a thread of its own until they pass.

    Attributes:
        problem: why the worker is not ready, None once it is.
        codecs: what ffmpeg can do, empty until it was asked.
        equipment: what tasks run on; until it was looked for, what the settings say.
    """

    def __init__(
        self,
        config: WorkerConfig,
        on_problem: Callable[[str], None],
        on_found: Callable[[Equipment], None],
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._config = config
        self._on_problem = on_problem
        self._on_found = on_found
        self._retry_seconds = retry_seconds
        self._stop = threading.Event()
        self.codecs = Codecs()
        self.equipment = Equipment(
            "sw" if config.backend == "auto" else config.backend,
            Hardware(device=config.device, tonemap="" if config.tonemap == "auto" else config.tonemap),
            policy=config.policy,
        )
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
                self.codecs, self.equipment = check(self._config)
            except NotReady as exc:
                if str(exc) != self.problem:
                    self._on_problem(str(exc))
                self.problem = str(exc)
                self._stop.wait(self._retry_seconds)
            else:
                self._on_found(self.equipment)
                self.problem = None
                return


def check(config: WorkerConfig) -> tuple[Codecs, Equipment]:
    """Check everything a task needs, and find out what it will run on.

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
    _run([str(config.ffmpeg), *TEST_ENCODE, "-codec:v", ENCODERS["sw"], "-f", "null", "-"])
    _run([str(config.ffprobe), "-version"])
    found = _equipment(config)
    if found.backend in GPUS:
        hardware = found.hardware
        return Codecs(tuple(sorted(hardware.decoders or ())), tuple(sorted(hardware.encoders or ()))), found
    return Codecs(
        read_names(_run([str(config.ffmpeg), "-hide_banner", "-decoders"])),
        read_names(_run([str(config.ffmpeg), "-hide_banner", "-encoders"])),
    ), found


def _equipment(config: WorkerConfig) -> Equipment:
    """Return what works here.

    Raises:
        NotReady: the operator names a backend, and it does not work.
    """
    wanted = Wanted(config.backend, config.device, config.tonemap, config.policy)
    found = find(wanted, runner(config.ffmpeg))
    if found.backend in GPUS and not found.hardware.encoders and not found.hardware.decoders:
        why = "; ".join(found.against)
        raise NotReady(f"{why}. Repair the driver or the permissions of the device, or set the backend to auto.")
    return found


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
