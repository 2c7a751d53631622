"""What this worker can do and carries now, as orchestrators see it."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from scaleplex.protocol.messages import Capability
from scaleplex.worker.load import cpu_load
from scaleplex.worker.supervisor import Supervisor
from scaleplex.worker.warmup import WarmUp


@dataclass(frozen=True, slots=True)
class CapabilitySource:
    """Makes the capability anew each time it is asked for."""

    worker_id: str
    max_sessions: int
    supervisor: Supervisor
    warm_up: WarmUp

    def __call__(self) -> Capability:
        tasks = tuple(task.running() for task in self.supervisor.tasks())
        return Capability(
            worker_id=self.worker_id,
            version=scaleplex_version(),
            state=self.supervisor.state,
            backend=self.warm_up.equipment.backend,
            sessions=len(tasks),
            max_sessions=self.max_sessions,
            cpu_load=round(cpu_load(), 3),
            decoders=self.warm_up.codecs.decoders,
            encoders=self.warm_up.codecs.encoders,
            tasks=tasks,
        )


def scaleplex_version() -> str:
    """Return the installed version."""
    try:
        return version("scaleplex")
    except PackageNotFoundError:
        return "unknown"
