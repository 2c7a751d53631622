"""Whatever comes in, only what is understood goes on."""

import contextlib
import re

from hypothesis import example, given
from hypothesis import strategies as st

from scaleplex.protocol import manifests
from scaleplex.protocol.manifests import BadManifest
from scaleplex.relay import callbacks
from scaleplex.relay.callbacks import CallbackRefused

JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
PREFIX = f"/cb/1/{'0' * 40}/video/:/transcode/session/abc/{JOB}/"
UPSTREAM = re.compile(
    r"/video/:/transcode/session/[A-Za-z0-9._~-]{1,128}/[0-9a-f-]{36}/(progress(/(stream|streamDetail|log))?|manifest)"
    r"(\?[!-~]*)?",
    re.ASCII,
)
PIECES = st.sampled_from(
    [
        *("progress", "manifest", "stream", "log", "/", "//", "..", ".", "%2e", "%2F", "%5c", "%00", "%25", "%3A", "?"),
        *("&", "=", "#", "status=startup", "X-Plex-Http-Pipeline=infinite", "\\", " ", "\r\n", "é", "%", ":", "\x00"),
        *(PREFIX, PREFIX + "progress", "/cb/", JOB, "http://h", "@", ";"),
    ]
)


@given(st.sampled_from(["PUT", "POST", "GET"]), st.lists(PIECES | st.text(max_size=4), max_size=8).map("".join))
@example("PUT", PREFIX + "progress?status=startup")
def test_a_target_that_passes_asks_plex_for_a_callback_of_the_job_in_the_path(method: str, target: str) -> None:
    for candidate in (target, PREFIX + target):
        with contextlib.suppress(CallbackRefused):
            callback = callbacks.parse(method, candidate)
            assert UPSTREAM.fullmatch(callback.upstream_target)
            assert f"/{callback.session}/{callback.job}/" in callback.upstream_target
            assert ".." not in callback.upstream_target.partition("?")[0]


@given(st.binary(max_size=200))
@example(b"<MPD/>")
@example(b"<MPD><Period><Representation><SegmentTemplate/></Representation></Period></MPD>")
@example(
    b'<MPD><Representation id="\xc3\xa9"><SegmentTemplate initialization="$RepresentationID$"/></Representation></MPD>'
)
@example(b"<\x00")
@example(b'media-00001.ts,"')
def test_any_body_is_a_manifest_of_segments_or_refused(body: bytes) -> None:
    with contextlib.suppress(BadManifest):
        for name in manifests.read(body).names:
            assert manifests.FILE_NAME.fullmatch(name)


@given(st.lists(st.integers(0, 99_999), max_size=30))
def test_a_list_with_more_segments_never_reaches_less_far(numbers: list[int]) -> None:
    numbers = sorted(numbers)
    reaches = [
        manifests.read("".join(f"chunk-{n:05d},0.0,1.0\n" for n in numbers[:length]).encode()).reach
        for length in range(len(numbers) + 1)
    ]
    assert reaches == sorted(reaches)
