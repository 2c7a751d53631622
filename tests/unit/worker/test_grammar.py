"""What a value of each kind may be: what Plex writes passes; what names a file, a host or a second value does not."""

import pytest

from scaleplex.worker.policy import grammar

# One character too many, a line end that `$` would pass over, and what FFmpeg reads as more than one value.
NEVER = ("", "x\n", "a\\b", "a'b", "/etc/passwd", "http://h/x", "a\0", "a;b")
ACCEPTED = {
    "NUMBER": ("0", "-1", "1.5", "20000000"),
    "RATE": ("3000k", "6M", "8000000", "2Mi"),
    "RATIO": ("24000/1001", "16:9", "25"),
    "TIME": ("12.5", "00:01:02", "1:02.25", "100ms"),
    "TIMES": ("0,5,10.25", "3"),
    "COUNT": ("0", "16", "auto"),
    "SWITCH": ("0", "1", "-1", "true", "no", "auto"),
    "WORD": ("yuv420p", "main10", "-99", "bt709"),
    "WORDS": ("5.1", "CP1252", "FL FR LFE"),
    "FLAGS": ("+genpts", "-bitexact+autobsf", "aq_mode", "-1"),
    "SIZE": ("1920x1080", "hd720"),
    "MAP": ("[2]", "0:0", "0:v:0", "-0:s", "0:#0x1100?", "1:i:256"),
    "STREAM": ("0:1", "0:a:0"),
    "MAP_METADATA": ("-1", "0:g", "0:s:a:0"),
    "METADATA": ("language=eng", "title=A Film: the = sign\n/and 'more'"),
    "KEY_FRAMES": ("expr:gte(t,n_forced*5)", "expr:gte(t,592.5+n_forced*8)", "source", "0,5,10"),
    "LOG_LEVEL": ("quiet", "level+error", "-8"),
    "DEVICE": ("/dev/dri/renderD128", "/dev/dri/by-path/pci-0000:00:02.0-render", "0", "0000:01:00.0", "vaapi"),
    "INIT_DEVICE": ("vaapi=vaapi:/dev/dri/renderD128,driver=iHD", "cuda=cuda:0", "opencl=ocl@vaapi", "vaapi=vaapi:"),
    "PREFIX": ("875a95c7bc0072ef_", "a.b~c-d"),
    "BASE_NAME": ("chunk-stream$RepresentationID$-$Number%05d$.m4s", "media-%05d.ts", "a"),
    "ADAPTATION_SETS": ("id=0,streams=0 id=1,streams=1", "id=0,streams=v"),
    "SPECIFIER": ("0", "v", "a:1", "s:0", "#0x1100", "i:256"),
    "METADATA_SPECIFIER": ("g", "c:0", "p:1", "s:a:0"),
    "ITEMS": ("ref=3:bframes=0", "no-scenecut", "a=1,2"),
    "BITSTREAM_FILTERS": ("h264_mp4toannexb", "aac_adtstoasc,dump_extra=freq=keyframe", "setts=pts=PTS*2:dts=DTS+1"),
}
REFUSED = {
    "NUMBER": ("1e5x", "1 2", "nan", "0x10"),
    "RATE": ("3000q", "3000kk"),
    "RATIO": ("1/2/3", "a/b"),
    "TIME": ("1:2:3:4", "12.5h", "now"),
    "TIMES": ("0,,5", "-1", ",1"),
    "COUNT": ("1000", "-1", "autos"),
    "SWITCH": ("2", "on", "10"),
    "WORD": ("-a", ".hidden", "a b", "a=b", "a" * 65),
    "WORDS": ("a,b", "a=b", "a" * 257),
    "FLAGS": ("a b", "+", "a+", "a=b"),
    "SIZE": ("1920 1080", "hd-720", "HD720"),
    "MAP": ("0:x", "[a-b]", "0:0:0", "a:0"),
    "STREAM": ("0", "0:x"),
    "MAP_METADATA": ("a", "0:x"),
    "METADATA": ("eng", "=eng"),
    "KEY_FRAMES": ("expr:gte(t,n_forced*5)+1", "expr:random(0)", "chapters"),
    "LOG_LEVEL": ("QUIET", "1000", "repeat level"),
    "DEVICE": ("/dev/sda", "/dev/dri/../sda", "0000:01:00", "a b"),
    "INIT_DEVICE": ("vaapi=vaapi:/dev/sda", "cuda=cuda:0:1", "a=b=c", "vaapi=vaapi:/dev/dri/renderD128,driver=/x"),
    "PREFIX": ("a/b", "a b", "a" * 161),
    "BASE_NAME": ("a/b", "-a", ".a", "a" * 256, "a:b"),
    "ADAPTATION_SETS": ("id=0", "streams=0", "id=0,streams=/x"),
    "SPECIFIER": ("x", "v:x", "m:language:eng", "0:0"),
    "METADATA_SPECIFIER": ("c", "p:x", "g:0"),
    "ITEMS": ("a=b=c", "a==1", ":a", "a:"),
    "BITSTREAM_FILTERS": ("a,,b", "a=b", "a=b=c=d", "A"),
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_what_plex_writes_is_of_its_kind(kind: str) -> None:
    found = getattr(grammar, kind)
    assert [value for value in ACCEPTED[kind] if not found.match(value)] == []


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_more_than_one_value_of_a_kind_is_not(kind: str) -> None:
    found = getattr(grammar, kind)
    values = REFUSED[kind] + (("",) if kind == "METADATA" else NEVER)
    assert [value for value in values if found.match(value)] == []


def test_every_kind_is_tried() -> None:
    kinds = {name for name, found in vars(grammar).items() if name.isupper() and not name.startswith("_")}
    assert kinds == ACCEPTED.keys() == REFUSED.keys()
