"""Errors, each a sentence to an operator: what was seen, what is wrong, what to do next.

One class for each thing an operator or a caller does differently::

    ScaleplexError
    ├── ConfigError          the settings cannot work; nothing was started
    ├── BadJson      400     the body is not JSON
    ├── BadField     400     a field is missing or of the wrong type
    ├── Unauthorized 401     unsigned, wrongly signed, stale, replayed or meant for another service
    │   └── EpochWanted      signed well, but perhaps before this process started; to be sent again
    ├── BadTicket    403     no leave to run this task here
    ├── NotFound     404     no such path, job or session
    ├── Superseded   409     a newer job of this session has taken over
    ├── Gone         410     the job has ended
    ├── TooLarge     413     more bytes than any real request has
    ├── Refused      422     this host cannot or may not run the task; another may
    │   ├── PolicyRefusal, InputMissing, CwdMissing, CwdNotWritable
    │   └── LocalOnly        no worker can: the Plex host's own transcoder has to
    ├── UpstreamError 502    the server behind this one did not answer as it should
    └── Busy         503     try another worker
        ├── Full, Starting, Draining, StorageHung
        └── NoWorker         the orchestrator has nobody to offer
"""

from collections.abc import Sequence


class ScaleplexError(Exception):
    """Base of every error that reaches an operator or the other end of a connection."""

    code = "error"
    status = 500

    def __init__(self, detail: str, hint: str) -> None:
        super().__init__(f"{detail} {hint}")
        self.detail = detail
        self.hint = hint

    def to_json(self) -> dict[str, object]:
        """Return the body of the HTTP answer."""
        return {"error": self.code, "detail": self.detail, "hint": self.hint}


class ConfigError(ScaleplexError):
    """The settings cannot work; every problem is named at once."""

    code = "bad-config"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(
            "; ".join(problems) + ".", "Correct the settings and start again; see docs/reference/settings."
        )
        self.problems = tuple(problems)


class BadJson(ScaleplexError):
    code = "bad-json"
    status = 400


class BadField(ScaleplexError):
    code = "bad-field"
    status = 400


class Unauthorized(ScaleplexError):
    """``nonce`` is that of a request whose signature is right all the same: its sender gets a signed refusal."""

    code = "unauthorized"
    status = 401
    nonce = ""


class EpochWanted(Unauthorized):
    code = "epoch"  # wire.EPOCH_WANTED: senders act on it


class BadTicket(ScaleplexError):
    code = "bad-ticket"
    status = 403


class NotFound(ScaleplexError):
    code = "not-found"
    status = 404


class Superseded(ScaleplexError):
    code = "superseded"
    status = 409


class Gone(ScaleplexError):
    code = "gone"
    status = 410


class TooLarge(ScaleplexError):
    code = "too-large"
    status = 413


class Refused(ScaleplexError):
    """This host cannot or may not run the task; another one may."""

    code = "policy"
    status = 422


class PolicyRefusal(Refused):
    code = "policy"


class InputMissing(Refused):
    code = "input-missing"


class CwdMissing(Refused):
    code = "cwd-missing"


class CwdNotWritable(Refused):
    code = "cwd-not-writable"


class LocalOnly(Refused):
    code = "local-only"  # wire.LOCAL_ONLY: the shim acts on it


class UpstreamError(ScaleplexError):
    code = "upstream"
    status = 502


class Busy(ScaleplexError):
    """Not here, not now; another worker may take it."""

    code = "busy"
    status = 503


class Full(Busy):
    code = "full"


class Starting(Busy):
    code = "starting"


class Draining(Busy):
    code = "draining"


class StorageHung(Busy):
    code = "storage-hung"


class NoWorker(Busy):
    code = "no-worker"
