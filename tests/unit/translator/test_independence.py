"""No fact hides another: adding a subtitle, a tone map, a seek or an audio track changes only what belongs to it."""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scaleplex.translator import Hardware, Site, translate
from tests.argvgen import Shape, build
from tests.argvgen.shapes import AUDIO
from tests.argvgen.strategies import shapes
from tests.unit.translator.helpers import SITE
from tests.unit.translator.parts import parts

TARGETS = st.sampled_from(("sw", "vaapi", "nvenc"))
WORKERS = st.sampled_from((Hardware(), Hardware(driver="radeonsi"), Hardware(draws=False), Hardware(tonemap="cuda")))


def taken_apart(shape: Shape, target: str, hardware: Hardware) -> dict[str, list[str]]:
    site: Site = replace(SITE, burn=True, plex_pass=True, hardware=hardware)
    done = translate(build(shape), {}, None, target, site)
    assert done.bail is None
    return parts(done.argv)


def differs(one: Shape, other: Shape, target: str, hardware: Hardware) -> set[str]:
    """Return the parts in which two translations differ."""
    first, second = taken_apart(one, target, hardware), taken_apart(other, target, hardware)
    return {name for name in first if first[name] != second[name]}


def encoded(shape: Shape) -> bool:
    return shape.backend != "copy" and not shape.gate


@given(shapes(), TARGETS, WORKERS, st.sampled_from(("burn-text", "burn-staged", "burn-bitmap")))
@settings(max_examples=150, deadline=None)
def test_a_burn_changes_the_burn(shape: Shape, target: str, hardware: Hardware, burn: str) -> None:
    assume(encoded(shape))
    plain = replace(shape, subtitle="none")
    # Where a worker cannot draw on surfaces, frames are fetched for it; a staged file is an input, a bitmap is scaled.
    allowed = {"burn", "files", "tonemap"} if burn != "burn-bitmap" else {"burn", "files", "tonemap", "scale"}
    memory = target != "sw" and (hardware.driver == "radeonsi" or not hardware.draws)
    # AV1 is not decoded by a GPU under a bitmap that is laid over in memory.
    allowed |= {"decode"} if burn == "burn-bitmap" and shape.codec == "av1" else set()
    changed = differs(plain, replace(plain, subtitle=burn), target, hardware)
    assert changed <= (allowed if memory or target == "sw" else {"burn", "files"}) | {"seek"}
    assert "burn" in changed
    assert ("seek" in changed) is (burn == "burn-staged" and shape.seek > 0)


@given(shapes(), TARGETS, WORKERS, st.sampled_from(("hable", "mobius", "reinhard")))
@settings(max_examples=150, deadline=None)
def test_tone_mapping_changes_tone_mapping(shape: Shape, target: str, hardware: Hardware, curve: str) -> None:
    assume(encoded(shape))
    plain = replace(shape, tonemap=None, ten_bit=False)
    changed = differs(plain, replace(plain, tonemap=curve), target, hardware)
    # What the processor decodes and tone maps it scales too.
    scaled = {"scale"} if shape.codec == "av1" and shape.subtitle == "burn-bitmap" else set()
    assert changed <= {"tonemap", "devices"} | scaled
    assert "tonemap" in changed
    assert ("devices" in changed) is (target == "vaapi" and hardware.driver != "radeonsi")


@given(shapes(), TARGETS, WORKERS, st.sampled_from((12.0, 203.995661, 2844.0)))
@settings(max_examples=100, deadline=None)
def test_a_seek_changes_where_it_begins(shape: Shape, target: str, hardware: Hardware, seek: float) -> None:
    assume(not shape.gate and not shape.kind.startswith("optimize"))
    begun = replace(shape, seek=0.0)
    changed = differs(begun, replace(begun, seek=seek), target, hardware)
    assert changed == {"seek"}


@given(shapes(), TARGETS, WORKERS, st.sampled_from(AUDIO))
@settings(max_examples=100, deadline=None)
def test_another_track_changes_the_audio(shape: Shape, target: str, hardware: Hardware, audio: str) -> None:
    assert differs(shape, replace(shape, audio=audio), target, hardware) <= {"audio"}


@given(shapes(), TARGETS, WORKERS, st.integers(20, 900), st.integers(20, 500))
@settings(max_examples=100, deadline=None)
def test_another_size_changes_the_scaler(
    shape: Shape, target: str, hardware: Hardware, width: int, height: int
) -> None:
    resized = replace(shape, width=width * 4, height=height * 4)
    assert differs(shape, resized, target, hardware) <= {"scale"}
