"""What the role scaleplex_gpu makes of the devices it sees; no host is needed."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.hosts.places import REPOSITORY

pytestmark = pytest.mark.skipif(
    shutil.which("ansible") is None, reason="needs ansible; tests/hosts/run --pytest has it"
)


def gpu(*lines: str, **variables: Any) -> tuple[str, list[str], list[str]]:
    """Return kind, packages and groups the role chooses when its look-around printed these lines."""
    role = REPOSITORY / "roles/scaleplex_gpu"
    given = {
        "ansible_facts": {"distribution": "Debian", "distribution_release": "bookworm"},
        "__scaleplex_gpu_seen": {"stdout_lines": lines},
    }
    argv = ["ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "debug"]
    argv += ["-a", "msg={{ [__scaleplex_gpu_kind_found, scaleplex_gpu_packages, __scaleplex_gpu_groups] }}"]
    for values in (f"@{role}/vars/main.yml", f"@{role}/defaults/main.yml", json.dumps(given | variables)):
        argv += ["-e", values]
    said = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert said.returncode == 0, said.stdout + said.stderr
    kind, packages, groups = json.loads(said.stdout.partition("=>")[2])["msg"]
    return kind, packages, groups


SCREEN = "/dev/dri/renderD128 0x1af4 render"
INTEL = "/dev/dri/renderD129 0x8086 render"
NOUVEAU = "/dev/dri/renderD128 0x10de render"


def test_a_passed_through_gpu_is_found_beside_the_screen_of_the_virtual_machine() -> None:
    assert gpu(SCREEN, INTEL) == ("intel", ["intel-media-va-driver", "libva-drm2", "intel-opencl-icd"], ["render"])
    assert gpu(SCREEN) == ("none", [], [])


def test_debian_13_has_no_opencl_of_intels_to_install() -> None:
    trixie = {"distribution": "Debian", "distribution_release": "trixie"}
    assert gpu(INTEL, ansible_facts=trixie)[1] == ["intel-media-va-driver", "libva-drm2"]


def test_an_nvidia_gpu_under_nouveau_does_not_count() -> None:
    assert gpu(NOUVEAU) == ("none", [], [])
    assert gpu(NOUVEAU, INTEL)[0] == "intel"


def test_nvidias_own_encode_library_stays_the_only_one() -> None:
    assert gpu("/dev/nvidia0 nvidia video", NOUVEAU) == ("nvidia", ["libnvidia-encode1"], ["video"])
    assert gpu("/dev/nvidia0 nvidia video libnvidia-encode.so.1", NOUVEAU) == ("nvidia", [], ["video"])


def test_the_worker_never_gets_the_group_of_root() -> None:
    assert gpu("/dev/nvidia0 nvidia root")[2] == []


def test_a_gpu_of_another_kind_than_asked_for_is_left_alone() -> None:
    assert gpu("/dev/nvidia0 nvidia video", INTEL, scaleplex_gpu_kind="amd") == ("none", [], [])
