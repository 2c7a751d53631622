"""Lines of Plex's log that the reference pages explain; made up, in the form a server of 2026 writes."""

_STAMP = "Nov 24, 2026 21:04:{second:02d}.482 [139890936367928] DEBUG - [Req#2a9/Transcode] Job running: "
_SESSION = "qk3v8d1mzt5wy2hbn7rcx4pf/6f1d2c3b-9a48-4e57-8b60-1c2d3e4f5a6b"
_URL = f"http://127.0.0.1:32400/video/:/transcode/session/{_SESSION}"
_PROGRAM = '"/usr/lib/plexmediaserver/Plex Transcoder"'
_QUIET = f"-y -nostats -loglevel quiet -loglevel_plex error -progressurl {_URL}/progress"
_DASH = (
    "-f dash -seg_duration 3 -dash_segment_type mp4 -init_seg_name 'init-stream$RepresentationID$.m4s'"
    " -media_seg_name 'chunk-stream$RepresentationID$-$Number%05d$.m4s' -window_size 5 -delete_removed false"
    f' -skip_to_segment 1 -manifest_name "{_URL}/manifest?X-Plex-Http-Pipeline=infinite"'
    " -avoid_negative_ts disabled -map_metadata -1 -map_chapters -1 dash"
)
_SOUND = "aresample=async=1:ochl='stereo':rematrix_maxval=0.000000dB:osr=48000"

#: HDR to SDR, as a server with an Intel GPU asks for it.
VAAPI = (
    _STAMP.format(second=11)
    + "EAE_ROOT=/tmp/pms-5e1d/EasyAudioEncoder X_PLEX_TOKEN=xxxxxxxxxxxxxxxxxxxx "
    + f"{_PROGRAM} -codec:0 hevc -hwaccel:0 vaapi -hwaccel_output_format:0 vaapi -hwaccel_device:0 vaapi"
    + " -codec:1 eac3_eae -eae_prefix:1 qk3v8d1mzt5wy2hbn7rcx4pf_ -analyzeduration 20000000 -probesize 20000000"
    + ' -i "/media/Films/A Film (2019)/A Film (2019).mkv" -start_at_zero -copyts -fps_mode cfr'
    + f" -init_hw_device vaapi=vaapi:/dev/dri/renderD128,driver=iHD -filter_hw_device vaapi {_QUIET}"
    + ' -filter_complex "[0:0]hwupload[0];[0]scale_vaapi=w=1280:h=720:format=p010[1];'
    + "[1]hwmap=derive_device=opencl[2];[2]tonemap_opencl=tonemap=mobius:format=nv12:m=bt709:p=bt709:r=tv[3];"
    + '[3]hwmap=derive_device=vaapi:reverse=1[4];[4]hwupload[5]" -map "[5]" -metadata:s:0 language=eng'
    + " -codec:0 h264_vaapi -qp:0 22 -maxrate:0 3419k -bufsize:0 6838k -r:0 23.975999999999999"
    + ' -force_key_frames:0 "expr:gte(t,n_forced*3)"'
    + f' -filter_complex "[0:1] {_SOUND}[6]" -map "[6]" -metadata:s:1 language=eng -codec:1 aac -b:1 256k {_DASH}'
)

#: A filter nobody planned for.
DEINTERLACED = (
    _STAMP.format(second=40)
    + f"{_PROGRAM} -codec:0 mpeg2video -codec:1 ac3 -i /media/Recordings/News.ts -start_at_zero -copyts {_QUIET}"
    + ' -filter_complex "[0:0]yadif[0];[0]scale=w=720:h=404[1]" -map "[1]" -codec:0 libx264 -crf:0 23'
    + f' -filter_complex "[0:1] {_SOUND}[2]" -map "[2]" -codec:1 aac -b:1 256k {_DASH}'
)

#: Video copied, sound encoded.
COPIED = (
    _STAMP.format(second=52)
    + f'{_PROGRAM} -codec:0 h264 -codec:1 aac -noaccurate_seek -i "/media/Series/A Pilot.mkv"'
    + f" -start_at_zero -copyts {_QUIET}"
    + f' -map 0:0 -codec:0 copy -filter_complex "[0:1] {_SOUND}[0]" -map "[0]" -codec:1 aac -b:1 256k {_DASH}'
)

LOG = "\n".join((VAAPI, DEINTERLACED, COPIED)) + "\n"
