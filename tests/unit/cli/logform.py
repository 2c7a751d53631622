"""Print a command the way Plex Media Server logs it: bare, in double quotes, or (with a `$`) in single ones."""

from collections.abc import Mapping, Sequence

STAMP = "Nov 24, 2026 21:04:11.482 [139890936367928] DEBUG - [Req#2a9/Transcode/5f1e0c9a] "
PROGRAM = "/usr/lib/plexmediaserver/Plex Transcoder"
_SPECIAL = set(" []()|;&?*'<>{}!#~\\")


def today(argv: Sequence[str], env: Mapping[str, str]) -> str:
    """Return the line of a current server; nothing is escaped."""
    variables = [f"{name}='{value}'" if _SPECIAL & set(value) else f"{name}={value}" for name, value in env.items()]
    words = [f"'{w}'" if "$" in w else f'"{w}"' if _SPECIAL & set(w) or not w else w for w in argv]
    return f'{STAMP}Job running: {" ".join(variables)} "{PROGRAM}" {" ".join(words)}'


def old(argv: Sequence[str], env: Mapping[str, str]) -> str:
    """Return the line of a server of 2020: every word in single quotes, as a shell reads them."""
    variables = [f"{name}='{value}'" for name, value in env.items()]
    words = ["'" + word.replace("'", r"'\''") + "'" for word in (PROGRAM, *argv)]
    return f"{STAMP}Job running: {' '.join([*variables, *words])}"
