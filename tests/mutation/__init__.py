"""Do the tests notice a changed program? `python -m tests.mutation` changes one thing at a time.

Mutants are made from the syntax tree: constants, comparisons, boolean operators, conditions, and statements left out.

Those of the translator run against its fast tests in a process forked from one that has everything imported, so that a
mutant costs the tests and nothing else. Not part of any tier: it takes minutes.

Those of the core (`--core`, `./dev mutants`) run in a copy of the tree, in every process that the tests start, against
the tests that reach the changed block. `.ci/run` tries some of what changed. `tests.mutation.hand_made` holds those
that somebody wrote down.
"""
