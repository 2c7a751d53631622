"""Our real ffmpeg on generated sources: what each patch of scaleplex-ffmpeg is there for."""
