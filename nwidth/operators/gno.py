"""The graph neural operator."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nwidth.arguments import require_choice, require_integer, require_number
from nwidth.meshes.point_cloud import PointCloud
from nwidth.operators.graphs.edge_kernel import EdgeKernel, kernel_matrices
from nwidth.operators.graphs.radius_graph import WINDOWS, radius_graph
from nwidth.operators.node_network import NodeNetwork, Where, cloud_at
from nwidth.operators.seeded_weights import seeded_weights

KERNELS = ("positions", "fields")


class GNO(NodeNetwork):
    """A map from functions to functions by learned integrals over neighbourhoods.

        v_{l+1}(x) = gelu( W_l v_l(x) + b_l + int_{|x-y|<r} kappa_l(x, y, a(x), a(y)) v_l(y) k dy )

    without gelu in the last layer; the integral is a mean over the ball with the window k (see
    `RadiusGraph`). Li et al. (2020), Neural operator: graph kernel network, arXiv:2003.03485,
    equation 5; Kovachki et al. (2023), Neural operator, arXiv:2108.08481, section 4.1.

    kappa = sum_m h_m W_lm with `functions` learned functions h_m (`EdgeKernel`), shared by all
    layers; the published code shares W as well. `kernel`: "positions" (kappa of x and y; one kernel
    for all samples, many times cheaper; the input acts through v) or "fields" (kappa of x, y, a(x)
    and a(y), as published). `window`: "smooth" or the published "ball".

    The radius is a length in the coordinates of the points, and integrals are weighted, so the
    network is one function on all grids and clouds of its box. On more than `samples` points the
    senders y are a random sample of about that many, by the seed, with the weights of those that
    they stand for (`PointCloud.sampled`; the Nystroem approximation of section 4.1): what it costs
    grows with the points, not with their square.

    A grid or cloud may be so coarse that a point has no neighbour but itself; a sample so small
    that it has none at all raises `InputError`, which names the radius that would work.

    Good values: a radius of 0.1 to 0.2 of the box, 10 to 60 neighbours on the grid that most of the
    training runs on, which may be coarse; width 32, functions 8, hidden 32, 4 to 6 layers (layers
    times radius is how far it sees); learning rate 6e-3, batches of 5, which cost little more than
    their share. Where more neighbours are met than that, `MGNO` costs less.

    Shapes, `coordinates`, `waves` and `dirichlet` as in `NodeNetwork`. Gradients have no second
    derivatives.

    >>> from nwidth.meshes import Grid
    >>> model = GNO(1, 1, radius=0.3, width=8, layers=2)
    >>> model(torch.ones(2, 1, 9, 11), Grid.uniform((9, 11)).axes).shape
    torch.Size([2, 1, 9, 11])
    >>> cloud = PointCloud(np.random.default_rng(0).random((40, 2)))
    >>> model(torch.ones(1, 1, 40), cloud).shape
    torch.Size([1, 1, 40])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        radius: float = 0.15,
        *,
        dimension: int = 2,
        width: int = 32,
        layers: int = 4,
        functions: int = 16,
        hidden: int = 64,
        kernel: str = "positions",
        window: str = "smooth",
        samples: int = 2048,
        projection: int = 128,
        coordinates: bool = True,
        waves: bool = True,
        dirichlet: bool | Sequence[bool] = False,
        seed: int = 0,
    ):
        super().__init__(
            in_channels,
            out_channels,
            dimension,
            width=width,
            projection=projection,
            coordinates=coordinates,
            waves=waves,
            dirichlet=dirichlet,
            seed=seed,
        )
        self.radius = require_number(radius, "GNO: radius", "(0, inf)")
        self.layers = require_integer(layers, "GNO: layers", 1)
        self.functions = require_integer(functions, "GNO: functions", 2)
        self.hidden_width = require_integer(hidden, "GNO: hidden", 1)
        self.kernel = require_choice(kernel, "GNO: kernel", KERNELS)
        self.window = require_choice(window, "GNO: window", WINDOWS)
        self.samples = require_integer(samples, "GNO: samples", 1)
        channels = self.in_channels if kernel == "fields" else 0
        with seeded_weights(self.seed, 1):
            self.edges = EdgeKernel(
                self.dimension, functions, hidden, self.coordinate_count, channels
            )
            self.skips = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
            self.matrices = nn.ParameterList(
                kernel_matrices(functions, width, width) for _ in range(layers)
            )

    def on_points(self, x: Tensor, a: Tensor, cloud: PointCloud) -> Tensor:
        """Return the output of the layers, (n, batch, width)."""
        senders, chosen = sampled(cloud, self.samples, self.seed)
        graph = radius_graph(cloud, senders, self.radius, self.window)
        where = None if chosen is None else torch.as_tensor(chosen, device=x.device)
        b = a if where is None else a[where]
        integrals = self.edges.integrals(graph, x, a, b)
        layers: Any = zip(self.skips, self.matrices, strict=True)
        for k, (skip, matrices) in enumerate(layers):
            y = skip(x) + integrals(x if where is None else x[where], matrices)
            x = functional.gelu(y) if k < self.layers - 1 else y
        return x

    def check(self, axes: Where) -> None:
        """Raise `InputError` if a point would have no neighbours."""
        cloud = cloud_at(axes)
        radius_graph(cloud, sampled(cloud, self.samples, self.seed)[0], self.radius, self.window)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            **self.settings(),
            "radius": self.radius,
            "layers": self.layers,
            "functions": self.functions,
            "hidden": self.hidden_width,
            "kernel": self.kernel,
            "window": self.window,
            "samples": self.samples,
        }


_SAMPLES: WeakKeyDictionary[PointCloud, dict[Any, Any]] = WeakKeyDictionary()


def sampled(cloud: PointCloud, count: int, seed: int) -> tuple[PointCloud, NDArray[np.intp] | None]:
    """Return the cloud itself, or a sample of it and its numbers if it has more than `count`."""
    if len(cloud) <= count:
        return cloud, None
    known = _SAMPLES.setdefault(cloud, {})
    if (count, seed) not in known:
        known[count, seed] = cloud.sampled(count, seed)
    few, chosen = known[count, seed]
    return few, chosen
