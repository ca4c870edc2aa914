"""One thread for BLAS while vectors are short: more of them wait for each other, not for work."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_lock = Lock()
_users: list[Any] = []


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread; the number from before comes back when the last user leaves.

    The number belongs to the process: solves in several threads share one limit, or else one could
    take the limit of another for what was there before.

    >>> with one_blas_thread():
    ...     {pool["num_threads"] for pool in _controller().info() if pool["user_api"] == "blas"}
    {1}
    """
    with _lock:
        if not _users:
            _users.append(_controller().limit(limits=1, user_api="blas"))
        _users.append(None)
    try:
        yield
    finally:
        with _lock:
            _users.pop()
            if len(_users) == 1:
                _users.pop().restore_original_limits()
