"""The way back: become the real Plex Transcoder, as if scaleplex were not installed.

``exec`` keeps process id, working directory and open files; this module gives back the rest: the arguments, the
environment as PMS set it, and the signal dispositions Python changed.
"""

import _signal  # type: ignore[import-not-found]  # built into every CPython
import posix
import sys

from scaleplex.protocol import wire

GUARD = b"SCALEPLEX_SHIM_GUARD"  # set for the real transcoder only: a shim that finds it is in a loop
# Where the stub's first line keeps what PMS set, while the interpreter runs without it.
KEPT = ((b"SCALEPLEX_PLEX_LIBRARY_PATH", b"LD_LIBRARY_PATH"), (b"SCALEPLEX_PLEX_PWD", b"PWD"))
SHARED_LANGUAGE = (b"LANG", b"TZ")


def original_environment() -> dict[bytes, bytes]:
    """Return the environment PMS set.

    ``posix.environ`` is not it: in a C locale the interpreter adds LC_CTYPE (PEP 538), and the stub's first line has
    moved LD_LIBRARY_PATH and PWD out of the way. The kernel's copy shows what was passed to ``exec``.
    """
    environment: dict[bytes, bytes] = {}
    try:
        with open("/proc/self/environ", "rb", buffering=0) as file:
            entries = file.readall().split(b"\0")
        environment.update((name, value) for name, equals, value in (e.partition(b"=") for e in entries) if equals)
    except OSError:
        environment.update(posix.environ)
    for kept, name in KEPT:
        value = environment.pop(kept, None)
        if value:
            environment[name] = value
        elif value is not None:
            environment.pop(name, None)
    return environment


def language_environment(environment: dict[bytes, bytes]) -> dict[str, str]:
    """Return the only variables a worker may see: language and time zone."""
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in environment.items()
        if name in SHARED_LANGUAGE or name.startswith(b"LC_")
    }


def become_transcoder(real: str, argv: list[str], environment: dict[bytes, bytes]) -> int:
    """Replace this process by the real transcoder; return an exit code only if that is impossible.

    Args:
        real: path of the diverted transcoder.
        argv: the shim's own, program name first.
        environment: as :func:`original_environment` gives it.
    """
    problem = loop_problem(real, argv[0], environment)
    if problem is None:
        for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
            _signal.signal(number, _signal.SIG_DFL)
        try:
            posix.execve(real, [real, *argv[1:]], {**environment, GUARD: b"1"})
        except OSError as exc:
            problem = f"{real} cannot be run: {exc.strerror}"
    say(f"{problem}. Reinstall plexmediaserver, then run the scaleplex role again.")
    return wire.EXIT_NO_WORKER


def let_interrupts_kill() -> None:
    """Take back Python's SIGINT handler: its KeyboardInterrupt could look like a fault, and a fault starts ffmpeg."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def loop_problem(real: str, shim: str, environment: dict[bytes, bytes]) -> str | None:
    """Return why running ``real`` would only come back to the shim, or None.

    An update may save the shim itself as the "real" transcoder; without this the two would start each other for ever.
    """
    if GUARD in environment:
        return f"{real} is the shim itself, or a copy of it"
    try:
        there, here = posix.stat(real), posix.stat(shim)
    except OSError:
        return None  # exec says it better
    same = (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
    return f"{real} is the shim itself" if same else None


def say(sentence: str) -> None:
    """Write one line to stderr, if there is one."""
    try:
        posix.write(2, f"scaleplex shim: {sentence}\n".encode(sys.getfilesystemencoding(), "surrogateescape"))
    except OSError:
        pass
