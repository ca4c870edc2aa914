"""The network of neural spectral methods: coefficients in, coefficients out."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nwidth.arguments import require_integer, require_integers
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.seeded_weights import seeded_weights
from nwidth.operators.spectral.axis_basis import AxisBasis
from nwidth.operators.spectral.spectral_conv import SpectralConv
from nwidth.operators.spectral.spectral_transform import axis_bases


class NeuralSpectralNetwork(OperatorNetwork):
    """Layers between coefficients, nonlinear at the points of one grid of their own.

        u~ <- T(sigma(T^-1(W_k u~_k + V u~ + b)))

    T takes values at `points` per axis to the coefficients of as many functions, one basis per
    axis; W_k acts on `modes` of them, one matrix for each, V on all. Lift and projection are
    pointwise. Whatever grid functions come on, they are expanded in the functions of that one grid
    and the result is evaluated where it is wanted: output and its derivatives are those of a finite
    sum, which `SpectralResidual` differentiates exactly, and the network is the same map of
    functions on every grid that resolves its input. Reference: Du, Chalapathi & Krishnapriyan
    (2024), Neural spectral methods: self-supervised learning in the spectral domain,
    arXiv:2312.05225, section 3.1.

    Args:
        in_channels, out_channels: functions that go in and come out.
        points: of each axis, as many as basis functions (of "fourier" 2 m + 1 for m waves).
        modes: that W_k acts on, as `SpectralConv` counts them.
        bases: "chebyshev" for time and between walls, "fourier" for periodic axes, "sine" and
            "cosine" (at equidistant nodes) for W_k between walls; what comes from and goes to other
            grids is then expanded in cosines.
        width, layers, projection: channels inside, number of layers, channels of the projection.
        seed: of the initial weights.

    Good values: of 32 x 64 points 12 x 20 modes, width 24 to 32, four layers.

    >>> network = NeuralSpectralNetwork(points=(9, 16), modes=(4, 4), width=8, layers=2)
    >>> coarse, fine = (
    ...     (Axis.chebyshev(9, 0.0, 1.0), Axis.uniform(n, periodic=True)) for n in (16, 32)
    ... )
    >>> v = torch.cos(2 * torch.pi * torch.arange(32) / 32).expand(1, 1, 9, 32)
    >>> torch.allclose(network(v, fine)[..., ::2], network(v[..., ::2], coarse), atol=1e-5)
    True
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        points: Sequence[int] = (32, 64),
        modes: Sequence[int] = (12, 16),
        *,
        bases: Sequence[str] = ("chebyshev", "fourier"),
        width: int = 24,
        layers: int = 4,
        projection: int = 64,
        seed: int = 0,
    ):
        super().__init__()
        self.in_channels = require_integer(in_channels, "in_channels", 1)
        self.out_channels = require_integer(out_channels, "out_channels", 1)
        self.points = require_integers(points, "points", 3)
        self.modes = require_integers(modes, "modes", 1)
        if len(self.points) != len(self.modes) or len(self.points) > 3:
            raise InputError(
                f"points: expected one number for each of one to three axes, as many as modes, got "
                f"{self.points} and modes={self.modes}"
            )
        self.bases = (bases,) * len(self.modes) if isinstance(bases, str) else tuple(bases)
        # Sines lack most functions; those at nodes are sums of as many cosines.
        whole = ["cosine" if name == "sine" else name for name in self.bases]
        self._bases = axis_bases(whole, len(self.modes))
        axis_bases(self.bases, len(self.modes))
        for name, n, m in zip(self.bases, self.points, self.modes, strict=True):
            most = {"fourier": (n + 1) // 2, "sine": n - 2}.get(name, n)
            if m > most:
                raise InputError(
                    f"modes: expected at most {most} of '{name}' at {n} points, got {m}; take more "
                    "points or fewer modes"
                )
        self.dimension, self.width = len(self.modes), require_integer(width, "width", 1)
        self.projection = require_integer(projection, "projection", 1)
        layers = require_integer(layers, "layers", 1)
        self.seed = require_integer(seed, "seed", 0)
        with seeded_weights(self.seed):
            self.lift = nn.Linear(self.in_channels, self.width)
            self.convolutions = nn.ModuleList(
                SpectralConv(self.width, self.width, self.modes, bases=self.bases)
                for _ in range(layers)
            )
            self.skips = nn.ModuleList(nn.Linear(self.width, self.width) for _ in range(layers))
            self.hidden = nn.Linear(self.width, self.projection)
            self.output = nn.Linear(self.projection, self.out_channels)

    def collocation(self, axes: Sequence[Axis]) -> tuple[Axis, ...]:
        """Return the axes that the network works on, over the box of others."""
        triples = zip(axes, self.bases, self.points, strict=True)
        return tuple(_collocation_axis(axis, name, n) for axis, name, n in triples)

    def check(self, axes: tuple[Axis, ...]) -> None:
        """Raise `InputError` for periodic axes without waves, and too few points for the modes."""
        for axis, basis, modes in zip(axes, self._bases, self.modes, strict=True):
            basis.require_resolved(axis, modes)

    def forward(self, v: Tensor, axes: tuple[Axis, ...], /) -> Tensor:
        """Return the output function on the same axes."""
        self.require_fields(v, axes)
        own = self.collocation(axes)
        there, back = _between(tuple(axes), own, self._bases, v.dtype, v.device)
        for k, matrix in enumerate(there):
            v = _along(matrix, v, k + 2)
        u = self.at_collocation(v, own)
        for k, matrix in enumerate(back):
            u = _along(matrix, u, k + 2)
        return u

    def at_collocation(self, v: Tensor, own: tuple[Axis, ...]) -> Tensor:
        """Return the output at the network's own points of an input there."""
        x = self.lift(v.movedim(1, -1))
        layers: Any = zip(self.convolutions, self.skips, strict=True)
        for k, (convolution, skip) in enumerate(layers):
            y = convolution(x.movedim(-1, 1), own, bias=skip.bias, pointwise=skip.weight)
            x = y.movedim(1, -1)
            if k < len(self.skips) - 1:
                x = functional.gelu(x)
        return self.output(functional.gelu(self.hidden(x))).movedim(-1, 1)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "points": list(self.points),
            "modes": list(self.modes),
            "bases": list(self.bases),
            "width": self.width,
            "layers": len(self.skips),
            "projection": self.projection,
            "seed": self.seed,
        }


def _collocation_axis(axis: Axis, basis: str, points: int) -> Axis:
    """Return Chebyshev's points, or equidistant ones, over an axis."""
    if axis.periodic != (basis == "fourier"):
        wanted = "one with two ends" if axis.periodic else "a periodic one"
        other = "fourier" if axis.periodic else "chebyshev"
        raise InputError(
            f"axis {axis.name}: expected {wanted} for the basis '{basis}', got {axis}; "
            f"use '{other}'"
        )
    if basis == "chebyshev":
        return Axis.chebyshev(points, axis.lower, axis.upper, name=axis.name)
    upper = axis.lower + axis.length
    return Axis.uniform(points, axis.lower, upper, name=axis.name, periodic=axis.periodic)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _between(
    axes: tuple[Axis, ...],
    own: tuple[Axis, ...],
    bases: tuple[AxisBasis, ...],
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[tuple[Tensor | None, ...], tuple[Tensor | None, ...]]:
    """Return matrices from values on axes to those at the network's points and back, per axis."""
    there: list[Tensor | None] = []
    back: list[Tensor | None] = []
    for axis, one, basis in zip(axes, own, bases, strict=True):
        # The highest wave of an even number of points is none on other grids: it is left out.
        if _same_points(axis, one) and not (basis.name == "fourier" and one.size % 2 == 0):
            there.append(None)
            back.append(None)
            continue
        for matrices, a, b in ((there, axis, one), (back, one, axis)):
            modes = basis.resolved_modes(a, one.size)
            matrix = basis.synthesis_matrix(a, modes, b.points) @ basis.analysis_matrix(a, modes)
            matrices.append(torch.tensor(matrix, dtype=dtype, device=device))
    return tuple(there), tuple(back)


def _same_points(one: Axis, two: Axis) -> bool:
    return one.size == two.size and bool(
        np.allclose(one.points, two.points, rtol=0, atol=1e-12 * one.length)
    )


def _along(matrix: Tensor | None, v: Tensor, axis: int) -> Tensor:
    """Return a tensor multiplied by a matrix along an axis; None is the identity."""
    if matrix is None:
        return v
    before, n, after = v.shape[:axis], v.shape[axis], v.shape[axis + 1 :]
    out = matrix @ v.reshape(*before, n, prod(after))
    return out.view(*before, len(matrix), *after)
