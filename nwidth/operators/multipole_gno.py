"""The multipole graph neural operator."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional

from nwidth.arguments import require_choice, require_integer, require_integers, require_number
from nwidth.errors import InputError
from nwidth.meshes.point_cloud import PointCloud
from nwidth.operators.gno import sampled
from nwidth.operators.graphs.edge_kernel import EdgeIntegrals, EdgeKernel, kernel_matrices
from nwidth.operators.graphs.radius_graph import WINDOWS, radius_graph
from nwidth.operators.node_network import NodeNetwork, Where, cloud_at
from nwidth.operators.seeded_weights import seeded_weights

NODES = ("centres", "random")


class MGNO(NodeNetwork):
    """A graph neural operator with levels: short range on many points, long range on few.

        K = K_11 + K_12 K_22 K_21 + K_12 K_23 K_33 K_32 K_21 + ...

    evaluated by a V-cycle in every layer. Down, from level l = 1 (the points themselves) to L:

        v_{l+1} <- gelu( v_{l+1} + K_{l+1,l} v_l )

    and up, from L to 1:  v_l <- gelu( W_l v_l + b_l + K_{l,l} v_l + K_{l,l+1} v_{l+1} ),  without
    gelu in the last of all. Li et al. (2020), Multipole graph neural operator, arXiv:2006.09535,
    section 3; each K is an integral over neighbours, made as in `GNO`.

    `levels`: about how many nodes the levels 2, ..., L have. `radii`: of the integrals within the
    levels 1, ..., L. `between`: of those from a level to the next and back, L - 1 of them. All are
    lengths in the coordinates of the points, and a radius has to meet nodes everywhere: more than
    0.71 of the distance of nodes in the plane. `nodes`: "centres" are the centres of mass of the
    cells of a lattice, which depend on the domain alone (`PointCloud.coarsened`), so that the
    network is one function on all of its samplings; "random", as published, are points drawn by the
    seed, each level from the one before.

    The kernel sees positions only; a(x) acts through v. Level 1 sends from a sample of `samples`
    points if there are more (see `GNO`).

    Good values: levels (400, 100, 25) in the plane, (64, 16) on a line; radii of 2.5, between of 2
    distances of the coarser nodes; width 32, functions 8, 4 layers.

    Raises `InputError`, naming the radius that would work, where a node has no neighbours.

    >>> from nwidth.meshes import Grid
    >>> model = MGNO(levels=(16, 4), radii=(0.2, 0.5, 1.0), between=(0.4, 0.8), width=8, layers=2)
    >>> model(torch.ones(2, 1, 9, 11), Grid.uniform((9, 11)).axes).shape
    torch.Size([2, 1, 9, 11])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        levels: Sequence[int] = (400, 100, 25),
        radii: Sequence[float] = (0.0625, 0.125, 0.25, 0.5),
        between: Sequence[float] = (0.1, 0.2, 0.4),
        *,
        dimension: int = 2,
        width: int = 32,
        layers: int = 4,
        functions: int = 8,
        hidden: int = 64,
        nodes: str = "centres",
        window: str = "smooth",
        samples: int = 8192,
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
        self.levels = require_integers(levels, "MGNO: levels", 1)
        if any(b >= a for a, b in pairwise(self.levels)):
            raise InputError(f"MGNO: expected levels with less and less nodes, got {self.levels}")
        self.radii = _lengths(radii, "radii", len(self.levels) + 1)
        self.between = _lengths(between, "between", len(self.levels))
        self.layers = require_integer(layers, "MGNO: layers", 1)
        self.functions = require_integer(functions, "MGNO: functions", 2)
        self.hidden_width = require_integer(hidden, "MGNO: hidden", 1)
        self.nodes = require_choice(nodes, "MGNO: nodes", NODES)
        self.window = require_choice(window, "MGNO: window", WINDOWS)
        self.samples = require_integer(samples, "MGNO: samples", 1)
        count = len(self.levels)
        names = [*(f"within{k}" for k in range(count + 1))]
        names += [f"{way}{k}" for way in ("down", "up") for k in range(count)]
        with seeded_weights(self.seed, 1):
            self.edges = nn.ModuleDict(
                {
                    name: EdgeKernel(self.dimension, functions, hidden, self.coordinate_count, 0)
                    for name in names
                }
            )
            self.cycles = nn.ModuleList(
                nn.ModuleDict(
                    {
                        "skips": nn.ModuleList(nn.Linear(width, width) for _ in range(count + 1)),
                        "matrices": nn.ParameterDict(
                            {name: kernel_matrices(functions, width, width) for name in names}
                        ),
                    }
                )
                for _ in range(layers)
            )

    def on_points(self, x: Tensor, a: Tensor, cloud: PointCloud) -> Tensor:
        """Return the output of the V-cycles, (n, batch, width)."""
        clouds, integrals, chosen = self._integrals(cloud, x)
        count = len(self.levels)
        v = [x] + [x.new_zeros(len(c), *x.shape[1:]) for c in clouds[1:]]
        for t, cycle in enumerate(self.cycles):
            skips, matrices = cycle["skips"], cycle["matrices"]  # type: ignore[index]

            def K(name: str, u: Tensor, matrices: Any = matrices) -> Tensor:
                return integrals[name](u, matrices[name])

            for k in range(count):
                v[k + 1] = functional.gelu(v[k + 1] + K(f"down{k}", v[k]))
            for k in reversed(range(count + 1)):
                near = v[k] if k or chosen is None else v[k][chosen]
                y = skips[k](v[k]) + K(f"within{k}", near)
                if k < count:
                    y = y + K(f"up{k}", v[k + 1])
                v[k] = y if k == 0 and t == self.layers - 1 else functional.gelu(y)
        return v[0]

    def _integrals(
        self, cloud: PointCloud, like: Tensor
    ) -> tuple[list[PointCloud], dict[str, EdgeIntegrals], Tensor | None]:
        """Return the clouds of all levels, the integrals, and which points level 1 sends from."""
        senders, chosen = sampled(cloud, self.samples, self.seed)
        clouds, graphs = self._levels(cloud), {}
        for k, radius in enumerate(self.radii):
            near = senders if k == 0 else clouds[k]
            graphs[f"within{k}"] = radius_graph(clouds[k], near, radius, self.window)
        for k, radius in enumerate(self.between):
            fine, coarse = clouds[k : k + 2]
            graphs[f"down{k}"] = radius_graph(coarse, fine, radius, self.window)
            graphs[f"up{k}"] = radius_graph(fine, coarse, radius, self.window)
        kernels: Any = self.edges
        integrals = {name: kernels[name].integrals(g, like) for name, g in graphs.items()}
        where = None if chosen is None else torch.as_tensor(chosen, device=like.device)
        return clouds, integrals, where

    def _levels(self, cloud: PointCloud) -> list[PointCloud]:
        """Return the cloud and its coarser ones."""
        known = _LEVELS.setdefault(cloud, {})
        key = (self.levels, self.nodes, self.seed)
        if key not in known:
            coarse: list[PointCloud] = []
            for k, count in enumerate(self.levels):
                if self.nodes == "centres":
                    coarse.append(cloud.coarsened(count))
                else:
                    before = coarse[-1] if coarse else cloud
                    coarse.append(before.sampled(count, self.seed + k)[0])
            known[key] = coarse
        return [cloud, *known[key]]

    def check(self, axes: Where) -> None:
        """Raise `InputError` if a point or node would have no neighbours."""
        cloud = cloud_at(axes)
        self._integrals(cloud, self.lift.weight)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            **self.settings(),
            "levels": list(self.levels),
            "radii": list(self.radii),
            "between": list(self.between),
            "layers": self.layers,
            "functions": self.functions,
            "hidden": self.hidden_width,
            "nodes": self.nodes,
            "window": self.window,
            "samples": self.samples,
        }


_LEVELS: WeakKeyDictionary[PointCloud, dict[Any, list[PointCloud]]] = WeakKeyDictionary()


def _lengths(values: Any, name: str, count: int) -> tuple[float, ...]:
    """Return so many positive lengths."""
    listed = tuple(values) if isinstance(values, Sequence) and not isinstance(values, str) else ()
    if len(listed) != count:
        raise InputError(
            f"MGNO: expected {count} {name} for {count} levels or steps between them, "
            f"got {values!r:.80}"
        )
    return tuple(require_number(value, f"MGNO: {name}", "(0, inf)") for value in listed)
