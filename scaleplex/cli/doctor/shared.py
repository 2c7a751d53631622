"""Whether this host and each worker see one transcode directory: markers written on one side, looked for on the other.

The Plex host is where this matters: Plex opens what a worker has just written, and asks for it before it is there, so
the marker is looked for once before it is written and then by its name alone. An NFS client with a cache of absent
names shows itself that way.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scaleplex.cli.doctor.accounts import Account
from scaleplex.cli.doctor.findings import Finding, Skip, ok, problem, skipped, warning
from scaleplex.cli.doctor.storage import marker_as
from scaleplex.cli.doctor.survey import Reply, Service, ask, new_marker, side_by_side
from scaleplex.common.log import Secret

WITHIN_MS = 1000
WAIT_MS = 3000
CACHE_FIX = "Mount the transcode directory with lookupcache=positive,actimeo=1 on {where} and mount it anew."
SAME_FIX = "Mount the same export at {root} on both hosts (compare findmnt {root})."


def both_ways(
    root: Path, account: Account, workers: Sequence[Service], secret: Secret | None, wait_ms: int = WAIT_MS
) -> list[Finding]:
    """Return for each worker whether markers are seen both ways; workers are asked side by side.

    Raises:
        Skip: nobody can be asked, or this process cannot become the account.
    """
    answering = [worker.url for worker in workers if worker.signed.status == 200]
    if not answering:
        raise Skip("no worker answers")

    def look_with(url: str) -> Callable[[], list[Finding]]:
        def call() -> list[Finding]:
            try:
                return _one_worker(root, account, url, secret, wait_ms)
            except Skip as exc:
                return [skipped(str(exc))]

        return call

    return [finding for found in side_by_side([look_with(url) for url in answering]) for finding in found]


def _one_worker(root: Path, account: Account, url: str, secret: Secret | None, wait_ms: int) -> list[Finding]:
    there = _written_here(root, account, url, secret, wait_ms)
    if there.severity == "skipped":
        return [there]
    return [there, *_written_there(root, account, url, secret, wait_ms)]


def _written_here(root: Path, account: Account, url: str, secret: Secret | None, wait_ms: int) -> Finding:
    name = new_marker()
    before = _look_there(url, name, 0, secret)  # now its NFS client knows that the file is absent
    if before.status != 200:
        old = before.status == 404
        return skipped(f"worker {url} cannot be asked: {'it is older than this doctor' if old else before.detail}")
    mine = marker_as(account, "write", root, name)
    if "error" in mine:
        return skipped(f"{account.name} cannot write into {root}: {mine['error']}; see storage.owner")
    try:
        reply = _look_there(url, name, wait_ms, secret)
    finally:
        marker_as(account, "remove", root, name)
    seen = reply.body
    if reply.status != 200 or not seen.get("seen"):
        return problem(f"worker {url} does not see in {wait_ms / 1000:g} s what is written to {root} here",
                       SAME_FIX.format(root=root))  # fmt: skip
    return _judge(seen, mine, f"worker {url} sees what is written here", f"worker {url}", root)


def _written_there(root: Path, account: Account, url: str, secret: Secret | None, wait_ms: int) -> list[Finding]:
    name = new_marker()
    marker_as(account, "look", root, name, 0)
    reply = ask("POST", url + "/doctor/marker", secret, json={"name": name})
    if reply.status != 200:
        return [
            problem(
                f"worker {url} cannot write into the transcode directory: {reply.detail}",
                "Run the worker with Plex's uid and gid, and let its mount and its unit (BindPaths=) allow it.",
            )
        ]
    seen = marker_as(account, "look", root, name, wait_ms)
    if not seen.get("seen"):
        _remove_there(url, name, secret)
        return [
            problem(
                f"what worker {url} writes is not seen in {root} here within {wait_ms / 1000:g} s",
                f"{SAME_FIX.format(root=root)} {CACHE_FIX.format(where='this host')}",
            )
        ]
    found = [_judge(seen, reply.body, f"what worker {url} writes is seen here", "this host", root)]
    found += judge_uids(seen, reply.body, account, url)
    removed = marker_as(account, "remove", root, name)
    if "error" in removed:
        _remove_there(url, name, secret)
        found.append(
            problem(
                f"{account.name} cannot remove what worker {url} wrote: {removed['error']}",
                "Run the worker with Plex's uid and gid: Plex removes session directories.",
            )
        )
    return found


def _judge(seen: dict[str, Any], written: dict[str, Any], text: str, where: str, root: Path) -> Finding:
    same = all(seen.get(key) == written.get(key) for key in ("content", "bytes", "inode"))
    if not same:
        return problem(f"{text}, but as another file (inode {seen.get('inode')}, there {written.get('inode')})",
                       SAME_FIX.format(root=root))  # fmt: skip
    after = int(seen["after_ms"])
    if after > WITHIN_MS:
        return warning(f"{text}, but only after {after / 1000:.1f} s", CACHE_FIX.format(where=where))
    return ok(f"{text} ({after} ms, same inode)")


def judge_uids(seen: dict[str, Any], written: dict[str, Any], account: Account, url: str) -> list[Finding]:
    """Return what the owner of a worker's file says: as the worker sees it, as this host does, as Plex needs it."""
    if seen.get("uid") != written.get("uid"):
        return [
            problem(
                f"a file of worker {url} belongs to uid {written.get('uid')} there and {seen.get('uid')} here",
                "Use sec=sys with numeric ids on client and server (nfs.nfs4_disable_idmapping=Y).",
            )
        ]
    if seen.get("uid") != account.uid:
        return [
            problem(
                f"worker {url} writes as uid {seen.get('uid')}, Plex is {account}",
                f"Run that worker with uid {account.uid} and gid {account.gid}, as Plex has here (id {account.name}),"
                f" or export the directory with all_squash,anonuid={account.uid},anongid={account.gid}.",
            )
        ]
    return [ok(f"worker {url} writes as {account}")]


def same_directories(root: Path | None, storages: dict[str, Reply]) -> list[Finding]:
    """Return whether the shared directories of each worker are the same directories here.

    Args:
        root: the transcode directory here, None when it is not known.
        storages: answers to ``/doctor/storage``, by worker.
    """
    found: list[Finding] = []
    for url, reply in storages.items():
        if reply.status != 200:
            found.append(skipped(f"worker {url} cannot be asked: {reply.detail}"))
            continue
        transcode, media = reply.body["transcode_root"], reply.body["media_roots"]
        if root is not None and transcode["path"] != str(root):
            found.append(
                problem(
                    f"the transcode directory is {root} here and {transcode['path']} on worker {url}",
                    f"Mount it at {root} there and set SCALEPLEX_WORKER_TRANSCODE_ROOT={root}.",
                )
            )
        found += [_same_directory(item, url) for item in [transcode, *media]]
    if not found:
        raise Skip("no worker answers")
    return found


def _same_directory(item: dict[str, Any], url: str) -> Finding:
    path = Path(str(item["path"]))
    fix = f"Mount the same export at {path} on both hosts."
    if item.get("unreadable"):
        return problem(
            f"worker {url} may not read films: {item['unreadable']}",
            "Put the group that may (ls -ln there) into scaleplex_worker_groups and run site.yml.",
        )
    if item["inode"] is None:
        return problem(f"{path} is not there on worker {url}", fix)
    try:
        inode = path.stat().st_ino
    except OSError as exc:
        return problem(f"worker {url} uses {path}, which is not there on this host: {exc.strerror}", fix)
    if inode != item["inode"]:
        return problem(f"{path} is another directory on worker {url} (inode {item['inode']}, here {inode})", fix)
    return ok(f"{path} is the same directory on worker {url}")


def _remove_there(url: str, name: str, secret: Secret | None) -> None:
    ask("DELETE", f"{url}/doctor/marker?name={quote(name)}", secret)


def _look_there(url: str, name: str, wait_ms: int, secret: Secret | None) -> Reply:
    target = f"{url}/doctor/marker?name={quote(name)}&wait_ms={wait_ms}"
    return ask("GET", target, secret, read_seconds=wait_ms / 1000 + 3)
