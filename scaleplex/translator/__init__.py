"""Translate Plex Transcoder command lines for our ffmpeg: text → model → facts → plan → passes → text. Pure."""

from scaleplex.translator.facts.model import Facts, Source, SourceStream
from scaleplex.translator.pipeline import BackendError, Translation, translate
from scaleplex.translator.plan import Site

__all__ = ["BackendError", "Facts", "Site", "Source", "SourceStream", "Translation", "translate"]
