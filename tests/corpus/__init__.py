"""Checks against recorded command lines where they are at hand, and the running of every command line.

The recorded ones are not part of this repository. They are looked for in `SCALEPLEX_CORPUS`, else in
`../shared/corpus/plex-argv` beside the checkout; without them the checks are skipped and say so.
"""
