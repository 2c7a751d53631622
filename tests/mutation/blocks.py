"""Which blocks of statements of a module run: where they are, and a copy of the module that notes each that is entered.

A note is a byte of a file that every process maps into its memory. It costs next to nothing, needs nothing of the
environment, and holds when the process is killed.
"""

import ast
import hashlib
from dataclasses import dataclass

#: Two underscores in front would become another name inside of a class.
_NAME = "_reached_"
_FIELDS = ("body", "orelse", "finalbody")


@dataclass(frozen=True, slots=True)
class Block:
    """Statements that run one after the other.

    Attributes:
        first: line of the first statement.
        last: last line of the last one.
        names: global names that are read in it, for the constants of the module.
        key: the same as long as the text is, wherever it stands in the module.
    """

    first: int
    last: int
    names: frozenset[str]
    key: str


def blocks(source: str) -> list[Block]:
    """Return the blocks of a module below its own; those of classes count as the module's, which runs them."""
    return [_block(statements, source.splitlines()) for statements in _bodies(ast.parse(source))]


def around(found: list[Block], line: int) -> int | None:
    """Return the index of the innermost block around a line; None for the module itself."""
    inside = [
        (block.last - block.first, index) for index, block in enumerate(found) if block.first <= line <= block.last
    ]
    return min(inside)[1] if inside else None


def noting(source: str, notes: str, first: int) -> str:
    """Return a module that notes which of its blocks run.

    Args:
        notes: path of the file for the notes.
        first: byte of the module's first block there.
    """
    tree = ast.parse(source)
    for number, statements in enumerate(_bodies(tree), first):
        statements.insert(_behind_docstring(statements), ast.parse(f"{_NAME}[{number}] = 1").body[0])
    at = _behind_docstring(tree.body)
    while isinstance(tree.body[at : at + 1] and tree.body[at], ast.ImportFrom) and tree.body[at].module == "__future__":  # type: ignore[attr-defined]
        at += 1
    opened = f"import mmap, posix\n{_NAME} = mmap.mmap(posix.open({notes!r}, posix.O_RDWR | posix.O_CLOEXEC), 0)"
    tree.body[at:at] = ast.parse(opened).body
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _bodies(tree: ast.Module) -> list[list[ast.stmt]]:
    found: list[list[ast.stmt]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            continue
        for field in _FIELDS:
            statements = getattr(node, field, None)
            if isinstance(statements, list) and statements and isinstance(statements[0], ast.stmt):
                found.append(statements)
    return found


def _block(statements: list[ast.stmt], lines: list[str]) -> Block:
    names = {n.id for s in statements for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    last = max(statement.end_lineno or statement.lineno for statement in statements)
    text = "\n".join(lines[statements[0].lineno - 1 : last])
    return Block(statements[0].lineno, last, frozenset(names), hashlib.sha256(text.encode()).hexdigest()[:12])


def _behind_docstring(statements: list[ast.stmt]) -> int:
    first = statements[0] if statements else None
    return int(isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant))
