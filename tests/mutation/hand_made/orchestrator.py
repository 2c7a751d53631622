"""Mutants of `scaleplex/orchestrator`."""

from tests.mutation.hand_made import HandMade

DISCOVERY = "scaleplex/orchestrator/discovery.py"
ASKING = "tests/unit/orchestrator/test_discovery.py"
ANSWERS = "tests/unit/orchestrator/test_resources.py"

MUTANTS: tuple[HandMade, ...] = (
    HandMade(
        name="a hanging worker is asked again and again",
        path=DISCOVERY,
        old="            if url in self._asking:\n                return False\n",
        new="",
        tests=(f"{ASKING}::test_a_worker_that_hangs_is_asked_once_and_delays_nobody",),
    ),
    HandMade(
        name="every failed poll is a refusal",
        path=DISCOVERY,
        old="refused=_is_refusal(exc)",
        new="refused=True",
        tests=(f"{ASKING}::test_one_missed_poll_is_forgiven_two_are_not_and_an_answer_restores_belief",),
    ),
    HandMade(
        name="sessions of gone workers stay open",
        path=DISCOVERY,
        old="            self._close_sessions_except(urls)\n",
        new="",
        tests=(f"{ASKING}::test_the_connection_to_a_worker_nobody_vouches_for_is_closed",),
    ),
    HandMade(
        name="READ_SECONDS 1.5 -> 60",
        path=DISCOVERY,
        old="READ_SECONDS = 1.5",
        new="READ_SECONDS = 60.0",
        tests=(f"{ASKING}::test_a_worker_that_hangs_is_given_up_after_moments",),
    ),
    HandMade(
        name="workers are asked one after the other",
        path=DISCOVERY,
        old="ASKED_AT_ONCE_MAX = 32",
        new="ASKED_AT_ONCE_MAX = 1",
        tests=(f"{ASKING}::test_all_workers_are_asked_at_once",),
    ),
    HandMade(
        name="names are looked up once a minute",
        path=DISCOVERY,
        old="self._stopped.wait(self._dns_seconds)",
        new="self._stopped.wait(60.0)",
        tests=(f"{ASKING}::test_names_are_looked_up_again_at_their_period_and_believed_for_six_failures",),
    ),
    HandMade(
        name="no lock around a placement",
        path="scaleplex/orchestrator/fleet.py",
        old="        now_s = self._clock()\n        with self._lock:\n            newer",
        new="        now_s = self._clock()\n        if True:\n            newer",
        tests=("tests/unit/orchestrator/test_fleet.py",),
    ),
    HandMade(
        name="draining workers count as capacity",
        path="scaleplex/orchestrator/meters.py",
        old='ready = [capability for capability in believed if capability.state == "ready"]',
        new="ready = list(believed)",
        tests=("tests/unit/orchestrator/test_meters.py",),
    ),
    HandMade(
        name="failures are never forgiven",
        path="scaleplex/orchestrator/registry.py",
        old="entry.refused = capability, now_s, 0, False",
        new="entry.refused = capability, now_s, entry.failures, False",
        tests=(ASKING, "tests/unit/orchestrator/test_registry.py"),
    ),
    HandMade(
        name="superseding before the answer is sent",
        path="scaleplex/orchestrator/resources.py",
        old="lambda: self._superseder.end(placed.superseded, request.job))",
        new="lambda: None)\n        self._superseder.end(placed.superseded, request.job)",
        tests=(f"{ANSWERS}::test_an_older_job_ends_when_the_answer_has_been_sent_and_not_before",),
    ),
    HandMade(
        name="a registration may last for ever",
        path="scaleplex/orchestrator/resources.py",
        old="if not 1 <= registration.ttl_seconds <= TTL_SECONDS_MAX:",
        new="if not 1 <= registration.ttl_seconds:",
        tests=(f"{ANSWERS}::test_a_registration_is_believed_for_five_minutes_at_most",),
    ),
    HandMade(
        name="PAGE=loopback shows it to everybody",
        path="scaleplex/orchestrator/resources.py",
        old='return ipaddress.ip_address(canonical_host(peer).strip("[]")).is_loopback',
        new="return True",
        tests=(f"{ANSWERS}::test_the_page_is_for_whom_the_setting_names",),
    ),
    HandMade(
        name="any answer to a kill is success",
        path="scaleplex/orchestrator/supersede.py",
        old='return "ended" if 200 <= answer.status_code < 300 else "failed"',
        new='return "ended"',
        tests=("tests/unit/orchestrator/test_supersede.py",),
    ),
)
