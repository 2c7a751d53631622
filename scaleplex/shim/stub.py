"""The executable that takes Plex Transcoder's place: it finds an interpreter that works, or runs the real transcoder.

One file with two readers. ``dash`` reads the first part: it starts the interpreter, or, when the interpreter is
missing or broken, the real transcoder. Python reads the rest, since the first part is a string to it. The real code
lives in a library, compiled once; a script itself is compiled at every start.

An interpreter that dies cannot be replaced any more, because ``exec`` leaves no parent. The first part therefore runs
the interpreter only while nothing speaks against it, and tries it out in a child first in all other cases:

* no trial has succeeded yet;
* a directory the interpreter loads from is newer than the last successful trial (an upgrade, a removed package);
* an earlier start left its mark in ``starting/``: the interpreter was started and never reached the library.

The role that installs it, the demo and the tests all write the text this module returns.
"""

SHEBANG_MAX_BYTES = 255  # Linux 5.1 and newer read no more
TRIAL_ARGUMENT = "-scaleplex-trial"
MARK = "Stands in for Plex Transcoder and hands the transcode to scaleplex."
# env and dash need libc alone, while Plex's library path can keep the interpreter from loading. dash replaces a PWD
# that does not name the working directory, and complains where there is none: it gets one that always does.
SHEBANG = (
    "#!/usr/bin/env -S -u LD_LIBRARY_PATH SCALEPLEX_PLEX_LIBRARY_PATH=${LD_LIBRARY_PATH}"
    " SCALEPLEX_PLEX_PWD=${PWD} PWD=/proc/self/cwd /bin/dash"
)

# No backslash and no triple quote may stand in here: Python reads it as the text of a string.
SHELL = """\
''':'
# @MARK@ The real one runs whenever that fails.
# dash reads this part: see scaleplex/shim/stub.py. shellcheck shell=dash
python='@PYTHON@' runtime='@RUNTIME@' real='@TRANSCODER@'
real=${real:-$0.real} state=$runtime/shim
trusted() {
  read -r watched 2>/dev/null <"$state/trial" || return 1
  for left in "$state"/starting/*; do
    [ -d "/proc/${left##*/}" ] || [ ! -e "$left" ] || return 1
  done
  IFS=:
  for path in $watched; do
    [ "$path" -ot "$state/trial" ] || return 1
  done
  true 2>/dev/null >"$state/starting/$$"
  return 0
}
tried() {
  /bin/mkdir "$state" "$state/starting" 2>/dev/null
  true 2>/dev/null >"$state/trial.$$"
  {
    problem=$(/usr/bin/timeout -s KILL 5 "$python" -IS "$0" @TRIAL@ 2>&1 </dev/null) ||
      problem="status $?: $problem"
  } 2>/dev/null # dash tells of signals
  case $problem in
    /*)
      /bin/rm -f "$state"/starting/*
      { echo "$problem" >"$state/trial.$$.new"; } 2>/dev/null
      /usr/bin/touch -r "$state/trial.$$" "$state/trial.$$.new" 2>/dev/null
      /bin/mv -f "$state/trial.$$.new" "$state/trial" 2>/dev/null
      /bin/rm -f "$state/trial.$$"
      return 0 ;;
  esac
  /bin/rm -f "$state/trial.$$"
  return 1
}
report() {
  now=$(/bin/date +%s%3N)
  detail="$python cannot start the shim: $problem"
  detail=$(echo "$detail" | /usr/bin/tr -c '[:alnum:] ./_:=,()-' ' ' | /usr/bin/cut -c 1-400)
  event='{"time_ms":'"$now"',"event":"fallback","reason":"cannot-start","detail":"'"$detail"'"'
  events=$runtime/events.jsonl
  [ -s "$events" ] || { true >"$events" && /bin/chmod 0640 "$events"; }
  [ "$(/usr/bin/stat -c %s "$events")" -ge 8388608 ] ||
    echo "$event"',"session":"","job":"","worker":""}' >>"$events"
  /usr/bin/timeout -s KILL 1 /usr/bin/logger -t scaleplex-shim -p daemon.err -- "fallback: $detail"
}
problem='missing or not executable'
if [ -x "$python" ] && { trusted || tried; }; then
  exec "$python" -IS "$0" "$@"
fi
report >/dev/null 2>&1 </dev/null
refused=''
[ -x "$real" ] || refused='Permission denied'
[ -e "$real" ] || refused='No such file or directory'
[ -z "$SCALEPLEX_SHIM_GUARD" ] && ! [ "$real" -ef "$0" ] || refused='it is the shim itself'
if [ -n "$refused" ]; then
  echo "scaleplex shim: $python cannot start the shim: $problem; $real cannot be run either: $refused" >&2
  exit 75
fi
unset IFS PWD
[ -z "$SCALEPLEX_PLEX_PWD" ] || export PWD="$SCALEPLEX_PLEX_PWD"
[ -z "$SCALEPLEX_PLEX_LIBRARY_PATH" ] || export LD_LIBRARY_PATH="$SCALEPLEX_PLEX_LIBRARY_PATH"
unset SCALEPLEX_PLEX_PWD SCALEPLEX_PLEX_LIBRARY_PATH
export SCALEPLEX_SHIM_GUARD=1
exec "$real" "$@"
'''
"""

# -I shuts PYTHON* out, -S is faster. The last resort is a string, so that a sound start does not compile it.
PYTHON = '''\
import marshal, posix, sys
real = '@TRANSCODER@' or sys.argv[0] + ".real"
try:
    sys.path.insert(0, '@LIBRARY@')
    try:
        with open(f'@LIBRARY@/packed.{sys.implementation.cache_tag}', 'rb') as file:
            loader, modules = marshal.loads(file.read())
        exec(loader)
    except Exception:
        for name in [*sys.modules]:
            if name.startswith("scaleplex"):
                del sys.modules[name]
    from scaleplex.shim.main import main
    if sys.argv[1:] == ["@TRIAL@"]:
        from scaleplex.shim.trial import watched
        posix.write(1, watched('@LIBRARY@', '@PYTHON@'))
        posix._exit(0)
    try:
        posix.unlink(f"@RUNTIME@/shim/starting/{posix.getpid()}")
    except OSError:
        pass
    posix._exit(main(sys.argv, '@CONFIG@', real))
except Exception as exc:
    problem = f"scaleplex shim: {type(exc).__name__}: {exc}"
# From here on with nothing but what is built into the interpreter.
exec(r"""
if sys.argv[1:] == ["@TRIAL@"]:
    posix.write(1, problem.encode())
    posix._exit(1)
environ = dict(posix.environ)
for kept, name in ((b"SCALEPLEX_PLEX_LIBRARY_PATH", b"LD_LIBRARY_PATH"), (b"SCALEPLEX_PLEX_PWD", b"PWD")):
    environ[name] = environ.pop(kept, b"")
    if not environ[name]:
        del environ[name]
try:
    import _socket
    line = "MESSAGE=" + problem.replace("\\n", " ") + "\\nPRIORITY=3\\nSYSLOG_IDENTIFIER=scaleplex-shim\\n"
    _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM).sendto(line.encode(), "/run/systemd/journal/socket")
except Exception:
    pass
try:
    if b"SCALEPLEX_SHIM_GUARD" in environ or posix.stat(real)[1:3] == posix.stat(sys.argv[0])[1:3]:
        raise OSError(0, "it is the shim itself")
    posix.execve(real, [real, *sys.argv[1:]], {**environ, b"SCALEPLEX_SHIM_GUARD": b"1"})
except OSError as exc:
    posix.write(2, f"{problem}; {real} cannot be run either: {exc.strerror}\\n".encode())
finally:
    posix._exit(75)
""")
'''


def stub(
    library_dir: str,
    config_path: str,
    python: str = "/usr/bin/python3",
    transcoder: str = "",
    runtime_dir: str = "/run/scaleplex",
) -> str:
    """Return the text of the executable.

    Args:
        library_dir: directory that holds the ``scaleplex`` package.
        config_path: the shim's settings.
        python: interpreter, 3.10 or newer.
        transcoder: the diverted binary; empty means the executable's own path with ``.real`` appended.
        runtime_dir: the directory shared with the relay; what the last trial found is kept below it.

    Raises:
        ValueError: a path is relative, or has a character that both readers cannot quote.
    """
    paths = {"LIBRARY": library_dir, "CONFIG": config_path, "PYTHON": python, "RUNTIME": runtime_dir}
    for path in (*paths.values(), transcoder or "/"):
        if not path.startswith("/") or not path.isprintable() or "'" in path or "\\" in path or "@" in path:
            raise ValueError(f"{path!r} must be an absolute path without quotes, backslashes and @")
    text = "\n".join((SHEBANG, SHELL + PYTHON))
    for name, value in {**paths, "TRANSCODER": transcoder, "TRIAL": TRIAL_ARGUMENT, "MARK": MARK}.items():
        text = text.replace(f"@{name}@", value)
    return text
