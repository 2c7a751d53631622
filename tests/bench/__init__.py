"""Figures that matter, measured in one run: ``python -m tests.bench``, or ``./dev bench``.

Milliseconds differ from host to host, so each figure that can be is also given as a multiple of something measured in
the same run: a bare interpreter, the same ffmpeg started by hand. Nothing here decides a test.
"""
