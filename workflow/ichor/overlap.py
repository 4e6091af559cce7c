"""Read the next item and write the last one while this one is computed, with bounded memory and in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")
Computed = TypeVar("Computed")
Result = TypeVar("Result")

AHEAD = 1
"""Items that are read before they are needed, and results that wait to be written: two of each would gain nothing,
because reading and writing are faster than what lies between."""


def overlapped(
    items: Iterable[Item],
    read: Callable[[Item], Read],
    compute: Callable[[Read], Computed],
    write: Callable[[Computed], Result],
) -> Iterator[Result]:
    """Yield ``write(compute(read(item)))`` for each item, in order.

    ``read`` and ``write`` run in a thread each, one call at a time; ``compute`` runs in the caller's. At any time there
    are at most `AHEAD` items that are read or being read ahead, one that is computed, and `AHEAD` + 1 that wait for
    ``write`` or are in it. An exception of any of the three ends the iteration; no further item is begun.
    """
    waiting = iter(items)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        coming: deque[Future[Read]] = deque(reader.submit(read, item) for item in islice(waiting, AHEAD))
        leaving: deque[Future[Result]] = deque()
        try:
            while coming:
                value = coming.popleft().result()
                coming.extend(reader.submit(read, item) for item in islice(waiting, 1))
                while len(leaving) > AHEAD:
                    yield leaving.popleft().result()
                made = compute(value)
                leaving.append(writer.submit(write, made))
                del value, made  # or they would be held while the next one is waited for
            while leaving:
                yield leaving.popleft().result()
        finally:
            for future in (*coming, *leaving):
                future.cancel()
