"""The executable that takes Plex Transcoder's place: a few lines that find the library, and a way out if they cannot.

The role that installs it, the demo and the tests all write the text this module returns. The real code lives in a
library, compiled once; a script itself is compiled at every start.
"""

SHEBANG_MAX_BYTES = 255  # Linux 5.1 and newer read no more

# env needs libc alone, while Plex's library path can keep the interpreter from loading. -I shuts PYTHON* out, -S is
# faster.
TEMPLATE = '''\
#!/usr/bin/env -S -u LD_LIBRARY_PATH SCALEPLEX_PLEX_LIBRARY_PATH=${{LD_LIBRARY_PATH}} {python} -IS
"""Stands in for Plex Transcoder and hands the transcode to scaleplex. The real one runs whenever that fails."""
import posix, sys
real = {transcoder!r} or sys.argv[0] + ".real"
try:
    sys.path.insert(0, {library_dir!r})
    from scaleplex.shim.main import main
    posix._exit(main(sys.argv, {config_path!r}, real))
except Exception as exc:
    problem = f"scaleplex shim: {{type(exc).__name__}}: {{exc}}"
# The last resort, from here on with nothing but what is built into the interpreter.
environ = dict(posix.environ)
library_path = environ.pop(b"SCALEPLEX_PLEX_LIBRARY_PATH", b"")
if library_path:
    environ[b"LD_LIBRARY_PATH"] = library_path
try:
    import _socket
    line = "MESSAGE=" + problem.replace("\\n", " ") + "\\nPRIORITY=3\\nSYSLOG_IDENTIFIER=scaleplex-shim\\n"
    _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM).sendto(line.encode(), "/run/systemd/journal/socket")
except Exception:
    pass
try:
    if b"SCALEPLEX_SHIM_GUARD" in environ or posix.stat(real)[1:3] == posix.stat(sys.argv[0])[1:3]:
        raise OSError(0, "it is the shim itself")
    posix.execve(real, [real, *sys.argv[1:]], {{**environ, b"SCALEPLEX_SHIM_GUARD": b"1"}})
except OSError as exc:
    posix.write(2, f"{{problem}}; {{real}} cannot be run either: {{exc.strerror}}\\n".encode())
finally:
    posix._exit(75)
'''


def stub(library_dir: str, config_path: str, python: str = "/usr/bin/python3", transcoder: str = "") -> str:
    """Return the text of the executable.

    Args:
        library_dir: directory that holds the ``scaleplex`` package.
        config_path: the shim's settings.
        python: interpreter, 3.10 or newer.
        transcoder: the diverted binary; empty means the executable's own path with ``.real`` appended.

    Raises:
        ValueError: a path is relative, or the interpreter's cannot stand in a first line.
    """
    for path in (library_dir, config_path, python, transcoder or "/"):
        if not path.startswith("/"):
            raise ValueError(f"{path!r} must be an absolute path")
    text = TEMPLATE.format(library_dir=library_dir, config_path=config_path, python=python, transcoder=transcoder)
    if len(text.split("\n", 1)[0].encode()) > SHEBANG_MAX_BYTES or len(python.split()) != 1:
        raise ValueError(f"{python!r} cannot stand in a script's first line")
    return text
