"""Builds the imitation package in two versions: ``python -m tests.hosts.plex.package DIRECTORY`` prints nothing."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
VERSIONS = ("1.40.0.1-aaaaaaaaa", "1.41.0.2-bbbbbbbbb")
CONTROL = """Package: plexmediaserver
Version: {version}
Architecture: all
Section: video
Priority: optional
Maintainer: The scaleplex authors <scaleplex@localhost>
Depends: ffmpeg, python3, adduser | passwd
Description: imitation of Plex Media Server for tests
"""
UNIT = """[Unit]
Description=Plex Media Server
After=network.target network-online.target

[Service]
Environment="PLEX_MEDIA_SERVER_HOME=/usr/lib/plexmediaserver"
ExecStart="/usr/lib/plexmediaserver/Plex Media Server"
User=plex
Group=plex
SyslogIdentifier=Plex Media Server
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""
# The distribution's ffmpeg by another name; the version in it shows which package it came with.
TRANSCODER = """#!/bin/sh
# Plex Transcoder of {version}
exec /usr/bin/ffmpeg "$@"
"""
POSTINST = """#!/bin/sh
set -e
if ! getent passwd plex >/dev/null; then
    useradd --system --user-group --home-dir /var/lib/plexmediaserver --shell /usr/sbin/nologin plex
fi
support="/var/lib/plexmediaserver/Library/Application Support/Plex Media Server"
mkdir -p "$support"
[ -e "$support/Preferences.xml" ] || printf '%s\n' '<?xml version="1.0" encoding="utf-8"?>' \
    '<Preferences MachineIdentifier="imitation" TranscoderTempDirectory="/transcode"/>' >"$support/Preferences.xml"
chown -R plex:plex /var/lib/plexmediaserver
systemctl daemon-reload
systemctl --quiet enable plexmediaserver.service
systemctl restart plexmediaserver.service
"""
PRERM = """#!/bin/sh
set -e
systemctl stop plexmediaserver.service
[ "$1" != remove ] || systemctl --quiet disable plexmediaserver.service
"""
POSTRM = """#!/bin/sh
set -e
[ "$1" != purge ] || rm -rf /var/lib/plexmediaserver
systemctl daemon-reload
"""


def build(version: str, directory: Path) -> Path:
    """Build one version and return the path of the package."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        library = root / "usr/lib/plexmediaserver"
        for sub in (library / "lib", library / "Resources", root / "lib/systemd/system", root / "DEBIAN"):
            sub.mkdir(parents=True)
        shutil.copy(HERE / "server.py", library / "Plex Media Server")
        (library / "Plex Transcoder").write_text(TRANSCODER.format(version=version))
        (library / "lib" / "libexample.so").write_text(f"{version}\n")
        (root / "lib/systemd/system/plexmediaserver.service").write_text(UNIT)
        (root / "DEBIAN/control").write_text(CONTROL.format(version=version))
        for script, text in (("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)):
            (root / "DEBIAN" / script).write_text(text)
            (root / "DEBIAN" / script).chmod(0o755)
        for program in ("Plex Media Server", "Plex Transcoder"):
            (library / program).chmod(0o755)
        root.chmod(0o755)
        target = directory / f"plexmediaserver_{version}_all.deb"
        words = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(root), str(target)]
        subprocess.run(words, check=True, capture_output=True)
    return target


def main() -> None:
    """Build both versions."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for version in VERSIONS:
        build(version, directory)


if __name__ == "__main__":
    main()
