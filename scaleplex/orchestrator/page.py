"""The fleet as one page for a browser: no script, nothing from elsewhere, nothing about what is being played."""

from collections.abc import Sequence
from html import escape

from scaleplex.orchestrator.registry import Job, View

REFRESH_SECONDS = 5
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2024;
  background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .8rem .35rem 0;
  border-bottom: 1px solid #d8dce0 }
th { font-weight: 600 } .ready { color: #18794e } .lost, .unknown { color: #b42318 }
.starting, .draining { color: #8a5a00 } .quiet { color: #60666c }
@media (prefers-color-scheme: dark) { body { background: #16181a; color: #e6e8ea } th, td { border-color: #34393e }
  .ready { color: #5ac48a } .lost, .unknown { color: #ff8a7a } .starting, .draining { color: #e0b050 }
  .quiet { color: #9aa0a6 } }
"""


def render(views: Sequence[View], jobs: Sequence[Job]) -> str:
    """Return the page as HTML text."""
    ready = [v.capability for v in views if v.state == "ready" and v.problem is None and v.capability is not None]
    busy, room = sum(c.sessions for c in ready), sum(c.max_sessions for c in ready)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>scaleplex fleet</title>'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
        '<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">'
        f"<style>{STYLE}</style></head><body>\n<h1>scaleplex fleet</h1>\n"
        f"<p>{len(ready)} of {len(views)} workers ready, {busy} of {room} sessions in use.</p>\n"
        + _table("Workers", ("Worker", "State", "Sessions", "Backend", "Load", "Version", "From"), map(_worker, views))
        + _table("Jobs", ("Session", "Job", "Kind", "Worker", ""), map(_job, _once(jobs)))
        + "</body></html>\n"
    )


def _table(title: str, heads: Sequence[str], rows: "map[str]") -> str:
    body = "\n".join(rows) or f'<tr><td colspan="{len(heads)}" class="quiet">none</td></tr>'
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    return f"<h2>{escape(title)}</h2>\n<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>\n"


def _worker(view: View) -> str:
    capability = view.capability
    state = f'<span class="{escape(view.state)}">{escape(view.state)}</span>'
    if view.problem is not None:
        state += f' <span class="quiet">{escape(view.problem)}</span>'
    cells = [escape(view.url), state]
    if capability is None:
        cells += ["", "", "", ""]
    else:
        coming = f" + {view.pending}" if view.pending else ""
        cells += [
            f"{capability.sessions}{coming} of {capability.max_sessions}",
            escape(capability.backend),
            f"{capability.cpu_load:.2f}",
            escape(capability.version),
        ]
    return _row([*cells, escape(view.source)])


def _job(job: Job) -> str:
    # Ids are shortened: enough to find a line in a log, too little to make a request with.
    return _row([escape(job.session[:8]), escape(job.job[:8]), escape(job.kind), escape(job.worker), _state(job)])


def _state(job: Job) -> str:
    return '<span class="quiet">on its way</span>' if job.pending else ""


def _once(jobs: Sequence[Job]) -> list[Job]:
    return sorted({(j.worker, j.job): j for j in jobs}.values(), key=lambda j: (j.session, j.job))


def _row(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
