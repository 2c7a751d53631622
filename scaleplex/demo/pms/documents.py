"""The manifests PMS gives to clients: always over the whole title, whatever the job's start (contract 5.1)."""

from fractions import Fraction
from xml.sax.saxutils import quoteattr

from scaleplex.demo.pms.decision import Decision

CODECS = {"video": "avc1.640028", "audio": "mp4a.40.2"}  # a guess at the output, as PMS makes one
BANDWIDTH_SHARE = 1000


def client_mpd(decision: Decision, session: str) -> str:
    """Return the MPD a browser gets; its URLs are relative to ``start.mpd``."""
    segment = decision.segment_seconds
    width, height = decision.size
    rate = decision.item.rate
    frame_rate = f"{rate.numerator}/{rate.denominator}" if rate.denominator != 1 else str(rate.numerator)
    template = (
        f'<SegmentTemplate timescale="1" duration="{segment}" startNumber="0"'
        f' initialization="session/{session}/$RepresentationID$/header"'
        f' media="session/{session}/$RepresentationID$/$Number$.m4s"/>'
    )
    quality = decision.quality
    return f"""<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static"
 mediaPresentationDuration="{iso_duration(decision.item.duration_seconds)}"
 maxSegmentDuration="PT{2 * segment}S" minBufferTime="PT10S">
 <Period start="PT0S">
  <AdaptationSet id="0" contentType="video" segmentAlignment="true" frameRate="{frame_rate}">
   <Representation id="0" mimeType="video/mp4" codecs="{CODECS["video"]}" width="{width}" height="{height}"
    bandwidth="{quality.maxrate_kbps * BANDWIDTH_SHARE}">{template}</Representation>
  </AdaptationSet>
  <AdaptationSet id="1" contentType="audio" segmentAlignment="true" lang={quoteattr(decision.audio.language)}>
   <Representation id="1" mimeType="audio/mp4" codecs="{CODECS["audio"]}" audioSamplingRate="48000"
    bandwidth="{quality.audio_kbps * BANDWIDTH_SHARE}">{template}</Representation>
  </AdaptationSet>
 </Period>
</MPD>
"""


def master_playlist(decision: Decision, session: str) -> str:
    """Return the playlist ``start.m3u8`` answers with."""
    width, height = decision.size
    bandwidth = (decision.quality.maxrate_kbps + decision.quality.audio_kbps) * BANDWIDTH_SHARE
    return (
        "#EXTM3U\n"
        f'#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH={bandwidth},RESOLUTION={width}x{height},CODECS="{CODECS["video"]},{CODECS["audio"]}"\n'
        f"session/{session}/base/index.m3u8\n"
    )


def media_playlist(decision: Decision) -> str:
    """Return the playlist of all segments of the title."""
    segment = decision.segment_seconds
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", f"#EXT-X-TARGETDURATION:{segment}", "#EXT-X-ALLOW-CACHE:NO"]
    lines += ["#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:VOD"]
    if decision.protocol == "hls-mkv":
        lines.append('#EXT-X-MAP:URI="header"')
    left = Fraction(decision.item.duration_seconds).limit_denominator(1_000_000)
    for number in range(decision.segment_count):
        length = min(Fraction(segment), left)
        left -= length
        lines += [f"#EXTINF:{float(length):.6f},", f"{number:05d}.ts"]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def iso_duration(seconds: float) -> str:
    return f"PT{int(seconds // 3600)}H{int(seconds % 3600 // 60)}M{seconds % 60:.3f}S"


def decision_xml(decision: Decision) -> str:
    """Return PMS's verdict on a start request: what is transcoded."""
    width, height = decision.size
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<MediaContainer size="1" generalDecisionCode="1001" transcodeDecisionCode="1001" transcodeDecisionText="Conversion OK.">
<Video title={quoteattr(decision.item.title)}>
<Media protocol="{decision.protocol}" width="{width}" height="{height}"><Part decision="transcode">
<Stream streamType="1" codec="h264" decision="transcode"/><Stream streamType="2" codec="aac" decision="transcode"/>
</Part></Media></Video>
</MediaContainer>
"""
