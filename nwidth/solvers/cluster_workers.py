"""Numbered pieces of work on the workers of a Dask cluster, and their results in order."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nwidth._version import __version__
from nwidth.errors import InputError, NotConvergedError

if TYPE_CHECKING:
    from distributed import Client

# Results that may wait for their turn, for each thread of the cluster.
AHEAD = 2
# Seconds until a scheduler answers, and until it has a worker.
PATIENCE = 30


@contextmanager
def cluster_client(cluster: Any, patience: float = PATIENCE) -> Iterator["Client"]:
    """Connect to a cluster: the address of its scheduler, a `dask.distributed` client or cluster.

    A client that is given stays open. Raises `InputError` where Dask is not installed, where no
    scheduler answers, and where there are no workers or workers with another version of nwidth.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "cluster: expected Dask to be installed; pip install 'nwidth[cluster]'"
        ) from None
    ours = not isinstance(cluster, Client)
    if ours and not isinstance(cluster, str) and not hasattr(cluster, "scheduler_address"):
        raise InputError(
            "cluster: expected an address like tcp://host:8786, a client or a cluster of "
            f"dask.distributed, got {cluster!r:.80}"
        )
    if not ours and cluster.asynchronous:
        raise InputError("cluster: expected a client of plain calls, got an asynchronous one")
    try:
        client = Client(cluster, timeout=patience, set_as_default=False) if ours else cluster
    except (OSError, ValueError, ImportError) as error:
        raise InputError(
            f"cluster: expected a Dask scheduler at {cluster!r:.80}, found none "
            f"({str(error) or type(error).__name__:.80})"
        ) from None
    try:
        _require_workers(client, patience)
        yield client
    finally:
        if ours:
            client.close()


def computed_on_cluster(
    work: Callable[[int], Any], numbers: range, client: "Client"
) -> Iterator[Any]:
    """Yield work(i) for each number in order, computed by the workers of a cluster.

    `work` goes there once. What is in flight is given up when the iterator is closed. An exception
    in one is raised here, and `NotConvergedError` where the cluster has lost a piece.
    """
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    # A task and no scattered data, which would be lost with the worker that holds them.
    sent = client.submit(_itself, work, pure=False)
    ahead = AHEAD * max(1, sum(client.nthreads().values()))
    waiting: deque[Any] = deque()
    rest = iter(numbers)

    def submit() -> None:
        for i in rest:
            waiting.append(client.submit(_one, sent, i, pure=False))
            return

    try:
        for _ in range(ahead):
            submit()
        while waiting:
            result = waiting.popleft().result()
            submit()
            yield result
    except Exception as error:
        lost = isinstance(error, KilledWorker | CancelledError | CommClosedError)
        if not lost and client.status == "running":
            raise
        raise NotConvergedError(
            f"cluster: workers or the scheduler were lost ({type(error).__name__}), often as "
            "memory is short; the same call goes on from what is written"
        ) from None
    finally:
        if client.status == "running":
            client.cancel([*waiting, sent])


def _itself(work: Callable[[int], Any]) -> Callable[[int], Any]:
    return work


def _one(work: Callable[[int], Any], i: int) -> Any:
    return work(i)


def _version() -> str:
    from nwidth._version import __version__

    return __version__


def _require_workers(client: "Client", patience: float) -> None:
    """Raise `InputError` unless there is a worker, and all have this version of the package."""
    try:
        client.wait_for_workers(1, timeout=patience)
    except TimeoutError:
        raise InputError(
            f"cluster: expected at least one worker within {patience:g} s, found none; start "
            "some with `dask worker ADDRESS`"
        ) from None
    told = client.run(_version, on_error="return")
    for worker, version in told.items():
        if version != __version__:
            raise InputError(
                f"cluster: expected nwidth {__version__} on each worker, {worker} has "
                f"{version!r:.80}"
            )
