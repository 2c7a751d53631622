"""Codec names: which decoder or encoder name means what. The only list of them in the project."""

from __future__ import annotations

from scaleplex.ffmpeg import values

#: Encoder name → (codec, backend).
VIDEO_ENCODERS: dict[str, tuple[str, str]] = {
    "libx264": ("h264", "sw"),
    "libx265": ("hevc", "sw"),
    "h264_vaapi": ("h264", "vaapi"),
    "hevc_vaapi": ("hevc", "vaapi"),
    "h264_nvenc": ("h264", "nvenc"),
    "hevc_nvenc": ("hevc", "nvenc"),
}

#: Encoders of video that are recognised as such and not translated.
OTHER_VIDEO_ENCODERS = values.words(
    """
    mpeg4 mpeg2video mjpeg libvpx libvpx-vp9 libaom-av1 libsvtav1 av1_vaapi av1_nvenc h264_qsv hevc_qsv
    h264_amf hevc_amf
    h264_videotoolbox hevc_videotoolbox h264_mf hevc_mf h264_v4l2m2m hevc_v4l2m2m h264_omx
    wmv2 msmpeg4 msmpeg4v3
    """
)

AUDIO_ENCODERS = values.words(
    """
    aac ac3 eac3 eac3_eae flac libopus opus libmp3lame mp3 mp2 alac libvorbis vorbis pcm_s16le
    dca libfdk_aac aac_at
    """
)

SUBTITLE_ENCODERS = values.words(
    """
    ass ssa srt subrip webvtt mov_text text dvbsub dvdsub ttml
    """
)

_SAME_NAME = values.words(
    """
    h264 hevc mpeg2video mpeg1video mpeg4 av1 vp8 vp9 vc1 wmv1 wmv2 wmv3 msmpeg4v1 msmpeg4v2 msmpeg4v3 msmpeg4 h263 h261
    mjpeg prores dnxhd theora flv1 rv30 rv40 svq3 rawvideo ffv1 huffyuv cinepak vvc
    """
)

#: Decoder name → codec name as ffprobe reports it, for decoders of video.
VIDEO_DECODERS: dict[str, str] = {name: name for name in _SAME_NAME} | {
    "libdav1d": "av1",
    "libaom-av1": "av1",
    "libvpx": "vp8",
    "libvpx-vp9": "vp9",
    "flv": "flv1",
    "msmpeg4": "msmpeg4v3",
}

#: Output options that only video encoders know: without a stream specifier they are the video stream's all the same.
VIDEO_OPTIONS = values.words(
    "crf qp cq global_quality rc rc_mode preset tune maxrate bufsize level x264opts x264-params x265-params"
)

#: Decoder name → codec name, for audio and subtitle decoders whose names differ from the codec's.
OTHER_DECODERS: dict[str, str] = {
    "dca": "dts",
    "libopus": "opus",
    "libvorbis": "vorbis",
    "mp3float": "mp3",
    "pgssub": "hdmv_pgs_subtitle",
    "dvdsub": "dvd_subtitle",
    "dvbsub": "dvb_subtitle",
    "srt": "subrip",
    "ssa": "ass",
}

#: Decoders of Plex's EasyAudioEncoder → FFmpeg's own.
EAE_DECODERS: dict[str, str] = {
    "eac3_eae": "eac3",
    "ac3_eae": "ac3",
    "truehd_eae": "truehd",
    "mlp_eae": "mlp",
    "dca_eae": "dca",
}

#: Audio encoders our ffmpeg has under another name, or not for common use (its own Opus encoder is experimental).
RENAMED_ENCODERS: dict[str, str] = {"opus": "libopus", "libfdk_aac": "aac", "aac_at": "aac", "mp3": "libmp3lame"}

TEXT_SUBTITLES = values.words(
    """
    subrip srt ass ssa mov_text webvtt hdmv_text_subtitle text
    """
)
BITMAP_SUBTITLES = values.words(
    """
    hdmv_pgs_subtitle pgssub dvb_subtitle dvd_subtitle xsub
    """
)
HDR_TRANSFERS = frozenset({"smpte2084", "smpte428", "arib-std-b67"})


def decoded_codec(decoder: str) -> str:
    """Return the codec a decoder name reads; a name that is not listed is taken for the codec's own."""
    base = EAE_DECODERS.get(decoder, decoder)
    return VIDEO_DECODERS.get(base) or OTHER_DECODERS.get(base, base)
