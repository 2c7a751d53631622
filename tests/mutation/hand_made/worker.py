"""Mutants of `scaleplex/worker`."""

from tests.mutation.hand_made import HandMade

MUTANTS: tuple[HandMade, ...] = ()
