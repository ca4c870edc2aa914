"""Neighbours within a radius, with the weights of an average over the ball."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nwidth.arguments import require_choice, require_instance, require_number
from nwidth.errors import InputError
from nwidth.meshes.point_cloud import PointCloud

WINDOWS = ("smooth", "ball")
# Receivers whose neighbours are looked up at once, and edges of all graphs that are kept.
_RECEIVERS_AT_ONCE = 4096
_EDGES_KEPT = 1 << 25


@dataclass(frozen=True, eq=False)
class RadiusGraph:
    """Edges from senders y to receivers x with |x - y| < radius, sorted by receiver.

        sum over edges e of x of weights_e u(y_e)  ~  int_B k u dy / int_B k dy,   B = B(x, radius)

    within the domain, with the quadrature weights of the senders and the window k: "smooth" is
    (1 - |x - y|^2 / radius^2)^2, which lets neighbours come and go gently, so that the average
    converges to second order under refinement; "ball" is one, the published choice.

    Attributes: starts (n + 1,): edges starts[i] to starts[i + 1] are those of receiver i;
    senders (edges,); weights (edges,), which sum to one for every receiver.
    """

    receivers: PointCloud
    points: PointCloud
    radius: float
    starts: NDArray[np.int64]
    senders: NDArray[np.int32]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.senders)

    @property
    def owners(self) -> NDArray[np.int32]:
        """The receiver of each edge."""
        return np.repeat(np.arange(len(self.receivers), dtype=np.int32), np.diff(self.starts))

    @property
    def offsets(self) -> NDArray[np.float64]:
        """(y - x) / radius of each edge, the short way round on periodic axes, (edges, d)."""
        offsets = self.points.points[self.senders] - self.receivers.points[self.owners]
        for k, wraps in enumerate(self.receivers.periodic):
            if wraps:
                period = self.receivers.lengths[k]
                offsets[:, k] -= period * np.round(offsets[:, k] / period)
        return offsets / self.radius

    @cached_property
    def reverse(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """The same edges sorted by sender: starts, receivers, and their numbers in this graph."""
        order = np.argsort(self.senders, kind="stable")
        counts = np.bincount(self.senders, minlength=len(self.points))
        starts = np.concatenate([[0], np.cumsum(counts)])
        return starts, self.owners[order], order

    def part(self, first: int, last: int) -> "RadiusGraph":
        """Return the graph of the receivers first, ..., last - 1."""
        begin, end = self.starts[first], self.starts[last]
        return RadiusGraph(
            self.receivers.take(slice(first, last)),
            self.points,
            self.radius,
            self.starts[first : last + 1] - begin,
            self.senders[begin:end],
            self.weights[begin:end],
        )


def radius_graph(
    receivers: PointCloud, senders: PointCloud, radius: float, window: str = "smooth"
) -> RadiusGraph:
    """Return the edges from senders to the receivers that are nearer than the radius.

    Lengths are those of the points, and periodic axes are taken the short way round. Neighbours
    come from k-d trees (SciPy's, Maneewongvatana & Mount 1999, arXiv:cs/9901013) and are kept, with
    their clouds, so that asking again costs nothing: 2^25 edges of all graphs, of which the least
    used make room (up to 0.4 GB, and as much again for gradients).

    Raises `InputError`, naming the radius that would work, if a receiver has no neighbour or no
    point of a cloud has one but itself, and for a radius of more than half a period, which would
    meet the same neighbour twice.

    >>> from nwidth.meshes import Grid
    >>> line = PointCloud.of_grid(Grid.periodic(8))
    >>> graph = radius_graph(line, line, 0.3)
    >>> graph.senders[:5].tolist(), float(graph.weights[:5].sum().round(12))
    ([0, 1, 2, 6, 7], 1.0)
    """
    radius = require_number(radius, "radius", "(0, inf)")
    require_choice(window, "window", WINDOWS)
    for cloud, name in ((receivers, "receivers"), (senders, "senders")):
        require_instance(cloud, name, PointCloud)
    key = (id(receivers), id(senders), radius, window)
    found = _KEPT.get(key)
    if found is None:
        found = _found(receivers, senders, radius, window)
        _KEPT.put(key, found)
    return found


def _found(receivers: PointCloud, senders: PointCloud, radius: float, window: str) -> RadiusGraph:
    """Look all neighbours up, some thousand receivers at once."""
    boxes = [(*cloud.lower, *cloud.upper, *cloud.periodic) for cloud in (receivers, senders)]
    if boxes[0] != boxes[1]:
        raise InputError(
            f"radius graph: expected two clouds of one box, got {receivers} and {senders}"
        )
    periods = np.where(receivers.periodic, receivers.lengths, 0.0)
    if any(2 * radius > period > 0 for period in periods):
        raise InputError(
            f"radius graph: expected a radius of at most half a period, "
            f"{min(p for p in periods if p > 0) / 2:g}, got {radius:g}"
        )
    # Distances of huge and of tiny boxes can be squared in units of a power of two, exactly.
    unit = 2.0 ** (np.frexp(receivers.lengths.max())[1] - 1)
    radius, periods = radius / unit, periods / unit
    tree, places = (_tree(cloud, periods, unit) for cloud in (senders, receivers))
    parts = []
    for first in range(0, len(receivers), _RECEIVERS_AT_ONCE):
        some = cKDTree(places.data[first : first + _RECEIVERS_AT_ONCE], boxsize=_sizes(periods))
        near = some.sparse_distance_matrix(tree, radius, output_type="ndarray")
        near = near[near["v"] < radius * (1 - 1e-9)]
        near = near[np.lexsort((near["j"], near["i"]))]
        parts.append((near["i"].astype(np.int32) + first, near["j"].astype(np.int32), near["v"]))
    owners, neighbours, distances = (np.concatenate(column) for column in zip(*parts, strict=True))
    counts = np.bincount(owners, minlength=len(receivers))
    # A point is in its own ball: some may be alone there, not all of a cloud.
    own = int(receivers is senders and len(senders) > 1 and counts.max() == 1)
    alone = counts == own
    if alone.any():
        i = int(np.argmax(alone))
        enough = float(tree.query(places.data[alone], k=[1 + own])[0].max()) * 1.01 * unit
        raise InputError(
            f"radius graph: expected neighbours for every point, but {int(alone.sum())} "
            f"of {len(receivers)} have none within {radius * unit:g}, the first at "
            f"{receivers.points[i].round(6).tolist()}; use a radius of at least {enough:.3g}, or "
            "more points"
        )
    starts = np.concatenate([[0], np.cumsum(counts)])
    weights = senders.shares[neighbours]
    if window == "smooth":
        weights = weights * (1 - np.square(distances / radius)) ** 2
    sums = np.add.reduceat(weights, starts[:-1])
    weights /= np.repeat(sums, counts)
    return RadiusGraph(receivers, senders, radius * unit, starts, neighbours, weights)


def _tree(cloud: PointCloud, periods: NDArray[np.float64], unit: float) -> cKDTree:
    """Return the k-d tree of a cloud; periodic coordinates are brought into [0, period)."""
    x = (cloud.points - cloud.lower) / unit
    for k, period in enumerate(periods):
        if period:
            x[:, k] %= period
            x[x[:, k] >= period, k] = 0.0
    return cKDTree(x, boxsize=_sizes(periods))


def _sizes(periods: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return periods if periods.any() else None


class _Kept:
    """Graphs and their clouds, the least used of which make room for new ones."""

    def __init__(self, edges: int):
        self.edges, self.graphs = edges, OrderedDict[Any, RadiusGraph]()
        self.lock, self.count = Lock(), 0

    def get(self, key: Any) -> RadiusGraph | None:
        # A graph keeps its clouds alive, so that their numbers are nobody else's.
        with self.lock:
            graph = self.graphs.get(key)
            if graph is not None:
                self.graphs.move_to_end(key)
            return graph

    def put(self, key: Any, graph: RadiusGraph) -> None:
        with self.lock:
            before = self.graphs.pop(key, None)
            self.graphs[key] = graph
            self.count += len(graph) - (0 if before is None else len(before))
            while len(self.graphs) > 1 and self.count > self.edges:
                self.count -= len(self.graphs.popitem(last=False)[1])


_KEPT = _Kept(_EDGES_KEPT)
