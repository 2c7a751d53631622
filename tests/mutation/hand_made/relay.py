"""Mutants of `scaleplex/relay`."""

from tests.mutation.hand_made import HandMade

MUTANTS: tuple[HandMade, ...] = ()
