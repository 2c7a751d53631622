"""Which spawns stay on the Plex host, and what the shim reads off the others."""

import json
from pathlib import Path

import pytest

from scaleplex.shim import classify

SESSION, JOB = "f168tc7vl2desp78pov5ktwu", "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
ORIGIN = "http://127.0.0.1:32400"
TRANSCODE = f"{ORIGIN}/video/:/transcode/session/{SESSION}/{JOB}"
PROGRESS = ["-progressurl", f"{TRANSCODE}/progress"]
MEDIA = ["-i", "/media/Film.mkv"]
CWD = f"/transcode/Transcode/Sessions/plex-transcode-{SESSION}-{JOB}"
VERSIONS = "/media/Film/Plex Versions/Optimized for Mobile/.inProgress/Film.mp4.117"
DETECTION = f"/transcode/Transcode/Detection/{JOB}"
LIVE = f"{ORIGIN}/livetv/sessions/{JOB}/client/index.m3u8?offset=26.7"
CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "plex-argv"

STAY = [
    ("a version query", ["-version"], "no-input"),
    ("a codec query", ["-hide_banner", "-codecs"], "no-input"),
    ("preview thumbnails", [*MEDIA, "-vf", "showinfo", "-f", "image2", "thumb-%05d.jpeg"], "thumbnails"),
    ("thumbnails by their format", [*MEDIA, "-vf", "showinfo", "-f", "image2", "preview-%d.jpeg"], "thumbnails"),
    ("thumbnails by their name", [*MEDIA, "-f", "mjpeg", "thumb-%05d.jpeg"], "thumbnails"),
    ("live TV by name", ["-i", LIVE.replace("127.0.0.1", "localhost"), *PROGRESS, "-f", "dash"], "loopback-input"),
    ("credits detection", [*MEDIA, *PROGRESS, "-f", "segment", "/tmp/PlexCreditsDetection-1/x"], "credits-detection"),
    ("live TV", ["-i", LIVE, *PROGRESS, "-f", "dash", "dash"], "loopback-input"),
    ("a tuner", ["-i", "http://10.0.0.9:5004/auto/v5", "-f", "segment", "media-%05d.ts"], "network-input"),
    ("a pipe", ["-i", "pipe:0", *PROGRESS, "-f", "dash", "dash"], "network-input"),
    ("a token in a URL", [*MEDIA, "-progressurl", f"{TRANSCODE}/progress?X-Plex-Token=x"], "token-in-argv"),
    ("the token anywhere", [*MEDIA, *PROGRESS, "-headers", "Key: the-token", "dash"], "token-in-argv"),
    ("music", [*MEDIA, "-progressurl", f"{ORIGIN}/music/:/transcode/session/a/{JOB}/progress", "x"], "music"),
    ("anything else", [*MEDIA, "-f", "mp4", "/tmp/out.mp4"], "not-recognised"),
    ("a segmenter nobody listens to", [*MEDIA, "-f", "segment", "out-%05d.ts"], "not-recognised"),
]
GO = [
    ("DASH", [*MEDIA, *PROGRESS, "-f", "dash", "dash"]),
    ("HLS", [*MEDIA, *PROGRESS, "-f", "ssegment", "media-%05d.ts"]),
    ("segmented Matroska", [*MEDIA, *PROGRESS, "-f", "segment", "-segment_format", "matroska", "chunk-%05d"]),
    ("HLS with only a list to post", [*MEDIA, "-f", "ssegment", "-segment_list", f"{TRANSCODE}/manifest", "m-%05d.ts"]),
    ("an optimized version", [*MEDIA, *PROGRESS, "-f", "mp4", VERSIONS]),
    ("an optimized version without progress", [*MEDIA, "-f", "mp4", VERSIONS]),
    ("a download", [*MEDIA, *PROGRESS, "-f", "mp4", "/transcode/Transcode/Sync/x.mp4"]),
    ("detection", [*MEDIA, "-f", "flac", "-t", "30", DETECTION]),
    ("a staged subtitle as second input", [*MEDIA, "-i", f"{CWD}/temp-0.srt", *PROGRESS, "-f", "dash", "dash"]),
]


@pytest.mark.parametrize(("args", "reason"), [case[1:] for case in STAY], ids=[case[0] for case in STAY])
def test_what_needs_the_plex_host_stays_there(args: list[str], reason: str) -> None:
    assert classify.local_reason(args, CWD, "remote", "the-token") == reason


@pytest.mark.parametrize("args", [case[1] for case in GO], ids=[case[0] for case in GO])
def test_what_a_worker_can_run_goes_to_one(args: list[str]) -> None:
    assert classify.local_reason(args, CWD, "remote", "the-token") is None


def test_credits_detection_is_known_by_its_directory_alone() -> None:
    args = [*MEDIA, *PROGRESS, "-f", "dash", "dash"]
    assert classify.local_reason(args, "/tmp/PlexCreditsDetection-7", "remote", "") == "credits-detection"


def test_detection_stays_when_the_operator_wants_it() -> None:
    assert classify.local_reason([*MEDIA, "-f", "flac", DETECTION], CWD, "local", "") == "detection"


def test_an_image_format_of_an_input_makes_no_thumbnail_job() -> None:
    args = ["-f", "image2", "-i", "/media/%05d.png", *PROGRESS, "-f", "dash", "dash"]
    assert classify.local_reason(args, CWD, "remote", "") is None


@pytest.mark.parametrize(
    "session", [SESSION, "b54ca799-9a71-4d71-b4a7-03099f095c57", "875a95c7bc0072ef-com-plexapp-android", "a.b_c~d"]
)
def test_ids_of_every_style_are_found_in_the_progress_url_and_in_the_directory(session: str) -> None:
    url = f"{ORIGIN}/video/:/transcode/session/{session}/{JOB}/progress"
    assert classify.identify([*MEDIA, "-progressurl", url], "/tmp", 32400) == (session, JOB)
    assert classify.identify(MEDIA, f"/x/plex-transcode-{session}-{JOB}", 32400) == (session, JOB)


def test_ids_are_found_in_a_list_url_when_there_is_no_progress_url() -> None:
    args = [*MEDIA, "-segment_list", f"{TRANSCODE}/manifest?X-Plex-Http-Pipeline=infinite"]
    assert classify.identify(args, "/tmp", 32400) == (SESSION, JOB)


def test_a_detection_job_is_named_by_its_output() -> None:
    assert classify.identify([*MEDIA, "-f", "flac", DETECTION], "/tmp", 32400) == (JOB, JOB)


@pytest.mark.parametrize(
    ("url", "cwd"),
    [
        (f"{ORIGIN}/video/:/transcode/session/../{JOB}/progress", "/tmp"),
        (f"{ORIGIN}/video/:/transcode/session/a b/{JOB}/progress", "/tmp"),
        (f"{ORIGIN}/video/:/transcode/session/{'a' * 129}/{JOB}/progress", "/tmp"),
        (f"{ORIGIN}/video/:/transcode/session/{SESSION}/../../etc/progress", "/tmp"),
        (f"{ORIGIN}/video/:/transcode/session/{SESSION}/{JOB.upper()}/progress", "/tmp"),
        (f"{ORIGIN}/video/:/transcode/session/{SESSION}/progress", "/tmp"),
        (f"http://192.0.2.10:32400/video/:/transcode/session/{SESSION}/{JOB}/progress", "/tmp"),
        (f"http://127.0.0.1:32401/video/:/transcode/session/{SESSION}/{JOB}/progress", "/tmp"),
        ("", f"/transcode/plex-transcode-{JOB}"),
        ("", f"/transcode/{SESSION}-{JOB}"),
        ("", ""),
    ],
)
def test_ids_that_are_none_are_not_taken(url: str, cwd: str) -> None:
    assert classify.identify([*MEDIA, "-progressurl", url], cwd, 32400) is None


def test_a_job_that_only_segments_a_subtitle_is_a_subtitle_job() -> None:
    side = ["-map", "0:s:0", "-codec:0", "copy", "-f", "segment", "-segment_format", "srt", "chunk-%05d"]
    assert classify.kind_of([*MEDIA, *PROGRESS, *side]) == "subtitle"
    assert classify.kind_of([*MEDIA, *PROGRESS, "-f", "dash", "dash", *side]) == "video"
    assert classify.kind_of([*MEDIA, "-f", "segment", "-segment_format", "matroska", "chunk", *side]) == "video"
    assert classify.kind_of([*MEDIA, "-f", "mp4", VERSIONS, "-f", "srt", f"{VERSIONS}.1.sidecar"]) == "video"


def test_a_decoder_hint_is_no_encoder() -> None:
    assert not classify.encodes_video(["-codec:0", "h264", *MEDIA, "-codec:0", "copy", "-codec:1", "aac", "dash"])
    assert classify.encodes_video(["-codec:0", "h264", *MEDIA, "-codec:0", "libx264", "-codec:1", "aac", "dash"])


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (
            ["-codec:0", "libdav1d", *MEDIA, "-codec:0", "libx264", "dash"],
            {"video_encode": True, "decode": "av1", "encode": "h264"},
        ),
        (
            ["-codec:1", "eac3_eae", "-codec:#0x02", "hevc", *MEDIA, "-filter_complex",
             "[0:0]scale_vaapi=w=3840:h=2160:format=p010[0]", "-map", "[0]", "-codec:0", "hevc_vaapi", "dash"],
            {"video_encode": True, "decode": "hevc", "encode": "hevc", "ten_bit": True},
        ),
        (
            ["-codec:0", "hevc", *MEDIA, "-filter_complex", "[0:0]scale=w=1:h=1[0];[0]format=p010,tonemap=mobius[1]",
             "-codec:0", "hevc_nvenc", "dash"],
            {"video_encode": True, "decode": "hevc", "encode": "hevc"},
        ),
        (["-codec:0", "h264", *MEDIA, "-codec:0", "copy", "dash"], {"video_encode": False, "decode": "h264"}),
        ([*MEDIA, "-codec:0", "flac", "x"], {"video_encode": False}),
    ],
)  # fmt: skip
def test_the_scheduler_is_told_the_codecs_at_a_glance(args: list[str], wanted: dict[str, object]) -> None:
    assert classify.needs(args) == wanted


def test_a_callback_on_another_port_is_one_when_pms_listens_there() -> None:
    args = ["-progressurl", "http://127.0.0.1:5000/video/:/transcode/session/x"]
    assert classify.calls_back(args, 5000)
    assert not classify.calls_back(args, 32400)


def corpus() -> list[Path]:
    return sorted(CORPUS.glob("*.json")) if CORPUS.is_dir() else []


@pytest.mark.skipif(not corpus(), reason="the corpus of captured command lines is not beside the checkout")
@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.stem)
def test_a_recorded_command_line_is_recognised(path: Path) -> None:
    entry = json.loads(path.read_text())
    args, facts = entry["argv"], entry["facts"]
    expected = "thumbnails" if entry["kind"] == "other" else None
    unheard = not any("/transcode/session/" in a for a in args) and entry["kind"].startswith("hls")
    assert classify.local_reason(args, "", "remote", "") == ("not-recognised" if unheard else expected)
    if entry["kind"] != "other":
        assert classify.encodes_video(args) == (facts["video_out"] not in (None, "copy"))
    assert classify.kind_of(args) == ("subtitle" if entry["kind"] == "sub-side-channel" else "video")
