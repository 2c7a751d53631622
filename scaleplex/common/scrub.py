"""Takes out of a text for a journal, an answer or a status page what nobody may read there; used at each sink.

Signatures of callbacks, tokens of Plex and MACs let their reader act for somebody else; they go everywhere. What lies
below a media root says who watches what; it goes from everything but debug entries. The root itself stays, since an
operator has to know which one.
"""

import re
from collections.abc import Iterable
from typing import Final

SHOWN: Final = "***"
# ``/cb/ATTEMPT/SIGNATURE``, as it stands in a path and as a query or a log may escape it.
_CALLBACK: Final = re.compile(r"(/|%2[fF])cb(?:/|%2[fF])\d+(?:/|%2[fF])[0-9a-fA-F]+")
_TOKEN: Final = re.compile(r"(X-Plex-Token['\"]?\s*(?:=|:|%3[dD])\s*['\"]?)[^&\s'\"]+", re.IGNORECASE)
# A MAC, a signature or a digest: no id of Plex, no PCI address and no number is a hexadecimal word this long.
_MAC: Final = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{40,}(?![0-9A-Za-z])")
# Where a path that holds blanks ends is a guess: behind the last thing in its line that looks like a file extension,
# else at the closing quote, else at the end of the line.
_EXTENSION: Final = r"\.[A-Za-z0-9]{2,5}(?=['\"]?(?:[:;,)\s]|\.?\Z|\.\s))"


def secrets(text: str) -> str:
    """Return a text without what would let its reader act for somebody else."""
    if "cb" in text:
        text = _CALLBACK.sub(r"\1cb/" + SHOWN, text)
    text = _TOKEN.sub(r"\1" + SHOWN, text)
    return _MAC.sub(SHOWN, text)


class Titles:
    """Takes out what lies below some directories."""

    def __init__(self, roots: Iterable[str] = ()) -> None:
        """Remember the directories, ``/`` left out: it would hide every path there is."""
        names = sorted({root.rstrip("/") for root in roots} - {""}, key=len, reverse=True)
        some = "|".join(map(re.escape, names)) or "(?!)"
        self._below = re.compile(rf"(?P<root>{some})/(?:[^\n]*{_EXTENSION}|[^\n'\"]*)")

    def __call__(self, text: str) -> str:
        """Return a text in which a path below one of them ends with its root."""
        return self._below.sub(rf"\g<root>/{SHOWN}", text)
