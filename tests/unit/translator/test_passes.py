"""Each pass: the command before, the command after, the labels."""

import pytest

from scaleplex.translator import Site, Source, SourceStream
from scaleplex.translator.labels import Labels
from scaleplex.translator.passes import (
    audio,
    callbacks,
    inputs,
    muxer,
    private_options,
    subtitles,
    timing,
    video_encoder,
    video_graph,
)
from scaleplex.translator.passes.environment import environment
from scaleplex.translator.plan import Plan, Setting, Swap, VideoPlan
from tests.unit.translator.helpers import BASE, apply, plain

LOOPBACK = "http://127.0.0.1:32400/video/:/transcode/session/S/J"
HDR = "'[0:0]hwupload[0];[0]scale_vaapi=w=1280:h=720:format=nv12[1];[1]hwupload[2]'"


def test_a_manifest_goes_to_the_relay_with_its_query_and_without_a_token() -> None:
    after, labels = apply(
        callbacks.callbacks, f"-i a -f dash -manifest_name '{LOOPBACK}/manifest?X=1&X-Plex-Token=t' dash"
    )
    assert after == plain(f"-i a -f dash -manifest_name '{BASE}/video/:/transcode/session/S/J/manifest?X=1' dash")
    assert labels == ("callback:-manifest_name",)


def test_the_list_of_a_second_output_goes_to_the_relay_too() -> None:
    after, labels = apply(callbacks.callbacks, f"-i a dash -segment_list '{LOOPBACK}/manifest?stream=subtitles' sub")
    assert f"{BASE}/video/:/transcode/session/S/J/manifest?stream=subtitles" in after
    assert labels == ("callback:-segment_list",)


@pytest.mark.parametrize("host", ["127.0.0.1:32400", "127.0.0.1:42400", "localhost:32400", "[::1]:32400", "127.0.0.1"])
def test_every_way_to_name_the_loopback_address_is_known(host: str) -> None:
    after, _ = apply(callbacks.callbacks, f"-i a -segment_list 'http://{host}/video/x' out")
    assert after == plain(f"-i a -segment_list {BASE}/video/x out")


@pytest.mark.parametrize(
    "url", ["http://192.0.2.7:32400/video/x", "http://127.0.0.1.example.org/x", "ftp://127.0.0.1/x"]
)
def test_a_callback_elsewhere_is_dropped(url: str) -> None:
    assert apply(callbacks.callbacks, f"-i a -segment_list {url} out") == ("-i a out", ("drop:-segment_list",))


def test_without_a_relay_the_callbacks_are_dropped() -> None:
    after, labels = apply(callbacks.callbacks, f"-i a -manifest_name {LOOPBACK}/m dash", site=Site())
    assert (after, labels) == ("-i a dash", ("drop:-manifest_name",))


def test_a_rewritten_callback_is_left_alone() -> None:
    text = f"-i a -manifest_name {BASE}/video/x dash"
    assert apply(callbacks.callbacks, text) == (plain(text), ())


def test_a_list_in_a_file_is_left_alone() -> None:
    assert apply(callbacks.callbacks, "-i a -segment_list list.csv out") == ("-i a -segment_list list.csv out", ())


def test_progress_is_the_workers_own_business() -> None:
    assert apply(callbacks.callbacks, f"-i a -progressurl {LOOPBACK}/progress out") == (
        "-i a out",
        ("drop:-progressurl",),
    )


def test_private_noise_goes_and_errors_are_heard() -> None:
    after, labels = apply(
        private_options.private_options,
        "-eae_prefix:1 S_ -hwaccel_fallback_threshold:0 10 -i a -xioerror -loglevel quiet -loglevel_plex error"
        " -strict_ts:2 0 out",
    )
    assert after == "-i a -loglevel repeat+level+error out"
    assert labels == (
        "drop:-eae_prefix:1",
        "drop:-hwaccel_fallback_threshold:0",
        "drop:-xioerror",
        "set:-loglevel=repeat+level+error",
        "drop:-loglevel_plex",
        "drop:-strict_ts:2",
    )


def test_a_talkative_level_stays() -> None:
    assert apply(private_options.private_options, "-i a -loglevel verbose out") == ("-i a -loglevel verbose out", ())


def test_hardware_decoding_and_its_single_thread_go() -> None:
    after, labels = apply(
        inputs.inputs,
        "-codec:0 hevc -hwaccel:0 nvdec -threads:0 1 -hwaccel_output_format:0 cuda -hwaccel_device:0 cuda -i a"
        " -init_hw_device cuda=cuda:pci:0000:0d:00.0 -filter_hw_device cuda -map 0:0 -codec:0 copy out",
        plan=Plan("sw"),
    )
    assert after == "-codec:0 hevc -i a -map 0:0 -codec:0 copy out"
    assert labels == (
        "drop:-hwaccel:0",
        "drop:-threads:0",
        "drop:-hwaccel_output_format:0",
        "drop:-hwaccel_device:0",
        "drop:-init_hw_device",
        "drop:-filter_hw_device",
    )


def test_threads_stay_where_no_gpu_decoded() -> None:
    text = "-codec:v h264 -threads 1 -i a out"
    assert apply(inputs.inputs, text, plan=Plan("sw")) == (text, ())


def test_planned_hardware_decoding_follows_the_hint_and_its_device_opens_first() -> None:
    wanted = (("hwaccel", "vaapi"), ("hwaccel_output_format", "vaapi"))
    plan = Plan("vaapi", hwaccel=wanted, devices=(("init_hw_device", "vaapi=v:"),))
    before = "-codec:0 hevc -codec:1 aac -i a -map 0:0 -codec:0 copy out"
    after, _ = apply(inputs.inputs, before, plan=plan)
    assert after == (
        "-codec:0 hevc -hwaccel:0 vaapi -hwaccel_output_format:0 vaapi -codec:1 aac -init_hw_device vaapi=v: -i a"
        " -map 0:0 -codec:0 copy out"
    )
    assert apply(inputs.inputs, after, plan=plan) == (after, ())


def test_a_decoder_hint_is_exchanged_through_either_form_of_specifier() -> None:
    after, labels = apply(inputs.inputs, "-codec:'#0x01' av1 -i a out", plan=Plan("sw", (("av1", "libdav1d"),)))
    assert (after, labels) == (
        plain("-codec:'#0x01' libdav1d -i a out"),
        ("decode:#0x01:av1->libdav1d",),
    )


def test_a_hint_the_probe_contradicts_is_dropped() -> None:
    source = Source(
        (SourceStream(0, "video", "h264"), SourceStream(1, "audio", "dts"), SourceStream(2, "audio", "ac3"))
    )
    after, labels = apply(inputs.inputs, "-codec:0 h264 -codec:1 aac -codec:2 ac3_eae -i a out", Plan("sw"), source)
    assert (after, labels) == ("-codec:0 h264 -codec:2 ac3_eae -i a out", ("decode:1:aac->none",))


def test_a_stream_the_probe_does_not_know_contradicts_nothing() -> None:
    source = Source((SourceStream(0, "video", "unknown"),))
    text = "-codec:0 hevc -i a out"
    assert apply(inputs.inputs, text, Plan("sw"), source) == (text, ())


def test_a_hint_under_the_decoders_own_name_is_no_contradiction() -> None:
    source = Source((SourceStream(0, "video", "av1"), SourceStream(1, "audio", "dts")))
    text = "-codec:0 libdav1d -codec:1 dca -i a out"
    assert apply(inputs.inputs, text, Plan("sw"), source) == (text, ())


def test_detection_jobs_decode_by_what_the_file_says() -> None:
    after, labels = apply(inputs.inputs, "-codec:1 aac -i a -map 0:1 -codec:0 flac -f flac out", Plan("sw"))
    assert (after, labels) == ("-i a -map 0:1 -codec:0 flac -f flac out", ("decode:1:aac->none",))


def test_the_map_follows_the_new_graph_and_the_audio_graph_stands() -> None:
    plan = Plan("x", video=VideoPlan("x", chains=("scale=w=2:h=2", "format=nv12")))
    audio_graph = "'[0:1] aresample=async=1[3]'"
    after, labels = apply(
        video_graph.video_graph,
        f"-i a -filter_complex {HDR} -map '[2]' -codec:0 h264_vaapi -filter_complex {audio_graph} -map '[3]' out",
        plan,
    )
    assert after == plain(
        "-i a -filter_complex '[0:0]scale=w=2:h=2[0];[0]format=nv12[1]' -map '[1]' -codec:0 h264_vaapi"
        f" -filter_complex {audio_graph} -map '[3]' out"
    )
    assert labels == ("graph:hwupload,scale_vaapi,hwupload->scale,format", "map:[2]->[1]")


def test_new_labels_never_meet_those_of_another_graph() -> None:
    plan = Plan("x", video=VideoPlan("x", chains=("a", "b", "c")))
    after, _ = apply(
        video_graph.video_graph,
        f"-i a -filter_complex '[0:1] aresample=async=1[1]' -filter_complex {HDR} -map '[2]' -codec:0 h264_vaapi out",
        plan,
    )
    assert "[0:0]a[0];[0]b[2];[2]c[3]" in after
    assert "'[3]'" in after


def test_the_source_pad_keeps_its_form() -> None:
    plan = Plan("x", video=VideoPlan("x", chains=("a",)))
    before = "-i a -filter_complex '[0:#0x01]hwupload[0];[0]scale_vaapi=w=2:h=2[1]' -map '[1]' -codec:0 h264_vaapi out"
    after, _ = apply(video_graph.video_graph, before, plan)
    assert "[0:#0x01]a[0]" in after


def test_the_encoder_and_its_options_are_exchanged_where_they_stand() -> None:
    plan = VideoPlan(
        "libx264",
        swaps=(Swap("qp", "crf", "22"),),
        settings=(Setting("preset", "veryfast"), Setting("maxrate", "9k")),
        unwanted=frozenset({"sei"}),
    )
    after, labels = apply(
        video_encoder.video_encoder,
        "-i a -map 0:0 -codec:0 h264_vaapi -qp:0 22 -maxrate:0 3k -sei:0 -a53_cc -map 0:1 -codec:1 aac -b:1 2k out"
        " -map 0:2 -codec:0 copy side",
        Plan("sw", video=plan),
    )
    assert after == (
        "-i a -map 0:0 -codec:0 libx264 -preset:0 veryfast -crf:0 22 -maxrate:0 3k -map 0:1 -codec:1 aac -b:1 2k out"
        " -map 0:2 -codec:0 copy side"
    )
    assert labels == ("encode:h264_vaapi->libx264", "rate:qp=22->crf=22", "drop:-sei:0", "set:-preset:0=veryfast")


def test_a_forced_setting_replaces_what_plex_gave() -> None:
    plan = Plan("sw", video=VideoPlan("libx264", settings=(Setting("preset", "veryfast", force=True),)))
    after, _ = apply(video_encoder.video_encoder, "-i a -map 0:0 -codec:0 libx264 -preset:0 p4 out", plan)
    assert after == "-i a -map 0:0 -codec:0 libx264 -preset:0 veryfast out"


@pytest.mark.parametrize(
    ("before", "after"),
    [("eac3_eae", "eac3"), ("ac3_eae", "ac3"), ("truehd_eae", "truehd"), ("mlp_eae", "mlp")],
)
def test_eae_names_become_ffmpegs_own(before: str, after: str) -> None:
    assert apply(audio.audio, f"-codec:#0x02 {before} -i a out") == (
        plain(f"-codec:'#0x02' {after} -i a out"),
        (f"decode:#0x02:{before}->{after}",),
    )


def test_an_eae_name_nobody_knows_leaves_the_choice_to_ffmpeg() -> None:
    assert apply(audio.audio, "-codec:1 opus_eae -i a out") == ("-i a out", ("decode:1:opus_eae->none",))


def test_framedrop_becomes_a_filter_ffmpeg_has_and_its_neighbours_stay() -> None:
    after, labels = apply(audio.audio, "-i a -bsf:1 aac_adtstoasc,framedrop=count=3 out")
    assert after == plain("""-i a -bsf:1 "aac_adtstoasc,noise=drop='lt(n,3)'" out""")
    assert labels == ("bsf:framedrop=count=3->noise",)
    assert apply(audio.audio, after) == (after, ())


def test_a_framedrop_of_nothing_goes_with_its_option() -> None:
    assert apply(audio.audio, "-i a -bsf:1 framedrop=count=0 out") == ("-i a out", ("bsf:framedrop=count=0->none",))


def test_the_old_name_of_the_output_layout_is_renamed_and_nothing_else() -> None:
    after, labels = apply(audio.audio, """-i a -filter_complex "[0:1] aresample=async=1:ocl='5.1':osr=48000[3]" out""")
    assert after == plain("""-i a -filter_complex "[0:1] aresample=async=1:ochl='5.1':osr=48000[3]" out""")
    assert labels == ("filter:aresample:ocl->ochl",)


def test_paths_of_the_plex_host_leave_inlineass_and_its_styling_stays() -> None:
    after, labels = apply(
        subtitles.font_paths,
        "-i a -filter_complex '[0]inlineass=font_scale=1.0:font_path=/p:fontconfig_file=/c:font_size=54[1]' out",
    )
    assert after == plain("-i a -filter_complex '[0]inlineass=font_scale=1.0:font_size=54[1]' out")
    assert labels == ("filter:inlineass:font_path->none", "filter:inlineass:fontconfig_file->none")


def test_a_null_sink_goes_when_nothing_is_burnt() -> None:
    after, labels = apply(
        subtitles.burn, "-i a -map_inlineass 0:3 -map 0:0 -codec:0 copy out -map 0:3 -f null -codec ass nullfile"
    )
    assert (after, labels) == ("-i a -map 0:0 -codec:0 copy out", ("output:null", "drop:-map_inlineass"))


_BURN = "-map_inlineass {0} -filter_complex '[0:0]inlineass=font_size=54[0]' -map '[0]' -codec:0 libx264 out"


def test_a_null_sink_stays_for_a_staged_file_since_nothing_else_reads_it() -> None:
    text = plain("-i a -i b.srt " + _BURN.format("1:s:0") + " -map 1:s:0 -f null -codec ass nullfile")
    assert apply(subtitles.burn, text) == (text, ())


def test_a_null_sink_goes_when_the_burn_itself_decodes_its_stream() -> None:
    after, labels = apply(subtitles.burn, "-i a " + _BURN.format("0:3") + " -map 0:3 -f null -codec ass nullfile")
    assert (after, labels) == (plain("-i a " + _BURN.format("0:3")), ("output:null",))


def test_a_null_sink_that_is_the_whole_job_stays() -> None:
    assert apply(subtitles.burn, "-i a -map 0:0 -f null out") == ("-i a -map 0:0 -f null out", ())


def test_a_bitmap_is_bound_where_the_plan_draws_it() -> None:
    plan = Plan("vaapi", video=VideoPlan("h264_vaapi", binds=("0:5",)))
    before = "-i a -filter_complex '[0:0]scale=w=2:h=2[0]' -map '[0]' -codec:0 libx264 out"
    after, labels = apply(subtitles.burn, before, plan)
    assert (after, labels) == (
        plain(before.replace("-filter_c", "-map_inlineass 0:5 -filter_c")),
        ("set:-map_inlineass=0:5",),
    )
    assert apply(subtitles.burn, after, plan) == (after, ())


@pytest.mark.parametrize("trailing", ["-vsync cfr -y", "-y -fps_mode cfr", "-y -vsync 1"])
def test_a_frame_rate_mode_behind_the_last_output_moves_to_where_it_is_obeyed(trailing: str) -> None:
    after, labels = apply(timing.timing, f"-i a -map 0:0 out {trailing}")
    assert after == "-i a -fps_mode cfr -map 0:0 out -y"
    assert labels[0].startswith("move:")


def test_constant_frame_rate_is_dropped_on_a_seek_with_kept_timestamps() -> None:
    assert apply(timing.timing, "-ss 888 -i a -copyts -fps_mode cfr out") == (
        "-ss 888 -i a -copyts out",
        ("drop:-fps_mode=cfr",),
    )


@pytest.mark.parametrize("text", ["-ss 0 -i a -copyts -fps_mode cfr out", "-ss 888 -i a -fps_mode cfr out"])
def test_constant_frame_rate_stays_where_it_fills_no_gap(text: str) -> None:
    assert apply(timing.timing, text) == (text, ())


def test_thumbnails_keep_their_spelling() -> None:
    text = "-i a -vsync passthrough -f image2 thumb.jpeg"
    assert apply(timing.timing, text) == (text, ())


def test_a_live_matroska_header_gets_the_sources_duration() -> None:
    before = "-i a -copyts -f segment -segment_format matroska -segment_format_options live=1 chunk-%05d"
    source = Source(duration_seconds=1200.5, start_seconds=2.0)
    after, labels = apply(muxer.muxer, before, source=source)
    assert after == (
        "-i a -copyts -f segment -segment_format matroska -segment_format_options live=0 -metadata duration=1200.5"
        " chunk-%05d"
    )
    assert labels == ("mux:live=1->live=0", "set:-metadata=duration")
    assert apply(muxer.muxer, after, source=source) == (after, ())


def test_the_start_time_counts_when_timestamps_are_not_kept() -> None:
    before = "-i a -f segment -segment_format matroska -segment_format_options live=1 chunk-%05d"
    assert "duration=1198.5" in apply(muxer.muxer, before, source=Source((), 1200.5, 2.0))[0]


def test_an_unknown_duration_is_not_made_up() -> None:
    after, labels = apply(muxer.muxer, "-i a -f segment -segment_format matroska -segment_format_options live=1 chunk")
    assert "duration" not in after
    assert labels == ("mux:live=1->live=0",)


def test_matroska_in_ssegment_gets_global_headers() -> None:
    after, labels = apply(muxer.muxer, "-i a -f ssegment -segment_format matroska out")
    assert (after, labels) == (
        "-i a -f ssegment -segment_format matroska -flags +global_header out",
        ("set:-flags=+global_header",),
    )
    assert apply(muxer.muxer, after) == (after, ())


@pytest.mark.parametrize(
    ("inner", "expected"),
    [("", "avoid_negative_ts=disabled"), ("-segment_format_options a=b", "a=b:avoid_negative_ts=disabled")],
)
def test_the_first_transport_stream_segment_is_not_shifted(inner: str, expected: str) -> None:
    after, labels = apply(muxer.muxer, f"-i a -f ssegment -segment_format mpegts {inner} out")
    assert f"-segment_format_options {expected} out" in after
    assert labels == ("mux:avoid_negative_ts=disabled",)
    assert apply(muxer.muxer, after) == (after, ())


def test_a_transport_stream_with_an_offset_of_its_own_stays() -> None:
    text = "-i a -f ssegment -segment_format mpegts -segment_format_options output_ts_offset=10 out"
    assert apply(muxer.muxer, text) == (text, ())


def test_only_language_and_time_zone_reach_ffmpeg() -> None:
    labels = Labels()
    given = {"LANG": "C", "LC_ALL": "C", "TZ": "UTC", "X_PLEX_TOKEN": "secret", "LD_LIBRARY_PATH": "/p", "LC": "x"}
    assert environment(given, labels) == {"LANG": "C", "LC_ALL": "C", "TZ": "UTC"}
    assert labels.items() == ("env:3",)
