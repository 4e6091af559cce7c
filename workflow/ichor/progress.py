"""Progress of long loops: a bar in a terminal, one line per percent in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def track(iterable: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items of `iterable` and show how far, how fast and how long still.

    Parameters
    ----------
    iterable : iterable
        What is worked through.
    description : str
        Shown before the numbers, for example ``"convert aurora/0"``.
    total : int, optional
        Number of items; ``len(iterable)`` when it has one.
    """
    if total is None:
        total = len(iterable) if hasattr(iterable, "__len__") else None
    if sys.stderr.isatty():
        yield from _bar(iterable, description, total)
    else:
        yield from _lines(iterable, description, total)


def _bar(iterable: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(iterable, description=description, total=total, console=Console(stderr=True))


def _lines(iterable: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    start, shown = time.monotonic(), -1
    for done, item in enumerate(iterable, start=1):
        yield item
        percent = 100 * done // total if total else done
        if percent != shown:
            shown = percent
            seconds = time.monotonic() - start
            rate = done / seconds if seconds > 0 else float("inf")
            left = f", {(total - done) / rate:.0f} s left" if total and rate > 0 else ""
            of = f"/{total} ({percent} %)" if total else ""
            print(f"{description}: {done}{of}, {rate:.2f} per s{left}", file=sys.stderr, flush=True)
