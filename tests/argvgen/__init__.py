"""Command lines of the shapes Plex Media Server gives its transcoder, made from their grammar.

A `Shape` names what a job is; `build` writes its argument list the way the server would: input blocks, globals,
graph and map per stream, muxer, extra outputs. `SHAPES` holds one of every class that matters, `matrix()`
every combination of the independent facts, `shapes()` of `tests.argvgen.strategies` draws any.
"""

from tests.argvgen.build import build
from tests.argvgen.shapes import SHAPES, Shape, matrix

__all__ = ["SHAPES", "Shape", "build", "matrix"]
