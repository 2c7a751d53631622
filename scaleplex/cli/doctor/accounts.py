"""Who the services and Plex run as, and what these accounts can do, tried as that account.

Root may do nearly everything on this host and nearly nothing on an NFS mount that squashes root, so neither answer of
root's says anything about a service. Whatever concerns rights is therefore tried by a short-lived child process with
the account's uid, gid and groups.
"""

import grp
import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaleplex.cli.doctor.findings import Skip

COMMAND_SECONDS = 10.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Account:
    """One account of this host."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} (uid {self.uid}, gid {self.gid})"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended; ``code`` is None when it was killed at its time limit or could not be started."""

    code: int | None
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The last line it wrote, errors first."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return lines[-1] if lines else "nothing"


@dataclass(frozen=True, slots=True)
class Login:
    """Names a unit runs under: its user, its group if it names one, and groups it adds."""

    user: str
    group: str = ""
    more_groups: tuple[str, ...] = ()

    def account(self) -> Account:
        """Return the account with those groups.

        Raises:
            Skip: there is no such user or group.
        """
        plain = find(self.user)
        try:
            gid = grp.getgrnam(self.group).gr_gid if self.group else plain.gid
            more = tuple(grp.getgrnam(name).gr_gid for name in self.more_groups)
        except KeyError as exc:
            raise Skip(f"a group of the unit does not exist on this host: {exc}") from None
        return Account(plain.name, plain.uid, gid, tuple(dict.fromkeys((gid, *plain.groups, *more))))


def of_unit(unit: str, default: str) -> Login:
    """Return what a unit runs under; the default where there is no systemd or no such unit."""
    done = run(["systemctl", "show", "--property=User,Group,SupplementaryGroups", unit], seconds=3)
    values = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    groups = tuple(values.get("SupplementaryGroups", "").split())
    return Login(values.get("User") or default, values.get("Group", ""), groups)


def find(name: str) -> Account:
    """Return an account by its name.

    Raises:
        Skip: there is none.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise Skip(f"there is no account {name} on this host") from None
    return Account(name, entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(name, entry.pw_gid)))


def myself() -> Account:
    """Return the account this process runs as."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Account(name, uid, os.getegid(), tuple(os.getgroups()))


def name_of_user(uid: int) -> str:
    """Return the name of a uid, or the number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def name_of_group(gid: int) -> str:
    """Return the name of a gid, or the number."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def run(
    words: Sequence[str],
    account: Account | None = None,
    *,
    env: Mapping[str, str] | None = None,
    seconds: float = COMMAND_SECONDS,
    cwd: str = "/",
) -> Done:
    """Run a command to its end and return what it said.

    Args:
        account: None for the one this process runs as.
        env: the whole environment; None for a path and nothing else.

    Raises:
        Skip: it would have to run as another account, and this process is not root.
    """
    more: dict[str, object] = {}
    if account is not None and account.uid != os.geteuid():
        if os.geteuid() != 0:
            raise Skip(f"only root can try this as {account.name}; run scaleplex doctor as root")
        more = {"user": account.uid, "group": account.gid, "extra_groups": list(account.groups or (account.gid,))}
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8"} if env is None else dict(env)
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            list(words), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            timeout=seconds, env=environment, cwd=cwd, start_new_session=True, **more,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Done(None, "", f"no end within {seconds:g} s")
    except OSError as exc:
        return Done(None, "", exc.strerror or str(exc))
    return Done(done.returncode, done.stdout, done.stderr)


def can(account: Account, rights: str, path: str) -> bool:
    """Tell whether an account can reach a path and has some of the rights ``r``, ``w`` and ``x`` there.

    Raises:
        Skip: see ``run``.
    """
    tests = " && ".join(f'test -{right} "$1"' for right in rights)
    return run(["/bin/sh", "-c", tests, "sh", path], account).code == 0
