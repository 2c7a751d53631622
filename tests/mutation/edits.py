"""Make mutants of a module as texts that differ in one place: any interpreter runs them, and a diff shows them."""

import ast
import copy
import difflib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.mutation.mutants import expression_changes, inert

#: Text for people: sentences. What they say is no behaviour, and no test should repeat them.
_PROSE = re.compile(r"\w+'?\w*,? \w+'?\w*,? \w+")
_LEFT_OUT = (ast.Assign, ast.AugAssign, ast.Continue, ast.Break, ast.Delete, ast.Raise)
_NEVER_RUN = ("TYPE_CHECKING", "__name__ == '__main__'")


@dataclass(frozen=True, slots=True)
class Edit:
    """A mutant.

    Attributes:
        path: below the repository.
        source: the module without it.
        line: of the change.
        what: the change, in a few words.
        begin: octet of the source where it begins.
        end: octet behind it.
        new: what stands there instead.
    """

    path: str
    source: str
    line: int
    what: str
    begin: int
    end: int
    new: str

    @property
    def text(self) -> str:
        """The module with it."""
        octets = self.source.encode()
        return (octets[: self.begin] + self.new.encode() + octets[self.end :]).decode()

    @property
    def diff(self) -> list[str]:
        """Its lines before and after."""
        lines = difflib.unified_diff(self.source.splitlines(), self.text.splitlines(), n=0, lineterm="")
        return [line for line in lines if line[:3] not in ("---", "+++", "@@ ")]

    @property
    def key(self) -> str:
        """The same whenever it is made of the same source."""
        made_of = (self.path, self.begin, self.end, self.new, self.source)
        return hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]

    @property
    def valid(self) -> bool:
        """Whether it is Python, and not the same as before."""
        try:
            return ast.dump(ast.parse(self.text)) != ast.dump(ast.parse(self.source))
        except SyntaxError:
            return False


@dataclass(frozen=True, slots=True)
class _Change:
    """A stretch of the source and what stands there instead."""

    node: ast.AST
    what: str
    text: str


def edits(path: str, source: str) -> Iterator[Edit]:
    """Yield every mutant of a module, in the order of the syntax tree; few of them may not be valid."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for change in _changes(ast.parse(source)):
        node = change.node
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        yield Edit(path, source, node.lineno, change.what, begin, end, change.text)


def _changes(tree: ast.Module) -> Iterator[_Change]:
    dead = inert(tree) | _never_run(tree) | _prose(tree)
    outer = _outermost_strings(tree)
    for node in ast.walk(tree):
        if node in dead:
            continue
        yield from _expressions(node, outer.get(node, node))
        for field in ("body", "orelse", "finalbody"):
            for statement in _statements(node, field):
                if statement not in dead and _droppable(statement):
                    yield _Change(statement, f"without `{ast.unparse(statement)[:60]}`", "pass")


def _statements(node: ast.AST, field: str) -> list[ast.stmt]:
    found = getattr(node, field, None)
    within = not isinstance(node, ast.Module | ast.ClassDef)
    return [item for item in found if isinstance(item, ast.stmt)] if within and isinstance(found, list) else []


def _droppable(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant | ast.Yield | ast.YieldFrom)
    return isinstance(statement, _LEFT_OUT)


def _expressions(node: ast.AST, anchor: ast.AST) -> Iterator[_Change]:
    """Yield changes of one expression; inside an f-string the whole of it is written anew."""
    for number, (what, _) in enumerate(expression_changes(node)):
        place = next(index for index, found in enumerate(ast.walk(anchor)) if found is node)
        changed = copy.deepcopy(anchor)
        twin = next(found for index, found in enumerate(ast.walk(changed)) if index == place)
        list(expression_changes(twin))[number][1]()
        text = ast.unparse(changed)
        bare = isinstance(anchor, ast.Constant | ast.JoinedStr)
        yield _Change(anchor, what, text if bare else f"({text})")


def _outermost_strings(tree: ast.Module) -> dict[ast.AST, ast.JoinedStr]:
    """Return the f-string around every node that is in one; where parts of it stand is not known before Python 3.12."""
    outer: dict[ast.AST, ast.JoinedStr] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and node not in outer:
            outer |= dict.fromkeys(ast.walk(node), node)
    return outer


def _never_run(tree: ast.Module) -> set[ast.AST]:
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in _NEVER_RUN:
            found |= set(ast.walk(node))
    return found


def _prose(tree: ast.Module) -> set[ast.AST]:
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _PROSE.search(node.value):
            found.add(node)
        elif isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.Constant)]
            if _PROSE.search("x".join(part.value for part in parts)):  # x for what is put in
                found |= set(parts)
        elif isinstance(node, ast.Raise):
            found |= {part for part in ast.walk(node) if isinstance(part, ast.Constant) and " " in str(part.value)}
    return found
