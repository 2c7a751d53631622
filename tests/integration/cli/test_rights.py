"""Without the right to read the fleet secret a command says which file that is, and how to get it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scaleplex.cli.main import main
from tests.integration.doctor.conftest import open_dir  # noqa: F401


@pytest.mark.parametrize("verb", [["status"], ["drain", "worker1"], ["undrain", "worker1"], ["kill", "x"]])
def test_a_secret_that_cannot_be_read_is_named_with_the_way_to_read_it(
    open_dir: Path,  # noqa: F811
    verb: list[str],
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another account")
    (open_dir / "fleet-secret").write_bytes(b"a-fleet-secret-of-the-tests")
    (open_dir / "fleet-secret").chmod(0o600)
    (open_dir / "shim-secret").write_bytes(b"a-fleet-secret-of-the-tests")
    os.chown(open_dir / "shim-secret", 0, 4)
    (open_dir / "shim-secret").chmod(0o640)
    (open_dir / "shim.env").write_text(f"SCALEPLEX_SHIM_SECRET_FILE={open_dir}/shim-secret\n")
    # A process of its own: the right to read is taken from the effective uid, which a test shares with its worker.
    program = (
        "import os, sys; from scaleplex.cli.main import main; os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *verb, "--etc", str(open_dir)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert f"{open_dir}/fleet-secret" in done.stderr
    assert "sudo scaleplex" in done.stderr
    assert f"member of the group adm ({open_dir}/shim-secret)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_named_secret_that_is_absent_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--etc", str(tmp_path), "--secret-file", str(tmp_path / "none")]) == 2
    assert f"{tmp_path}/none does not exist." in capsys.readouterr().err
