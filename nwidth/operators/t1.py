"""Transform Once: a network whose layers all live in the spectrum."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nwidth.arguments import require_integer
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.seeded_weights import seeded_weights
from nwidth.operators.spectral.axis_basis import Matrix, require_axes
from nwidth.operators.spectral.orthonormal_modes import (
    coefficient_count,
    orthonormal_frame,
    require_bases,
    require_modes,
)
from nwidth.operators.training.mixed_precision import in_full_precision

# Mean of gelu(x)^2 for a standard normal x, and the variance that all layers together add.
_GELU, _ADDED = 0.4252, 0.5


class T1(OperatorNetwork):
    """Transform once: coefficients of the input become coefficients of the output.

        z_0 = sqrt(K) (P c + p),     c = coefficients of the input, K of them per function
        z_{l+1} = z_l + M_d ... M_1 gelu(R_l . z_l + b_l),     coefficients of u = Q z_L / sqrt(K)

    Poli et al. (2022), Transform once: efficient operator learning in frequency domain,
    arXiv:2211.14453, in our own words: R mixes the channels of each mode, each M_a the modes along
    axis a, channel by channel. One transform at the door and one on the way out; training needs
    neither. Data are transformed once for all epochs and compared in the spectrum, where
    Parseval's equation makes the loss the L2 error of the functions (`CoefficientTask`, which
    `NeuralOperator.fit` uses for this network). What the highest modes cut off of the targets no
    training can bring back: `CoefficientTask.truncation_error` says how much that is, and
    `modes_by_energy` how many modes keep it below a limit.

    The coefficients are those of orthonormal functions of the box, the lowest per axis: "cosine"
    and "sine" with `modes` numbers each, "fourier" (cosines and sines of the box as period) with
    2 modes - 1. `bases` is one word or one per axis, for the input; `output_bases` those of the
    output, by default the same. With "sine" the output vanishes exactly at both ends. The network
    is a map of functions: on every grid that resolves the modes of a band-limited input it is the
    same to round-off, because nothing between the two transforms knows of points.

    Initialization keeps the variance: the factor sqrt(K) makes up for the modes that are left out,
    R has entries of variance 1 / width and M_a of 1 / K_a, less in M_1, so that all layers together
    add half of the variance of z_0. Q begins at 1e-8 of its usual size.

    Shapes: forward(v, axes) maps (batch, in_channels, *grid) to (batch, out_channels, *grid) in one
    to three dimensions. Layers have K (width^2 + width) + width sum_a K_a^2 numbers.

    Good values: as many modes as `modes_by_energy` says for a tenth of the error hoped for; width
    32 to 64, 4 to 8 layers, learning_rate 4e-3. It does well where the output is smooth; rough
    coefficients and sharp fronts need modes, for which `FNO` pays less.

    >>> from nwidth.meshes import Grid
    >>> model = T1(1, 1, modes=(4, 4), bases="cosine", output_bases="sine", width=8, layers=2)
    >>> u = model(torch.ones(3, 1, 9, 11), Grid.uniform((9, 11)).axes)
    >>> u.shape, u[..., 0].abs().max().item()
    (torch.Size([3, 1, 9, 11]), 0.0)
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        modes: int | Sequence[int] = (12, 12),
        *,
        bases: str | Sequence[str] = "cosine",
        output_bases: str | Sequence[str] | None = None,
        width: int = 48,
        layers: int = 4,
        seed: int = 0,
    ):
        super().__init__()
        self.in_channels = require_integer(in_channels, "in_channels", 1)
        self.out_channels = require_integer(out_channels, "out_channels", 1)
        self.modes = require_modes(modes, "T1")
        self.dimension = d = len(self.modes)
        self.bases = require_bases(bases, d, "bases")
        after = self.bases if output_bases is None else output_bases
        self.output_bases = require_bases(after, d, "output_bases")
        both = zip(self.bases, self.output_bases, strict=True)
        if any((a == "fourier") != (b == "fourier") for a, b in both):
            raise InputError(
                "T1: expected the same axes to be 'fourier' in bases and output_bases, got "
                f"{self.bases} and {self.output_bases}; only such modes correspond"
            )
        walls = tuple(basis == "sine" for basis in self.output_bases)
        self.dirichlet = walls if any(walls) else ()
        self.width = require_integer(width, "width", 1)
        self.layers = require_integer(layers, "layers", 1)
        self.seed = require_integer(seed, "seed", 0)
        # K_a, the number of coefficients along each axis.
        self.sizes = tuple(
            coefficient_count(b, m) for b, m in zip(self.bases, self.modes, strict=True)
        )
        with seeded_weights(self.seed):
            k, w = prod(self.sizes), self.width
            self.lift = nn.Parameter(torch.randn(self.in_channels, w) / self.in_channels**0.5)
            self.shift = nn.Parameter(torch.zeros(k, 1, w))
            self.mixers = nn.ParameterList(  # R_l
                torch.randn(k, w, w) / w**0.5 for _ in range(self.layers)
            )
            self.biases = nn.ParameterList(torch.zeros(k, 1, w) for _ in range(self.layers))
            self.exchanges = nn.ModuleList(self._exchange() for _ in range(self.layers))
            self.head = nn.Parameter(1e-8 * torch.randn(w, self.out_channels) / w**0.5)

    def _exchange(self) -> nn.ParameterList:
        """Return the matrices M_a of one layer, shape (width, K_a, K_a) each."""
        shares = [(_ADDED / self.layers / _GELU) ** 0.5] + [1.0] * (self.dimension - 1)
        return nn.ParameterList(
            share * torch.randn(self.width, k, k) / k**0.5
            for share, k in zip(shares, self.sizes, strict=True)
        )

    def check(self, axes: tuple[Axis, ...]) -> None:
        """Raise `InputError`, saying the most that is possible, if the axes resolve fewer modes."""
        axes = require_axes(axes, self.dimension, "T1")
        for bases in (self.bases, self.output_bases):
            for axis, m, basis in zip(axes, self.modes, bases, strict=True):
                orthonormal_frame(axis, m, basis)

    def forward(self, v: Tensor, axes: tuple[Axis, ...], /) -> Tensor:
        """Return the output function on the same axes."""
        self.require_fields(v, axes)
        return self.synthesis(self.coefficients(self.analysis(v, axes)), axes)

    @in_full_precision
    def analysis(
        self, v: Tensor, axes: tuple[Axis, ...], bases: tuple[str, ...] | None = None
    ) -> Tensor:
        """Return the coefficients (batch, channels, K_1, ..., K_d) of functions on a grid.

        Targets take `bases=model.output_bases`.
        """
        axes = require_axes(axes, self.dimension, "T1")
        _require_shape(v, "functions", tuple(axis.size for axis in axes))
        there, _ = _matrices(axes, self.modes, bases or self.bases, v.dtype, v.device)
        return _along_axes(v, there)

    @in_full_precision
    def synthesis(self, c: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        """Return the functions of coefficients, in the bases of the output, on any grid."""
        axes = require_axes(axes, self.dimension, "T1")
        _require_shape(c, "coefficients", self.sizes)
        _, back = _matrices(axes, self.modes, self.output_bases, c.dtype, c.device)
        return _along_axes(c, back)

    def coefficients(self, c: Tensor) -> Tensor:
        """Return the output's coefficients (batch, out, *K) for the input's (batch, in, *K)."""
        _require_shape(c, "coefficients", self.sizes, self.in_channels)
        root = prod(self.sizes) ** 0.5
        # Modes first, channels last: R is then one batch of matrix products.
        z = c.flatten(2).permute(2, 0, 1)
        z = root * (torch.matmul(z, self.lift) + self.shift)
        layers: Any = zip(self.mixers, self.biases, self.exchanges, strict=True)
        for mixer, bias, exchange in layers:
            z = z + self._exchanged(functional.gelu(torch.baddbmm(bias, z, mixer)), exchange)
        u = torch.matmul(z, self.head) / root
        return u.permute(1, 2, 0).reshape(len(c), self.out_channels, *self.sizes)

    def _exchanged(self, y: Tensor, exchange: Sequence[Tensor]) -> Tensor:
        """Return M_d ... M_1 y for y (K, batch, width)."""
        batch, d = y.shape[1], self.dimension
        y = y.view(*self.sizes, batch, self.width).permute(d + 1, *range(d + 1)).contiguous()
        for a, matrix in enumerate(exchange):
            behind = prod(self.sizes[a + 1 :]) * batch
            y = torch.matmul(matrix[:, None], y.view(self.width, -1, self.sizes[a], behind))
        return y.view(self.width, -1, batch).permute(1, 2, 0)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "modes": list(self.modes),
            "bases": list(self.bases),
            "output_bases": list(self.output_bases),
            "width": self.width,
            "layers": self.layers,
            "seed": self.seed,
        }


def _require_shape(
    values: Any, what: str, sizes: tuple[int, ...], channels: int | None = None
) -> None:
    """Raise `InputError` unless values are a tensor (batch, channels, *sizes)."""
    good = isinstance(values, Tensor) and values.ndim > 2 and values.shape[2:] == sizes
    if not good or channels not in (None, values.shape[1]):
        got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        wanted = ", ".join(map(str, ("batch", channels or "channels", *sizes)))
        raise InputError(f"T1: expected {what} as a tensor of shape ({wanted}), got {got}")


def _along_axes(v: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Multiply (batch, channels, *grid) by one matrix per axis."""
    for matrix in matrices:  # the first grid axis goes in, its coefficients come out last
        v = torch.tensordot(v, matrix, dims=([2], [1]))
    return v


@lru_cache(maxsize=128)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _matrices(
    axes: tuple[Axis, ...],
    modes: tuple[int, ...],
    bases: tuple[str, ...],
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the analysis and the synthesis matrix of each axis."""
    frames = [orthonormal_frame(*three) for three in zip(axes, modes, bases, strict=True)]
    there, back = zip(*frames, strict=True)

    def tensors(matrices: Sequence[Matrix]) -> list[Tensor]:
        return [torch.tensor(m, dtype=dtype, device=device) for m in matrices]

    return tensors(there), tensors(back)
