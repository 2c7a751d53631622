"""Lookup: the id of what would be installed, made from its version and content."""

import hashlib
import re
from pathlib import Path

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: scaleplex_release
short_description: Id of the scaleplex release that a wheel or a checkout on the control host holds
options:
  _terms:
    description: Path of the checkout, and path of a finished wheel or an empty text.
    required: true
"""


def files_of(source: Path) -> list[Path]:
    """Return the files a wheel is made from."""
    package = source / "scaleplex"
    found = [
        p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts and "node_modules" not in p.parts
    ]
    return sorted([*found, source / "pyproject.toml"])


class LookupModule(LookupBase):
    """Read the files; nothing is built."""

    def run(self, terms, variables=None, **kwargs):
        source, wheel = Path(terms[0]), terms[1]
        total = hashlib.sha256()
        if wheel:
            if not Path(wheel).is_file():
                raise AnsibleLookupError(f"scaleplex_common_wheel: there is no file {wheel} on the control host")
            version = Path(wheel).name.split("-")[1]
            total.update(Path(wheel).read_bytes())
        else:
            project = source / "pyproject.toml"
            if not project.is_file():
                raise AnsibleLookupError(f"scaleplex_common_source_dir: {source} is no checkout of scaleplex")
            version = re.search(r'^version = "(.+?)"', project.read_text(), re.MULTILINE)[1]
            for path in files_of(source):
                total.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes() + b"\0")
        return [f"{version}-{total.hexdigest()[:12]}"]
