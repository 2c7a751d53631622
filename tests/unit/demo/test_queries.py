"""Queries: what a transcoder sends is accepted, everything else is named."""

import pytest

from scaleplex.demo.pms.queries import form_of, parse, parse_token, problems_of

GOOD = (
    ("progress", "status=startup"),
    ("progress", "duration=5412.320000"),
    ("progress", "duration=-1.000000"),
    ("progress", "width=1920&height=1080"),
    ("progress", "progress=12.3&size=-22&remaining=311&vdec_packets=2210&vdec_hw_ok=2208&speed=4.8&vdec_hw_status=1"),
    ("progress", "progress=-1.0&size=-22&remaining=-1"),
    ("progress", "progress=14.0&size=-22&remaining=305&X-Plex-Token=local-1"),
    ("progress/stream", "index=0&id=0&codec=hevc&type=video"),
    ("progress/stream", "index=1&id=0&codec=aac&type=audio&profile=LC"),
    (
        "progress/streamDetail",
        "index=0&id=0&codec=hevc&type=video&profile=Main%2010&language=eng&width=3840&height=2160",
    ),
    ("progress/streamDetail", "index=1&id=0&codec=eac3&type=audio&channels=6&layout=5.1%28side%29&sampleRate=48000"),
    ("progress/streamDetail", "index=2&id=0&codec=subrip&type=subtitle&disp_default=1&disp_forced=1"),
    ("progress/log", "level=0&message=Error%20opening%20input"),
    ("manifest", "X-Plex-Http-Pipeline=infinite"),
    ("manifest", "stream=subtitles&X-Plex-Http-Pipeline=infinite"),
    ("manifest", ""),
)
BAD = (
    ("progress", "duration=5412.32", "not printed"),
    ("progress", "duration=inf", "not printed"),
    ("progress", "progress=12.34&size=-22&remaining=3", "not printed"),
    ("progress", "progress=12.3&size=-22&remaining=3&speed=nan", "not printed"),
    ("progress", "progress=12.3&size=-22&remaining=3&speed=inf", "not printed"),
    ("progress", "progress=12.3&size=N/A&remaining=3", "not printed"),
    ("progress", "progress=12.3&size=-22", "remaining is missing"),
    ("progress", "progress=12.3&size=-22&remaining=3&fps=24", "not a key"),
    ("progress", "width=1920&height=1080.0", "not printed"),
    ("progress", "status=startup&status=startup", "stands twice"),
    ("progress/stream", "index=0&id=0&codec=hevc&type=data", "not printed"),
    ("progress/streamDetail", "index=0&id=0&codec=h264&type=video&frameRate=23.97602", "not printed"),
    ("progress/streamDetail", "index=0&id=0&codec=h264&type=video&disp_pretty=1", "not a key"),
    ("progress/log", "level=9&message=x", "not printed"),
    ("progress/log", "level=0&message=" + "x" * 2048, "more than 2047 bytes"),
    ("manifest", "stream=audio", "not printed"),
    ("manifest", "format=mpd", "not a key"),
)


@pytest.mark.parametrize(("tail", "query"), GOOD)
def test_what_a_transcoder_sends_is_accepted(tail: str, query: str) -> None:
    values, problems = parse(query)
    form = form_of(tail, values)
    assert form is not None
    assert problems + problems_of(form, values) == []


@pytest.mark.parametrize(("tail", "query", "complaint"), BAD)
def test_anything_else_is_named(tail: str, query: str, complaint: str) -> None:
    values, problems = parse(query)
    form = form_of(tail, values)
    assert form is not None
    assert complaint in "; ".join(problems + problems_of(form, values))


@pytest.mark.parametrize(("tail", "query"), [("progress", "out_time=1"), ("progress", ""), ("progress/other", "a=1")])
def test_what_is_no_callback_at_all_has_no_form(tail: str, query: str) -> None:
    assert form_of(tail, parse(query)[0]) is None


def test_the_token_is_kept_apart_from_the_parameters() -> None:
    assert parse("status=startup&X-Plex-Token=local-1")[0] == {"status": "startup"}
    assert parse_token("status=startup&X-Plex-Token=local-1") == "local-1"
    assert parse_token("status=startup") is None
