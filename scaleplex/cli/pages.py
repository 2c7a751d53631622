"""The reference pages of `explain` and `replay`: prose, and what the commands really print.

`PAGES` goes into `scaleplex.cli.reference`, which writes them; a test fails when one is stale.
"""

from collections.abc import Callable
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from scaleplex.cli import examples, recorded, replay
from scaleplex.cli.explain import report
from scaleplex.cli.replay import corpus
from scaleplex.cli.replay.report import as_text
from scaleplex.cli.replay.results import Results, compare
from scaleplex.common.errors import ScaleplexError
from scaleplex.translator import Site, translate

_EXPLAIN = Template("""\
# scaleplex explain

Printed from the code by `./dev docs`; what the command says is its real output.

Shows what a worker would make of one command line of Plex's transcoder, what was changed and why. It runs nothing,
needs no fleet and sends nothing anywhere.

```
grep 'Job running' 'Plex Media Server.log' | tail -1 | scaleplex explain -
```

## What it reads

- a line of Plex's log, pasted as it is, with everything in front of `Job running:`. Of several lines the first one
  that is a job of the transcoder; debug logging has to be on in Plex's settings;
- a JSON list of the arguments, or an object with such a list as `argv` and the variables as `env`: what a worker
  writes with `SCALEPLEX_WORKER_CAPTURE_DIR`, see [report a command line](../how-to/report-a-command-line.md);
- what a shell or `explain` itself printed.

Lines of 2020, with every word in single quotes, and of today, with double quotes where there are blanks, are both read
word for word.

## What it prints

Facts, changes with the meaning of their [labels](labels.md), the filtergraphs before and after, and the command ready
to paste into a shell. The options are in the [command line](cli.md) reference.

`scaleplex explain --target sw job.log`, job.log being one line of a server with an Intel GPU:

$explained

The same on a worker with an NVIDIA GPU, its filtergraphs as `--svg` draws them:

![Two filtergraphs side by side: VAAPI as Plex wrote it, CUDA as it runs](explain.svg)

## When it gives up

A command that is not understood is only cleaned. `explain` says what of it was not understood, and where: the number of
the word, the option, the filter.

$not_planned

The worker logs the same as `command line not understood`, and counts it by reason in
`scaleplex_worker_bails_total`.

## Errors

Exit 2, and two sentences on standard error: what was seen, and what to do.

$errors
""")

_REPLAY = Template("""\
# scaleplex replay

Printed from the code by `./dev docs`; what the command says is its real output.

Puts every command line of a directory through the translator, and with `--run` through ffmpeg, and says which were
understood. Run it before an update and after it, on what your own workers were given:

```
scaleplex replay captures/ --record before.json
apt-get install --only-upgrade scaleplex
scaleplex replay captures/ --against before.json
```

## What it reads

Files below the directory: `.json` with one command line each (see [explain](explain.md)), `.log` and `.txt` with any
number of lines of Plex's log. A worker records with `SCALEPLEX_WORKER_CAPTURE_DIR`, see
[report a command line](../how-to/report-a-command-line.md).

## What it prints

A row for each class: kind of job, hardware it was written for, what becomes of subtitles. `planned` is understood,
`cleaned` is not: such a command only lost what our ffmpeg cannot parse.

$summary

`--record FILE` keeps what became of each of them, `--against FILE` compares:

$compared

## Running them

`--run` makes a clip for each planned command: the codecs its decoder hints name, streams where it looks for them, HDR
where it tone maps, as long as its seek and three seconds. Then it translates with what a probe says of the clip, and
runs our ffmpeg in an empty directory, without callbacks. `ended` means exit 0 and at least one file; nobody looks at
the pictures. Clips are kept in the cache. A command for 4K takes a minute on a small machine. With `--target vaapi` or
`nvenc` the machine needs such a GPU.

## Exit codes

| code | without `--against` | with `--against` |
|---|---|---|
| 0 | all were read, none failed | nothing got worse |
| 1 | a file holds no command line, or a run failed | one is understood less, or does not run any more |
| 2 | wrong use | wrong use, or results of another target |
""")

_BROKEN = {
    "A line that was cut": examples.COPIED[: examples.COPIED.index("rematrix")],
    "Another line of the log": "Nov 24, 2026 21:04:12.001 DEBUG - Completed: [127.0.0.1:41234] 206 PUT /progress",
    "JSON that is none": '{"argv": ["-i", "film.mkv"',
    "JSON of another shape": '{"argv": "-i film.mkv"}',
}


def explain_page() -> str:
    """Return `docs/reference/explain.md`."""
    errors = "\n\n".join(f"{title}:\n\n{_fenced(_error(text))}" for title, text in _BROKEN.items())
    return _EXPLAIN.substitute(
        explained=_fenced(_explained(examples.VAAPI, "sw")),
        not_planned=_fenced(_explained(examples.DEINTERLACED, "sw").partition("\n\nFiltergraphs\n")[0]),
        errors=errors,
    )


def picture() -> str:
    """Return `docs/reference/explain.svg`."""
    return report.as_svg(_explanation(examples.VAAPI, "nvenc"))


def replay_page() -> str:
    """Return `docs/reference/replay.md`."""
    before, after = _replayed()
    compared = as_text(after, compare(before, after))
    return _REPLAY.substitute(summary=_fenced(as_text(before, None)), compared=_fenced(compared))


PAGES: dict[str, Callable[[], str]] = {
    "explain.md": explain_page,
    "explain.svg": picture,
    "replay.md": replay_page,
}


def _fenced(text: str) -> str:
    return f"```\n{text}\n```"


def _explanation(line: str, target: str) -> report.Explanation:
    read = recorded.parse("job.log", line)
    return report.Explanation(read, target, translate(read.argv, read.env, None, target, Site()), False)


def _explained(line: str, target: str) -> str:
    return report.as_text(_explanation(line, target))


def _error(text: str) -> str:
    try:
        recorded.parse("job.log", text)
    except ScaleplexError as exc:
        return f"scaleplex: {exc.detail}\n{exc.hint}"
    raise AssertionError(f"{text} can be read")


def _replayed() -> tuple[Results, Results]:
    """Return what becomes of a small corpus, and of the same one when its first job is spoilt."""
    with TemporaryDirectory(prefix="scaleplex-pages-") as name:
        file = Path(name) / "monday.log"
        results = []
        for text in (examples.LOG, examples.LOG.replace("scale_vaapi=", "crop_vaapi=", 1)):
            file.write_text(text, encoding="utf-8")
            entries = {key: replay.one(command, "sw", None) for key, command in corpus.commands(Path(name))}
            results.append(Results("sw", entries))
    return results[0], results[1]
