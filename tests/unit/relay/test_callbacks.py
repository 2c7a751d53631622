"""Which request lines may pass to PMS."""

import pytest

from scaleplex.relay.callbacks import Callback, CallbackRefused, parse

JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
SESSION = "f168tc7vl2desp78pov5ktwu"
SIGNATURE = "0123456789abcdef0123456789abcdef01234567"
BASE = f"/cb/1/{SIGNATURE}"
PLEX = f"/video/:/transcode/session/{SESSION}/{JOB}"

ALLOWED = [
    ("PUT", "progress", "status=startup"),
    ("PUT", "progress", "duration=5412.320000"),
    ("PUT", "progress", "duration=-1.000000"),
    ("PUT", "progress", "width=1920&height=1080"),
    (
        "PUT",
        "progress",
        "progress=12.3&size=-22&remaining=311&vdec_packets=2210&vdec_hw_ok=2208&speed=4.8&vdec_hw_status=1",
    ),
    ("PUT", "progress", "progress=-26.6&size=-22&remaining=-1&vdec_hw_failed=1&vdec_sw_failed=2&vdec_sw_ok=3"),
    ("PUT", "progress/stream", "index=0&id=0&codec=hevc&type=video"),
    ("PUT", "progress/stream", "index=1&id=0&codec=aac&type=audio&profile=LC"),
    (
        "PUT",
        "progress/streamDetail",
        (
            "index=0&id=0&codec=hevc&type=video&bitrate=24871000&profile=Main%2010&language=eng&width=3840&height=2160"
            "&interlaced=0&separateFields=1&sar=1:1&level=153&frameRate=23.976&closedCaptions=1&disp_default=1"
        ),
    ),
    (
        "PUT",
        "progress/streamDetail",
        "index=1&id=0&codec=eac3&type=audio&channels=6&layout=5.1%28side%29&sampleRate=48000&bitDepth=24&disp_dub=1",
    ),
    *(
        ("PUT", "progress/streamDetail", f"index=1&id=0&codec=aac&type=audio&disp_{flag}=1")
        for flag in (
            *("default", "dub", "original", "comment", "lyrics", "karaoke", "forced", "hearing_impaired"),
            *("visual_impaired", "clean_effects", "timed_thumbnails"),
        )
    ),
    ("POST", "progress/log", "level=0&message=Error%20opening%20input%20%2Fmedia%2Fa.mkv"),
    ("POST", "manifest", ""),
    ("POST", "manifest", "X-Plex-Http-Pipeline=infinite"),
    ("POST", "manifest", "stream=subtitles&X-Plex-Http-Pipeline=infinite"),
]


def target(tail: str, query: str = "", *, session: str = SESSION, job: str = JOB, attempt: str = "1") -> str:
    path = f"/cb/{attempt}/{SIGNATURE}/video/:/transcode/session/{session}/{job}/{tail}"
    return f"{path}?{query}" if query else path


@pytest.mark.parametrize(("method", "tail", "query"), ALLOWED)
def test_what_a_transcoder_sends_passes_and_reaches_plex_unchanged(method: str, tail: str, query: str) -> None:
    callback = parse(method, target(tail, query))
    assert callback.upstream_target == f"{PLEX}/{tail}" + (f"?{query}" if query else "")
    assert (callback.session, callback.job, callback.attempt, callback.method) == (SESSION, JOB, 1, method)


@pytest.mark.parametrize(
    "session", ["b54ca799-9a71-4d71-b4a7-03099f095c57", "875a95c7bc0072ef-com-plexapp-android", "a~b.c_d"]
)
def test_every_style_of_session_id_passes(session: str) -> None:
    assert parse("PUT", target("progress", session=session)).session == session


@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
def test_an_escaped_colon_is_read_as_a_colon(colon: str) -> None:
    callback = parse("POST", target("manifest").replace(":", colon))
    assert callback.upstream_target == f"{PLEX}/manifest"


def test_the_subtitle_manifest_is_a_stream_of_its_own() -> None:
    assert parse("POST", target("manifest", "stream=subtitles")).stream == "subtitles"
    assert parse("POST", target("manifest")).stream == ""


@pytest.mark.parametrize(
    ("method", "tail"),
    [
        ("POST", "progress"),
        ("GET", "progress"),
        ("POST", "progress/stream"),
        ("POST", "progress/streamDetail"),
        ("GET", "progress/log"),
        ("PUT", "progress/log"),
        ("PUT", "manifest"),
        ("GET", "manifest"),
        ("DELETE", "manifest"),
        ("CONNECT", "progress"),
        ("put", "progress"),
    ],
)
def test_a_method_plex_does_not_take_there_is_refused(method: str, tail: str) -> None:
    with pytest.raises(CallbackRefused):
        parse(method, target(tail))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/identity",
        "/cb",
        "/cb/",
        "/:/prefs",
        f"{PLEX}/progress",
        f"http://127.0.0.1:32400{BASE}{PLEX}/progress",
        "*",
        f"{BASE}/video/:/transcode/universal/stop",
        f"{BASE}/music/:/transcode/session/{SESSION}/{JOB}/progress",
        f"{BASE}/livetv/sessions/x/index.m3u8",
        f"{BASE}{PLEX}",
        f"{BASE}{PLEX}/",
        f"{BASE}{PLEX}/progress/",
        f"{BASE}{PLEX}/progress/streams",
        f"{BASE}{PLEX}/Progress",
        f"{BASE}{PLEX}/progress/stream/x",
        f"{BASE}{PLEX}/progress\nX: y",
        f"{BASE}{PLEX}/progress\x00",
        f"{BASE}{PLEX}/progress;x=y",
        f"{BASE}{PLEX}/progress#fragment",
        f"{BASE}{PLEX}/progrès",
        f"{BASE}{PLEX}/progr%C3%A8s",
        f"{BASE}{PLEX}/progress%",
        f"{BASE}{PLEX}/progress%0d%0aX",
        f"{BASE}{PLEX}/progress%20",
        f"/{BASE}{PLEX}/progress",
        f"{BASE}/{PLEX}/progress",
        f"{BASE}{PLEX}//progress",
        f"{BASE}{PLEX}/./progress",
        f"{BASE}{PLEX}/progress/../progress",
        f"{BASE}{PLEX}/progress/../../../../../../../:/prefs",
        f"{BASE}{PLEX}/progress/%2e%2e/x",
        f"{BASE}{PLEX}/progress/%2E%2E/x",
        f"{BASE}{PLEX}/progress/%252e%252e/x",
        f"{BASE}{PLEX}%2fprogress",
        f"{BASE}{PLEX}%2Fprogress",
        f"{BASE}{PLEX}%5cprogress",
        f"{BASE}{PLEX}\\progress",
        f"{BASE}{PLEX}/progress%00",
        f"/CB/1/{SIGNATURE}{PLEX}/progress",
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST", "GET"])
def test_any_other_path_is_refused(method: str, path: str) -> None:
    with pytest.raises(CallbackRefused):
        parse(method, path)


@pytest.mark.parametrize(
    "changed",
    [
        {"session": ".."},
        {"session": "."},
        {"session": "a b"},
        {"session": "a%20b"},
        {"session": "x" * 129},
        {"session": ""},
        {"session": "a:b"},
        {"job": JOB.upper()},
        {"job": JOB[:-1]},
        {"job": JOB + "0"},
        {"job": "not-a-uuid"},
        {"attempt": "0"},
        {"attempt": "-1"},
        {"attempt": "01"},
        {"attempt": "99999"},
        {"attempt": "²"},
    ],
)
def test_malformed_ids_are_refused(changed: dict[str, str]) -> None:
    with pytest.raises(CallbackRefused):
        parse("PUT", target("progress", **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "signature", ["0" * 39, "0" * 41, "g" * 40, "0123456789ABCDEF0123456789ABCDEF01234567", "é" * 40]
)
def test_a_malformed_signature_is_refused(signature: str) -> None:
    with pytest.raises(CallbackRefused):
        parse("PUT", f"/cb/1/{signature}{PLEX}/progress")


@pytest.mark.parametrize(
    ("method", "tail", "query"),
    [
        ("PUT", "progress", "X-Plex-Token=abc"),
        ("PUT", "progress", "status"),
        ("PUT", "progress", "=x"),
        ("PUT", "progress", "progress=1&"),
        ("PUT", "progress", "&progress=1"),
        ("PUT", "progress", "progress=1&progress=2"),
        ("PUT", "progress", "Status=startup"),
        ("PUT", "progress", "statu%73=startup"),
        ("PUT", "progress", "status=a b"),
        ("PUT", "progress", "status=a\r\nHost: x"),
        ("PUT", "progress", "status=%"),
        ("PUT", "progress", "status=%4"),
        ("PUT", "progress", "status=a=b"),
        ("PUT", "progress", "status=a?b"),
        ("PUT", "progress", "status=a#b"),
        ("PUT", "progress", "status=é"),
        ("PUT", "progress", "message=x"),
        ("PUT", "progress/stream", "duration=1"),
        ("PUT", "progress/streamDetail", "disp_unknown=1"),
        ("POST", "progress/log", "source=Transcoder"),
        ("POST", "progress/log", "message=" + "x" * 2049),
        ("POST", "manifest", "stream=video"),
        ("POST", "manifest", "X-Plex-Http-Pipeline=1"),
        ("POST", "manifest", "level=0"),
    ],
)
def test_a_query_no_transcoder_sends_is_refused(method: str, tail: str, query: str) -> None:
    with pytest.raises(CallbackRefused):
        parse(method, target(tail, query))


def test_a_refusal_does_not_repeat_the_query_value() -> None:
    with pytest.raises(CallbackRefused) as caught:
        parse("PUT", target("progress", "X-Plex-Token=local-secret"))
    assert "local-secret" not in caught.value.detail + caught.value.hint


def test_the_longest_log_line_plex_takes_passes() -> None:
    assert isinstance(parse("POST", target("progress/log", "level=0&message=" + "%20" * 2047)), Callback)
