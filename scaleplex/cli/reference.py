"""Prints the reference pages that follow from the code: ``python -m scaleplex.cli.reference DIRECTORY``.

Settings, metrics, labels and the command line are declared once, where they are used; a test fails when a page is
stale.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from scaleplex.cli import doctor, pages
from scaleplex.cli.main import build_parser
from scaleplex.common.config import describe
from scaleplex.common.metrics import Metrics
from scaleplex.orchestrator import config as orchestrator_config
from scaleplex.orchestrator.meters import Meters as OrchestratorMeters
from scaleplex.relay import config as relay_config
from scaleplex.relay.meters import Meters as RelayMeters
from scaleplex.shim import config as shim_config
from scaleplex.translator import labels
from scaleplex.worker import config as worker_config
from scaleplex.worker.metrics import WorkerMetrics

Rows = Iterable[tuple[str, str | None, str]]
HELP_COLUMNS = 100


def settings_page() -> str:
    """Return every setting of every part."""
    services: list[tuple[str, str, Rows]] = [
        ("Worker", "worker.env", describe(worker_config.WorkerConfig, worker_config.PREFIX)),
        (
            "Orchestrator",
            "orchestrator.env",
            describe(orchestrator_config.OrchestratorConfig, orchestrator_config.PREFIX),
        ),
        ("Relay", "relay.env", describe(relay_config.RelayConfig, relay_config.PREFIX)),
        ("Shim", "shim.env", [(shim_config.PREFIX + name, value, text) for name, value, text in shim_config.SETTINGS]),
    ]
    parts = [
        "# Settings",
        "",
        "Printed from the code by `./dev docs`. Each part reads its file below `/etc/scaleplex/`; a service names",
        "every problem at once and does not start, the shim reports a wrong line and uses the default. The services",
        "also read `SCALEPLEX_LOG_LEVEL` (debug, info, warning or error).",
        "",
        "The fleet secret is no setting: a service reads systemd's credential `fleet-secret`, or the file named by",
        "`SCALEPLEX_WORKER_SECRET_FILE` (`_ORCHESTRATOR_`, `_RELAY_`). Without one it listens on loopback only.",
    ]
    for title, file, rows in services:
        parts += [
            "",
            f"## {title}",
            "",
            f"File `/etc/scaleplex/{file}`.",
            "",
            "| variable | default | what |",
            "|---|---|---|",
        ]
        parts += [f"| `{name}` | {_default(value)} | {text} |" for name, value, text in rows]
    return "\n".join(parts) + "\n"


def metrics_page() -> str:
    """Return every metric of every service."""
    orchestrator, relay = Metrics(), Metrics()
    OrchestratorMeters(orchestrator)
    RelayMeters(relay)
    parts = [
        "# Metrics",
        "",
        "Printed from the code by `./dev docs`. Each service answers `GET /metrics` in Prometheus' text format,",
        "unsigned.",
    ]
    for title, metrics in (("Worker", WorkerMetrics().all), ("Orchestrator", orchestrator), ("Relay", relay)):
        parts += ["", f"## {title}", "", "| metric | kind | labels | what |", "|---|---|---|---|"]
        for name, kind, text, names in metrics.describe():
            parts.append(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in names) or '–'} | {text} |")
    return "\n".join(parts) + "\n"


def cli_page() -> str:
    """Return the help of every verb."""
    parser = build_parser()
    parts = [
        "# Command line",
        "",
        "Printed from the code by `./dev docs`. Results go to stdout, everything else to stderr. Exit 0 done, 1 the",
        "check found something or the other side refused, 2 wrong use, 75 try later.",
        "",
        *_help("scaleplex", parser),
    ]
    verbs = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for name, verb in verbs.choices.items():
        parts += ["", f"## {name}", "", *_help(f"scaleplex {name}", verb)]
    return "\n".join(parts) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "labels.md": labels.reference,
    "cli.md": cli_page,
    "doctor.md": doctor.reference,
    **pages.PAGES,
}


def _default(value: str | None) -> str:
    if value is None:
        return "required"
    return f"`{value}`" if value else "–"


def _help(prog: str, parser: argparse.ArgumentParser) -> list[str]:
    # argparse wraps at the terminal's width and colours since Python 3.14; the page must not depend on either.
    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(prog, width=HELP_COLUMNS)

    parser.formatter_class = formatter
    parser.prog = prog
    return ["```", parser.format_help().rstrip(), "```"]


def main(directory: str) -> None:
    """Write the pages into a directory."""
    for name, page in PAGES.items():
        (Path(directory) / name).write_text(page())


if __name__ == "__main__":
    main(sys.argv[1])
