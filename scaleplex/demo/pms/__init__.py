"""A stand-in for Plex Media Server, as far as a transcoder and a player can see one.

It starts "Plex Transcoder" as PMS does, takes its callbacks, serves what was announced, kills and starts anew on a
seek, and writes down every breach of the contract it sees. docs/explanation/stand-in.md says what it cannot tell.
"""
