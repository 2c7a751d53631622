"""Translate Plex Transcoder command lines for our ffmpeg: text → model → facts → plan → passes → text. Pure."""

from scaleplex.translator.facts.model import Facts, Source, SourceStream
from scaleplex.translator.pipeline import BackendError, Translation, translate
from scaleplex.translator.plan import Hardware, Site

__all__ = ["BackendError", "Facts", "Hardware", "Site", "Source", "SourceStream", "Translation", "translate"]
