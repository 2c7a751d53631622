"""The shim as Plex starts it: its library, its start, and what recent jobs made of it."""

import importlib.util
import json
import time
from collections import Counter
from pathlib import Path

from scaleplex.cli.doctor import accounts, diversion
from scaleplex.cli.doctor.accounts import PATH, Account
from scaleplex.cli.doctor.findings import Finding, Skip, ok, problem, warning
from scaleplex.relay import history

STEPS_ASIDE = "is the shim itself, or a copy of it"  # what fallback.loop_problem says when it finds its guard
START_SECONDS = 5.0
RECENT_SECONDS = 24 * 3600.0
TAIL_BYTES = 1 << 20
FIXES = {
    "no-worker": "See which workers are ready (scaleplex status) and what they answer.",
    "not-configured": "Set SCALEPLEX_SHIM_ORCHESTRATORS or SCALEPLEX_SHIM_WORKERS_LIST in shim.env.",
    "no-relay-url": "Set SCALEPLEX_SHIM_RELAY_URL in shim.env.",
    "no-secret": "Let Plex's user read the fleet secret; see plex.secret.",
    "no-job-file": "Let Plex's user write into the runtime directory; see plex.runtime.",
    "local-only": "Nothing to do: no worker can do this kind of job yet; its log says why.",
    "cannot-start": "Repair the package the detail names (python3), or run the scaleplex role for the Plex host again.",
    "shim-fault": "Please report it with the lines of journalctl -t scaleplex-shim.",
}


def library(directory: Path) -> list[Finding]:
    """Return whether the library the stub names is there and compiled for the interpreter the stub names."""
    parts = diversion.stub_parts(_stub_text(directory))
    if parts is None:
        raise Skip("the stub is not one of this version; see plex.shim")
    python = parts["python"]
    done = accounts.run([python, "-IS", "-c", "import sys; print(sys.implementation.cache_tag, *sys.version_info[:2])"])
    words = done.stdout.split()
    if done.code != 0 or len(words) != 3:
        return [problem(f"{python} does not run: {done.last_words}", "Install python3.")]
    if (int(words[1]), int(words[2])) < (3, 10):
        return [problem(f"{python} is Python {words[1]}.{words[2]}; the shim needs 3.10", "Upgrade the system.")]
    package = Path(parts["library_dir"]) / "scaleplex"
    sources = [*sorted(package.glob("shim/*.py")), package / "protocol" / "wire.py"]
    if len(sources) < 2 or not all(source.is_file() for source in sources):
        return [
            problem(f"the shim's library in {package} is not complete: every job runs on the Plex host", diversion.ROLE)
        ]
    stale = [source.name for source in sources if not is_compiled(source, words[0])]
    if stale:
        return [
            warning(
                f"{len(stale)} of {len(sources)} modules of the shim are not compiled for {python} ({words[0]})",
                f"{python} -m compileall -q {package}",
            )
        ]
    return [ok(f"the shim's library in {package} is compiled for {python}")]


def is_compiled(source: Path, cache_tag: str) -> bool:
    """Tell whether a module's compiled form is there and belongs to its source (PEP 552: time and size, or hash)."""
    cached = source.parent / "__pycache__" / f"{source.stem}.{cache_tag}.pyc"
    try:
        head = cached.read_bytes()[:16]
        status = source.stat()
        if int.from_bytes(head[4:8], "little") & 1:
            return head[8:16] == importlib.util.source_hash(source.read_bytes())
    except OSError:
        return False
    modified, size = (int.from_bytes(head[start : start + 4], "little") for start in (8, 12))
    return modified == int(status.st_mtime) & 0xFFFFFFFF and size == status.st_size & 0xFFFFFFFF


def starts(directory: Path, account: Account) -> list[Finding]:
    """Start the shim as Plex's user, with the mark that keeps it from running anything.

    A shim that finds ``SCALEPLEX_SHIM_GUARD`` believes it was started by itself: it loads its library and its settings,
    says so and leaves with 75. No job is seen, no event written, and the real transcoder does not start.
    """
    _stub_text(directory)
    env = {"PATH": PATH, "LD_LIBRARY_PATH": str(directory / "lib"), "SCALEPLEX_SHIM_GUARD": "1"}
    path = directory / diversion.PROGRAM
    done = accounts.run([str(path)], account, env=env, seconds=START_SECONDS)
    if done.code == 75 and STEPS_ASIDE in done.stderr and "cannot be run either" not in done.stderr:
        return [ok(f"the shim starts as {account.name}")]
    return [
        problem(
            f"the shim does not start as {account.name}: {done.last_words}",
            "Let Plex's user read the shim's library and its directory, then run the scaleplex role again.",
        )
    ]


def fallbacks(runtime: Path, state: Path, now_s: float | None = None) -> list[Finding]:
    """Return why jobs of the last day that were meant for the fleet ran on the Plex host, or were lost.

    Of the days before, and of the time before the last start of the host, only the reasons are kept, by the relay.
    """
    now_s = time.time() if now_s is None else now_s
    newest = now_s - RECENT_SECONDS
    seen: Counter[str] = Counter()
    last: dict[tuple[str, str], str] = {}
    reasons: Counter[tuple[str, str]] = Counter()
    for line in _lines(runtime):
        try:
            event = json.loads(line)
            recent = float(event["time_ms"]) / 1000 >= newest
            name, reason = str(event["event"]), str(event["reason"])
        except (ValueError, KeyError, TypeError):
            continue
        if not recent:
            continue
        seen[name] += 1
        if name in ("fallback", "lost"):
            reasons[name, reason] += 1
            last[name, reason] = str(event.get("detail") or "no detail")
    kept = history.read(state, int((now_s - history.DAYS_SECONDS) * 1000))
    for name, reason, count in history.by_reason(event for event in kept if event.time_ms / 1000 >= newest):
        reasons[name, reason] = max(reasons[name, reason], count)
    found = [
        _bad_event(name, reason, count, last.get((name, reason), "before this host's last start"))
        for (name, reason), count in reasons.most_common()
    ]
    found = found or [ok(f"no job fell back or was lost in 24 hours ({seen['placed']} placed on workers)")]
    earlier = history.by_reason(event for event in kept if event.time_ms / 1000 < newest)
    if earlier:
        words = ", ".join(f"{count} {name} ({reason})" for name, reason, count in earlier)
        found.append(ok(f"in the six days before: {words}"))
    return found


def _bad_event(name: str, reason: str, count: int, detail: str) -> Finding:
    what = "ran on the Plex host" if name == "fallback" else "lost their worker"
    return warning(
        f"{count} jobs {what} ({reason}), the last one: {detail}",
        FIXES.get(reason, "Read journalctl -t scaleplex-shim for the jobs concerned."),
    )


def _lines(runtime: Path) -> list[str]:
    lines: list[str] = []
    for name in ("events.jsonl.1", "events.jsonl"):
        try:
            with (runtime / name).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                lines += file.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            continue
    return lines


def _stub_text(directory: Path) -> str:
    path = directory / diversion.PROGRAM
    if not path.exists() or not diversion.is_shim(path):
        raise Skip("the shim is not in place; see plex.shim")
    return path.read_text(errors="replace")
