"""Prints each role's README and docs/reference/roles/ from its argument specs: ``python -m tests.hosts.role_readme``.

A test fails when a page is stale, and when a spec and the defaults of its role disagree.
"""

import re
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
ROLES = REPOSITORY / "roles"
PAGES = REPOSITORY / "docs" / "reference" / "roles"
NOTE = "Printed from `meta/argument_specs.yml` by `python -m tests.hosts.role_readme`; edit that file."


def names() -> list[str]:
    """Return the roles."""
    return sorted(path.name for path in ROLES.iterdir() if (path / "meta/argument_specs.yml").is_file())


def specs(role: str) -> dict[str, Any]:
    """Return the specs of a role's entry point."""
    loaded = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())
    found: dict[str, Any] = loaded["argument_specs"]["main"]
    return found


def text(value: object) -> str:
    """Return a description as Markdown: one line, with code where the specs say so."""
    joined = " ".join(value) if isinstance(value, list) else str(value)
    return re.sub(r"C\((.*?)\)", r"`\1`", " ".join(joined.split()))


def default(value: object) -> str:
    """Return a default for a table cell."""
    if value in ("", None):
        return "–"
    shown = str(value).lower() if isinstance(value, bool) else str(value).strip()
    return "`" + shown.replace("|", "\\|") + "`"


def rows(options: dict[str, Any], indent: str = "") -> list[str]:
    """Return a table row for each variable, and for the keys of dictionaries below it."""
    lines = []
    for name, option in options.items():
        kind = option.get("type", "str")
        if kind == "list":
            kind = f"list of {option.get('elements', 'str')}"
        what = text(option["description"])
        if option.get("choices"):
            what += " One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
        wanted = "required" if option.get("required") else default(option.get("default"))
        lines.append(f"| {indent}`{name}` | {kind} | {wanted} | {what} |")
        lines += rows(option.get("options", {}), indent + "· ")
    return lines


def page(role: str) -> str:
    """Return the page of a role."""
    spec = specs(role)
    paragraphs = [text(paragraph) for paragraph in spec.get("description", [])]
    table = ["| variable | kind | default | what |", "|---|---|---|---|", *rows(spec["options"])]
    return "\n\n".join([f"# {role}", text(spec["short_description"]) + ".", *paragraphs, "\n".join(table), NOTE]) + "\n"


def index() -> str:
    """Return the page that lists the roles."""
    lines = [f"* [{role}]({role}.md): {text(specs(role)['short_description'])}." for role in names()]
    intro = (
        "Every variable of the inventory, by role. A name that no role knows stops the play before anything is changed."
    )
    return "\n\n".join(["# Roles", intro, "\n".join(lines)]) + "\n"


def pages() -> dict[Path, str]:
    """Return every page that is printed, by its path."""
    printed = {PAGES / "index.md": index()}
    for role in names():
        printed[PAGES / f"{role}.md"] = printed[ROLES / role / "README.md"] = page(role)
    return printed


def main() -> None:
    """Write the pages."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for path, content in pages().items():
        path.write_text(content)


if __name__ == "__main__":
    main()
