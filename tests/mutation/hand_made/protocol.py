"""Mutants of `scaleplex/protocol`."""

from tests.mutation.hand_made import HandMade

CLIENT = "tests/unit/protocol/test_client.py"
SIGNING = "tests/unit/protocol/test_signing.py"
WIRE = "tests/unit/protocol/test_wire.py"

MUTANTS: tuple[HandMade, ...] = (
    HandMade(
        name="proxies of the environment are used",
        path="scaleplex/protocol/client.py",
        old="self._session.trust_env = False",
        new="self._session.trust_env = True",
        tests=(f"{CLIENT}::test_proxies_of_the_environment_are_not_used",),
    ),
    HandMade(
        name="redirects are followed",
        path="scaleplex/protocol/client.py",
        old="allow_redirects=False",
        new="allow_redirects=True",
        tests=(f"{CLIENT}::test_redirects_are_not_followed",),
    ),
    HandMade(
        name="answers of strangers are believed",
        path="scaleplex/protocol/client.py",
        old="                raise UntrustedAnswer(receiver, answer)\n",
        new="                pass\n",
        tests=(f"{CLIENT}::test_an_answer_nobody_of_the_fleet_gave_is_an_error",),
    ),
    HandMade(
        name="an answer has no deadline",
        path="scaleplex/protocol/bounded.py",
        old="self._deadline = time.monotonic() + seconds",
        new="self._deadline = time.monotonic() + 3600.0",
        tests=(f"{CLIENT}::test_a_peer_that_sends_a_byte_now_and_then_holds_nobody_past_the_deadline",),
    ),
    HandMade(
        name="nonces forgotten after one tolerance",
        path="scaleplex/protocol/signing.py",
        old="now_ms + 2 * wire.CLOCK_TOLERANCE_MS",
        new="now_ms + wire.CLOCK_TOLERANCE_MS",
        tests=(f"{SIGNING}::test_a_nonce_is_remembered_as_long_as_its_request_could_pass_the_clock_check",),
    ),
    HandMade(
        name="no lock around the nonces",
        path="scaleplex/protocol/signing.py",
        old="        with self._lock:\n            while self._seen:",
        new="        if True:\n            while self._seen:",
        tests=(f"{SIGNING}::test_of_many_threads_with_one_nonce_one_is_served",),
    ),
    HandMade(
        name="the receiver does not matter",
        path="scaleplex/protocol/signing.py",
        old="        if canonical(receiver) not in names:\n",
        new="        if False:\n",
        tests=("tests/integration/protocol/test_replays.py",),
    ),
    HandMade(
        name="what an earlier process took is taken again",
        path="scaleplex/protocol/signing.py",
        old="if epoch != self.epoch and (epoch != wire.NO_EPOCH or time_ms <= self._unsafe_until_ms):",
        new="if epoch not in (self.epoch, wire.NO_EPOCH):",
        tests=(f"{SIGNING}::test_whatever_an_earlier_process_took_the_next_one_refuses_at_any_time",),
    ),
    HandMade(
        name="same() looks at the last byte only",
        path="scaleplex/protocol/wire.py",
        old="        difference |= a ^ b\n",
        new="        difference = a ^ b\n",
        tests=(f"{WIRE}::test_same_bytes_sees_a_difference_at_every_place",),
    ),
    HandMade(
        name="frames have no number",
        path="scaleplex/protocol/wire.py",
        old="        self._number += 1\n",
        new="",
        tests=(f"{WIRE}::test_a_stream_somebody_changed_is_not_played",),
    ),
)
