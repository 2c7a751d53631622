"""Each message and frame as example files that both ends must read, so that neither drifts.

The shim reads and writes with ``wire`` alone, the services with ``messages`` and the standard library's hmac and json.
"""

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from scaleplex.protocol import messages, wire
from scaleplex.protocol.signing import Verifier

EXAMPLES = Path(__file__).parent / "examples"
MESSAGES: dict[str, type[messages.Message]] = {
    "placement-request": messages.PlacementRequest,
    "placement": messages.Placement,
    "task-request": messages.TaskRequest,
    "capability": messages.Capability,
    "registration": messages.Registration,
}


def example(name: str) -> str:
    return (EXAMPLES / name).read_text()


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_both_readers_see_the_same_in_an_example(name: str) -> None:
    text = example(f"{name}.json")
    assert wire.load_json(text) == json.loads(text)
    assert MESSAGES[name].from_json(wire.load_json(text)).to_json() == json.loads(text)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_what_the_shim_writes_is_read_back_unchanged(name: str) -> None:
    value = json.loads(example(f"{name}.json"))
    assert json.loads(wire.dump_json(value)) == value


def test_every_kind_of_frame_is_in_the_example_stream_and_read_in_any_pieces() -> None:
    stream = bytes.fromhex(example("stream.hex"))
    expected = [
        (wire.INFO, b'{"event":"x"}'),
        (wire.STDOUT, b"\x00\xff\n"),
        (wire.HEARTBEAT, b""),
        (wire.STDERR, b"hi"),
        (wire.EXIT, b'{"code":0}'),
    ]
    assert {kind for kind, _ in expected} == set(wire.FRAME_KINDS)
    assert b"".join(wire.encode_frame(kind, payload) for kind, payload in expected) == stream
    for size in (1, 2, 5, 7, len(stream)):
        reader = wire.FrameReader()
        pieces = (stream[at : at + size] for at in range(0, len(stream), size))
        assert [frame for piece in pieces for frame in reader.feed(piece)] == expected


@pytest.mark.parametrize("junk", [b"HTTP/1.1 200 OK\r\n", b"O\xff\xff\xff\xff", b"Z\0\0\0\0"])
def test_bytes_that_are_no_frames_are_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match="not a frame"):
        wire.FrameReader().feed(junk)


def test_the_signature_is_the_plain_hmac_of_the_documented_text() -> None:
    given = json.loads(example("signed-request.json"))
    body = given["body"].encode()
    text = "\n".join(
        [
            "v2",
            given["method"],
            given["receiver"],
            given["target"],
            str(given["time_ms"]),
            given["nonce"],
            given["epoch"],
            hashlib.sha256(body).hexdigest(),
        ]
    )
    mac = hmac.new(given["secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
    secret, method, target, receiver = (given[name] for name in ("secret", "method", "target", "receiver"))
    sent = (method, receiver, target, body, given["time_ms"], given["nonce"], given["epoch"])
    header = wire.sign_request(secret.encode(), *sent)
    assert header == f"v2 {given['time_ms']} {given['nonce']} {receiver} {given['epoch']} {mac}"
    verifier = Verifier(secret.encode(), clock_ms=lambda: given["time_ms"])
    verifier.epoch = given["epoch"]
    assert verifier(method, target, header, body, receiver).receiver == receiver


def test_a_ticket_is_good_for_one_attempt_on_one_worker_until_it_expires() -> None:
    secret, now_ms = b"an example secret", 1_800_000_000_000
    ticket = wire.make_ticket(secret, "w:1", "s", "j", 1, now_ms + 30_000)

    def problem(
        key: bytes = secret, worker: str = "w:1", session: str = "s", job: str = "j", attempt: int = 1, at: int = now_ms
    ) -> str | None:
        return wire.ticket_problem(key, ticket, worker, session, job, attempt, at)

    assert problem() is None
    for wrong in (
        problem(worker="w:2"), problem(session="x"), problem(job="x"), problem(attempt=2), problem(key=b"another")
    ):  # fmt: skip
        assert wrong is not None
        assert "was not issued" in wrong
    assert problem(at=now_ms + 90_000) is None
    assert "expired" in (problem(at=now_ms + 90_001) or "")
    assert problem(at=now_ms - 60_000) is None
    assert "61 s ahead" in (problem(at=now_ms - 61_000) or "")
    assert wire.ticket_problem(secret, "nonsense", "w:1", "s", "j", 1, now_ms) == "the ticket is malformed"


def test_a_callback_signature_differs_for_every_session_job_and_attempt() -> None:
    secret = b"an example secret"
    bases = {
        wire.callback_base("http://r:1/", secret, session, job, attempt)
        for session in ("s", "t")
        for job in ("j", "k")
        for attempt in (1, 2)
    }
    assert len(bases) == 8
    assert all(base.startswith(("http://r:1/cb/1/", "http://r:1/cb/2/")) for base in bases)


def test_a_shim_that_says_less_is_understood() -> None:
    value = json.loads(example("placement-request.json")) | {"needs": {"video_encode": True}}
    needs = messages.PlacementRequest.from_json(value).needs
    assert (needs.decode, needs.encode, needs.ten_bit) == (None, None, False)
    task = json.loads(example("task-request.json"))
    del task["plex_pass"]
    assert messages.TaskRequest.from_json(task).plex_pass is False
