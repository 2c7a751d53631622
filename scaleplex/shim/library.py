"""Install the shim's modules: copied into a directory of their own, compiled, and packed into one file.

`python3 -m scaleplex.shim.library DIRECTORY`, with the interpreter that the shim will have.

To search, open and check fourteen files costs more than what is in them. The executable (``stub``) therefore reads the
packed one, when it is there and made for its interpreter; otherwise it imports the modules from their own files.
"""

import compileall
import marshal
import os
import shutil
import sys
from glob import glob

FILES = ("scaleplex/__init__.py", "scaleplex/protocol/__init__.py", "scaleplex/protocol/wire.py", "scaleplex/shim/*.py")
# All that a start loads, each module after those it imports.
PACKED = (
    *("scaleplex", "scaleplex.protocol", "scaleplex.protocol.wire", "scaleplex.shim", "scaleplex.shim.classify"),
    *("scaleplex.shim.config", "scaleplex.shim.fallback", "scaleplex.shim.http", "scaleplex.shim.jobfile"),
    *("scaleplex.shim.journal", "scaleplex.shim.listing", "scaleplex.shim.placement", "scaleplex.shim.playback"),
    "scaleplex.shim.main",
)
# Runs in the executable, where `modules` is what `pack` has put together.
LOADER = """\
for name, is_package, code in modules:
    module = sys.modules[name] = type(sys)(name)
    module.__file__ = code.co_filename
    if is_package:
        module.__path__ = [code.co_filename.rpartition("/")[0]]
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
    exec(code, module.__dict__)
"""


def install(directory: str) -> None:
    """Put the library of this release into a directory that is empty or not there.

    Raises:
        OSError: it is not empty, or cannot be written.
    """
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if os.path.isdir(directory) and os.listdir(directory):
        raise FileExistsError(f"{directory} is not empty; name a new directory")
    for pattern in FILES:
        target = os.path.join(directory, os.path.dirname(pattern))
        os.makedirs(target, exist_ok=True)
        for path in glob(os.path.join(root, pattern)):
            shutil.copy(path, target)
    compileall.compile_dir(directory, quiet=1)
    pack(directory)


def packed_name() -> str:
    """Return the name of the packed file for this interpreter."""
    return f"packed.{sys.implementation.cache_tag}"


def pack(directory: str) -> None:
    """Write the packed file of a library, without docstrings.

    Raises:
        OSError: a module is missing, or the directory cannot be written.
    """
    modules = []
    for name in PACKED:
        path = os.path.join(directory, *name.split("."))
        is_package = os.path.isdir(path)
        path = os.path.join(path, "__init__.py") if is_package else path + ".py"
        with open(path, "rb") as source:
            code = compile(source.read(), path, "exec", dont_inherit=True, optimize=2)
        modules.append((name, is_package, code))
    target = os.path.join(directory, packed_name())
    loader = compile(LOADER, target, "exec", dont_inherit=True, optimize=2)
    with open(target + ".new", "wb") as file:
        file.write(marshal.dumps((loader, modules)))
    os.replace(target + ".new", target)


if __name__ == "__main__":
    install(sys.argv[1])
