"""The file that tells the relay a job is alive and holds its Plex token, which never leaves this host.

The shim holds an exclusive lock on it as long as it lives, so that the kernel itself takes the job back whatever ends
the shim. The relay removes a file whose lock it can take; therefore the file is locked before it gets its name.
"""

import fcntl
import posix

from scaleplex.protocol import wire

TRIES = 3


class JobFile:
    """One locked file under ``jobs/``; open until the process ends or becomes the real transcoder."""

    def __init__(self, runtime_dir: str, fields: dict[str, object]) -> None:
        """Write and lock the file.

        Args:
            fields: what the relay reads; ``job`` names the file, ``attempt`` is one digit.

        Raises:
            OSError: the runtime directory does not exist or cannot be written.
        """
        directory = f"{runtime_dir}/jobs"
        self._path = f"{directory}/{fields['job']}"
        self._fields = fields
        self._descriptor = -1
        unnamed = f"{directory}/.{fields['job']}.{fields['pid']}"
        for _ in range(TRIES):
            self._descriptor = posix.open(
                unnamed, posix.O_RDWR | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC, 0o640
            )
            posix.fchmod(self._descriptor, 0o640)  # whatever the umask: the relay's group has to read it
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self._write()
            try:
                posix.rename(unnamed, self._path)
            except FileNotFoundError:
                # A sweep took the lock before we had it and removed what it believed dead.
                posix.close(self._descriptor)
                continue
            if posix.fstat(self._descriptor).st_nlink:
                return
            posix.close(self._descriptor)
        raise OSError(0, f"{self._path} is removed as fast as it is written")

    def _write(self) -> None:
        posix.pwrite(self._descriptor, wire.dump_json(self._fields).encode(), 0)

    def renew(self, attempt: int) -> None:
        """Let only callbacks of this attempt pass from now on.

        In place, since a second file would lie unlocked for a moment; one digit changes, so no reader sees half of it.
        """
        self._fields["attempt"] = attempt
        self._write()

    def remove(self) -> None:
        """Take the job back: its callbacks are refused from now on, the token is gone."""
        try:
            posix.unlink(self._path)
        except OSError:
            pass
        posix.close(self._descriptor)
