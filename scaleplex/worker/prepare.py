"""A request into a task that can run: looks at the host, asks the policy, translates.

Nothing here waits for the network but the shared mounts themselves: PMS has made the session directory a moment ago on
another host, and an NFS client may still remember that it was not there. Listing the parent makes it look again
(contract 8.1); that is tried for two seconds.

A film that was not seen yet is looked at before the translation where a job fails when what Plex wrote of it is wrong:
on a GPU, whose graph of surfaces fails on frames it turns out not to decode (H.264 of ten bits, 4:2:2) or not to tone
map; on the processor for a job that tone maps, since zscale refuses a source without a transfer tag. That takes some
40 ms, and what it read is in the page cache when ffmpeg reads it again.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from scaleplex.common.errors import BadField, CwdMissing, CwdNotWritable, InputMissing, LocalOnly
from scaleplex.ffmpeg import argv
from scaleplex.protocol.messages import TaskRequest
from scaleplex.translator import Translation, facts, translate
from scaleplex.worker import foreign, policy
from scaleplex.worker.command import asks_for_silence
from scaleplex.worker.config import WorkerConfig
from scaleplex.worker.confine import Grants
from scaleplex.worker.equipment import Equipment
from scaleplex.worker.probe import FileFacts, Prober, source
from scaleplex.worker.progress import LEVELS
from scaleplex.worker.storage import Storage
from scaleplex.worker.task import Prepared

T = TypeVar("T")
APPEAR_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 0.1
STORAGE_SECONDS = 7.0  # a disk that spins up is in time, and the shim waits for ten seconds
LOOK_SECONDS = 3.0  # for a disk that has to spin up; then the job is planned from what Plex wrote
LOCAL_BAIL = "burn:"


@dataclass(frozen=True, slots=True)
class Preparer:
    """Makes tasks ready on this host.

    Attributes:
        equipment: what tasks run on, once it is found.
        announce_at: the URL at which ffmpeg announces what it has written, for a job and an attempt.
        gave_up: told of every command line that was not understood, with the reason.
        storage: where files are looked at, since a mount may hang.
        storage_seconds: how long that may take.
        appear_seconds: how long a directory made on another host may take to appear here.
    """

    config: WorkerConfig
    equipment: Callable[[], Equipment]
    prober: Prober
    site: policy.Site
    announce_at: Callable[[str, int], str]
    gave_up: Callable[[TaskRequest, str], None]
    storage: Storage
    appear_seconds: float = APPEAR_SECONDS
    storage_seconds: float = STORAGE_SECONDS

    def prepare(self, request: TaskRequest) -> Prepared:
        """Return the task ready to run.

        Raises:
            ScaleplexError: which rule it breaks, or what of it is not here; see the tree in common.errors.
        """
        policy.check_identity(request.session, request.job, request.attempt, request.kind)
        policy.check_size((request.cwd, *request.args))
        _check_callback_base(request)
        command = argv.parse(request.args)
        cwd, inputs, known, grants = self.storage.run(
            lambda: self._locate(request, command), self.storage_seconds, f"{request.cwd[:200]} or an input"
        )
        options = [_probe_options(file) for file in command.inputs]
        self._look(command, inputs, options, known)
        # ffmpeg speaks to its worker alone, and the worker to the relay.
        base = None if request.callback is None else self.announce_at(request.job, request.attempt)
        translation = self._translate(request, command, known, base)
        return Prepared(
            argv=translation.argv,
            env=policy.child_environment(translation.env),
            labels=translation.labels,
            facts=translation.facts,
            bail=translation.bail,
            cwd=cwd,
            silent=asks_for_silence(request.args),
            progress_url=_progress_url(request.callback, translation.facts.progress_url),
            plex_log_level=_plex_log_level(command),
            inputs=tuple(zip(inputs, options, strict=True)),
            grants=grants if base is None else replace(grants, port=urlsplit(base).port),
        )

    def _locate(
        self, request: TaskRequest, command: argv.Command
    ) -> tuple[str, list[str], list[FileFacts | None], Grants]:
        """Return directory, inputs, what is remembered of them, and what ffmpeg may open of all this.

        Everything that needs a file server is in here.
        """
        cwd = self._session_directory(request.cwd)
        resolved = {path: os.path.realpath(os.path.join(cwd, path)) for path in policy.named_paths(command)}
        policy.check_command(
            command, session=request.session, job=request.job, cwd=cwd, resolved=resolved, site=self.site
        )
        inputs = [self._input(resolved[file.url], cwd) for file in command.inputs]
        known = [self.prober.known(path) for path in inputs]
        return cwd, inputs, known, self._grants(command, resolved, cwd)

    def _grants(self, command: argv.Command, resolved: Mapping[str, str], cwd: str) -> Grants:
        """Return what ffmpeg may open: of the media roots those it reads from; one that hangs must not stop others."""
        inputs = [resolved[file.url] for file in command.inputs]
        roots = tuple(root for root in self.site.media_roots if any(policy.inside(path, root) for path in inputs))
        outputs = {os.path.dirname(resolved[file.url]) for file in command.outputs if file.url in resolved}
        return Grants(reads=roots, writes=(cwd, *sorted(outputs - {cwd})))

    def _look(
        self,
        command: argv.Command,
        inputs: Sequence[str],
        options: Sequence[Sequence[str]],
        known: list[FileFacts | None],
    ) -> None:
        """Look at the first input now where the translation depends on it."""
        equipment = self.equipment()
        if inputs and (equipment.backend != "sw" or _tone_maps(command)):
            frames = equipment.hardware.tonemap == "vaapi"
            known[0] = self.prober.probe(inputs[0], options[0], LOOK_SECONDS, frames=frames)

    def _translate(
        self, request: TaskRequest, command: argv.Command, known: Sequence[FileFacts | None], base: str | None
    ) -> Translation:
        equipment = self.equipment()
        site = equipment.site(base, request.plex_pass)
        translation = translate(request.args, request.env, source(known), equipment.backend, site)
        reason = translation.bail
        if reason is None:
            return translation
        self.gave_up(request, reason)
        if reason.startswith(LOCAL_BAIL):
            kind = reason.removeprefix(LOCAL_BAIL)
            raise LocalOnly(
                f"The task draws a {kind} subtitle into the picture; this worker's ffmpeg cannot.",
                "Nothing to do: the Plex host's own transcoder plays it.",
            )
        word = foreign.named(command, equipment.backend)
        if word is not None:
            raise LocalOnly(
                f"{reason[:100]} was not understood, and {word[:100]} is not for this worker's {equipment.backend}.",
                "The Plex host's own transcoder plays it. Please report it: how-to/report-a-command-line.",
            )
        return translation

    def _session_directory(self, cwd: str) -> str:
        if not cwd.startswith("/"):
            raise CwdMissing(f"The working directory {cwd[:200]!r} is not an absolute path.", "Look at who sent this.")
        real = os.path.realpath(cwd)
        policy.check_cwd(real, self.site)
        if not self._appears(real, os.path.isdir):
            raise CwdMissing(
                f"{cwd} is not there on this worker (looked for {self.appear_seconds:g} s).",
                f"Mount PMS's transcode directory at {self.site.transcode_root} here; see how-to/shared-storage.",
            )
        if not os.access(real, os.W_OK | os.X_OK):
            raise CwdNotWritable(
                f"{cwd} is not writable by uid {os.geteuid()}.",
                "Run the worker under the same numeric uid and gid as PMS, and export the directory read-write.",
            )
        return real

    def _input(self, path: str, cwd: str) -> str:
        staged = policy.inside(path, cwd)
        there = self._appears(path, os.path.isfile) if staged else os.path.isfile(path)
        if not there or not os.access(path, os.R_OK):
            what = "cannot be read by this worker" if there else "is not there on this worker"
            raise InputMissing(
                f"The input {path} {what}.",
                f"Mount the media at the same path as on the Plex host, readable for uid {os.geteuid()}.",
            )
        return path

    def _appears(self, path: str, there: Callable[[str], bool]) -> bool:
        deadline = time.monotonic() + self.appear_seconds
        while not there(path):
            if time.monotonic() >= deadline:
                return False
            try:
                os.listdir(Path(path).parent)
            except OSError:
                return False
            if not there(path):
                time.sleep(LOOK_AGAIN_SECONDS)
        return True


def _check_callback_base(request: TaskRequest) -> None:
    base = request.callback
    if base is not None and not policy.CALLBACK_BASE.match(base):
        raise BadField(
            f"The field 'callback' is {base[:100]!r}; it must be RELAY/cb/ATTEMPT/SIGNATURE.", "See the protocol page."
        )


def _tone_maps(command: argv.Command) -> bool:
    # Most do not, and facts cost half a millisecond.
    if not any("tonemap" in (option.value or "") for option in command.options()):
        return False
    video = facts.collect(command, None).video
    return video is not None and video.tonemap is not None


def _progress_url(base: str | None, url: str | None) -> str | None:
    return None if base is None or url is None else base + urlsplit(url).path


def _plex_log_level(command: argv.Command) -> int:
    levels = [option.value for option in command.options() if option.key == "loglevel_plex"]
    level = (levels[-1] if levels else None) or "error"
    return -1 if level == "quiet" else LEVELS.get(level, 0)


def _probe_options(file: argv.File) -> tuple[str, ...]:
    """Return how far Plex lets an input be probed, in ffprobe's words."""
    options: list[str] = []
    for name in ("probesize", "analyzeduration"):
        value = file.get(name)
        if value is not None and value.isdigit():
            options += ["-" + name, value]
    return tuple(options)
