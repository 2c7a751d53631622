"""Each rule of what may run here, with what it lets through and what it stops."""

from dataclasses import replace

import pytest

from scaleplex.common.errors import PolicyRefusal
from scaleplex.ffmpeg import argv
from scaleplex.worker import policy

SESSION = "f168tc7vl2desp78pov5ktwu"
JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
CWD = f"/transcode/Transcode/Sessions/plex-transcode-{SESSION}-{JOB}"
SITE = policy.Site("/transcode", ("/media", "/mnt/films"))
URL = f"http://127.0.0.1:32400/video/:/transcode/session/{SESSION}/{JOB}"
FILM = "/media/Film (2020).mkv"


def check(*words: str, resolved: dict[str, str] | None = None, site: policy.Site = SITE) -> None:
    command = argv.parse(words)
    paths = {path: path if path.startswith("/") else f"{CWD}/{path}" for path in policy.named_paths(command)}
    policy.check_command(command, session=SESSION, job=JOB, cwd=CWD, resolved=paths | (resolved or {}), site=site)


def refused(*words: str, **more: dict[str, str]) -> str:
    with pytest.raises(PolicyRefusal) as caught:
        check(*words, **more)  # type: ignore[arg-type]
    assert caught.value.hint
    return caught.value.detail


def output(*options: str) -> list[str]:
    return ["-i", FILM, *options, "-f", "dash", "dash"]


def test_a_browsers_playback_passes() -> None:
    check(
        "-codec:0", "hevc", "-ss", "495", "-i", FILM, "-i", f"{CWD}/temp-0.srt", "-start_at_zero", "-copyts", "-y",
        "-loglevel", "quiet", "-progressurl", URL + "/progress", "-init_hw_device", "vaapi=vaapi:/dev/dri/renderD128",
        "-filter_complex", "[0:0]scale=w=1920:h=1080:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1]",
        "-map", "[1]", "-metadata:s:0", "title=a/b://c", "-codec:0", "libx264", "-x264opts:0", "subme=1:me_range=4",
        "-init_seg_name", "init-stream$RepresentationID$.m4s",
        "-media_seg_name", "chunk-stream$RepresentationID$-$Number%05d$.m4s",
        "-manifest_name", URL + "/manifest?X-Plex-Http-Pipeline=infinite", "-map_metadata", "-1", "-f", "dash", "dash",
        "-map", "0:3", "-f", "null", "-codec", "ass", "nullfile",
    )  # fmt: skip


@pytest.mark.parametrize("session", ["", ".", "..", "a/b", "a b", "a\nb", "x" * 129, "ä"])
def test_a_session_outside_the_grammar_is_refused(session: str) -> None:
    with pytest.raises(PolicyRefusal, match="Rule ids:"):
        policy.check_identity(session, JOB, 1, "video")


@pytest.mark.parametrize("job", ["", "x", JOB.upper(), JOB + "\n", "../" + JOB])
def test_a_job_that_is_no_lower_case_uuid_is_refused(job: str) -> None:
    with pytest.raises(PolicyRefusal, match="Rule ids:"):
        policy.check_identity(SESSION, job, 1, "video")


def test_attempts_and_kinds_have_their_range() -> None:
    policy.check_identity("875a95c7bc0072ef-com-plexapp-android", JOB, 99, "subtitle")
    for attempt, kind in ((0, "video"), (100, "video"), (1, "music")):
        with pytest.raises(PolicyRefusal, match="Rule ids:"):
            policy.check_identity(SESSION, JOB, attempt, kind)


def test_only_language_and_time_zone_reach_ffmpeg() -> None:
    given = {"LANG": "C", "LC_ALL": "C", "TZ": "UTC", "LD_PRELOAD": "x", "PATH": "/x", "LC_X\n": "y", "http_proxy": "z"}
    assert policy.child_environment(given) == {"LANG": "C", "LC_ALL": "C", "TZ": "UTC"}
    assert policy.child_environment({"TZ": "a\nb"}) == {}


@pytest.mark.parametrize("cwd", [CWD, "/transcode/Transcode/Detection", "/transcode/Sessions/plex-transcode-a"])
def test_session_directories_below_the_transcode_root_pass(cwd: str) -> None:
    policy.check_cwd(cwd, SITE)


def test_a_root_directory_that_is_the_transcode_root_has_session_directories_too() -> None:
    policy.check_cwd("/Transcode/Sessions/plex-transcode-a", replace(SITE, transcode_root="/"))
    with pytest.raises(PolicyRefusal):
        policy.check_cwd("/etc", replace(SITE, transcode_root="/"))


@pytest.mark.parametrize(
    "cwd", ["/transcode", "/transcode/Transcode/Sessions", "/transcodes/Sessions/plex-transcode-a", "/etc", CWD + "/x"]
)
def test_other_working_directories_are_refused_with_the_setting_to_change(cwd: str) -> None:
    with pytest.raises(PolicyRefusal) as caught:
        policy.check_cwd(cwd, SITE)
    assert "SCALEPLEX_WORKER_TRANSCODE_ROOT" in caught.value.hint


def test_an_input_must_resolve_below_a_media_root_or_the_session_directory() -> None:
    check("-i", "temp-0.srt", "-f", "null", "nullfile")
    assert "Rule input-path" in refused("-i", "/etc/shadow", "dash")
    assert "Rule input-path" in refused(*output(), resolved={FILM: "/etc/shadow"})
    assert "Rule input-path" in refused("-i", "/mediathek/film.mkv", "dash")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/x", "file:/etc/passwd", "concat:a|b", "subfile,,start,0,end,0,,:x", "data:x", "pipe:0"]
)
def test_an_input_that_is_no_plain_file_is_refused(url: str) -> None:
    assert "Rule input-" in refused("-i", url, "dash")


@pytest.mark.parametrize("form", ["lavfi", "concat", "hls", "image2", "x11grab"])
def test_an_input_format_that_names_other_files_is_refused(form: str) -> None:
    assert "Rule input-format" in refused("-f", form, "-i", FILM, "dash")


@pytest.mark.parametrize(
    "name", ["dash", "nullfile", "media-%05d.ts", "chunk-%05d", "sub-chunk-%05d", "thumb-%05d.jpeg", "-"]
)
def test_the_output_names_of_plex_pass(name: str) -> None:
    check("-i", FILM, name)


@pytest.mark.parametrize("name", ["../x", "a/b", "http://x/y", "file:x", "tee:x", "media-%05d/x", "pipe:3", "x|y"])
def test_other_output_names_are_refused(name: str) -> None:
    assert "Rule output-name" in refused("-i", FILM, name)


def test_absolute_outputs_are_detection_optimized_versions_or_the_session_directory() -> None:
    optimized = "/media/Films/Plex Versions/Optimized for TV/.inProgress/Film.mp4.99"
    for path in (optimized, f"/transcode/Transcode/Detection/{JOB}", f"{CWD}/x"):
        check("-i", FILM, "-f", "mp4", path)
    for path in (FILM, "/etc/x", "/tmp/Plex Versions/x/.inProgress/y", "/transcode/other"):
        assert "Rule output-path" in refused("-i", FILM, path)
    assert "Rule output-path" in refused("-i", FILM, optimized, resolved={optimized: "/etc/cron.d/x"})


def test_a_muxer_no_transcode_uses_is_refused() -> None:
    assert "Rule muxer" in refused("-i", FILM, "-f", "tee", "dash")


@pytest.mark.parametrize(
    "option",
    ["filter_complex_script", "passlogfile", "dump_attachment", "attach", "sdp_file", "vstats_file", "stats_enc_post",
     "fpre", "/filter_complex", "http_proxy", "hls_key_info_file", "protocol_whitelist", "progress"],
)  # fmt: skip
def test_options_that_touch_other_files_or_hosts_are_refused(option: str) -> None:
    assert "Rule option" in refused(*output("-" + option, "value"))


def test_a_flag_that_writes_a_report_is_refused() -> None:
    assert "Rule option" in refused(*output("-report"))


def test_an_option_plex_is_not_known_to_use_is_refused_whatever_its_value() -> None:
    for value in ("/etc/x", "../x", "http://x", "file:x", "fine", "1"):
        assert "Rule option:" in refused(*output("-some_new_option", value))


@pytest.mark.parametrize("name", ["../init", "a/b.m4s", "/x", "http://x/y"])
def test_segment_names_are_plain_file_names(name: str) -> None:
    assert "Rule file-name" in refused(*output("-init_seg_name", name))


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("127.0.0.1", "10.0.0.1") + "/manifest",
        URL.replace("32400", "80") + "/manifest",
        URL.replace("http:", "https:") + "/manifest",
        URL + "/../../../manifest",
        URL + "/manifest#x",
        URL.replace("session", "other") + "/manifest",
        "http://127.0.0.1:32400@evil/video/:/transcode/session/a/b/manifest",
    ],
)
def test_a_callback_that_is_no_transcode_session_url_is_refused(url: str) -> None:
    for option in ("-manifest_name", "-segment_list", "-progressurl"):
        assert "Rule callback" in refused(*output(option, url))


def test_a_callback_of_another_job_is_refused() -> None:
    other = URL.replace(JOB, "00000000-0000-0000-0000-000000000000")
    assert "another session or job" in refused(*output("-manifest_name", other + "/manifest"))


def test_another_port_of_plex_is_a_setting() -> None:
    url = URL.replace("32400", "32500") + "/manifest"
    check(*output("-manifest_name", url), site=policy.Site("/transcode", ("/media",), plex_port=32500))


@pytest.mark.parametrize(
    "graph",
    ["movie=/etc/passwd[0]", "[0:0]subtitles=/x.srt[0]", "[0:0]drawtext=textfile=/x[0]", "[0:0]lut3d=file=/x[0]",
     "[0:0]scale=1:1[a];amovie=x[b]", "[0:0]frei0r@x=foo[0]",],
)  # fmt: skip
def test_filters_that_read_files_or_cannot_be_read_are_refused(graph: str) -> None:
    for option in ("-filter_complex", "-vf", "-filter:v"):
        assert "Rule filter" in refused(*output(option, graph))


@pytest.mark.parametrize("value", ["subme=1:stats=/x", "dump-yuv=x", "QPFILE=x", "a=b,recon=x"])
def test_encoder_parameters_that_name_files_are_refused(value: str) -> None:
    assert "Rule encoder-parameter" in refused(*output("-x264opts:0", value))
    assert "Rule encoder-parameter" in refused(*output("-x265-params:0", value))


@pytest.mark.parametrize("value", ["", "abc", "1e300", "99999999999", "nan"])
def test_numbers_are_numbers_in_a_sensible_range(value: str) -> None:
    assert "Rule number" in refused("-ss", value, *output())


def test_a_command_line_longer_than_any_real_one_is_refused() -> None:
    assert "Rule size" in refused(*output(*(["-y"] * policy.ARGS_MAX_ITEMS)))
    assert "Rule size" in refused(*output("-metadata", "x" * policy.ARGS_MAX_BYTES))
    assert "Rule size" in refused(*output("-metadata", "a\0b"))


def test_a_path_is_inside_a_root_only_at_a_directorys_border() -> None:
    assert policy.inside("/media/x", "/media")
    assert policy.inside("/media/x", "/media/")
    assert not policy.inside("/media", "/media")
    assert not policy.inside("/mediathek/x", "/media")
