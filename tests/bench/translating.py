"""What the policy and the translator cost: each command line alone, and the import, which a worker pays once."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from scaleplex.ffmpeg import argv, filtergraph
from scaleplex.translator import Site, translate
from scaleplex.worker import policy
from tests.argvgen.build import JOB, SESSION, SESSION_DIR, build
from tests.argvgen.shapes import SHAPES
from tests.bench.figures import Figure, median, p99
from tests.bench.stand import REPOSITORY

SITE = Site(callback_base="http://10.0.0.5:32482/cb/1/" + "0" * 40, burn=True, plex_pass=True)
WORKER = policy.Site("/transcode", ("/media",))
TARGETS = ("sw", "vaapi", "nvenc")
ROUNDS = 20
IMPORT_ROUNDS = 10


def command_lines() -> tuple[list[list[str]], str]:
    """Return argv lists, and where they are from: a corpus beside the checkout, else our generator."""
    corpus = Path(os.environ.get("SCALEPLEX_CORPUS") or REPOSITORY.parent / "shared" / "corpus" / "plex-argv")
    files = sorted(corpus.glob("*.json")) if corpus.is_dir() else []
    if files:
        return [json.loads(path.read_text())["argv"] for path in files], "recorded"
    return [build(shape) for shape in SHAPES], "generated"


def translator() -> list[Figure]:
    """Translate every command line several times for every kind of worker; the median of each counts."""
    lines, origin = command_lines()
    figures = []
    for target in TARGETS:
        each = [median([translation_ms(words, target) for _ in range(ROUNDS)]) for words in lines]
        note = f"of {len(lines)} {origin} command lines"
        figures.append(Figure(f"translation for {target}, median", median(each), "ms", goal=1.0, note=note))
        figures.append(Figure(f"translation for {target}, p99", p99(each), "ms", goal=5.0))
    checks = [median([policy_ms(words) for _ in range(ROUNDS)]) for words in (build(shape) for shape in SHAPES)]
    figures.append(Figure("policy, median", median(checks), "ms", goal=1.0, note=f"of {len(checks)} command lines"))
    figures.append(Figure("policy, p99", p99(checks), "ms", goal=1.0))
    figures.append(Figure("import of scaleplex.translator, median", median(import_ms()), "ms", goal=40.0))
    return figures


def translation_ms(words: list[str], target: str) -> float:
    """Return the milliseconds one translation takes."""
    begun = time.perf_counter_ns()
    translate(words, {}, None, target, SITE)
    return (time.perf_counter_ns() - begun) / 1e6


def policy_ms(words: list[str]) -> float:
    """Return the milliseconds it takes to read a command line of the generator and to check it."""
    filtergraph.parse.cache_clear()  # a worker meets a graph once
    begun = time.perf_counter_ns()
    command = argv.parse(words)
    resolved = {path: path for path in policy.named_paths(command)}
    policy.check_command(command, session=SESSION, job=JOB, cwd=SESSION_DIR, resolved=resolved, site=WORKER)
    return (time.perf_counter_ns() - begun) / 1e6


def import_ms() -> list[float]:
    """Return the milliseconds the import takes in fresh interpreters."""
    code = "import time; t = time.perf_counter(); import scaleplex.translator; print((time.perf_counter() - t) * 1e3)"
    command = [sys.executable, "-c", code]
    return [
        float(subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, text=True).stdout)
        for _ in range(IMPORT_ROUNDS)
    ]
