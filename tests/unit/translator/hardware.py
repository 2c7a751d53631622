"""What a command for a GPU must look like, stated as section by section of what is expected, and why."""

from scaleplex.ffmpeg import filtergraph
from scaleplex.ffmpeg.argv import Command, File
from scaleplex.ffmpeg.filtergraph import Filter
from scaleplex.translator import Site, Translation

ENCODERS = {
    "sw": {"libx264", "libx265"},
    "vaapi": {"h264_vaapi", "hevc_vaapi"},
    "nvenc": {"h264_nvenc", "hevc_nvenc"},
}
FAMILY = {"libx264": "h264", "libx265": "hevc"}
HWACCEL = {
    "vaapi": [("hwaccel", "vaapi"), ("hwaccel_output_format", "vaapi"), ("hwaccel_device", "vaapi")],
    "nvenc": [("hwaccel", "nvdec"), ("threads", "1"), ("hwaccel_output_format", "cuda"), ("hwaccel_device", "cuda")],
}
SURFACE = {"vaapi": "vaapi", "nvenc": "cuda"}
CURVES = {"none", "linear", "gamma", "clip", "reinhard", "hable", "mobius"}
#: Some of x264's presets, as VAAPI's compression level and NVENC's preset.
PRESETS = {
    "ultrafast": ("7", "p1"),
    "veryfast": ("6", "p1"),
    "medium": ("4", "p4"),
    "slow": ("3", "p5"),
    "veryslow": ("1", "p7"),
}
DEVICES = ("init_hw_device", "filter_hw_device", "vaapi_device")


def broken(before: Command, after: Command, done: Translation, site: Site, target: str) -> list[str]:
    """Return what is wrong with decoding, devices, encoder and the order of the graph."""
    if not done.facts.encodes_video:
        wrong = [f"-{o.key} in a job without video work" for o in after.options() if o.key in (*DEVICES, "hwaccel")]
        return wrong + (["its graph changed"] if _video(before) != _video(after) else [])
    wrong = _tonemap(before, after, done, target)
    wrong += _codec(before, after)
    if target == "sw":
        return wrong + _software(after)
    if all_in_hardware(done):
        wrong += _decoder(after, target)
        wrong += _devices(after, target, site)
        wrong += _encoder(before, after, target)
        wrong += _surfaces(after, target, site)
    return wrong


def all_in_hardware(done: Translation) -> bool:
    """Return whether nothing was left to the processor for want of ability or permission."""
    return not any(label.startswith(("policy:", "fallback:")) for label in done.labels)


def encoder(output: File) -> str:
    """Return the video encoder of an output."""
    return next((o.value or "" for o in output.every("codec") if (o.value or "")[:5] in PREFIXES), "")


PREFIXES = {"h264_", "hevc_", "libx2"}


def _video(command: Command) -> list[Filter]:
    texts = [o.value or "" for o in command.options() if o.key == "filter_complex"]
    return [f for text in texts if "aresample" not in text for f in filtergraph.parse(text).filters()]


def _codec(before: Command, after: Command) -> list[str]:
    was, now = encoder(before.outputs[0]), encoder(after.outputs[0])
    family = [FAMILY.get(name, name[:4]) for name in (was, now)]
    return [] if family[0] == family[1] else [f"{was} became {now}"]


def _tonemap(before: Command, after: Command, done: Translation, target: str) -> list[str]:
    """Plex decides whether; the curve is Plex's where FFmpeg has it."""
    mappers = [f for f in _video(after) if f.name.startswith("tonemap")]
    asked = done.facts.video.tonemap if done.facts.video else None
    if asked is None:
        return ["it tone maps, and nobody asked"] if mappers else []
    wanted = asked if asked in CURVES else "hable"
    fixed = [f.name for f in mappers] == ["tonemap_vaapi"]
    if not fixed and [f.get("tonemap", 0) for f in mappers] != [wanted]:
        return [f"{asked} became {[f.body() for f in mappers]}"]
    if len(mappers) != 1 or (target == "nvenc" and "opencl" in mappers[0].name):
        return [f"tone mapping by {[f.name for f in mappers]}"]
    return []


def _software(after: Command) -> list[str]:
    wrong = [f"{o.flag} is left" for o in after.options() if o.key in (*DEVICES, "hwaccel", "sei", "qp")]
    return wrong + ([] if encoder(after.outputs[0]) in ENCODERS["sw"] else ["its encoder is not software"])


def _decoder(after: Command, target: str) -> list[str]:
    """The block follows the decoder's hint directly, in Plex's order."""
    options = after.inputs[0].options
    place = next((i for i, o in enumerate(options) if o.key == "hwaccel"), None)
    if place is None:
        return ["no hardware decoding"]
    block = [(o.key, o.value) for o in options[place : place + len(HWACCEL[target])]]
    wrong = [] if block == HWACCEL[target] else [f"hwaccel options {block}"]
    hint = options[place - 1]
    if hint.key == "codec" and (hint.specifier != options[place].specifier or hint.value == "libdav1d"):
        wrong.append(f"hwaccel follows {hint.words()}")
    return wrong


def _devices(after: Command, target: str, site: Site) -> list[str]:
    """The worker's own device, opened directly before the first input, and named by what uses it."""
    found = [(o.key, o.value or "") for o in after.options() if o.key in DEVICES]
    device = site.hardware.device
    first = {
        "vaapi": f"vaapi=vaapi:{device}" + (f",driver={site.hardware.driver}" if site.hardware.driver else ""),
        "nvenc": f"cuda=cuda:{device or '0'}",
    }[target]
    opencl = any("opencl" in f.name for f in _video(after))
    wanted = [("init_hw_device", first)]
    wanted += [("init_hw_device", "opencl=ocl@vaapi")] if opencl else []
    wanted += [("filter_hw_device", SURFACE[target])]
    tail = [(o.key, o.value or "") for o in after.inputs[0].options[-len(wanted) :]]
    return [] if found == wanted == tail else [f"devices {found}, directly before -i {tail}"]


def _encoder(before: Command, after: Command, target: str) -> list[str]:
    old, new = before.outputs[0], after.outputs[0]
    was, now = encoder(old), encoder(new)
    wrong = [] if now in ENCODERS[target] else [f"{now} is no encoder of {target}"]
    foreign = ("crf", "x264opts") if target == "vaapi" else ("crf", "x264opts", "qp", "sei")
    wrong += [f"-{name} says nothing to {now}" for name in foreign if new.get(name, "0")]
    wrong += _preset(old, new, was, target)
    ten = _last_format(after).startswith("p010")
    if now.startswith("hevc") and ten and new.get("profile", "0") is None:
        wrong.append("ten-bit HEVC without a profile")
    if not ten and new.get("profile", "0") and not old.get("profile", "0"):
        wrong.append("a profile for eight bits")
    if target == "vaapi":
        return wrong + _vaapi_rate(old, new, was)
    cap = old.get("maxrate", "0")
    if cap and was.startswith("libx") and new.get("b", "0") != cap:
        wrong.append(f"-b:0 {new.get('b', '0')} under a cap of {cap}")
    return wrong + ([] if new.get("forced-idr", "0") == "1" else ["forced keyframes are no IDR pictures"])


def _preset(old: File, new: File, was: str, target: str) -> list[str]:
    """x264's presets mean nothing to a GPU by their names (9.1)."""
    asked = old.get("preset", "0")
    if not was.startswith("libx") or asked not in PRESETS:
        return []
    name, wanted = ("compression_level", PRESETS[asked][0]) if target == "vaapi" else ("preset", PRESETS[asked][1])
    found = new.get(name, "0")
    wrong = [] if found == wanted else [f"preset {asked} became {name} {found}"]
    return wrong + (["-preset says nothing to VAAPI"] if target == "vaapi" and new.get("preset", "0") else [])


def _vaapi_rate(old: File, new: File, was: str) -> list[str]:
    wrong = []
    cap = old.get("maxrate", "0")
    crf, qp = old.get("crf", "0"), old.get("qp", "0")
    wanted = str(min(int(crf) + 6, 51)) if crf else qp
    if wanted and (new.get("global_quality", "0") if cap else new.get("qp", "0")) != wanted:
        wrong.append(f"quality {wanted} became {new.get('qp', '0')}/{new.get('global_quality', '0')}")
    if wanted and cap and (new.get("rc_mode", "0"), new.get("b", "0")) != ("QVBR", cap):
        wrong.append("quality under a cap is not QVBR")
    if not was.endswith("vaapi") and new.get("sei", "0") != "-a53_cc":
        wrong.append("closed captions get into the stream")
    return wrong


def _last_format(after: Command) -> str:
    last = ""
    for found in _video(after):
        text = found.get("pix_fmts", 0) if found.name == "format" else found.get("format")
        last = text or last if found.name != "overlay" else last
    return last


def _surfaces(after: Command, target: str, site: Site) -> list[str]:
    """Frames stay on the GPU from decoder to encoder, but for what the worker can only do in memory."""
    names = [f.name for f in _video(after)]
    memory = (target == "nvenc" and any(n == "tonemap" for n in names)) or site.hardware.driver == "radeonsi"
    wrong = []
    if not memory and ("hwdownload" in names or "hwupload" in names):
        wrong.append(f"frames leave the GPU: {names}")
    if names[0] != f"scale_{SURFACE[target]}":
        wrong.append(f"the graph begins with {names[0]}")
    wrong += [f"{name} is left" for name in ("overlay_vaapi", "overlay_cuda", "subtitles") if name in names]
    if (
        not memory
        and "inlineass" in names
        and any("render_height" not in f.body() for f in _video(after) if f.name == "inlineass")
    ):
        wrong.append("drawn at full height")
    return wrong
