"""The JSON bodies: what is missing or mistyped is named, what is unknown is ignored."""

import pytest

from scaleplex.common.errors import BadField
from scaleplex.protocol.messages import Capability, Message, PlacementRequest, Registration, TaskRequest

PLACEMENT = {"session": "s", "job": "j", "attempt": 1}
TASK = {"session": "s", "job": "j", "attempt": 1, "ticket": "t", "args": ["-i", "x"], "cwd": "/t"}


def test_unknown_fields_are_ignored_and_defaults_filled_in() -> None:
    request = PlacementRequest.from_json({**PLACEMENT, "later": {"any": 1}})
    assert request.kind == "video"
    assert request.needs.video_encode is True
    assert request.exclude == ()


@pytest.mark.parametrize("field", sorted(TASK))
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(BadField, match=f"'{field}' is missing"):
        TaskRequest.from_json({key: value for key, value in TASK.items() if key != field})


@pytest.mark.parametrize(
    ("cls", "body", "named"),
    [
        (TaskRequest, {**TASK, "attempt": "1"}, "'attempt' is str; it must be an integer"),
        (TaskRequest, {**TASK, "attempt": True}, "'attempt' is bool"),
        (TaskRequest, {**TASK, "args": "x"}, "'args' is str; it must be a list"),
        (TaskRequest, {**TASK, "args": ["a", 1]}, r"'args\[1\]' is int; it must be a string"),
        (TaskRequest, {**TASK, "env": {"LANG": 1}}, "'env.LANG' is int"),
        (TaskRequest, {**TASK, "callback": 7}, "'callback' is int"),
        (PlacementRequest, {**PLACEMENT, "needs": {"video_encode": 1}}, "'needs.video_encode' is int"),
        (PlacementRequest, [], "'body' is list; it must be an object"),
    ],
)
def test_a_mistyped_field_is_named(cls: type[Message], body: object, named: str) -> None:
    with pytest.raises(BadField, match=named):
        cls.from_json(body)


def test_a_nested_message_survives_the_way_there_and_back() -> None:
    capability = {
        "worker_id": "w", "version": "1", "state": "ready", "backend": "sw", "sessions": 1, "max_sessions": 4,
        "tasks": [{"session": "s", "job": "j", "kind": "video", "attempt": 2}],
    }  # fmt: skip
    registration = Registration.from_json({"url": "http://w:1", "capability": capability})
    assert Registration.from_json(registration.to_json()) == registration
    assert Capability.from_json(registration.capability.to_json()).tasks[0].attempt == 2


def test_bytes_that_are_not_utf8_survive_the_wire() -> None:
    from scaleplex.protocol import wire

    sent = wire.dump_json({**TASK, "args": ["-i", "/media/caf\udce9"]})
    assert sent.isascii()
    assert TaskRequest.from_json(wire.load_json(sent)).args[1].encode("utf-8", "surrogateescape") == b"/media/caf\xe9"
