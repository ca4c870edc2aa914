"""Numbered pieces of work in several processes, and their results in order."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from nwidth.errors import NotConvergedError

# Results that may wait for their turn, for each worker.
AHEAD = 2

_work: Callable[[int], Any]


def computed_in_order(
    work: Callable[[int], Any], numbers: range, workers: int = 1
) -> Iterator[Any]:
    """Yield work(i) for each number in order, computed by this process or by several others.

    Workers are started afresh ("spawn"), as threads do not survive a fork, and get `work` once.
    They end with this process, however it ends, and when the iterator is closed; then at once. An
    exception in one is raised here, and `NotConvergedError` where the system has ended one.

    >>> list(computed_in_order(abs, range(-2, 1)))
    [2, 1, 0]
    """
    workers = min(workers, len(numbers))
    if workers <= 1:
        yield from map(work, numbers)
        return
    context = get_context("spawn")
    # No worker has the writing end: when it is closed, or this process is gone, all of them know.
    alive, life = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, _prepare, (work, alive))
    waiting: deque[Future[Any]] = deque()
    rest = iter(numbers)
    try:
        for i in rest:
            waiting.append(pool.submit(_one, i))
            if len(waiting) == AHEAD * workers:
                break
        while waiting:
            result = waiting.popleft().result()
            for i in rest:
                waiting.append(pool.submit(_one, i))
                break
            yield result
        pool.shutdown()
    except BrokenProcessPool:
        raise NotConvergedError(
            "workers: one was ended from outside, or could not start: often memory is short, so "
            'take fewer; a script must guard its calls with `if __name__ == "__main__":`; the same '
            "call goes on from what is written"
        ) from None
    finally:
        life.close()
        pool.shutdown(cancel_futures=True)
        alive.close()


def _prepare(work: Callable[[int], Any], alive: Connection) -> None:
    """Keep what is to be done; leave Ctrl-C to the parent, and end when it does."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _work = work
    threading.Thread(target=_follow, args=(alive,), daemon=True).start()


def _follow(alive: Connection) -> None:
    try:
        alive.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def _one(i: int) -> Any:
    return _work(i)
