import gc
import itertools
import re
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid, PointCloud
from nwidth.operators.graphs import radius_graph as module
from nwidth.operators.graphs.radius_graph import radius_graph


@pytest.mark.parametrize("periodic", [(False, False), (True, False), (True, True)])
def test_neighbours_are_those_of_all_pairs(periodic):
    rng = np.random.default_rng(3)
    to = PointCloud(rng.random((30, 2)) * [1, 2], upper=[1, 2], periodic=periodic)
    of = PointCloud(rng.random((70, 2)) * [1, 2], rng.random(70) + 0.1, 0, [1, 2], periodic)
    graph = radius_graph(to, of, 0.4)
    d = of.points[None] - to.points[:, None]
    d -= np.array(periodic) * [1, 2] * np.round(d / [1, 2])
    distance = np.linalg.norm(d, axis=-1)
    near = distance < 0.4
    owners, senders = np.nonzero(near)
    assert np.array_equal(graph.owners, owners) and np.array_equal(graph.senders, senders)
    window = of.weights * (1 - (distance / 0.4) ** 2) ** 2 * near
    weights = window / window.sum(1, keepdims=True)
    assert graph.weights == pytest.approx(weights[near])
    assert abs(graph.offsets * 0.4 - d[near]).max() < 1e-12


def test_the_reverse_has_the_same_edges():
    cloud = PointCloud(np.random.default_rng(0).random((50, 2)))
    graph = radius_graph(cloud, cloud, 0.3, "ball")
    starts, receivers, order = graph.reverse
    assert np.array_equal(graph.owners[order], receivers)
    assert np.array_equal(np.repeat(np.arange(50), np.diff(starts)), graph.senders[order])


@pytest.mark.parametrize(("window", "order"), [("smooth", 1.9), ("ball", 0.3)])
def test_averages_converge_under_refinement(window, order):
    means = []
    for n in (17, 33, 65):
        grid = Grid.uniform((n, n))
        cloud = PointCloud.of_grid(grid)
        graph = radius_graph(cloud, cloud, 0.23, window)
        x, y = cloud.points.T
        u = (np.sin(3 * x) + y**2)[graph.senders] * graph.weights
        step = (n - 1) // 16
        means.append(np.add.reduceat(u, graph.starts[:-1]).reshape(n, n)[::step, ::step])
    errors = [abs(a - b).max() for a, b in itertools.pairwise(means)]
    assert errors[0] / errors[1] > 2**order


def test_an_empty_neighbourhood_names_the_radius_that_would_work():
    to, of = PointCloud([[0.1, 0.1], [0.9, 0.9]]), PointCloud([[0.2, 0.1], [0.1, 0.3]])
    with pytest.raises(InputError, match=r"1 of 2 have none within 0.3") as caught:
        radius_graph(to, of, 0.3)
    enough = float(re.search(r"at least ([0-9.]+)", str(caught.value))[1])
    assert len(radius_graph(to, of, enough)) >= 2


@pytest.mark.parametrize(
    "cloud", [PointCloud.of_grid(Grid.uniform((9, 9))), PointCloud([[0.0], [0.3], [1.0]])]
)
def test_points_that_are_all_alone_are_told_the_radius_that_would_work(cloud):
    with pytest.raises(InputError, match="have none within 1e-09") as caught:
        radius_graph(cloud, cloud, 1e-9)
    enough = float(re.search(r"at least ([0-9.]+)", str(caught.value))[1])
    graph = radius_graph(cloud, cloud, enough)
    assert np.diff(graph.starts).min() >= 2
    single = PointCloud([[0.5, 0.5]], lower=(0.0, 0.0), upper=(1.0, 1.0))
    assert len(radius_graph(single, single, 0.1)) == 1


def test_graphs_are_kept():
    cloud = PointCloud(np.random.default_rng(0).random((20, 2)))
    assert radius_graph(cloud, cloud, 0.9) is radius_graph(cloud, cloud, 0.9)
    assert radius_graph(cloud, cloud, 0.9) is not radius_graph(cloud, cloud, 0.8)


def test_old_graphs_make_room_and_free_their_clouds(monkeypatch):
    kept = module._Kept(edges=500)
    monkeypatch.setattr(module, "_KEPT", kept)
    clouds = [PointCloud(np.random.default_rng(seed).random((20, 2))) for seed in range(8)]
    for cloud in clouds:
        radius_graph(cloud, cloud, 0.5)
    first = weakref.ref(clouds[0])
    assert kept.count == sum(map(len, kept.graphs.values())) <= 500
    del clouds, cloud
    gc.collect()
    assert first() is None


def test_graphs_may_be_asked_for_by_several_threads(monkeypatch):
    monkeypatch.setattr(module, "_KEPT", kept := module._Kept(edges=300))
    clouds = [PointCloud(np.random.default_rng(seed).random((9, 2))) for seed in range(12)]

    def ask(seed):
        chosen = np.random.default_rng(seed).integers(len(clouds), size=200)
        return all(radius_graph(clouds[k], clouds[k], 1.0).points is clouds[k] for k in chosen)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, range(4)))
    assert kept.count == sum(map(len, kept.graphs.values())) <= 300


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_tiny_and_huge_boxes_have_the_neighbours_of_the_unit_box(size):
    points = np.random.default_rng(0).random((30, 2))
    one = PointCloud(points, None, 0.0, 1.0, (True, False))
    other = PointCloud(points * size, None, 0.0, size, (True, False))
    graph, same = radius_graph(one, one, 0.3), radius_graph(other, other, 0.3 * size)
    assert np.array_equal(graph.senders, same.senders)
    np.testing.assert_allclose(same.weights, graph.weights, rtol=1e-12)
    np.testing.assert_allclose(same.offsets, graph.offsets, atol=1e-12)


def test_bad_radii_are_told():
    ring = PointCloud.of_grid(Grid.periodic(8))
    with pytest.raises(InputError, match=r"half a period, 0.5, got 0.7"):
        radius_graph(ring, ring, 0.7)
    with pytest.raises(InputError, match="radius: expected a number"):
        radius_graph(ring, ring, -1)
    with pytest.raises(InputError, match="one box"):
        radius_graph(ring, PointCloud([[0.5]]), 0.2)
    with pytest.raises(InputError, match="one box"):
        radius_graph(PointCloud([[0.5]]), PointCloud([[0.5]], upper=2.0), 0.9)
    with pytest.raises(InputError, match="window: expected one of smooth, ball"):
        radius_graph(ring, ring, 0.2, "hat")
