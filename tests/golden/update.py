"""Rewrite the golden files: `python -m tests.golden.update`. Read the difference before committing it."""

from tests.argvgen import SHAPES
from tests.golden import TARGETS, document, path


def main() -> None:
    """Write every file, remove those no shape belongs to, and say how many changed."""
    changed = 0
    for target in TARGETS:
        wanted = {path(target, shape): document(target, shape) for shape in SHAPES}
        for file, text in wanted.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
                changed += 1
        for file in (path(target, SHAPES[0]).parent).glob("*.json"):
            if file not in wanted:
                file.unlink()
                changed += 1
    print(f"{changed} golden files changed")


if __name__ == "__main__":
    main()
