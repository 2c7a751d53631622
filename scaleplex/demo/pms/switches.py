"""What a test may change while the stand-in runs, through ``POST /standin/control``."""

from dataclasses import dataclass, fields
from typing import Any

from scaleplex.common.errors import BadField


@dataclass(slots=True)
class Switches:
    """Faults of PMS, and its limits; every field can be set by its name."""

    slow_callbacks_ms: int = 0
    fail_callbacks: bool = False  # answer 500
    drop_callbacks: bool = False  # close the connection without an answer
    force_throttle: bool | None = None  # canThrottle whatever was served; None: decide
    faults_met: int = 0  # callbacks that were failed or dropped since it was set
    overlap_seek: bool = False  # on a seek spawn the new job before the old one is killed
    throttle_buffer_seconds: float = 60.0
    prune_buffer_seconds: float = 300.0
    reach_seconds: float = 20.0
    segment_limit_seconds: float = 120.0
    idle_seconds: float = 180.0

    def update(self, values: dict[str, Any]) -> None:
        """Set some of them.

        Raises:
            BadField: there is no switch of that name, or it is of another type.
        """
        known = {field.name: field.type for field in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise BadField(f"{name} is no switch.", f"Switches: {', '.join(known)}.")
            if not isinstance(value, (bool, int, float, type(None))):
                raise BadField(f"{name} cannot be {value!r}.", "Switches are numbers, true, false or null.")
        for name, value in values.items():
            setattr(self, name, value)
