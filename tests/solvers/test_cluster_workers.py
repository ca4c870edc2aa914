"""The samples of a data set on a Dask cluster; see also test_generate_trajectories."""

import sys
import time

import pytest

from nwidth.errors import InputError, NotConvergedError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Burgers, cluster_workers, generate_trajectories

TIMES = [0.0, 0.1, 0.3]
QUIET = {"processes": False, "memory_limit": 0, "dashboard_address": ":0", "silence_logs": 50}


class Work:
    """Slow where the number is even, so that results come out of order."""

    def __call__(self, i):
        if i == 13:
            raise InputError("thirteen")
        time.sleep(0.02 * (i % 2 == 0))
        return i


def burgers():
    grid = Grid.periodic(64)
    u = GaussianRandomField(grid, alpha=4, tau=5, boundary="periodic")
    return Burgers(grid, 0.05, u)


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip(
        "distributed", reason="needs Dask: pip install 'nwidth[cluster]'"
    )
    with distributed.LocalCluster(2, threads_per_worker=2, **QUIET) as found:
        yield found


@pytest.fixture
def client(cluster):
    with cluster_workers.cluster_client(cluster) as found:
        yield found


def test_results_come_in_order(client):
    found = cluster_workers.computed_on_cluster(Work(), range(14, 40), client)
    assert [*found] == [*range(14, 40)]
    assert [*cluster_workers.computed_on_cluster(Work(), range(0), client)] == []


def test_what_is_raised_on_the_cluster_is_raised_here(client):
    results = cluster_workers.computed_on_cluster(Work(), range(12, 16), client)
    assert next(results) == 12
    with pytest.raises(InputError, match="thirteen"):
        next(results)


def test_what_is_in_flight_is_given_up(client):
    results = cluster_workers.computed_on_cluster(Work(), range(1000), client)
    assert next(results) == 0
    results.close()
    deadline = time.monotonic() + 10
    while client.cluster.scheduler.tasks and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not client.cluster.scheduler.tasks


def test_the_bytes_are_those_of_one_process(cluster, client, tmp_path):
    generate_trajectories(burgers(), tmp_path / "alone.h5", 6, TIMES, seed=2).close()
    for name, given in (("client", client), ("address", cluster.scheduler_address)):
        path = tmp_path / f"{name}.h5"
        generate_trajectories(burgers(), path, 6, TIMES, seed=2, cluster=given).close()
        assert path.read_bytes() == (tmp_path / "alone.h5").read_bytes()
    assert client.status == "running"  # those that are given stay open


def test_an_interrupted_file_is_continued_elsewhere(client, tmp_path):
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    path = tmp_path / "a.h5"
    with pytest.raises(KeyboardInterrupt):
        generate_trajectories(burgers(), path, 4, TIMES, cluster=client, progress=stop)
    with generate_trajectories(burgers(), path, 4, TIMES) as data:
        assert len(data) == 4 and data.complete


def test_a_cluster_that_ends_is_told(tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs Dask")
    cluster = distributed.LocalCluster(1, threads_per_worker=1, **QUIET)
    with cluster_workers.cluster_client(cluster) as client:
        results = cluster_workers.computed_on_cluster(Work(), range(1000), client)
        assert next(results) == 0
        cluster.close()
        with pytest.raises(NotConvergedError, match="goes on from what is written"):
            for _ in results:
                pass


def test_workers_with_another_version_are_refused(cluster, monkeypatch):
    monkeypatch.setattr(cluster_workers, "__version__", "0.0")
    with pytest.raises(InputError, match=r"expected nwidth 0\.0 on each worker"):
        cluster_workers.cluster_client(cluster).__enter__()


def test_a_cluster_without_workers_is_refused():
    distributed = pytest.importorskip("distributed", reason="needs Dask")
    with distributed.LocalCluster(1, **QUIET) as cluster:
        cluster.scale(0)
        while cluster.scheduler.workers:
            time.sleep(0.02)
        with pytest.raises(InputError, match="at least one worker"):
            cluster_workers.cluster_client(cluster, 0.2).__enter__()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "expected an address like tcp://"),
        ("tcp://127.0.0.1:9", "expected a Dask scheduler at 'tcp://127.0.0.1:9'"),
        ("nonsense://x", "expected a Dask scheduler"),
    ],
)
def test_what_is_no_cluster_is_refused_before_there_is_a_file(
    tmp_path, monkeypatch, given, message
):
    pytest.importorskip("distributed", reason="needs Dask")
    monkeypatch.setattr(cluster_workers.cluster_client.__wrapped__, "__defaults__", (0.3,))
    with pytest.raises(InputError, match=message):
        generate_trajectories(burgers(), tmp_path / "a.h5", 1, TIMES, cluster=given)
    assert not [*tmp_path.iterdir()]


def test_workers_and_a_cluster_are_two_ways(tmp_path):
    with pytest.raises(InputError, match="workers, cluster"):
        generate_trajectories(
            burgers(), tmp_path / "a.h5", 4, TIMES, workers=2, cluster="tcp://127.0.0.1:9"
        )


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"nwidth\[cluster\]"):
        generate_trajectories(burgers(), tmp_path / "a.h5", 1, TIMES, cluster="tcp://127.0.0.1:9")
