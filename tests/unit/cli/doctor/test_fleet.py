import pytest

from scaleplex.cli.doctor import fleet, shared
from scaleplex.cli.doctor.accounts import Account
from scaleplex.cli.doctor.findings import Finding, Skip, worst
from scaleplex.cli.doctor.survey import Reply, Service, Survey, clock_skew
from scaleplex.common.log import Secret
from scaleplex.protocol import relay_probe
from scaleplex.protocol.relay_probe import Answer

URL = "http://10.0.0.6:32481"
RELAY = "http://10.0.0.5:32482"
JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"


def worker(
    status: int | None = 200,
    detail: str = "",
    *,
    unsigned: int = 401,
    ready: int = 200,
    skew: float = 0.0,
    url: str = URL,
    version: str = "1.0",
) -> Service:
    body = {"detail": detail, "version": version, "state": "ready"}
    signed = Reply(status, body, "connection refused", skew)
    if status is None:
        return Service("worker", url, signed, signed, signed)
    return Service("worker", url, signed, Reply(unsigned), Reply(ready))


def survey(*workers: Service) -> Survey:
    return Survey(list(workers), [], RELAY, None, {}, {})


def seen(answers: dict[str, int]) -> list[Finding]:
    """Judge a relay that answers as it should but for the given probes."""
    probes = relay_probe.probes(Secret(b"0123456789abcdef"), JOB)
    return fleet.relay([Answer(p.name, p.wanted, answers.get(p.name, p.wanted)) for p in probes], RELAY, "this host")


def test_a_relay_that_refuses_what_it_must_is_right() -> None:
    (found,) = seen({})
    assert found.severity == "ok"


@pytest.mark.parametrize(
    ("probe", "status", "says"),
    [
        ("an unsigned progress", 410, "no secret"),
        ("a callback with a forged signature", 401, "secrets or the clocks differ"),
        ("a callback with a forged signature", 410, "not another service's"),
        ("a callback of a job that has ended", 403, "secrets differ"),
        ("another path of Plex's", 200, "not another service's"),
        ("healthz", 404, "not another service's"),
    ],
)
def test_a_relay_that_answers_otherwise_is_a_problem(probe: str, status: int, says: str) -> None:
    (found,) = seen({probe: status})
    assert found.severity == "problem"
    assert says in found.seen + found.fix


def test_without_a_secret_nothing_has_to_be_signed() -> None:
    assert [probe.wanted for probe in relay_probe.probes(None, JOB)] == [200, 404, 403, 410]


def test_a_relay_nobody_told_this_host_of_is_skipped() -> None:
    with pytest.raises(Skip, match="--relay"):
        fleet.relay(None, "", "this host")


def test_a_relay_on_loopback_is_none_for_workers_elsewhere() -> None:
    assert worst(fleet.relay_address("http://127.0.0.1:32482", [worker()])) == "problem"
    assert worst(fleet.relay_address("http://127.0.0.1:32482", [worker(url="http://127.0.0.1:32481")])) == "ok"
    assert worst(fleet.relay_address(RELAY, [worker()])) == "ok"
    assert worst(fleet.relay_address("", [worker()])) == "problem"


def test_a_worker_older_than_the_doctor_is_skipped() -> None:
    (found,) = fleet.relay_from_workers(RELAY, {URL: Reply(404)})
    assert found.severity == "skipped"


@pytest.mark.parametrize(
    ("service", "severity", "says"),
    [
        (worker(), "ok", ""),
        (worker(401, "The signature does not fit the request."), "problem", "sha256sum"),
        (worker(401, "The request's time is off by 90 s."), "problem", "clocks"),
        (worker(unsigned=200), "problem", "secret"),
        (worker(500, "an error of ours"), "problem", "doctor there"),
    ],
)
def test_a_signed_request_tells_whether_the_secrets_are_equal(service: Service, severity: str, says: str) -> None:
    (found,) = fleet.secrets_equal([service], have_secret=True)
    assert found.severity == severity
    assert says in found.fix


def test_a_fleet_on_loopback_may_do_without_a_secret() -> None:
    service = worker(unsigned=200, url="http://127.0.0.1:32481")
    assert worst(fleet.secrets_equal([service], have_secret=False)) == "warning"


@pytest.mark.parametrize(
    ("skew", "severity"), [(0, "ok"), (-4.9, "ok"), (5.1, "warning"), (-59, "warning"), (61, "problem")]
)
def test_clocks_may_differ_by_five_seconds_and_must_not_by_a_minute(skew: float, severity: str) -> None:
    assert worst(fleet.clocks([worker(skew=skew)])) == severity


@pytest.mark.parametrize(
    ("date", "skew"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 12:00:10 GMT", 9.0),
        ("Tue, 24 Nov 2026 11:59:00 GMT", -59.5),
        ("yesterday", None),
        (None, None),
    ],
)
def test_a_date_header_is_cut_to_seconds_and_was_made_between_question_and_answer(
    date: str, skew: float | None
) -> None:
    noon = 1795521600.0
    assert clock_skew(date, noon + 0.5, noon + 1.0) == skew


def test_a_worker_of_another_version_is_a_warning() -> None:
    assert worst(fleet.versions("1.0", [worker()])) == "ok"
    assert worst(fleet.versions("1.1", [worker()])) == "warning"


def test_a_fleet_with_no_ready_worker_is_a_problem_and_with_one_a_warning() -> None:
    assert worst(fleet.any_ready(survey(worker(), worker(ready=503)))) == "warning"
    assert worst(fleet.any_ready(survey(worker(ready=503)))) == "problem"
    assert worst(fleet.any_ready(survey(worker(None)))) == "problem"


def test_a_worker_that_cannot_be_reached_is_named_with_its_port() -> None:
    (found,) = fleet.reachable([worker(None)], "worker")
    assert found.severity == "problem"
    assert "32481" in found.fix


def test_a_worker_that_may_be_off_is_no_problem_when_it_is_and_only_that_one() -> None:
    found = fleet.reachable([worker(None), worker()], "worker", {URL})
    assert [one.severity for one in found] == ["skipped", "ok"]
    assert fleet.reachable([worker(None)], "worker", {"http://192.0.2.1:32481"})[0].severity == "problem"


@pytest.mark.parametrize(
    ("here", "there", "severity"), [(997, 997, "ok"), (1000, 1000, "problem"), (4294967294, 997, "problem")]
)
def test_a_workers_file_must_belong_to_plex_on_both_hosts(here: int, there: int, severity: str) -> None:
    assert worst(shared.judge_uids({"uid": here}, {"uid": there}, Account("plex", 997, 997), URL)) == severity
