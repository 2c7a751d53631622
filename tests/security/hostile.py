"""Hostile command lines: each is a command line of Plex with one thing changed, and the rule that must stop it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.argvgen import Shape, build
from tests.argvgen.build import CALLBACK, JOB, MEDIA, SESSION, SESSION_DIR

PLAIN = build(Shape("dash", "sw", audio="aac"))
SECRET = "/etc/scaleplex/fleet-secret"
HERE = "/media/pwned"
OTHER_JOB = CALLBACK.replace(JOB, "00000000-0000-0000-0000-000000000000")
OTHER_SESSION = CALLBACK.replace(SESSION, "somebody-else")


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile task.

    Attributes:
        name: what is tried.
        args: the command line.
        rule: the policy's rule that refuses it.
    """

    name: str
    args: tuple[str, ...]
    rule: str


def before(mark: str, *words: str) -> tuple[str, ...]:
    """Return Plex's line with words put in front of the first occurrence of a word."""
    place = PLAIN.index(mark)
    return (*PLAIN[:place], *words, *PLAIN[place:])


def replaced(old: str, new: str) -> tuple[str, ...]:
    """Return Plex's line with one word changed."""
    assert old in PLAIN, old
    return tuple(new if word == old else word for word in PLAIN)


def value(option: str, new: str) -> tuple[str, ...]:
    """Return Plex's line with the value of an option changed; the option is added to the output if it is not there."""
    if option not in PLAIN:
        return output(option, new)
    place = PLAIN.index(option) + 1
    return (*PLAIN[:place], new, *PLAIN[place + 1 :])


def output(*words: str) -> tuple[str, ...]:
    """Return Plex's line with options added to its output."""
    return before("-f", *words)


def source(*words: str) -> tuple[str, ...]:
    """Return Plex's line with options added to its input."""
    return before("-i", *words)


def graph(text: str) -> tuple[str, ...]:
    """Return Plex's line with another video graph."""
    return value("-filter_complex", text)


def _all(rule: str, rows: dict[str, Sequence[str]]) -> Iterator[Attack]:
    for name, args in rows.items():
        yield Attack(name, tuple(args), rule)


def _options() -> Iterator[Attack]:
    """Options that read, write, run or call something, in FFmpeg's spellings of them."""
    for name in (
        "filter_complex_script", "filter_script", "filter_script:v", "passlogfile", "passlogfile:0", "vstats_file",
        "sdp_file",
        "stats_enc_pre", "stats_enc_pre:0", "stats_enc_post", "stats_mux_pre", "attach", "dump_attachment",
        "dump_attachment:t",
        "fpre", "vpre", "apre", "spre", "pre", "progress", "protocol_whitelist", "protocol_blacklist",
        "format_whitelist",
        "codec_whitelist", "http_proxy", "headers", "cookies", "user_agent", "method", "target", "print_graphs_file",
        "hls_segment_filename", "hls_key_info_file", "hls_fmp4_init_filename", "master_pl_name", "hls_master_name",
        "cert_file",
        "single_file_name", "single_file", "utc_timing_url", "dash_master", "export_path", "f_opts", "fifo_options",
        "dec", "dec:0",
        "enable_drefs", "use_absolute_path", "safe", "pattern_type", "max_reload", "seg_format_options", "strftime",
        "temp_dir", "lua_script", "import_key", "key", "ca_file", "tls_verify", "listen", "timeout", "local_addr",
        "sws_flags", "cpuflags", "max_alloc", "timelimit", "svtav1-params", "aom-params", "abort_on", "h",
        "help", "sources", "sinks",
    ):  # fmt: skip
        yield Attack(f"option -{name}", output("-" + name, "1"), "option")
    for name, args in {
        "value of an option from a file": output("-/metadata", SECRET),
        "graph from a file": output("-/filter_complex", SECRET),
        "filter from a file": output("-/vf", SECRET),
        "filter from a file with a stream": output("-/filter:v", SECRET),
        "codec from a file": output("-/c:v", SECRET),
        "muxer from a file": output("-/f", SECRET),
        "input option from a file": source("-/ss", SECRET),
        "option with two dashes": output("--filter_complex_script", SECRET),
        "flag that writes a report": output("-report"),
        "flag that writes statistics": output("-vstats"),
        "flag that prints the licence": output("-L"),
        "flag that prints the build": output("-buildconf"),
        "flag that prints packets": output("-dump"),
        "negated report": output("-noreport"),
        "negated option that is no flag": output("-nof", "tee"),
        "option in capitals": output("-F", "tee"),
        "codec in capitals": output("-CODEC:0", "copy"),
        "empty name": output("-:0", "copy"),
        "blank in the name": output("-codec ", "copy"),
        "line feed in the name": output("-codec\n", "copy"),
        "name of other letters": output("-ſs", "1"),
        "safe before a list": source("-safe", "0"),
        "whitelist for an input": source("-protocol_whitelist", "file,http,tcp"),
        "formats for an input": source("-format_whitelist", "concat"),
        "end of options": output("--", "tee:" + HERE),
        "end of options at the end": (*PLAIN, "--", "x"),
    }.items():
        yield Attack(name, args, "option")


def _places() -> Iterator[Attack]:
    yield from _all(
        "option-place",
        {
            "output's option at the input": source("-manifest_name", f"{CALLBACK}/manifest"),
            "input's option at the output": output("-hwaccel_device", "0"),
            "output's option behind the last output": (*PLAIN, "-segment_list", "x"),
            "map at the input": source("-map", "0:0"),
            "second output behind --": (*PLAIN, "-map", "0:0", "-f", "mpegts", "--", "tee:" + HERE),
            "end of options before the output": (*PLAIN[:-1], "--", PLAIN[-1]),
            "metadata at the input": source("-metadata", "a=b"),
        },
    )
    yield from _all(
        "specifier",
        {
            "colon and a path": output("-codec:0:/etc/x", "copy"),
            "stream of no kind": output("-codec:x", "copy"),
            "metadata specifier": output("-metadata:s:m:a:b", "a=b"),
            "empty specifier": output("-codec:", "copy"),
            "specifier where none is": output("-f:0", "dash"),
            "stream number of other digits": output("-codec:١", "copy"),
        },
    )
    yield from _all(
        "option-value",
        {
            "option without its value": (*PLAIN, "-loglevel"),
            "protocol without slashes": value("-init_hw_device", "tee:" + HERE),
            "device of X11": value("-init_hw_device", "vaapi=x:localhost:0"),
            "device that is a file": value("-init_hw_device", "vaapi=x:/etc/passwd"),
            "device above its directory": value("-init_hw_device", "vaapi=x:/dev/dri/../../etc/passwd"),
            "device of a decoder": source("-hwaccel_device:0", "tee:/x"),
            "device node elsewhere": output("-vaapi_device", "/dev/sda"),
            "codec that is a path": value("-codec:0", "/etc/x"),
            "codec that is a protocol": value("-codec:0", "tee:/x"),
            "number that is a path": value("-maxrate:0", SECRET),
            "number and a protocol": value("-crf:0", "23,tee:/x"),
            "number of other digits": value("-crf:0", "２３"),
            "number and a line feed": value("-crf:0", "23\n"),
            "number and a NUL's neighbour": value("-crf:0", "23\x01"),
            "number and an option": value("-crf:0", "23 -report"),
            "key frames from a file": value("-force_key_frames:0", "source_no_drop,/x"),
            "key frames by any expression": value("-force_key_frames:0", "expr:while(1,1)"),
            "map with a path": value("-map", "0:0:/x"),
            "map of a long label": value("-map", "[" + "a" * 40 + "]"),
            "metadata without a key": output("-metadata", "=x"),
            "metadata that is no pair": output("-metadata", "title"),
            "flags with a path": output("-movflags", "+faststart,/x"),
            "segment options with a file": output("-segment_format_options", "movflags=+x:filename=/x"),
            "segment options quoted": output("-segment_format_options", "'live'=1"),
            "segment options escaped": output("-segment_format_options", r"li\ve=1"),
            "segment options with a key from a file": output("-segment_format_options", "/live=/x"),
            "format options with a protocol": output("-format_options", "live=tee:x"),
            "bitstream filter that reads": output("-bsf:0", "noise=amount=/x"),
            "bitstream filter unknown": output("-bsf:0", "trace_headers"),
            "second bitstream filter": output("-bsf:0", "dovi_rpu=strip=1,trace_headers"),
            "bitstream filter quoted": output("-bsf:0", "'dovi_rpu'=strip=1"),
            "adaptation sets with a file": output("-adaptation_sets", "id=0,descriptor=<x/>,streams=v"),
            "threads without end": output("-threads", "99999"),
            "prefix with a directory": source("-eae_prefix:1", "../x_"),
            "character set with a path": source("-sub_charenc", "../x"),
            "log level with a file": value("-loglevel", "debug,file=/x"),
        },
    )


def _filters() -> Iterator[Attack]:
    def scaled(argument: str) -> tuple[str, ...]:
        return graph(f"[0:0]scale={argument}[0];[0]format=pix_fmts=yuv420p|nv12[1]")

    yield from _all(
        "filter-argument",
        {
            "argument from a file": scaled(f"/w={SECRET}:h=180"),
            "argument from a file, later": scaled(f"w=320:/h={SECRET}"),
            "argument from a file, quoted": scaled(f"'/w'={SECRET}:h=180"),
            "argument from a file, all quoted": scaled(f"'/w={SECRET}':h=180"),
            "argument from a file, escaped": scaled(rf"\/w={SECRET}:h=180"),
            "argument from a file, escaped twice": scaled(rf"\\/w={SECRET}:h=180"),
            "argument from a file behind a blank": scaled(f" /w={SECRET}:h=180"),
            "argument from a file behind a colon in quotes": scaled(f"w=320':/h={SECRET}'"),
            "argument from a file behind an escaped colon twice": scaled(rf"w=320\\:/h={SECRET}"),
            "argument with a blank before the equals sign": scaled("w =320:h=180"),
            "argument nobody knows": scaled("w=320:h=180:dump=1"),
            "argument in capitals": scaled("W=320:h=180"),
            "argument with an empty key": scaled("=320:h=180"),
            "more arguments by place than there are": scaled("320:180:bicubic"),
            "value with a protocol": scaled("w=320:h=180:flags=tee:/x"),
            "value with a line feed": scaled("w=320\n:h=180"),
            "value with a quote that does not end": scaled("w=320:h='180"),
            "value with other letters": scaled("w=320:h=１８０"),
            "sound from a file": graph(f"[0:1]aresample=/osr={SECRET}[2]"),
            "sound formats from a file": graph(f"[0:1]aformat=/sample_fmts={SECRET}[2]"),
            "channels from a file": graph(f"[0:1]pan=/args={SECRET}[2]"),
            "speed from a file": graph(f"[0:1]atempo=/tempo={SECRET}[2]"),
            "expression from a file": graph(f"[0:0]select=/expr={SECRET}[2]"),
            "arguments where none are": graph(f"[0:0]hwdownload=/x={SECRET}[2]"),
            "font from a file": graph(f"[0:0]inlineass=/font_path={SECRET}[2]"),
            "tone mapping by a program": graph("[0:0]tonemap_opencl=source=/x[2]"),
            "styles in quotes": graph(f"[0:0]inlineass=overrides='x':/language={SECRET}[2]"),
            "filters' key from a file": graph(f"[0:0]crop=/w={SECRET}[2]"),
            "padding from a file": graph(f"[0:0]pad=w=1:h=1:/color={SECRET}[2]"),
        },
    )
    rows: dict[str, Sequence[str]] = {
        f"filter {name}": graph(f"[0:0]{text}[2]")
        for name, text in {
            "movie": "movie=/etc/passwd", "amovie": "amovie=/etc/passwd", "subtitles": "subtitles=/x.srt",
            "ass": "ass=/x",
            "drawtext": "drawtext=textfile=/x", "lut3d": "lut3d=file=/x", "lut1d": "lut1d=/x", "haldclut": "haldclut",
            "frei0r": "frei0r=/x", "ladspa": "ladspa=file=/x", "sendcmd": "sendcmd=f=/x",
            "metadata": "metadata=print:file=/x",
            "zmq": "zmq", "signature": "signature=filename=/x", "psnr": "psnr=stats_file=/x",
            "ssim": "ssim=stats_file=/x",
            "libvmaf": "libvmaf=log_path=/x", "vidstabdetect": "vidstabdetect=result=/x",
            "removelogo": "removelogo=/x",
            "arnndn": "arnndn=m=/x", "sofalizer": "sofalizer=sofa=/x", "program_opencl": "program_opencl=source=/x",
            "dnn_processing": "dnn_processing=model=/x", "in capitals": "SCALE=1:1", "with a name": "scale@x=1:1",
            "with a quoted name": "'movie'=/x", "with an escaped name": r"mo\vie=/x",
            "behind a blank": "null , movie=/x",
            "with sws_flags": "sws_flags=x", "quoted separator": "null';'movie=/x", "with a tab": "mov\tie=/x",
        }.items()
    }  # fmt: skip
    rows |= {
        "filter of a second chain": graph("[0:0]null[a];movie=/x[b]"),
        "filter behind a comma": graph("[0:0]null,movie=/x[b]"),
        "filter in front": graph("movie=/x[a];[a]null[b]"),
        "scaler flags in front": graph("sws_flags=bicubic;[0:0]null[b]"),
        "filter of an output": output("-vf", "movie=/x"),
        "filter of a stream": output("-filter:v", "movie=/x"),
        "filter of a stream by number": output("-filter:0", "movie=/x"),
        "filter of the sound": output("-af", "amovie=/x"),
        "second graph": output("-filter_complex", "movie=/x[z]"),
        "link that does not end": graph("[0:0null[a];movie=/x"),
        "link with a path": graph("[../x]null[a]"),
        "link with a quote": graph("['a']null[b]"),
        "no filter at all": graph(""),
        "argument from a file behind an escaped colon": graph(rf"[0:0]scale=w=320\:/h={SECRET}[2]"),
        "graph without end": graph("[0:0]" + "null," * 20000 + "null[1]"),
    }
    yield from _all("filter", rows)


def _encoders() -> Iterator[Attack]:
    for option in ("-x264opts:0", "-x264-params:0", "-x264-params", "-x265-params:0", "-x265-params"):
        for name, text in {
            "statistics": f"stats={HERE}:pass=1",
            "quoted key": f"'stats'={HERE}:pass=1",
            "escaped key": rf"st\ats={HERE}",
            "picture dump": f"dump-yuv={HERE}",
            "picture dump, escaped": rf"d\ump-yuv={HERE}",
            "table": f"'csv'={HERE}",
            "in capitals": f"STATS={HERE}",
            "with underscores": f"dump_yuv={HERE}",
            "behind a known key": f"crf=23:qpfile={HERE}",
            "behind a comma": f"crf=23,stats={HERE}",
            "behind an escaped colon": rf"crf=23\:stats={HERE}",
            "known key with a path": f"crf={HERE}",
            "key from a file": f"/crf={HERE}",
            "with a blank": f" stats={HERE}",
        }.items():
            yield Attack(f"{option} {name}", value(option, text), "encoder-parameter")


def _files() -> Iterator[Attack]:
    for url in (
        "http://10.0.0.1/x", "file:/etc/passwd", "FILE:/etc/passwd", "concat:/a|/b",
        "subfile,,start,0,end,0,,:/etc/passwd",
        "data:x", "pipe:0", "fd:3", "tcp://10.0.0.1:22", "udp:x", "unix:/run/x", "crypto:/x", "async:/x",
        "cache:/x", "tee:/x",
        "-", "", "film.mkv", "../film.mkv", "./film.mkv", "~/film.mkv", "temp-0.srt/../x", "temp-0", "concatf:/x",
        "lavfi",
        "rtsp://10.0.0.1/x", "gopher://x", "ftp://x", "smb://x/y", "md5:", "hls+file:/x", "ipfs://x",
        "\u2215etc/passwd",
    ):  # fmt: skip
        yield Attack(f"input {url}", replaced(MEDIA, url), "input-url")
    for path in (
        "/etc/shadow", "/proc/self/environ", "/media", "/mediathek/x.mkv", "/media/../etc/shadow", "/dev/sda",
        "//etc/shadow",
        "/run/credentials/scaleplex-worker.service/fleet-secret",
        "/transcode/Transcode/Sessions/plex-transcode-other/header",
    ):  # fmt: skip
        yield Attack(f"input {path}", replaced(MEDIA, path), "input-path")
    for form in (
        "lavfi",
        "concat",
        "hls",
        "dash",
        "image2",
        "x11grab",
        "v4l2",
        "alsa",
        "sdp",
        "rtsp",
        "ffmetadata",
        "CONCAT",
        "srt,concat",
    ):
        yield Attack(f"input format {form}", source("-f", form), "input-format")
    for name in (
        "../x", "a/b", "http://x/y", "file:x", "tee:x", "tee:/x", "media-%05d/x", "pipe:1", "pipe:3", "x|y", "",
        "dash ", "dash\n",
        "md5:", "fd:1", "tcp:x:1", ".hidden.ts", "media-%05d.ts|x", "media-%99999999d.ts", "%s", "chunk-%n",
    ):  # fmt: skip
        yield Attack(f"output {name!r}", (*PLAIN[:-1], name), "output-name")
    for path in (
        MEDIA, "/etc/cron.d/x", "/transcode/other", "/media/Plex Versions/x.mp4", "/tmp/Plex Versions/x/.inProgress/y",
        "/media/Plex Versions/x/.inProgress/../../y", "/transcode/Transcode/Sessions/plex-transcode-other/header",
        "/proc/self/mem", "/transcode/Transcode/Detection/../x",
    ):  # fmt: skip
        yield Attack(f"output {path}", (*PLAIN[:-1], path), "output-path")
    yield Attack(
        "second output", (*PLAIN, "-map", "0:0", "-codec:0", "copy", "-f", "mpegts", "tee:" + HERE), "output-name"
    )
    for muxer in (
        "tee",
        "fifo",
        "hls",
        "rtp",
        "rtsp",
        "sap",
        "md5",
        "hash",
        "ffmetadata",
        "TEE",
        "mp4,tee",
        "tee:",
        "smoothstreaming",
    ):
        yield Attack(f"muxer {muxer}", value("-f", muxer), "muxer")
        yield Attack(f"segment format {muxer}", output("-segment_format", muxer), "muxer")
    for option in ("-init_seg_name", "-media_seg_name", "-segment_header_filename"):
        for name in ("../init", "a/b.m4s", "/x", "http://x/y", "tee:x", "-", ".x", "a b", "a\n"):
            yield Attack(f"{option} {name!r}", value(option, name), "file-name")
    for option, number in (
        ("-ss", "1e300"), ("-ss", "nan"), ("-ss", "abc"), ("-t", "99999999999"), ("-segment_time", ""),
        ("-skip_to_segment", "inf"), ("-seg_duration", "/x"), ("-window_size", "1;2"),
    ):  # fmt: skip
        yield Attack(f"{option} {number}", value(option, number), "number")


def _callbacks() -> Iterator[Attack]:
    urls = {
        "another host": CALLBACK.replace("127.0.0.1", "10.0.0.1") + "/manifest",
        "another port": CALLBACK.replace("32400", "22") + "/manifest",
        "another name of this host": CALLBACK.replace("127.0.0.1", "localhost") + "/manifest",
        "another scheme": CALLBACK.replace("http:", "https:") + "/manifest",
        "a scheme without slashes": CALLBACK.replace("http://", "http:") + "/manifest",
        "a scheme in capitals": CALLBACK.replace("http:", "HTTP:") + "/manifest",
        "credentials": CALLBACK.replace("127.0.0.1:32400", "127.0.0.1:32400@10.0.0.1") + "/manifest",
        "dots": CALLBACK + "/../../../manifest",
        "a fragment": CALLBACK + "/manifest#x",
        "another resource": CALLBACK + "/../../library/sections",
        "a query with a URL": CALLBACK + "/manifest?url=http://x",
        "a line feed": CALLBACK + "/manifest\n",
        "a file": "/etc/x",
        "a protocol": "tee:/x",
        "another job": OTHER_JOB + "/manifest",
        "another session": OTHER_SESSION + "/manifest",
    }
    for option in ("-manifest_name", "-segment_list", "-progressurl"):
        for name, url in urls.items():
            yield Attack(f"{option} {name}", value(option, url), "callback")


def _size() -> Iterator[Attack]:
    yield Attack("too many words", output(*["-y"] * 5000), "size")
    yield Attack("too many bytes", output("-metadata", "a=" + "x" * 300_000), "size")
    yield Attack("a NUL in a value", output("-metadata", "a=b\0"), "size")
    yield Attack("a NUL in a name", output("-codec\0", "copy"), "size")


ATTACKS: tuple[Attack, ...] = (
    *_options(), *_places(), *_filters(), *_encoders(), *_files(), *_callbacks(), *_size(),
)  # fmt: skip
assert SESSION_DIR.startswith("/transcode/")
