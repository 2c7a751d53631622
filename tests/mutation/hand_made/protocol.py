"""Mutants of `scaleplex/protocol`."""

from tests.mutation.hand_made import HandMade

MUTANTS: tuple[HandMade, ...] = ()
