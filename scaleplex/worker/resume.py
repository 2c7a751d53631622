"""Where a new attempt of a job begins: not yet.

File names in the session directory → the segment after the last complete one, pure. Until it exists, an attempt that
follows a lost or drained worker starts where Plex's command line starts; the seam is ``prepare``, between reading the
command and translating it (``-ss``, ``-skip_to_segment``, ``-segment_start_number``, and ``-fps_mode cfr`` removed).
"""
