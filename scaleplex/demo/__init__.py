"""A Plex Media Server that is none: the stand-in, clips that say what they show, a page, and a fleet on loopback.

Used by ``scaleplex demo`` and by the end-to-end tests; nothing a real installation runs imports it.
"""
