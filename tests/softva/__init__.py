"""A VA-API driver that does everything on the CPU, so that our ffmpeg's VAAPI paths run on a machine without a GPU.

What it is and what it cannot tell: README.md beside this file. `device.Device` is what tests take, by the fixture
`vaapi` of `tests.softva.fixtures`.
"""
