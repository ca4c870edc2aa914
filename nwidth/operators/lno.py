"""The low-rank neural operator."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nwidth.arguments import require_choice, require_integer
from nwidth.meshes.point_cloud import PointCloud
from nwidth.operators.node_network import NodeNetwork, coordinates_of
from nwidth.operators.seeded_weights import seeded_weights

KERNELS = ("positions", "fields")
# Factor on the first weights of the coordinates.
_SLOPE = 6.0


class LNO(NodeNetwork):
    """A map from functions to functions by learned kernels of low rank.

        v_{l+1}(x) = gelu( W_l v_l(x) + b_l + sum_r phi_lr(x) int psi_lr(y) v_l(y) dy )

    without gelu in the last layer; the integral is a mean over the domain, by the weights of the
    points. Kovachki et al. (2023), Neural operator, arXiv:2108.08481, section 4.2.

    With functions g_p and h_q of x and a(x), one perceptron each for every layer, phi and psi are

        phi_r(x)_oi = sum_p g_p(x) A_poir,   psi_r(y)_oi = sum_q h_q(y) B_qoir

    entry by entry, and (K v)_o = sum_ir phi_r,oi(x) int psi_r,oi v_i. That is the published kernel
    (its perceptrons end in a linear layer with width^2 rank outputs, of which A and B are the
    weights), evaluated from the left and from the right: int h_q v_i first, then A and B, then g_p.
    Nothing larger than (points, functions) is formed, and all costs grow like the points.

    `kernel`: "fields" (phi and psi see x and a(x), as published) or "positions" (x alone: one
    kernel for all samples, cheaper and less accurate where the input is a coefficient).

    Good values: rank 2, functions 64, width 32, 4 layers; learning rate 4e-3, batches of 5. Smooth
    operators suit it; what is rough in the solution passes through W only.

    Shapes, `coordinates`, `waves` and `dirichlet` as in `NodeNetwork`; the kernels always see
    positions unless coordinates=False. Without `waves` they cannot tell x from 1 - x on a torus.

    >>> from nwidth.meshes import Grid
    >>> model = LNO(1, 1, width=8, layers=2, functions=16)
    >>> model(torch.ones(2, 1, 9, 11), Grid.uniform((9, 11)).axes).shape
    torch.Size([2, 1, 9, 11])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        rank: int = 4,
        *,
        dimension: int = 2,
        width: int = 32,
        layers: int = 4,
        functions: int = 64,
        kernel: str = "fields",
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
        self.rank = require_integer(rank, "LNO: rank", 1)
        self.layers = require_integer(layers, "LNO: layers", 1)
        self.functions = require_integer(functions, "LNO: functions", 2)
        self.kernel = require_choice(kernel, "LNO: kernel", KERNELS)
        features = self.coordinate_count + (self.in_channels if kernel == "fields" else 0)
        if not features:
            features = 1  # a kernel that sees nothing is a mean over the domain
        with seeded_weights(self.seed, 1):
            self.skips = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
            sizes = (features, functions, self.coordinate_count)
            self.outer = nn.ModuleList(_perceptron(*sizes) for _ in range(layers))
            self.inner = nn.ModuleList(_perceptron(*sizes) for _ in range(layers))
            # A for phi and B for psi, both (functions, out * in * rank).
            shape = (layers, functions, width * width * self.rank)
            self.phi = nn.Parameter(torch.randn(shape) / functions**0.5)
            self.psi = nn.Parameter(torch.randn(shape) / functions**0.5)

    def on_points(self, x: Tensor, a: Tensor, cloud: PointCloud) -> Tensor:
        """Return the output of the layers, (n, batch, width)."""
        features = self._features(a, cloud)
        shares = torch.tensor(cloud.shares, dtype=x.dtype, device=x.device)
        for k in range(self.layers):
            g, h = self.outer[k](features), self.inner[k](features)
            y = self.skips[k](x) + self._integral(g, h * shares[:, None, None], x, k)
            x = functional.gelu(y) if k < self.layers - 1 else y
        return x

    def _integral(self, g: Tensor, h: Tensor, v: Tensor, k: int) -> Tensor:
        """Return K v (n, batch, width) for g and weighted h (n, batch or 1, functions)."""
        w, r = self.width, self.rank
        batch = v.shape[1]
        h, g = (t.expand(-1, batch, -1).permute(1, 2, 0) for t in (h, g))
        moments = torch.bmm(h, v.transpose(0, 1))  # int h_q v_i, (batch, functions, in)
        psi = self.psi[k].view(-1, w, w, r)
        c = torch.einsum("bqi,qoir->boir", moments, psi)
        # (batch, functions, out), divided by the root of the number of terms: order one stays.
        d = torch.einsum("boir,poir->bpo", c, self.phi[k].view(-1, w, w, r)) / (w * r) ** 0.5
        return torch.bmm(g.transpose(1, 2), d).transpose(0, 1)

    def _features(self, a: Tensor, cloud: PointCloud) -> Tensor:
        """Return what the kernel sees: positions, and the input sample by sample."""
        batch = a.shape[1] if self.kernel == "fields" else 1
        count, columns = self.coordinate_count, []
        if count:
            columns.append(coordinates_of(cloud, a, count)[:, None].expand(-1, batch, -1))
        if self.kernel == "fields":
            columns.append(a)
        return torch.cat(columns, dim=-1) if columns else a.new_ones(len(cloud), 1, 1)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            **self.settings(),
            "rank": self.rank,
            "layers": self.layers,
            "functions": self.functions,
            "kernel": self.kernel,
        }


def _perceptron(features: int, functions: int, coordinates: int) -> nn.Module:
    """Return a perceptron with two hidden layers, the last of them the functions.

    The weights of the coordinates begin larger, so that the functions differ within the box: on
    Darcy flow half the error after five epochs.
    """
    first = nn.Linear(features, functions)
    with torch.no_grad():
        first.weight[:, :coordinates].mul_(_SLOPE)
        first.bias.mul_(_SLOPE)
    return nn.Sequential(first, nn.GELU(), nn.Linear(functions, functions), nn.GELU())
