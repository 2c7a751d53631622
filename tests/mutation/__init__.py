"""Do the translator's tests notice a changed translator? `python -m tests.mutation` changes one thing at a time.

Mutants are made from the syntax tree of plan, facts, backends and passes: constants, comparisons, boolean operators,
conditions, and statements left out. Each runs against the fast tests in a process forked from one that has everything
imported, so that a mutant costs the tests and nothing else. Not part of any tier: it takes minutes.
"""
