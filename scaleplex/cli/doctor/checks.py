"""Every check: where it is made, what it finds and the usual fix. The reference page is printed from this table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaleplex.cli.doctor import accounts, diversion, ffmpeg, films, fleet, gpu, mounts, services, shared, shim, storage
from scaleplex.cli.doctor import plex_preferences as preferences
from scaleplex.cli.doctor.findings import Finding, Skip
from scaleplex.cli.doctor.host import ORCHESTRATOR_ROLE, PLEX_HOST, WORKER_ROLE, Host, secret_file
from scaleplex.worker.capability import scaleplex_version

ALL = (PLEX_HOST, WORKER_ROLE, ORCHESTRATOR_ROLE)
STORING = (PLEX_HOST, WORKER_ROLE)


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: ``subject.what``, as ``--only`` takes it.
        roles: on which hosts it is made.
        finds, fix: for the reference.
    """

    name: str
    roles: Sequence[str]
    finds: str
    fix: str
    run: Callable[[Host], Sequence[Finding]]


def _mounted(host: Host) -> Sequence[Finding]:
    paths = [host.transcode_root()]
    if WORKER_ROLE in host.roles and host.worker is not None:
        paths += host.worker.media_roots
    return storage.mounted(paths, mounts.read(host.places.mountinfo))


def _state(host: Host) -> Sequence[Finding]:
    directory = host.worker_config().state_dir
    mount = mounts.covering(mounts.read(host.places.mountinfo), str(directory))
    kind, network = (mount.kind, mount.network) if mount is not None else ("unknown", False)
    found = gpu.state_is_local(directory, kind, network)
    return [*found, *gpu.state_is_writable(directory, host.worker_login.account())]


def _named_root(host: Host) -> Path | None:
    if host.transcode is not None:
        return host.transcode
    return host.worker.transcode_root if host.worker is not None else None


def _same_directories(host: Host) -> Sequence[Finding]:
    try:
        root: Path | None = host.transcode_root()
    except Skip:
        root = None
    return shared.same_directories(root, host.survey().storages)


def _ports(host: Host) -> Sequence[Finding]:
    found: list[Finding] = []
    for name, config in (("worker", host.worker), ("orchestrator", host.orchestrator), ("relay", host.relay)):
        if config is not None:
            found += services.port(name, config.bind, host)
    if not found:
        raise Skip("no service has settings that can be read")
    return found


def _ready(host: Host) -> Sequence[Finding]:
    found: list[Finding] = []
    for name, config in (("worker", host.worker), ("orchestrator", host.orchestrator), ("relay", host.relay)):
        if config is not None:
            found += services.ready(name, config.bind)
    if not found:
        raise Skip("no service has settings that can be read")
    return found


def _fallbacks(host: Host) -> Sequence[Finding]:
    return shim.fallbacks(Path(host.shim_settings().runtime_dir), host.relay_config().state_dir)


def _runtime(host: Host) -> Sequence[Finding]:
    directory = host.relay.runtime_dir if host.relay is not None else Path(host.shim_settings().runtime_dir)
    plex, relay = accounts.find(host.plex_user), host.relay_login.account()
    return services.runtime_directory(directory, plex, relay)


SETTINGS = (
    Check("settings.files", ALL, "an env file with a wrong or misspelt line", "Correct that line.", services.files),
    Check(
        "settings.secret", ALL, "a fleet secret that is missing, too short or open to others",
        "Write it to /etc/scaleplex/fleet-secret, mode 0600.", lambda host: services.secret(host, secret_file(host)),
    ),
    Check("service.port", ALL, "a service that does not listen where it should", "Start it; see its journal.", _ports),
    Check("service.ready", ALL, "a service that is not ready, with its own reason", "Do what the reason says.", _ready),
)  # fmt: skip

STORAGE = (
    Check(
        "storage.mounted", STORING, "transcode or media directory missing or not mounted",
        "Mount the export at the same path as everywhere.", _mounted,
    ),
    Check(
        "storage.options", STORING, "transcode mount soft, read-only, or with caches that hide new segments",
        "hard,vers=4.2,lookupcache=positive,actimeo=1",
        lambda host: storage.transcode_options(host.transcode_root(), mounts.read(host.places.mountinfo)),
    ),
    Check(
        "storage.media", (WORKER_ROLE,), "soft or old media mounts", "hard,vers=4.2",
        lambda host: storage.media_options(host.worker_config().media_roots, mounts.read(host.places.mountinfo)),
    ),
    Check(
        "storage.space", STORING, "less than 1 GiB (problem) or 10 GiB (warning) free for segments", "Free space.",
        lambda host: storage.space(host.transcode_root()),
    ),
    Check(
        "storage.owner", STORING, "the service's account cannot write, or its files belong to somebody else",
        "One uid and gid for Plex and the workers, or all_squash to Plex's; numeric ids.",
        lambda host: storage.owner(host.transcode_root(), host.writer()),
    ),
    Check(
        "storage.directories", (PLEX_HOST,), "a path that is another directory on a worker, or films it may not read",
        "Mount the same export on both hosts; set scaleplex_worker_groups.", _same_directories,
    ),
    Check(
        "storage.films", (PLEX_HOST,),
        "films of this host that a worker does not see or may not read: nothing mounted there, or a nested file system"
        " that is not exported", "Mount it there; crossmnt or nohide in the export.",
        lambda host: films.compared(host.survey().storages, mounts.read(host.places.mountinfo), host.secret),
    ),
    Check(
        "storage.shared", (PLEX_HOST,),
        "a file written here that a worker does not see within a second, or the other way round, or that changes its"
        " inode or owner on the way", "Same export, lookupcache=positive, actimeo=1, equal uids.",
        lambda host: shared.both_ways(host.transcode_root(), host.writer(), host.survey().workers, host.secret),
    ),
)  # fmt: skip

WORKER = (
    Check(
        "ffmpeg.package", (WORKER_ROLE,), "scaleplex-ffmpeg7 missing or damaged", "Install the package.",
        lambda host: ffmpeg.package(host.worker_config().ffmpeg, host.places.root),
    ),
    Check(
        "ffmpeg.runs", (WORKER_ROLE,), "ffmpeg or ffprobe does not start, or is no FFmpeg 7.1", "Install the package.",
        lambda host: ffmpeg.runs(
            host.worker_config().ffmpeg, host.worker_config().ffprobe, host.worker_login.account()
        ),
    ),
    Check(
        "ffmpeg.patches", (WORKER_ROLE,), "a stock build without our options", "Install the package.",
        lambda host: ffmpeg.patches(host.worker_config().ffmpeg, host.worker_login.account()),
    ),
    Check(
        "ffmpeg.box", (WORKER_ROLE,), "what reads films is not confined", "A kernel with Landlock, and our package.",
        lambda host: ffmpeg.box(host.worker_config().ffmpeg),
    ),
    Check(
        "ffmpeg.encode", (WORKER_ROLE,), "an encode on the configured backend fails", "Run the command it prints.",
        lambda host: ffmpeg.encode(
            host.worker_config().ffmpeg, host.worker_config().backend, host.worker_login.account()
        ),
    ),
    Check(
        "gpu.nodes", (WORKER_ROLE,), "a GPU's device missing or closed to the worker's account",
        "Install the driver; add the account to the device's group.",
        lambda host: gpu.render_nodes(host.places.devices, host.worker_config().backend, host.worker_login.account()),
    ),
    Check(
        "worker.state", (WORKER_ROLE,), "state directory on a network mount or not writable", "A local one.", _state,
    ),
)  # fmt: skip

PLEX = (
    Check(
        "plex.diversion", (PLEX_HOST,), "dpkg would unpack the next Plex over the shim", diversion.ROLE,
        lambda host: diversion.registered(host.places.plex_directory, host.places.root),
    ),
    Check(
        "plex.shim", (PLEX_HOST,), "the shim missing, replaced, of another version or changeable by others",
        diversion.ROLE, lambda host: diversion.shim_in_place(host.places.plex_directory),
    ),
    Check(
        "plex.transcoder", (PLEX_HOST,), "the real transcoder lost, or not the installed version's",
        diversion.REINSTALL, lambda host: diversion.real_in_place(host.places.plex_directory, host.places.root),
    ),
    Check(
        "plex.library", (PLEX_HOST,), "the shim's library incomplete, or not compiled for this python3",
        "Run compileall as it says.", lambda host: shim.library(host.places.plex_directory),
    ),
    Check(
        "plex.starts", (PLEX_HOST,), "the shim does not start as Plex's user", "Let that user read the library.",
        lambda host: shim.starts(host.places.plex_directory, accounts.find(host.plex_user)),
    ),
    Check(
        "plex.settings", (PLEX_HOST,), "shim.env that Plex's user cannot read", "chgrp plex, chmod 0640",
        lambda host: services.readable_settings(host.places.etc / "shim.env", accounts.find(host.plex_user)),
    ),
    Check(
        "plex.secret", (PLEX_HOST,), "the shim's secret unreadable for Plex, open to others, or not the services'",
        "Copy the secret; chgrp plex, chmod 0640.",
        lambda host: services.shim_secret(
            host.shim_settings().secret_file, host, accounts.find(host.plex_user)
        ),
    ),
    Check(
        "plex.runtime", (PLEX_HOST,), "/run/scaleplex missing, open to others, or closed to shim or relay",
        "systemd-tmpfiles --create scaleplex-relay.conf", _runtime,
    ),
    Check(
        "plex.directory", (PLEX_HOST,), "Plex's transcoder temporary directory not the one that is shared",
        "Set it in Plex's settings.",
        lambda host: preferences.transcoder_directory(
            host.places.preferences, _named_root(host), host.survey().storages
        ),
    ),
    Check(
        "plex.server", (PLEX_HOST,), "Plex Media Server does not answer the relay", "Start it.",
        lambda host: services.pms(host.relay_config().plex_url),
    ),
    Check(
        "plex.fallbacks", (PLEX_HOST,),
        "jobs of the last day that ran here or lost their worker, and why; reasons of the last seven days",
        "By the reason.", _fallbacks,
    ),
)  # fmt: skip

FLEET = (
    Check(
        "fleet.orchestrators", ALL, "an orchestrator that cannot be reached", "Start it; open its port.",
        lambda host: fleet.reachable(host.survey().orchestrators, "orchestrator"),
    ),
    Check(
        "fleet.workers", ALL, "a worker that cannot be reached", "Start it; open its port.",
        lambda host: fleet.reachable(host.survey().workers, "worker", host.may_be_off),
    ),
    Check(
        "fleet.ready", (PLEX_HOST, ORCHESTRATOR_ROLE), "workers that are not ready", "Run the doctor there.",
        lambda host: fleet.any_ready(host.survey()),
    ),
    Check(
        "fleet.secret", ALL, "hosts with different secrets, or that take unsigned requests", fleet.SECRET_FIX,
        lambda host: fleet.secrets_equal(host.survey().services, have_secret=host.secret is not None),
    ),
    Check(
        "fleet.versions", ALL, "workers of another version", "Run the upgrade playbook.",
        lambda host: fleet.versions(scaleplex_version(), host.survey().workers),
    ),
    Check(
        "fleet.clocks", ALL, "clocks more than 5 s (warning) or 60 s (problem) apart", fleet.CLOCK_FIX,
        lambda host: fleet.clocks(host.survey().services),
    ),
    Check(
        "relay.address", (PLEX_HOST,), "a relay URL that means nothing on other hosts", "Set SCALEPLEX_SHIM_RELAY_URL.",
        lambda host: fleet.relay_address(host.shim_settings().relay_url, host.survey().workers),
    ),
    Check(
        "relay.refuses", STORING, "the relay unreachable from this host, or not refusing what it must",
        "Address, firewall, secret.",
        lambda host: fleet.relay(host.survey().relay_here, host.survey().relay_url, "this host"),
    ),
    Check(
        "relay.workers", (PLEX_HOST,), "the same, seen from inside each worker's service", "Address, firewall, secret.",
        lambda host: fleet.relay_from_workers(host.survey().relay_url, host.survey().relay_from),
    ),
)  # fmt: skip

CHECKS: tuple[Check, ...] = SETTINGS + STORAGE + WORKER + PLEX + FLEET
