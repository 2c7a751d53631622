"""The bytes both ends agree on."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleplex.protocol import wire

SECRET, WORKER, SESSION, JOB = b"secret", "10.0.0.6:32481", "session", "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4), max_leaves=20
)
FRAMES = st.lists(st.tuples(st.sampled_from(wire.FRAME_KINDS), st.binary(max_size=40)), max_size=8)


@given(FRAMES, st.data())
def test_frames_cut_into_any_pieces_are_the_same_frames(frames: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    stream = b"".join(wire.encode_frame(*frame) for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = wire.FrameReader()
    got = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += reader.feed(stream[start:end])
    assert got == frames


@pytest.mark.parametrize("junk", [b"Z\0\0\0\0", b"O\xff\0\0\0", b"HTTP/1.1 "])
def test_bytes_that_are_no_frames_are_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match="not a frame"):
        wire.FrameReader().feed(junk)


@given(st.binary(max_size=100), st.binary(max_size=200))
def test_the_mac_is_hmac_sha256(key: bytes, message: bytes) -> None:
    assert wire.hmac_sha256(key, message) == hmac.new(key, message, hashlib.sha256).hexdigest()


@given(VALUES)
def test_json_survives_both_ways_and_is_what_every_other_reader_reads(value: object) -> None:
    text = wire.dump_json(value)
    assert text.isascii()
    assert wire.load_json(text) == value
    assert json.loads(text) == value


@given(st.binary(max_size=60))
def test_bytes_of_a_command_line_survive_the_way_through_json(argument: bytes) -> None:
    text = wire.dump_json([argument.decode("utf-8", "surrogateescape")])
    (back,) = json.loads(text)
    assert back.encode("utf-8", "surrogateescape") == argument


@pytest.mark.parametrize("text", ["", "{", "[1,]", "1 2", "nul", '{"a": }', "'a'"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        wire.load_json(text)


def test_a_value_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        wire.dump_json({"a": b"x"})


def test_a_ticket_is_good_for_one_attempt_of_one_job_on_one_worker_and_for_a_while() -> None:
    ticket = wire.make_ticket(SECRET, WORKER, SESSION, JOB, 1, 1000)
    assert wire.ticket_problem(SECRET, ticket, WORKER, SESSION, JOB, 1, 1000) is None
    assert wire.ticket_problem(SECRET, ticket, WORKER, SESSION, JOB, 1, 1000 + wire.CLOCK_TOLERANCE_MS) is None
    late_ms = 1001 + wire.CLOCK_TOLERANCE_MS
    assert "expired" in str(wire.ticket_problem(SECRET, ticket, WORKER, SESSION, JOB, 1, late_ms))
    for changed in (
        (b"other", ticket, WORKER, SESSION, JOB, 1),
        (SECRET, ticket, "10.0.0.7:32481", SESSION, JOB, 1),
        (SECRET, ticket, WORKER, "other", JOB, 1),
        (SECRET, ticket, WORKER, SESSION, "other", 1),
        (SECRET, ticket, WORKER, SESSION, JOB, 2),
        (SECRET, ticket.replace("1000", "9999"), WORKER, SESSION, JOB, 1),
    ):
        assert "not issued" in str(wire.ticket_problem(*changed, 1000))


@pytest.mark.parametrize(
    "ticket",
    [
        "",
        "v2",
        "v1 1000 x",
        "v2 soon x",
        "v2 \u00b2 x",
        "v2 " + "9" * 5000 + " x",
        "v2 1000 \ud800" + "x" * 63,
        "v2 1000 é",
    ],
)
def test_a_ticket_made_up_by_a_stranger_is_a_problem_and_no_crash(ticket: str) -> None:
    assert wire.ticket_problem(SECRET, ticket, WORKER, SESSION, JOB, 1, 1000)


@given(st.text(), st.text())
def test_same_is_equality(left: str, right: str) -> None:
    assert wire.same(left, right) == (left == right)
    assert wire.same(left, left)


def test_a_signed_request_depends_on_everything_it_covers() -> None:
    signed = {
        wire.request_mac(*parts)
        for parts in (
            (SECRET, "POST", WORKER, "/task", 1, "n", "-", b""),
            (b"other", "POST", WORKER, "/task", 1, "n", "-", b""),
            (SECRET, "GET", WORKER, "/task", 1, "n", "-", b""),
            (SECRET, "POST", "10.0.0.7:32481", "/task", 1, "n", "-", b""),
            (SECRET, "POST", WORKER, "/task?", 1, "n", "-", b""),
            (SECRET, "POST", WORKER, "/task", 2, "n", "-", b""),
            (SECRET, "POST", WORKER, "/task", 1, "m", "-", b""),
            (SECRET, "POST", WORKER, "/task", 1, "n", "e", b""),
            (SECRET, "POST", WORKER, "/task", 1, "n", "-", b"x"),
        )
    }
    assert len(signed) == 9


def test_a_callback_base_stands_under_the_relay_and_names_the_attempt() -> None:
    base = wire.callback_base("http://10.0.0.5:32482/", SECRET, SESSION, JOB, 2)
    assert base == f"http://10.0.0.5:32482/cb/2/{wire.callback_signature(SECRET, SESSION, JOB, 2)}"
    assert wire.callback_signature(SECRET, SESSION, JOB, 1) != wire.callback_signature(SECRET, SESSION, JOB, 2)


def test_the_authority_of_a_url_is_its_host_and_port() -> None:
    assert wire.authority("http://10.0.0.6:32481") == wire.authority("http://10.0.0.6:32481/") == WORKER
    assert wire.authority("http://Worker.Home.Arpa:32481") == "worker.home.arpa:32481"
    assert wire.authority("http://[FD00::6]:32481") == "[fd00::6]:32481"
    assert wire.authority("http://worker") == "worker:80"
    assert wire.authority("http://[::1]") == "[::1]:80"


NONCE = "0" * 32


@given(FRAMES, st.data())
def test_signed_frames_cut_into_any_pieces_are_the_same_frames(
    frames: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    mac = wire.FrameMac(SECRET, NONCE)
    stream = b"".join(wire.encode_frame(*frame, mac) for frame in frames)
    cut = data.draw(st.integers(0, len(stream)))
    reader = wire.FrameReader(wire.FrameMac(SECRET, NONCE))
    assert reader.feed(stream[:cut]) + reader.feed(stream[cut:]) == frames


def signed_frames() -> list[bytes]:
    mac = wire.FrameMac(SECRET, NONCE)
    sent = [(wire.INFO, b"{}"), (wire.STDOUT, b"one"), (wire.STDOUT, b"one"), (wire.EXIT, b'{"code":1}')]
    return [wire.encode_frame(*frame, mac) for frame in sent]


def test_the_mac_of_a_frame_is_the_documented_one() -> None:
    key = hmac.new(SECRET, b"stream\n" + NONCE.encode(), hashlib.sha256).digest()
    for number, frame in enumerate(signed_frames()):
        wanted = hmac.new(key, number.to_bytes(8, "big") + frame[:-16], hashlib.sha256).digest()[:16]
        assert frame[-16:] == wanted


def damaged() -> dict[str, bytes]:
    """Return what somebody on the way can make of a stream without the secret."""
    one, two, three, end = signed_frames()
    other = wire.FrameMac(SECRET, "1" * 32)
    forged = wire.FrameMac(b"another", NONCE)
    return {
        "a frame is left out": one + three + end,
        "the first is left out": two + three + end,
        "one is repeated": one + two + two + three + end,
        "two are swapped, though their bytes are alike": one + three + two + end,
        "the end is moved to the front": end,
        "the code is changed": one + two + three + end.replace(b"1}", b"0}"),
        "the type is changed": one + b"E" + two[1:] + three + end,
        "a byte of the first MAC": one[:-16] + bytes([one[-16] ^ 1]) + one[-15:] + two,
        "a byte of the last MAC": one + two[:-1] + bytes([two[-1] ^ 128]) + three,
        "no MAC at all": wire.encode_frame(wire.EXIT, b'{"code":0}') + b"\0" * 16,
        "of another request": wire.encode_frame(wire.EXIT, b'{"code":0}', other),
        "of another secret": wire.encode_frame(wire.EXIT, b'{"code":0}', forged),
    }


@pytest.mark.parametrize("what", damaged())
def test_a_stream_somebody_changed_is_not_played(what: str) -> None:
    reader = wire.FrameReader(wire.FrameMac(SECRET, NONCE))
    got: list[tuple[bytes, bytes]] = []

    def play() -> None:
        got.extend(reader.feed(damaged()[what]))
        reader.feed(b"")

    with pytest.raises(ValueError, match="a frame was changed, left out, repeated or moved"):
        play()
    assert wire.EXIT not in [kind for kind, _ in got]


@given(st.binary(min_size=1, max_size=40), st.data())
def test_same_bytes_sees_a_difference_at_every_place(value: bytes, data: st.DataObject) -> None:
    place, bit = data.draw(st.integers(0, len(value) - 1)), data.draw(st.integers(0, 7))
    other = value[:place] + bytes([value[place] ^ 1 << bit]) + value[place + 1 :]
    assert wire.same_bytes(value, value)
    assert not wire.same_bytes(value, other)
    assert not wire.same_bytes(value, value + b"x")
    assert not wire.same(value.hex(), other.hex())


def test_the_seal_of_an_answer_is_the_documented_one_and_depends_on_everything_it_covers() -> None:
    text = "\n".join(("answer", "v2", NONCE, "200", hashlib.sha256(b"x").hexdigest()))
    wanted = hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()
    assert wire.seal_answer(SECRET, NONCE, 200, b"x") == f"v2 {wanted}"
    seals = {
        wire.seal_answer(*parts)
        for parts in (
            (SECRET, NONCE, 200, b"x"),
            (b"other", NONCE, 200, b"x"),
            (SECRET, "1" * 32, 200, b"x"),
            (SECRET, NONCE, 201, b"x"),
            (SECRET, NONCE, 200, b""),
            (SECRET, NONCE, 200, None),
        )
    }
    assert len(seals) == 6
