"""Every JSON body that crosses the wire, as a frozen dataclass.

``from_json`` takes a decoded JSON object, ignores unknown fields and names the field that is missing or mistyped;
``to_json`` gives it back. The shim builds the same objects as plain dicts; tests/contract holds
examples both must read.
"""

from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, Self, get_args, get_origin, get_type_hints

from scaleplex.common.errors import BadField


class Message:
    """Base of the messages: reading and writing by the declared types."""

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Return the message a decoded JSON object holds.

        Raises:
            BadField: a field is missing or has another type; the text names it.
        """
        message: Self = _read(cls, data, "")
        return message

    def to_json(self) -> dict[str, object]:
        """Return the message as a JSON-ready dict."""
        return {f.name: _write(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Needs(Message):
    """What the scheduler has to know of the argv, read by the shim at a glance."""

    video_encode: bool = True
    decode: str | None = None  # codec of the source's video as ffprobe names it
    encode: str | None = None  # codec of the output's video
    ten_bit: bool = False  # of the output


@dataclass(frozen=True, slots=True)
class PlacementRequest(Message):
    """``POST /placement``. ``exclude`` holds URLs of workers that refused or were lost."""

    session: str
    job: str
    attempt: int
    kind: str = "video"
    needs: Needs = field(default_factory=Needs)
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement(Message):
    """The orchestrator's answer: a worker's URL and the signed leave to use it."""

    worker: str
    ticket: str
    backend: str
    reason: str = ""  # why this worker, one word of orchestrator.scheduler


@dataclass(frozen=True, slots=True)
class TaskRequest(Message):
    """``POST /task``: one attempt of one job, argv and cwd exactly as PMS gave them."""

    session: str
    job: str
    attempt: int
    ticket: str
    args: tuple[str, ...]
    cwd: str
    kind: str = "video"
    env: dict[str, str] = field(default_factory=dict)
    callback: str | None = None
    plex_pass: bool = False  # whether the Plex host has a subscription; without one software stays software
    reason: str = ""  # why this worker, as the placement said; for the worker's journal


@dataclass(frozen=True, slots=True)
class RunningTask(Message):
    """A task as a worker's capability lists it."""

    session: str
    job: str
    kind: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Capability(Message):
    """What a worker can do and carries now; ``state`` is starting, ready or draining.

    ``decoders`` and ``encoders`` of a GPU worker are what its hardware can do, ``hevc:10`` with ten bits; of a ``sw``
    worker the names ffmpeg has.
    """

    worker_id: str
    version: str
    state: str
    backend: str
    sessions: int
    max_sessions: int
    cpu_load: float = 0.0  # 1-minute load average per core
    decoders: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    tasks: tuple[RunningTask, ...] = ()


@dataclass(frozen=True, slots=True)
class Registration(Message):
    """``POST /register``: push discovery and heartbeat; believed for ``ttl_seconds``."""

    url: str
    capability: Capability
    ttl_seconds: int = 10


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _read(expected: Any, value: object, where: str) -> Any:
    origin = get_origin(expected)
    if is_dataclass(expected):
        return _read_object(expected, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(get_args(expected)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {key: _read(get_args(expected)[1], item, f"{where}.{key}") for key, item in value.items()}
    options = get_args(expected) if origin not in (None, tuple, dict) else (expected,)
    if value is None and type(None) in options:
        return None
    if float in options and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if any(isinstance(option, type) and type(value) is option for option in options):
        return value
    raise _mistyped(expected, value, where)


def _read_object(cls: Any, value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise _mistyped(cls, value, where)
    hints = _hints(cls)
    given = {name: _read(hints[name], value[name], f"{where}.{name}".lstrip(".")) for name in hints if name in value}
    try:
        return cls(**given)
    except TypeError:
        required = [f.name for f in fields(cls) if f.name not in given]
        missing = next(name for name in required if not _has_default(cls, name))
        raise BadField(
            f"The field {(where + '.' + missing).lstrip('.')!r} is missing.",
            f"See {cls.__name__} in the protocol page.",
        ) from None


def _has_default(cls: Any, name: str) -> bool:
    declared = cls.__dataclass_fields__[name]
    return declared.default is not MISSING or declared.default_factory is not MISSING


def _mistyped(expected: Any, value: object, where: str) -> BadField:
    names = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
    wanted = names.get(expected) or ("a list" if get_origin(expected) is tuple else None)
    wanted = wanted or ("an object" if is_dataclass(expected) or get_origin(expected) is dict else "of another type")
    return BadField(
        f"The field {where or 'body'!r} is {type(value).__name__}; it must be {wanted}.", "See the protocol page."
    )


def _write(value: object) -> object:
    if isinstance(value, Message):
        return value.to_json()
    if isinstance(value, tuple):
        return [_write(item) for item in value]
    return value
