import threading
import time

import pytest

from ichor.overlap import AHEAD, overlapped


def test_results_come_in_order_whatever_takes_how_long():
    pause = {0: 0.03, 1: 0.0, 2: 0.02, 3: 0.0, 4: 0.01}

    def slow(value):
        time.sleep(pause[value % 5])
        return value

    done = overlapped(range(10), slow, lambda value: slow(value) * 10, lambda value: slow(value) + 1)
    assert list(done) == [10 * value + 1 for value in range(10)]
    assert list(overlapped([], slow, slow, slow)) == []
    assert list(overlapped([3], slow, slow, slow)) == [3]


def test_reading_computing_and_writing_go_on_at_the_same_time():
    """All three meet at a barrier, which one after the other could never do."""
    meeting = threading.Barrier(3, timeout=20)

    def read(number):
        if number == 2:
            meeting.wait()
        return number

    def compute(number):
        if number == 1:
            meeting.wait()
        return number

    def write(number):
        if number == 0:
            meeting.wait()
        return number

    assert list(overlapped(range(4), read, compute, write)) == [0, 1, 2, 3]


def test_items_in_memory_are_bounded():
    alive, most, lock = 0, 0, threading.Lock()

    class Scan:
        def __init__(self):
            nonlocal alive, most
            with lock:
                alive += 1
                most = max(most, alive)

        def __del__(self):
            nonlocal alive
            with lock:
                alive -= 1

    for slowest in ("read", "compute", "write"):
        pauses = {name: 0.004 * (name == slowest) for name in ("read", "compute", "write")}

        def read(_, pauses=pauses):
            time.sleep(pauses["read"])
            return Scan()

        def compute(scan, pauses=pauses):
            time.sleep(pauses["compute"])
            return scan

        def write(scan, pauses=pauses):
            time.sleep(pauses["write"])

        for _ in overlapped(range(60), read, compute, write):
            pass
    # one computed, those read ahead, those that wait for writing or are in it; a future drops its item when it is done
    assert most <= 1 + AHEAD + (AHEAD + 1) + 1
    assert alive == 0


@pytest.mark.parametrize("where", ["read", "compute", "write"])
def test_a_failure_stops_and_begins_nothing_more(where):
    begun = []

    def stage(name):
        def work(value):
            begun.append((name, value))
            if name == where and value == 3:
                raise OSError("broken")
            return value

        return work

    done = []
    with pytest.raises(OSError, match="broken"):
        for value in overlapped(range(100), stage("read"), stage("compute"), stage("write")):
            done.append(value)
    assert done == [0, 1, 2][: len(done)]
    assert max(value for _, value in begun) <= 3 + 2 * AHEAD + 2
    assert threading.active_count() < 20


def test_a_consumer_that_leaves_ends_the_threads():
    before = threading.active_count()
    for _ in overlapped(range(100), lambda v: v, lambda v: v, lambda v: v):
        break
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
