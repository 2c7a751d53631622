"""An ffmpeg that does what a test wants: the name of the input says what (``/media/fake-exit-3.mkv``).

It writes progress blocks to the pipe named by ``-progress`` and understands SIGTERM, SIGUSR1 and SIGUSR2.
"""

import os
import signal
import sys
import time

ARGS = sys.argv[1:]
INPUT = os.path.basename(ARGS[ARGS.index("-i") + 1]) if "-i" in ARGS else ""
WORD, _, VALUE = INPUT.removesuffix(".mkv").removeprefix("fake-").partition("-")


def block(fd, seconds, state="continue"):
    text = f"frame={int(seconds * 25)}\nout_time_us={int(seconds * 1e6)}\ntotal_size=N/A\nspeed=1x\nprogress={state}\n"
    try:
        os.write(fd, text.encode())
    except OSError:
        sys.exit(1)


def note(name):
    def handler(number, frame):
        with open(name, "a") as file:
            file.write(f"{number}\n")

    return handler


def main():
    fd = int(ARGS[ARGS.index("-progress") + 1].removeprefix("pipe:"))
    signal.signal(signal.SIGUSR1, note("signals"))
    signal.signal(signal.SIGUSR2, note("signals"))
    if WORD == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open("environment", "w") as file:
        file.write("\n".join(f"{name}={value}" for name, value in sorted(os.environ.items())))
    staged = open("chunk-stream0-00001.m4s.tmp", "w")  # noqa: F841, SIM115 - held open, as ffmpeg does
    if WORD == "exit":
        print("[error] it went wrong", file=sys.stderr)
        sys.exit(int(VALUE))
    if WORD == "url":
        print(f"[error] http://relay/cb/1/{'0123456789abcdef' * 2}01234567/video is away", file=sys.stderr)
        sys.exit(1)
    if WORD == "signal":
        os.kill(os.getpid(), int(VALUE))
    if WORD == "stdout":
        sys.stdout.buffer.write(bytes(range(256)) * int(VALUE))
        sys.stdout.flush()
        print("a line on stderr", file=sys.stderr)
    if WORD == "steady":
        number = 0
        while not os.path.exists("enough"):
            os.write(1, b"%07d\n" % number)
            number += 1
            time.sleep(0.01)
        block(fd, 1.0, "end")
        return 0
    if WORD == "short":
        block(fd, 1.0, "end")
        return 0
    media, end = 0.0, float(VALUE) if WORD == "run" and VALUE else 3600.0
    if WORD == "stdout":
        end = 0.0
    while media < end:
        time.sleep(0.1)
        media += 0.5
        block(fd, media)
    block(fd, media, "end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
