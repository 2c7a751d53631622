"""No hostile command line may run, and every command line of Plex may."""

import os
from collections.abc import Sequence

import pytest

from scaleplex.common.errors import PolicyRefusal
from scaleplex.ffmpeg import argv, options
from scaleplex.worker import policy
from scaleplex.worker.policy.options import FLAG, OPTIONS
from tests.argvgen import SHAPES, build, matrix
from tests.argvgen.build import JOB, SESSION, SESSION_DIR
from tests.corpus import recorded
from tests.security.hostile import ATTACKS, PLAIN, Attack, output

SITE = policy.Site("/transcode", ("/media",))


def check(words: Sequence[str]) -> None:
    """Ask the policy as a worker does whose host has no symbolic links."""
    policy.check_size(words)
    command = argv.parse(words)
    resolved = {path: os.path.normpath(os.path.join(SESSION_DIR, path)) for path in policy.named_paths(command)}
    policy.check_command(command, session=SESSION, job=JOB, cwd=SESSION_DIR, resolved=resolved, site=SITE)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: ascii(attack.name))
def test_a_hostile_task_is_refused_by_its_rule(attack: Attack) -> None:
    with pytest.raises(PolicyRefusal) as caught:
        check(attack.args)
    assert caught.value.detail.startswith(f"Rule {attack.rule}: ")
    assert caught.value.hint
    assert len(caught.value.detail) < 1000


def test_there_are_enough_attacks_and_none_twice() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert len({attack.args for attack in ATTACKS}) > 400
    assert tuple(PLAIN) not in {attack.args for attack in ATTACKS}


def test_the_line_the_attacks_are_made_of_may_run() -> None:
    check(PLAIN)


def test_every_listed_command_line_may_run() -> None:
    for shape in SHAPES:
        check(build(shape))


@pytest.mark.slow
def test_every_command_line_of_the_generator_may_run() -> None:
    for shape in matrix():
        check(build(shape))


@pytest.mark.parametrize(
    "words",
    [
        ("-metadata:s:0", "title=file:/etc/passwd, 'quoted' \\ tee:x|y = [a];b"),
        ("-metadata:s:0", "title="),
        ("-metadata:s:1", "title=\udcff\udcfe not UTF-8"),
        ("-metadata:s:1", "languageISO639=zh-Hant"),
        ("-metadata", "title=多 言語 \U0001f3ac\nsecond line"),
        ("-metadata:s:a:0", "handler_name=Surround 5.1 (DTS-HD MA)"),
        ("-map", "0:#0x1100"),
        ("-map", "0:i:0x1011?"),
        ("-map", "-0:2"),
        ("-codec:#0x1100", "copy"),
        ("-codec:a:1", "copy"),
        ("-c:v", "libx264"),
        ("-b:1", "256000"),
        ("-r:0", "24000/1001"),
        ("-r:0", "23.975999999999999"),
        ("-ss", "00:01:02.5"),
        ("-ss", "9.9999999999999995e-08"),
        ("-level:0", "4.1"),
        ("-profile:0", "high"),
        ("-tag:0", "hvc1"),
        ("-strict", "-2"),
        ("-ac:1", "6"),
        ("-force_key_frames:0", "expr:gte(t,592.5+n_forced*8)"),
        ("-force_key_frames:0", "0.000000,8.000000,16.5"),
        ("-filter:a", "pan=stereo|c0=FL+0.707*FC+0.5*BL|c1=FR+0.707*FC+0.5*BR"),
        ("-filter:v", "crop=w=iw-2*10:h=ih:x=10:y=0,setsar=1"),
        ("-filter:v", "select='gte(t,84)',scale=w='min(1280,iw)':h=-2"),
        ("-filter:v", r"select=gte(t\,84)"),
        ("-x264opts:0", "subme=0:me_range=4:no_chroma_me:8x8dct=0:partitions=none"),
        ("-bsf:0", "dovi_rpu=strip=1,hevc_mp4toannexb"),
        ("-segment_list", "list.csv"),
    ],
    ids=ascii,
)
def test_what_plex_may_well_write_may_run(words: tuple[str, ...]) -> None:
    check(output(*words))


@pytest.mark.parametrize(
    "name",
    [
        "It's “Over” 100% [x][y], {id-4}; a=b & c|d: e?.mkv",
        "C:\\Films\\a.mkv",
        "ü ß é.mkv",
        "\udcff\udcc3.mkv",
        "-i.mkv",
        "http:x",
    ],
    ids=ascii,
)
def test_a_film_may_have_any_name(name: str) -> None:
    check([f"/media/{name}" if word.startswith("/media/") else word for word in PLAIN])


def test_the_parser_takes_a_value_where_the_table_has_one() -> None:
    wrong = [name for name, rule in OPTIONS.items() if options.takes_value(name) is (rule.value == FLAG)]
    assert wrong == []


#: Refused for what they name and not for an option: network inputs (live TV) and a script's own output directory.
NOT_FOR_WORKERS = {
    "live-segmented-mkv-loopback": "input-url", "dvr-recorder-http-tuner": "input-url",
    "previews-key-frames-only": "output-path",
}  # fmt: skip
FIELD = recorded.entries_of("field")


@pytest.mark.skipif(not FIELD, reason=recorded.MISSING)
@pytest.mark.parametrize("entry", FIELD, ids=lambda entry: str(entry["id"]))
def test_a_command_line_of_a_public_report_may_run(entry: dict[str, object]) -> None:
    words = [str(word) for word in entry["argv"]]  # type: ignore[attr-defined]
    command = argv.parse(words)
    found = next((match for word in words if (match := policy.CALLBACK.match(word))), None)
    session, job = (found["session"], found["job"]) if found else (SESSION, JOB)
    resolved = {path: path for path in policy.named_paths(command)}
    cwd = str(entry.get("cwd") or SESSION_DIR)
    rule = NOT_FOR_WORKERS.get(str(entry["id"]))
    if rule is None:
        policy.check_command(command, session=session, job=job, cwd=cwd, resolved=resolved, site=SITE)
        return
    with pytest.raises(PolicyRefusal, match=f"Rule {rule}:"):
        policy.check_command(command, session=session, job=job, cwd=cwd, resolved=resolved, site=SITE)
