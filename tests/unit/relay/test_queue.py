"""Manifests wait for each other in the order they came."""

import threading
import time

import pytest

from scaleplex.relay.queue import Queue


def test_threads_work_one_at_a_time_in_the_order_they_came() -> None:
    queue, done, inside = Queue(), [], 0
    go = threading.Event()

    def work(number: int) -> None:
        nonlocal inside
        with queue.turn():
            inside += 1
            assert inside == 1
            if number == 0:
                go.wait(5)
            done.append(number)
            inside -= 1

    threads = []
    for number in range(30):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        while queue._arrived <= number:  # each is in the queue before the next one comes
            time.sleep(0.0005)
    go.set()
    for thread in threads:
        thread.join()
    assert done == list(range(30))


def test_a_failure_in_front_lets_the_next_one_work() -> None:
    queue = Queue()
    with pytest.raises(OSError, match="gone"), queue.turn():
        raise OSError("gone")
    with queue.turn():
        assert not queue.wait_empty(0)
    assert queue.wait_empty(0)
