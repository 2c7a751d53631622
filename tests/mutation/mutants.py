"""Make mutants: the same module with one thing changed."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
}

#: What a change is, and the function that makes it in the tree.
Changes = Iterator[tuple[str, Callable[[], object]]]


@dataclass(frozen=True)
class Mutant:
    """A changed module.

    Attributes:
        line: of the change.
        what: the change, in a few words.
    """

    path: Path
    line: int
    what: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Where it is and what it is."""
        return f"{self.path.name}:{self.line} {self.what}"


def unchanged(path: Path) -> Mutant:
    """Return a module as it is, which no test may mind."""
    return Mutant(path, 0, "nothing", ast.parse(path.read_text(encoding="utf-8")))


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of the text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    dead = inert(tree)
    for place, node in enumerate(ast.walk(tree)):
        if node in dead:
            continue
        for number, (what, _) in enumerate(_changes(node)):
            changed = copy.deepcopy(tree)
            twin = next(found for index, found in enumerate(ast.walk(changed)) if index == place)
            change = list(_changes(twin))[number][1]
            change()
            yield Mutant(path, getattr(node, "lineno", 0), what, ast.fix_missing_locations(changed))


def inert(tree: ast.Module) -> set[ast.AST]:
    """Return nodes that say nothing at run time: docstrings, annotations, imports, and what declares a type."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        dead: list[ast.AST] = []
        if isinstance(node, ast.Import | ast.ImportFrom):
            dead.append(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            dead.append(node)
        if isinstance(node, ast.AnnAssign):
            dead.append(node.annotation)
        if isinstance(node, ast.arg) and node.annotation is not None:
            dead.append(node.annotation)
        if isinstance(node, ast.FunctionDef):
            dead += [*node.decorator_list, *([node.returns] if node.returns else [])]
        if isinstance(node, ast.ClassDef):
            dead += node.decorator_list
        if isinstance(node, ast.Assert):
            dead.append(node)
        found.update(part for root in dead for part in ast.walk(root))
    return found


def _changes(node: ast.AST) -> Changes:
    yield from expression_changes(node)
    if isinstance(node, ast.FunctionDef | ast.If | ast.For):
        for index, statement in enumerate(node.body):
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.Continue) or (
                isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Constant)
            ):
                yield f"without `{ast.unparse(statement)[:60]}`", _drop(node, index)


def expression_changes(node: ast.AST) -> Changes:
    """Yield what can be changed in one expression."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        other = _COMPARISONS[type(node.ops[0])]
        yield f"`{ast.unparse(node)[:60]}` the other way round", lambda: node.ops.__setitem__(0, other())
    elif isinstance(node, ast.BoolOp):
        other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"`{ast.unparse(node)[:60]}` with the other operator", lambda: setattr(node, "op", other_op)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield (
            f"`{ast.unparse(node)[:60]}` without not",
            lambda: setattr(node, "operand", ast.UnaryOp(ast.Not(), node.operand)),
        )
    elif isinstance(node, ast.IfExp):
        yield f"`{ast.unparse(node)[:60]}` exchanged", lambda: _exchange(node)
    elif isinstance(node, ast.Constant):
        yield from _constants(node)


def _constants(node: ast.Constant) -> Changes:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} is {not value}", lambda: setattr(node, "value", not value)
    elif isinstance(value, int | float):
        yield f"{value} is {value + 1}", lambda: setattr(node, "value", value + 1)
    elif isinstance(value, str) and value:
        yield f"{value[:40]!r} is something else", lambda: setattr(node, "value", value + "x")


def _exchange(node: ast.IfExp) -> None:
    node.body, node.orelse = node.orelse, node.body


def _drop(node: ast.FunctionDef | ast.If | ast.For, index: int) -> Callable[[], None]:
    return lambda: node.body.__setitem__(index, ast.Pass())
