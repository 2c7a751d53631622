"""Names of audio codecs and filters Plex has and FFmpeg has not, and words that only look like them."""

import pytest

from scaleplex.translator.passes import audio
from tests.unit.translator.helpers import apply, plain


@pytest.mark.parametrize(
    ("given", "native"), [("opus", "libopus"), ("mp3", "libmp3lame"), ("aac_at", "aac"), ("libfdk_aac", "aac")]
)
def test_audio_encoders_get_our_names_and_decoders_of_the_same_name_stay(given: str, native: str) -> None:
    after, labels = apply(audio.audio, f"-codec:1 {given} -i a -map 0:1 -codec:1 {given} out")
    assert after == f"-codec:1 {given} -i a -map 0:1 -codec:1 {native} out"
    assert labels == (f"encode:1:{given}->{native}",)


def test_other_options_may_hold_an_encoders_name() -> None:
    text = "-i opus -metadata:s:1 opus -codec:1 flac opus"
    assert apply(audio.audio, text) == (text, ())


def test_a_comma_in_quotes_is_part_of_a_bitstream_filter() -> None:
    after, labels = apply(audio.audio, "-i a -bsf:1 \"noise=drop='lt(n,2)',framedrop=count=3,null\" out")
    assert after == plain("-i a -bsf:1 \"noise=drop='lt(n,2)',noise=drop='lt(n,3)',null\" out")
    assert labels == ("bsf:framedrop=count=3->noise",)


@pytest.mark.parametrize(
    "text", ["-i a -metadata framedrop=count=2 out", "-i a -bsf:1 null out", "-i a -metadata ocl=x out"]
)
def test_words_alone_make_no_filter(text: str) -> None:
    assert apply(audio.audio, text) == (text, ())
