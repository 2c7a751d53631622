"""The environment PMS gives its transcoder, with the values that have hurt others (contract 2.4, 12.1)."""

import os
import uuid
from collections.abc import Mapping

CODECS_DIR = (
    "/var/lib/plexmediaserver/Library/Application\\ Support/Plex\\ Media\\ Server/Codecs/c75335c-5e1f2a77-linux-x86_64/"
)
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TERM")


def new_token() -> str:
    """Return a credential as PMS makes it for its transcoders: 42 characters."""
    return f"local-{uuid.uuid4()}"


def transcoder_environment(token: str, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the child's whole environment.

    ``PWD`` does not name the working directory, ``EAE_ROOT`` does not exist, ``LD_LIBRARY_PATH`` and
    ``OCL_ICD_VENDORS`` would break a program that is not Plex's own.
    """
    support = "/var/lib/plexmediaserver/Library/Application Support"
    return {key: inherited[key] for key in INHERITED if key in inherited} | {
        "HOME": "/var/lib/plexmediaserver",
        "PWD": "/",
        "LD_LIBRARY_PATH": "/usr/lib/plexmediaserver/lib",
        "OCL_ICD_VENDORS": "0",
        "LIBVA_DRIVERS_PATH": f"{support}/Plex Media Server/Cache/va-dri-linux-x86_64",
        "TMPDIR": "/run/plex-temp",
        "XDG_CACHE_HOME": f"{support}/Plex Media Server/Cache",
        "XDG_DATA_HOME": "/usr/lib/plexmediaserver/Resources",
        "PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR": support,
        "PLEX_MEDIA_SERVER_HOME": "/usr/lib/plexmediaserver",
        "PLEX_MEDIA_SERVER_INFO_VENDOR": "Debian GNU/Linux",
        "PLEX_MEDIA_SERVER_MAX_PLUGIN_PROCS": "6",
        "EAE_ROOT": "/tmp/pms-7c1b8d2e-0000-4000-8000-000000000000/EasyAudioEncoder",  # noqa: S108 - nothing is put there
        "FFMPEG_EXTERNAL_LIBS": CODECS_DIR,
        "X_PLEX_TOKEN": token,
    }
