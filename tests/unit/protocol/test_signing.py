"""What lets a signed request through, and what does not."""

import contextlib
import threading

import pytest

from scaleplex.common.errors import EpochWanted, Unauthorized
from scaleplex.protocol import wire
from scaleplex.protocol.signing import NonceMemory, Verifier, canonical, new_nonce

SECRET = b"0123456789abcdef"
START_MS = 1_800_000_000_000
HERE = "10.0.0.6:32481"


class Clock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


def header(time_ms: int, epoch: str = wire.NO_EPOCH, receiver: str = HERE, nonce: str | None = None) -> str:
    return wire.sign_request(SECRET, "POST", receiver, "/task", b"", time_ms, nonce or new_nonce(), epoch)


@pytest.mark.parametrize("skew_ms", [-59_000, -5_000, 0, 5_000, 59_000])
def test_the_epoch_is_wanted_as_long_as_an_earlier_process_may_have_had_the_request(skew_ms: int) -> None:
    clock = Clock()
    verifier = Verifier(SECRET, clock_ms=clock)
    wanted, served = [], []
    for second in range(240):
        clock.now_ms = START_MS + second * 1000
        try:
            verifier("POST", "/task", header(clock.now_ms + skew_ms), b"", HERE)
        except EpochWanted:
            wanted.append(second)
        else:
            served.append(second)
        # With it the sender is served at once, whatever its clock says.
        verifier("POST", "/task", header(clock.now_ms + skew_ms, verifier.epoch), b"", HERE)
    # Sent by a clock that is off by 60 s, at the moment of the start: all that could have been received before.
    assert wanted == [second for second in range(240) if second * 1000 + skew_ms <= wire.CLOCK_TOLERANCE_MS]
    assert served


def test_whatever_an_earlier_process_took_the_next_one_refuses_at_any_time() -> None:
    clock = Clock()
    first = Verifier(SECRET, clock_ms=clock)
    clock.now_ms = START_MS + 600_000
    captured = [header(clock.now_ms + ms, epoch) for ms in (-60_000, -1, 0, 1, 60_000) for epoch in ("-", first.epoch)]
    for one in captured:
        first("POST", "/task", one, b"", HERE)
    second = Verifier(SECRET, clock_ms=clock)
    for wait_s in range(200):
        clock.now_ms = START_MS + 600_000 + wait_s * 1000
        for one in captured:
            with pytest.raises(Unauthorized):
                second("POST", "/task", one, b"", HERE)


def test_an_epoch_of_another_process_is_never_good() -> None:
    clock = Clock()
    verifier = Verifier(SECRET, clock_ms=clock)
    clock.now_ms += 600_000
    with pytest.raises(EpochWanted):
        verifier("POST", "/task", header(clock.now_ms, "0123456789abcdef"), b"", HERE)
    assert Verifier(SECRET).epoch != Verifier(SECRET).epoch
    assert wire.is_epoch(verifier.epoch)


def test_a_nonce_is_remembered_as_long_as_its_request_could_pass_the_clock_check() -> None:
    clock = Clock()
    verifier = Verifier(SECRET, clock_ms=clock)
    clock.now_ms += 600_000
    # The sender's clock leads by 59 s, so the request passes the clock check for nearly two minutes.
    ahead = header(clock.now_ms + 59_000)
    verifier("POST", "/task", ahead, b"", HERE)
    for _ in range(118):
        clock.now_ms += 1000
        with pytest.raises(Unauthorized, match="seen before"):
            verifier("POST", "/task", ahead, b"", HERE)
    clock.now_ms += 2000
    with pytest.raises(Unauthorized, match="off by 61 s"):
        verifier("POST", "/task", ahead, b"", HERE)


def test_nonces_are_forgotten_when_they_can_do_no_harm() -> None:
    memory = NonceMemory()
    for number in range(1000):
        assert memory.first_use(f"{number}", 0)
    assert memory.first_use("later", 2 * wire.CLOCK_TOLERANCE_MS)
    assert len(memory) == 1


def test_of_many_threads_with_one_nonce_one_is_served() -> None:
    """The set is replaced by one that lets others run between the look and the note, as any switch of threads may."""

    class Slow(dict[str, int]):
        def __contains__(self, key: object) -> bool:
            seen = super().__contains__(key)
            both_have_looked.wait()
            return seen

    class Meeting:
        """Lets the first thread that looks wait for a second one; with a lock there never is one."""

        def __init__(self) -> None:
            self._barrier = threading.Barrier(2)

        def wait(self) -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                self._barrier.wait(0.2)

    both_have_looked = Meeting()
    memory = NonceMemory()
    memory._seen = Slow()
    served: list[bool] = []
    threads = [threading.Thread(target=lambda: served.append(memory.first_use("n", 0))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(served) == [False, True]


@pytest.mark.parametrize(
    ("written", "canonically"),
    [
        ("10.0.0.6:1", "10.0.0.6:1"),
        ("[::ffff:10.0.0.6]:1", "10.0.0.6:1"),
        ("[FD00:0:0::6]:1", "[fd00::6]:1"),
        ("[fe80::1%eth0]:1", "[fe80::1]:1"),
        ("Worker.Home.Arpa:1", "worker.home.arpa:1"),
        ("nonsense", ":nonsense"),
    ],
)
def test_an_address_has_one_form(written: str, canonically: str) -> None:
    assert canonical(written) == canonically
