import gc
import itertools
import re

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid, PointCloud
from nwidth.operators import radius_graph as module
from nwidth.operators.radius_graph import radius_graph


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


def test_graphs_are_kept_while_their_clouds_live():
    cloud = PointCloud(np.random.default_rng(0).random((20, 2)))
    assert radius_graph(cloud, cloud, 0.9) is radius_graph(cloud, cloud, 0.9)
    assert radius_graph(cloud, cloud, 0.9) is not radius_graph(cloud, cloud, 0.8)


def test_old_graphs_make_room(monkeypatch):
    kept = module._Kept(edges=500)
    monkeypatch.setattr(module, "_KEPT", kept)
    for seed in range(8):
        cloud = PointCloud(np.random.default_rng(seed).random((20, 2)))
        radius_graph(cloud, cloud, 0.5)
    assert sum(len(graph) for *_, graph in kept.graphs.values()) <= 500
    del cloud
    gc.collect()


def test_bad_radii_are_told():
    ring = PointCloud.of_grid(Grid.periodic(8))
    with pytest.raises(InputError, match=r"half a period, 0.5, got 0.7"):
        radius_graph(ring, ring, 0.7)
    with pytest.raises(InputError, match="radius: expected a number"):
        radius_graph(ring, ring, -1)
    with pytest.raises(InputError, match="one box"):
        radius_graph(ring, PointCloud([[0.5]]), 0.2)
    with pytest.raises(InputError, match="window: expected one of smooth, ball"):
        radius_graph(ring, ring, 0.2, "hat")
