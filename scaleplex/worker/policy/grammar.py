"""What the values of Plex's options look like. Each grammar is a pattern for the whole value.

None of them takes what FFmpeg could read as a file or a host: no colon or comma behind a word (`tee:/x`,
`subfile,,start,…`), no slash but in numbers and device nodes, and neither quotes nor backslashes, which FFmpeg takes
off where a pattern would still see them. Texts without meaning to FFmpeg (metadata) may hold anything.
"""

import re
from typing import Final

Grammar = re.Pattern[str]

_NUMBER = r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,3})?"
_ID = r"(?:0x[0-9a-fA-F]{1,8}|\d{1,8})"  # of a stream in its container
_STREAM = rf"(?:\d{{1,4}}|[vVasdt](?::\d{{1,4}})?|(?:[vVasdt]:)?(?:#|i:){_ID})"
_NODE = r"/dev/dri/(?:(?:renderD|card)\d{1,4}|by-path/[A-Za-z0-9:._-]{1,64})"
_DEVICE = rf"(?:{_NODE}|\d{{1,3}}|(?:pci:)?[0-9a-fA-F]{{4}}:[0-9a-fA-F]{{2}}:[0-9a-fA-F]{{2}}\.\d)"
_FLAG_NAME = r"[A-Za-z0-9_]{1,40}"


def _whole(pattern: str) -> Grammar:
    return re.compile(rf"(?:{pattern})\Z", re.ASCII)


NUMBER: Final = _whole(_NUMBER)
RATE: Final = _whole(rf"{_NUMBER}(?:[kKMG]i?)?")  # bits, bytes, counts
RATIO: Final = _whole(rf"{_NUMBER}(?:[/:]{_NUMBER})?")  # frame rates, aspects
TIME: Final = _whole(rf"{_NUMBER}(?:s|ms|us)?|-?(?:\d{{1,4}}:)?\d{{1,2}}:\d{{1,2}}(?:\.\d{{0,20}})?")
TIMES: Final = _whole(r"\d{1,8}(?:\.\d{1,20})?(?:,\d{1,8}(?:\.\d{1,20})?){0,2000}")
COUNT: Final = _whole(r"\d{1,3}|auto")
SWITCH: Final = _whole(r"[01]|-1|true|false|yes|no|auto")
WORD: Final = _whole(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}|-\d{1,9}")
WORDS: Final = _whole(r"[A-Za-z0-9_.+ -]{1,256}")  # channel layouts, encodings
FLAGS: Final = _whole(rf"[+-]?{_FLAG_NAME}(?:[+-]{_FLAG_NAME}){{0,30}}|-\d{{1,3}}")
SIZE: Final = _whole(r"\d{1,5}x\d{1,5}|[a-z0-9]{1,12}")
MAP: Final = _whole(rf"\[[A-Za-z0-9_]{{1,32}}\]|-?\d{{1,3}}(?::{_STREAM})?\??")
STREAM: Final = _whole(rf"\d{{1,3}}:{_STREAM}")
MAP_METADATA: Final = _whole(rf"-?\d{{1,3}}(?::(?:g|[cps](?::{_STREAM})?))?")
METADATA: Final = re.compile(r"[^=\x00-\x1f]{1,128}=[^\x00]*\Z", re.DOTALL)
KEY_FRAMES: Final = _whole(rf"expr:gte\(t,(?:{_NUMBER}\+)?n_forced\*{_NUMBER}\)|source|{TIMES.pattern[3:-3]}")
LOG_LEVEL: Final = _whole(r"[a-z+]{1,40}|-?\d{1,3}")
DEVICE: Final = _whole(rf"{_DEVICE}|[a-z0-9_]{{1,16}}")
INIT_DEVICE: Final = _whole(
    rf"[a-z0-9_]{{1,16}}(?:=[a-z0-9_]{{1,16}})?(?:@[a-z0-9_]{{1,16}}|:(?:{_DEVICE})?(?:,[a-z_]{{1,32}}=[A-Za-z0-9_]{{1,32}}){{0,4}})?"
)
PREFIX: Final = _whole(r"[A-Za-z0-9._~-]{1,160}")  # EasyAudioEncoder's file names
BASE_NAME: Final = _whole(r"[A-Za-z0-9$%][A-Za-z0-9$%._+-]{0,254}")
ADAPTATION_SETS: Final = _whole(r"(?:id=\d{1,3},streams=[0-9va,]{1,64} ?){1,8}")

#: What follows the first colon of an option's name, as far as PMS may write it.
SPECIFIER: Final = _whole(_STREAM)
METADATA_SPECIFIER: Final = _whole(rf"g|[cp]:\d{{1,4}}|s(?::{_STREAM})?")

_ITEM = r"[A-Za-z0-9_-]{1,48}(?:=[A-Za-z0-9_.,+-]{0,128})?"
#: `key=value:key=value`; FFmpeg would take quotes and backslashes off, so there are none.
ITEMS: Final = _whole(rf"{_ITEM}(?::{_ITEM}){{0,100}}")
#: `name=key=value:key=value,name`: bitstream filters.
_SETTINGS = r"[a-z0-9_]{1,32}=[A-Za-z0-9_.+*/()-]{1,64}"
BITSTREAM_FILTERS: Final = _whole(
    rf"[a-z0-9_]{{1,32}}(?:={_SETTINGS}(?::{_SETTINGS}){{0,16}})?(?:,[a-z0-9_]{{1,32}}(?:={_SETTINGS}(?::{_SETTINGS}){{0,16}})?){{0,8}}"
)
