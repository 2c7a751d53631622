"""A package that imitates plexmediaserver: same paths, unit, user; its transcoder is the distribution's ffmpeg."""
