"""Stand in for Plex Transcoder: find a worker, hand it the task, play back its output, or step aside.

PMS starts this for every transcode, seek and quality change, and somebody is waiting for a picture: nothing is imported
that is not needed, and every wait has a bound. Whatever goes wrong before a worker has begun ends in the real
transcoder; whatever goes wrong after it ends in a non-zero exit code, upon which PMS starts anew.

PMS ends a transcode with SIGKILL. There is nothing to handle: the kernel closes the connection, and that is the
message.
"""

import posix
import sys

from scaleplex.protocol import wire
from scaleplex.shim import classify, config, fallback, http, jobfile, journal, placement, playback

MAX_ATTEMPTS = 3
EXIT_FAILED = 1
# Refusals after which no other worker is asked. All others: the next one.
STAY_LOCAL = (wire.LOCAL_ONLY, "too-large")
SUPPORT_VARIABLE = b"PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR"
QUIET_REASONS = ("thumbnails", "no-input")


class Spawn:
    """What PMS gave us, and what became of it so far."""

    def __init__(self, argv: list[str], transcoder: str) -> None:
        self.argv = argv
        self.transcoder = transcoder
        self.args = [in_utf8(argument, sys.getfilesystemencoding()) for argument in argv[1:]]
        self.environment = fallback.original_environment()
        self.token = self.environment.get(b"X_PLEX_TOKEN", b"").decode("utf-8", "surrogateescape")
        self.cwd = working_directory()
        self.begun = False
        self.job_file: jobfile.JobFile | None = None


def main(argv: list[str], config_path: str, transcoder: str) -> int:
    """Serve one spawn of Plex Transcoder and return its exit code, unless the real one takes over this process.

    Args:
        argv: as PMS gave it, program name first.
        config_path: file of settings.
        transcoder: the diverted binary, unless the settings name another.

    Raises:
        Exception: something is broken and nothing was begun; the stub then runs the real transcoder.
    """
    keep_standard_descriptors()
    fallback.let_interrupts_kill()
    settings = config.read(config_path)
    log = journal.Journal(settings.runtime_dir, settings.journal_socket)
    spawn = Spawn(argv, settings.transcoder or transcoder)
    log.conceal(spawn.args)
    try:
        return serve(spawn, settings, log)
    except Exception as exc:
        log.event("lost" if spawn.begun else "fallback", "shim-fault", repr(exc), priority=journal.ERROR)
        if spawn.begun:
            return wire.EXIT_LOST_WORKER
        if not settings.fallback:
            return step_aside(spawn, settings, log, "shim-fault", repr(exc))
        raise


def serve(spawn: Spawn, settings: config.Config, log: journal.Journal) -> int:
    """Decide who runs this spawn, and see it through."""
    if fallback.GUARD in spawn.environment:
        return fallback.become_transcoder(spawn.transcoder, spawn.argv, spawn.environment)
    reason = classify.local_reason(spawn.args, spawn.cwd, settings.detection, spawn.token)
    if reason:
        return stay(spawn, log, reason)
    for problem in settings.problems:
        log.line(problem, journal.WARNING)
    ids = classify.identify(spawn.args, spawn.cwd, settings.plex_port)
    if ids is None:
        return stay(spawn, log, "no-ids")
    log.session, log.job = ids
    obstacle, secret = obstacle_to_handing_over(spawn, settings)
    if obstacle:
        return step_aside(spawn, settings, log, *obstacle)
    return hand_over(spawn, settings, log, secret)


def obstacle_to_handing_over(spawn: Spawn, settings: config.Config) -> tuple[tuple[str, str] | None, bytes]:
    """Return why no worker can even be asked, as word and sentence, or None and the fleet secret."""
    secret = b""
    if not spawn.cwd:
        return ("cwd-missing", "the working directory is gone"), secret
    if not settings.orchestrators and not settings.workers:
        return ("not-configured", "neither orchestrators nor workers are configured"), secret
    if not settings.relay_url and classify.calls_back(spawn.args, settings.plex_port):
        return ("no-relay-url", f"{config.PREFIX}RELAY_URL is not set; workers could not call back"), secret
    try:
        secret = config.read_secret(settings.secret_file)
    except (OSError, ValueError) as exc:
        return ("no-secret", f"the fleet secret cannot be read: {exc}"), secret
    return None, secret


def hand_over(spawn: Spawn, settings: config.Config, log: journal.Journal, secret: bytes) -> int:
    """Try workers until one runs the task to its end, or nobody is left."""
    task: dict[str, object] = {"session": log.session, "job": log.job, "attempt": 1}
    task["kind"] = classify.kind_of(spawn.args)
    try:
        spawn.job_file = jobfile.JobFile(
            settings.runtime_dir, {**task, "cwd": spawn.cwd, "token": spawn.token, "pid": posix.getpid()}
        )
    except OSError as exc:
        return step_aside(spawn, settings, log, "no-job-file", f"the relay cannot be told of the job: {exc}")
    wish = {**task, "needs": classify.needs(spawn.args)}
    search = placement.Search(settings, secret, wish)
    task["args"], task["cwd"] = spawn.args, spawn.cwd
    task["env"] = fallback.language_environment(spawn.environment)
    task["plex_pass"] = config.has_plex_pass(spawn.environment.get(SUPPORT_VARIABLE, b""))
    for attempt in range(1, MAX_ATTEMPTS + 1):
        task["attempt"] = wish["attempt"] = attempt
        outcome = run_attempt(spawn, settings, log, secret, search, task)
        if outcome is None:
            return step_aside(spawn, settings, log, "no-worker", "; ".join(search.failures) or "no time left")
        if outcome.word == playback.REFUSED and outcome.reason in STAY_LOCAL:
            return step_aside(spawn, settings, log, outcome.reason, outcome.detail)
        code = final_code(outcome, spawn.begun)
        if code is not None:
            # A worker lost after it began: resuming on another one at the next segment belongs here.
            event = "lost" if outcome.word == playback.LOST else "ended"
            log.event(event, outcome.reason, f"exit code {code}; {outcome.detail}", outcome.worker)
            return leave(spawn, code)
        search.restart()
        # The given-up worker may still live behind a cut link: callbacks of its attempt pass no more.
        if attempt < MAX_ATTEMPTS:
            spawn.job_file.renew(attempt + 1)
    return step_aside(spawn, settings, log, "no-worker", "; ".join(search.failures))


def run_attempt(
    spawn: Spawn,
    settings: config.Config,
    log: journal.Journal,
    secret: bytes,
    search: placement.Search,
    task: dict[str, object],
) -> playback.Outcome | None:
    """Offer the task to workers until one takes it; return how that ended, or None when nobody took it.

    A refusal leaves the attempt as it is: nothing was started, so its signatures may be used again.
    """
    while True:
        try:
            found = search.next_worker()
        except placement.SupersededError as exc:
            return playback.Outcome(playback.REFUSED, placement.SUPERSEDED, str(exc))
        if found is None:
            return None
        worker, task["ticket"] = found
        task["reason"] = search.reason
        task["callback"] = callback_base(spawn, settings, secret, task)
        body = wire.dump_json(task).encode()
        if len(body) > wire.TASK_MAX_BYTES:
            return playback.Outcome(playback.REFUSED, "too-large", f"the task has {len(body)} bytes")
        attempt = playback.Playback(settings.silence_seconds, log)
        try:
            outcome = attempt.run(worker, body, secret, min(http.CONNECT_SECONDS, search.seconds_left()))
        finally:
            spawn.begun = attempt.begun
        outcome.worker = worker
        outcome.told = attempt.told
        final = final_code(outcome, attempt.begun) is not None or outcome.reason in STAY_LOCAL
        if not final:
            event = "lost" if outcome.word == playback.LOST else "refused"
            log.event(event, outcome.reason, outcome.detail, worker, journal.WARNING)
            search.exclude(worker, outcome.detail or outcome.reason)
        if final or outcome.word in (playback.LOST, playback.ENDED):
            return outcome


def callback_base(spawn: Spawn, settings: config.Config, secret: bytes, task: dict[str, object]) -> str | None:
    """Return what takes the place of PMS's address in callback URLs, or None when the argv has none."""
    if not classify.calls_back(spawn.args, settings.plex_port):
        return None
    session, job, attempt = str(task["session"]), str(task["job"]), int(str(task["attempt"]))
    return wire.callback_base(settings.relay_url, secret, session, job, attempt)


def final_code(outcome: playback.Outcome, begun: bool) -> int | None:
    """Return the exit code an outcome leaves for PMS, or None when another worker may still take the task.

    Never 0 unless ffmpeg itself ended with 0 (contract 2.7).
    """
    if outcome.word == playback.REFUSED:
        return EXIT_FAILED if outcome.reason == placement.SUPERSEDED else None
    if outcome.word == playback.ENDED:
        if not outcome.retry and (begun or outcome.reason != "spawn-failed"):
            return outcome.code
        # Its ffmpeg is gone, so another one may write the same files again, as long as PMS knows of none.
        return (outcome.code or wire.EXIT_LOST_WORKER) if begun and outcome.told else None
    if outcome.word == playback.OUTPUT_CLOSED:
        return EXIT_FAILED
    return wire.EXIT_LOST_WORKER if begun else None


def stay(spawn: Spawn, log: journal.Journal, reason: str) -> int:
    """Run a job that was never meant for the fleet."""
    log.event("local", reason, priority=None if reason in QUIET_REASONS else journal.INFO)
    return fallback.become_transcoder(spawn.transcoder, spawn.argv, spawn.environment)


def step_aside(spawn: Spawn, settings: config.Config, log: journal.Journal, reason: str, detail: str) -> int:
    """Let the real transcoder run a job no worker takes, or fail it if the operator wants that."""
    if spawn.job_file:
        spawn.job_file.remove()
    log.event("fallback", reason, detail, priority=journal.WARNING)
    if settings.fallback:
        return fallback.become_transcoder(spawn.transcoder, spawn.argv, spawn.environment)
    fallback.say(f"no worker takes this job ({reason}: {detail}) and {config.PREFIX}FALLBACK is 0")
    return wire.EXIT_NO_WORKER


def leave(spawn: Spawn, code: int) -> int:
    """Take the job back from the relay and return the exit code."""
    if spawn.job_file:
        spawn.job_file.remove()
    return code


def in_utf8(argument: str, encoding: str) -> str:
    """Return an argument as the worker has to read it: its bytes as UTF-8, others as surrogates.

    Python decodes argv by the locale, which PMS's service unit may set to anything.

    Args:
        encoding: what Python decoded it with.
    """
    if encoding == "utf-8":
        return argument
    return argument.encode(encoding, "surrogateescape").decode("utf-8", "surrogateescape")


def working_directory() -> str:
    """Return the working directory, empty when it was removed."""
    try:
        return posix.getcwdb().decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def keep_standard_descriptors() -> None:
    """Make sure 0, 1 and 2 are taken: a socket that became 1 would get the transcoder's stdout.

    What is opened here closes on exec, so the real transcoder finds them as PMS left them.
    """
    for descriptor in (0, 1, 2):
        try:
            posix.fstat(descriptor)
        except OSError:
            posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
