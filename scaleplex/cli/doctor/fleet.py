"""Whether the parts of the fleet reach each other, trust each other, and are of one version; judged from a survey."""

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from scaleplex.cli.doctor.findings import Finding, Skip, ok, problem, skipped, warning
from scaleplex.cli.doctor.survey import Reply, Service, Survey
from scaleplex.protocol.relay_probe import Answer

CLOCK_WARNING_SECONDS = 5.0
CLOCK_PROBLEM_SECONDS = 60.0
CLOCK_FIX = "Synchronise the clocks of both hosts: apt-get install systemd-timesyncd, or chrony."
SECRET_FIX = (
    "Copy one fleet-secret to every host (compare sha256sum /etc/scaleplex/fleet-secret) and restart the services."  # noqa: S105
)


def reachable(services: Sequence[Service], kind: str, may_be_off: Collection[str] = ()) -> list[Finding]:
    """Return whether each service of a kind answers this host.

    Args:
        may_be_off: URLs of those that the operator switches off.
    """
    found = []
    for service in services:
        if service.answers:
            found.append(ok(f"{kind} {service.url} answers"))
        elif service.url in may_be_off:
            found.append(skipped(f"{kind} {service.url} is off, as it may be"))
        else:
            port = urlsplit(service.url).port
            found.append(
                problem(
                    f"{kind} {service.url} cannot be reached: {service.signed.error}",
                    f"Start scaleplex-{kind} there, let it listen on an address others reach (_BIND), and open port"
                    f" {port} in its firewall.",
                )
            )
    if not found:
        raise Skip(f"this host knows of no {kind}")
    return found


def any_ready(survey: Survey) -> list[Finding]:
    """Return the state of each worker, and whether one is ready."""
    if not survey.workers:
        raise Skip("this host knows of no worker")
    found = []
    ready = 0
    for worker in survey.workers:
        state = str(worker.signed.body.get("state", ""))
        if worker.ready.status == 200:
            ready += 1
            found.append(ok(f"worker {worker.url} is ready"))
        elif worker.answers:
            found.append(
                warning(
                    f"worker {worker.url} is not ready ({state or 'unknown'}): {worker.ready.detail}",
                    "Run scaleplex doctor on that worker.",
                )
            )
    if not ready:
        found.append(problem("no worker is ready: every job runs on the Plex host", "Make one worker ready."))
    return found


def secrets_equal(services: Sequence[Service], *, have_secret: bool) -> list[Finding]:
    """Return whether signed requests are taken, and unsigned ones refused."""
    found = []
    for service in services:
        if not service.answers:
            continue
        name = f"{service.kind} {service.url}"
        if service.signed.status == 401:
            found.append(_refused(name, service.signed, have_secret=have_secret))
        elif service.signed.status != 200:
            found.append(
                problem(f"{name} answers {service.signed.status}: {service.signed.detail}", "Run the doctor there.")
            )
        elif service.unsigned.status == 200:
            found.append(
                problem(
                    f"{name} takes unsigned requests: anybody who reaches it can use it",
                    "Give it the fleet's secret and restart it.",
                )
                if have_secret or not _loopback(service.url)
                else warning(f"{name} takes unsigned requests, on loopback", "Make a fleet secret before adding hosts.")
            )
        else:
            found.append(ok(f"{name} shares this host's secret and refuses unsigned requests"))
    if not found:
        raise Skip("no service answers")
    return found


def _refused(name: str, reply: Reply, *, have_secret: bool) -> Finding:
    if not have_secret:
        return problem(f"{name} wants signed requests, and this host has no secret", SECRET_FIX)
    if "time is off" in reply.detail:
        return problem(f"{name} refuses this host's requests: {reply.detail}", CLOCK_FIX)
    return problem(f"{name} refuses this host's signature: the secrets differ", SECRET_FIX)


def clocks(services: Sequence[Service]) -> list[Finding]:
    """Return how far the clocks of other hosts are from this one's."""
    found = []
    for service in services:
        skew = service.signed.skew_seconds
        if skew is None:
            continue
        found.append(judge_skew(f"{service.kind} {service.url}", skew))
    if not found:
        raise Skip("no service answers with its time")
    return found


def judge_skew(name: str, skew_seconds: float) -> Finding:
    """Return what a difference between two clocks means; requests more than a minute off are refused."""
    text = f"the clock of {name} is {abs(skew_seconds):.0f} s {'ahead' if skew_seconds > 0 else 'behind'}"
    if abs(skew_seconds) > CLOCK_PROBLEM_SECONDS:
        return problem(f"{text}: signed requests are refused", CLOCK_FIX)
    if abs(skew_seconds) > CLOCK_WARNING_SECONDS:
        return warning(text, CLOCK_FIX)
    return ok(f"the clock of {name} is in step")


def versions(here: str, workers: Sequence[Service]) -> list[Finding]:
    """Return whether all workers have this host's version."""
    found = []
    for worker in workers:
        there = worker.signed.body.get("version")
        if worker.signed.status != 200 or there is None:
            continue
        if there == here:
            found.append(ok(f"worker {worker.url} has version {there}"))
        else:
            found.append(
                warning(
                    f"worker {worker.url} has version {there}, this host {here}",
                    "Run the upgrade playbook until every host has the same version.",
                )
            )
    if not found:
        raise Skip("no worker says its version")
    return found


def relay(answers: Sequence[Answer] | None, url: str, who: str) -> list[Finding]:
    """Return whether the relay answers, and refuses what it must, as seen from one host."""
    if answers is None:
        raise Skip("this host does not know the relay; use --relay URL, or run the doctor on the Plex host")
    found = []
    for answer in answers:
        if answer.status is None:
            found.append(
                problem(
                    f"the relay {url} cannot be reached from {who}: {answer.error}",
                    "Let SCALEPLEX_RELAY_BIND be an address workers reach, open its port in the Plex host's firewall,"
                    " and start scaleplex-relay.",
                )
            )
        elif answer.status != answer.wanted:
            found.append(_wrong_answer(answer, url, who))
    return found or [ok(f"the relay {url} answers {who} and refuses what it must ({len(answers)} requests)")]


def _wrong_answer(answer: Answer, url: str, who: str) -> Finding:
    text = f"the relay {url} answers {answer.status} to {answer.probe} from {who}; {answer.wanted} is right"
    if answer.status == 401 and answer.wanted in (403, 410):
        return problem(f"{text}: the secrets or the clocks differ", SECRET_FIX)
    if answer.status == 403 and answer.wanted == 410:
        return problem(f"{text}: the secrets differ", SECRET_FIX)
    if answer.wanted == 401:
        return problem(f"{text}: the relay has no secret", "Give the relay the fleet's secret and restart it.")
    return problem(text, "Check that this is the relay's address and port, and not another service's.")


def relay_from_workers(url: str, views: Mapping[str, Reply]) -> list[Finding]:
    """Return what the workers say of the relay, each from inside its own sandbox."""
    if not url:
        raise Skip("this host does not know the relay")
    found: list[Finding] = []
    for worker, reply in views.items():
        if reply.status == 404:
            found.append(skipped(f"worker {worker} cannot be asked: it is older than this doctor"))
        elif reply.status != 200:
            found.append(skipped(f"worker {worker} cannot be asked: {reply.detail}"))
        else:
            answers = [_answer(item) for item in reply.body.get("answers", [])]
            found += relay(answers, url, f"worker {worker}")
    if not found:
        raise Skip("no worker answers")
    return found


def relay_address(url: str, workers: Sequence[Service]) -> list[Finding]:
    """Return whether the relay's URL can mean anything to workers on other hosts."""
    if not url:
        return [
            problem(
                "the shim does not know the relay: every job that calls back runs on the Plex host",
                "Set SCALEPLEX_SHIM_RELAY_URL in shim.env to the relay as workers reach it.",
            )
        ]
    elsewhere = [worker.url for worker in workers if not _loopback(worker.url)]
    if _loopback(url) and elsewhere:
        return [
            problem(
                f"the shim gives workers the relay's address {url}, which on {elsewhere[0]} is the worker itself",
                "Set SCALEPLEX_SHIM_RELAY_URL to the Plex host's address in the workers' network.",
            )
        ]
    return [ok(f"workers are given the relay's address {url}")]


def _answer(item: Mapping[str, Any]) -> Answer:
    return Answer(str(item["probe"]), int(item["wanted"]), item["status"], str(item.get("error", "")))


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
