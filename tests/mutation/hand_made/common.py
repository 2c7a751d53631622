"""Mutants of `scaleplex/common`."""

from tests.mutation.hand_made import HandMade

MUTANTS: tuple[HandMade, ...] = ()
