"""FFmpeg's command language: argument lists, filtergraphs, stream specifiers, values.

Pure text in, pure text out. Nothing here knows Plex, and nothing here raises on text it does not understand:
what cannot be read is kept as it stands.
"""
