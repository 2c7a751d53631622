"""Settings: declared once as dataclass fields, read once from the environment, printed into the reference from there.

    @dataclass(frozen=True, slots=True)
    class WorkerConfig:
        max_sessions: int = setting(positive_int, default="4", help="transcodes at once before it answers 503")

    config = load(WorkerConfig, "SCALEPLEX_WORKER_", os.environ)

Loading reports every problem at once and names the nearest setting for an unknown variable. Secrets never come from the
environment: ``load_secret`` reads the file that systemd hands over as a credential.
"""

import difflib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from scaleplex.common.errors import ConfigError
from scaleplex.common.log import Secret

T = TypeVar("T")

SECRET_MIN_BYTES = 16


def setting(parse: Callable[[str], Any], *, default: str | None = None, help: str) -> Any:
    """Declare one setting.

    Args:
        parse: turns the variable's text into the value; raises ValueError with a phrase that completes "must be ...".
        default: the text used when the variable is absent; None makes it required.
        help: one phrase for the reference.
    """
    return field(metadata={"parse": parse, "default": default, "help": help})


def load(cls: type[T], prefix: str, environ: Mapping[str, str]) -> T:
    """Return the configuration read from the variables that start with a prefix.

    Raises:
        ConfigError: a variable is unknown, missing or cannot be parsed; all of them are named.
    """
    problems: list[str] = []
    values: dict[str, object] = {}
    known = {prefix + f.name.upper(): f for f in fields(cls)}  # type: ignore[arg-type]
    # SECRET_FILE is read by load_secret: a secret is no setting, and no part of a configuration that may be logged.
    for name in sorted(n for n in environ if n.startswith(prefix) and n not in known and n != prefix + "SECRET_FILE"):
        near = difflib.get_close_matches(name, known, 1)
        problems.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    for name, declared in known.items():
        text = environ.get(name, declared.metadata["default"])
        if text is None:
            problems.append(f"{name} is not set ({declared.metadata['help']})")
            continue
        try:
            values[declared.name] = declared.metadata["parse"](text)
        except ValueError as exc:
            problems.append(f"{name}={text!r} must be {exc}")
    if problems:
        raise ConfigError(problems)
    return cls(**values)


def load_secret(environ: Mapping[str, str], prefix: str) -> Secret | None:
    """Return the fleet secret, or None when none is configured.

    It is the content of ``$CREDENTIALS_DIRECTORY/fleet-secret`` (systemd's LoadCredential), else of the file named by
    ``<prefix>SECRET_FILE``; white space at its ends is not part of it.

    Raises:
        ConfigError: the file is named but cannot be read, or holds too little to be a secret.
    """
    named = environ.get(prefix + "SECRET_FILE")
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    path = Path(named) if named else Path(credentials) / "fleet-secret" if credentials else None
    if path is None or (not named and not path.exists()):
        return None
    try:
        secret = path.read_bytes().strip()
    except OSError as exc:
        raise ConfigError([f"the fleet secret cannot be read: {exc}"]) from exc
    if len(secret) < SECRET_MIN_BYTES:
        raise ConfigError([f"{path} holds {len(secret)} bytes; a fleet secret has at least {SECRET_MIN_BYTES}"])
    return Secret(secret)


def check_bind(bind: str, secret: Secret | None) -> None:
    """Refuse to listen beyond loopback without a secret (design section 4).

    Raises:
        ConfigError: the address is not loopback and there is no secret.
    """
    host = bind.rsplit(":", 1)[0].strip("[]")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if secret is None and not loopback:
        raise ConfigError(
            [f"refusing to listen on {bind} without a fleet secret: anybody on the network could run commands here"]
        )


def positive_int(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ValueError("a whole number of at least 1")
    return int(text)


def port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError("a TCP port, 1 to 65535")
    return int(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise ValueError("a number of seconds, 0 or more")
    return value


def boolean(text: str) -> bool:
    if text.lower() not in ("1", "0", "true", "false", "yes", "no"):
        raise ValueError("1 or 0")
    return text.lower() in ("1", "true", "yes")


def bind_address(text: str) -> str:
    host, _, number = text.rpartition(":")
    if not host or not number.isdigit() or int(number) > 65535:
        raise ValueError("an address and port such as 127.0.0.1:32481")
    return text


def url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if scheme.lower() == "https":
        raise ValueError(
            "an http:// URL: no part of a fleet speaks TLS; docs/how-to/encrypt says how to encrypt the network"
        )
    if scheme != "http" or not separator or not rest or "/" in rest.rstrip("/") or set(rest) & set("@?# "):
        raise ValueError("a URL such as http://10.0.0.6:32481, without a path")
    return text.rstrip("/")


def url_list(text: str) -> tuple[str, ...]:
    return tuple(url(part.strip()) for part in text.split(",") if part.strip())


def absolute_path(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError("an absolute path")
    return Path(text)


def path_list(text: str) -> tuple[Path, ...]:
    return tuple(absolute_path(part.strip()) for part in text.split(",") if part.strip())


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a parser that takes one of the given words."""

    def parse(text: str) -> str:
        if text not in allowed:
            near = difflib.get_close_matches(text, allowed, 1)
            raise ValueError("one of " + ", ".join(allowed) + (f"; did you mean {near[0]}?" if near else ""))
        return text

    return parse


def describe(cls: type[Any], prefix: str) -> list[tuple[str, str | None, str]]:
    """Return name, default and help of every setting, for the reference."""
    return [
        (prefix + f.name.upper(), cast("str | None", f.metadata["default"]), str(f.metadata["help"]))
        for f in fields(cls)
        if f.default is MISSING
    ]
