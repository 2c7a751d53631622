"""Delivering a task to a worker that takes the connection and nothing else."""

import socket
import threading

from scaleplex.shim import http, journal, playback


def test_a_worker_that_does_not_read_the_task_is_given_up() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def connect(worker: str, seconds: float) -> http.Socket:
        connection = http.connect(worker, seconds)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return connection

    end = threading.Timer(20, listener.close)  # resets the connection: without a limit the test would never end
    end.start()
    try:
        attempt = playback.Playback(10, journal.Journal("/nowhere", ""), connect)
        outcome = attempt.run(url, b"x" * (8 << 20), b"", 5)
    finally:
        end.cancel()
        listener.close()
    assert (outcome.word, outcome.detail) == (playback.UNREACHABLE, "timed out")
    assert not attempt.begun
