"""What Plex really sends passes the policy: every recorded command line, with the paths of its host."""

import posixpath

import pytest

from scaleplex.common.errors import PolicyRefusal
from scaleplex.ffmpeg import argv
from scaleplex.worker import policy
from tests.corpus import recorded

# Before 2017 a callback had one id and named PMS by its address on the network.
TOO_OLD = ("play-2016",)


@pytest.mark.skipif(not recorded.entries(), reason=recorded.MISSING)
@pytest.mark.parametrize("entry", recorded.entries(), ids=lambda entry: str(entry["id"]))
def test_a_recorded_command_line_may_run(entry: dict[str, object]) -> None:
    words = [str(word) for word in entry["argv"]]  # type: ignore[attr-defined]
    command = argv.parse(words)
    session, job = next(
        (found["session"], found["job"]) for word in [*words, DEFAULT] if (found := policy.CALLBACK.match(word))
    )
    staged = next((posixpath.dirname(f.url) for f in command.inputs if "/plex-transcode-" in f.url), None)
    cwd = str(entry.get("cwd") or staged or f"/transcode/Transcode/Sessions/plex-transcode-{session}-{job}")
    roots = tuple({"/" + file.url.split("/")[1] for file in command.inputs} - {"/transcode"})
    site = policy.Site("/transcode", roots)
    policy.check_size(words)
    policy.check_cwd(cwd, site)
    resolved = {path: path for path in policy.named_paths(command)}
    if str(entry["id"]).endswith(TOO_OLD):
        with pytest.raises(PolicyRefusal, match="Rule callback"):
            policy.check_command(command, session=session, job=job, cwd=cwd, resolved=resolved, site=site)
        return
    policy.check_identity(session, job, 1, "video")
    policy.check_command(command, session=session, job=job, cwd=cwd, resolved=resolved, site=site)


DEFAULT = "http://127.0.0.1:32400/video/:/transcode/session/s/00000000-0000-0000-0000-000000000000/progress"
