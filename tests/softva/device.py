"""What tests take: a VAAPI device to run our ffmpeg on, software by default, a real GPU when one is named."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.softva.build import Built

NODE = "/dev/dri/renderD128"


@dataclass(frozen=True)
class Device:
    """A VAAPI device.

    Attributes:
        node: path of the render node.
        built: the software driver, None for a real GPU.
        log: where the software driver writes its counters.
    """

    node: str
    built: Built | None
    log: Path

    @property
    def setup(self) -> list[str]:
        """ffmpeg's options that open it as `va`."""
        return ["-init_hw_device", f"vaapi=va:{self.node}", "-filter_hw_device", "va"]

    @property
    def decoding(self) -> list[str]:
        """ffmpeg's options that open it and decode on it."""
        return [*self.setup, "-hwaccel", "vaapi", "-hwaccel_device", "va", "-hwaccel_output_format", "vaapi"]

    def environment(self, knobs: Mapping[str, str] | None = None, opencl: bool = False) -> dict[str, str]:
        """Return the environment ffmpeg needs to find it.

        Args:
            knobs: of the driver, without their prefix: `{"DISABLE": "blend"}`; see README.md.
            opencl: also let OpenCL on the CPU share its surfaces.
        """
        env = dict(os.environ)
        if self.built is None:
            return env
        directory = self.built.directory
        preloads = [directory / "fakedrm.so", *([directory / "fakecl.so"] if opencl else [])]
        return env | {
            "LIBVA_DRIVERS_PATH": str(directory),
            "LIBVA_DRIVER_NAME": "softva",
            "LIBVA_MESSAGING_LEVEL": "1",
            "LD_PRELOAD": ":".join(map(str, preloads)),
            "SOFTVA_LOG": str(self.log),
            **{f"SOFTVA_{name}": value for name, value in (knobs or {}).items()},
        }

    def run(
        self,
        ffmpeg: Path,
        words: Sequence[str | Path],
        cwd: Path,
        knobs: Mapping[str, str] | None = None,
        opencl: bool = False,
        timeout: float = 180,
    ) -> "subprocess.CompletedProcess[str]":
        """Run ffmpeg on it; the counters begin at zero."""
        self.log.unlink(missing_ok=True)
        return subprocess.run(
            [ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-y", *words],
            cwd=cwd,
            env=self.environment(knobs, opencl),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def program(self, ffmpeg: Path, directory: Path, knobs: Mapping[str, str] | None = None) -> Path:
        """Write an `ffmpeg` that finds the device whatever its environment, for a worker to start; and its `ffprobe`.

        A worker hands ffmpeg no variables of its own, so the driver cannot come by them.
        """
        changed = {k: v for k, v in self.environment(knobs).items() if os.environ.get(k) != v}
        lines = ["#!/bin/sh", *(f"export {name}={shlex.quote(value)}" for name, value in changed.items())]
        script = directory / "ffmpeg"
        script.write_text("\n".join([*lines, f'exec {shlex.quote(str(ffmpeg))} "$@"', ""]))
        script.chmod(0o755)
        (directory / "ffprobe").symlink_to(ffmpeg.with_name("ffprobe"))
        return script

    def counts(self) -> dict[str, int]:
        """Return what the software driver counted in the last run; empty for a real GPU, which counts nothing."""
        counted: dict[str, int] = {}
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        for line in lines:
            kind, _, rest = line.partition(" ")
            if kind == "count":
                name, _, number = rest.rpartition(" ")
                counted[name] = counted.get(name, 0) + int(number)
        return counted

    def notes(self) -> list[str]:
        """Return the driver's notes of the last run: contexts, encoder settings."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.removeprefix("note ") for line in lines if line.startswith("note ")]

    def expect(self, **wanted: int) -> None:
        """Check counters (`dec_h264=25`); a real GPU has none, so there everything is as expected."""
        if self.built is None:
            return
        counted = self.counts()
        found = {name: counted.get(name.replace("_", "-"), 0) for name in wanted}
        assert found == wanted, counted
