"""Mutants of `scaleplex/orchestrator`."""

from tests.mutation.hand_made import HandMade

MUTANTS: tuple[HandMade, ...] = ()
