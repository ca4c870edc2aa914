"""Pointwise functions of band-limited fields without aliases."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import torch
from torch import Tensor

from nwidth.arguments import require_integer, require_integers
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import AxisBasis, require_axes
from nwidth.operators.spectral.fourier_basis import FourierModes
from nwidth.operators.spectral.spectral_transform import Steps, resolved_modes, transformed


@dataclass(frozen=True)
class Dealiasing:
    """Evaluates a pointwise function f of a field on a finer grid and keeps the modes it had.

        P_M f(v),    v = sum_{k < M} c_k p_k,    P_M the analysis on points for `factor` M modes

    On the points of a grid f(v) has modes that the grid cannot tell from lower ones. Layers behind
    take these aliases for signal, and a network of pointwise functions is then another function on
    each grid: it converges only as fast as its fields are resolved. Here v, known on any grid by M
    modes per axis, is evaluated on one fine grid per box, the same whatever the grid of v, and f(v)
    is cut to M modes there. What a network computes from fields of M modes is then the same on all
    grids that resolve them, to round-off; what is aliased still, on the fine grid, vanishes
    exponentially with `factor` for analytic f. Twice 3/2 modes leave squares exact: Orszag (1971),
    doi:10.1175/1520-0469(1971)028<1074:OTEOAI>2.0.CO;2.

    Args:
        bases: of each axis, with constants among their functions and without padding.
        modes: M, per axis; at least those of the spectral layers.
        factor: points of the fine grid per mode that is kept, 2 for analytic functions like gelu.

    Raises `InputError` for other bases, and for grids that do not resolve M modes.

    >>> from nwidth.operators.spectral.spectral_transform import axis_bases
    >>> square = Dealiasing(axis_bases("fourier", 1), (3,))
    >>> axis = Axis.uniform(6, periodic=True)
    >>> v = torch.tensor(axis.points * 4 * torch.pi).cos().view(1, 6, 1)
    >>> (v * v).flatten().round(decimals=6).tolist()  # 1/2 + cos(8 pi x) / 2, seen as cos(4 pi x)
    [1.0, 0.25, 0.25, 1.0, 0.25, 0.25]
    >>> square(torch.square, v, (axis,)).flatten().round(decimals=6).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """

    bases: tuple[AxisBasis, ...]
    modes: tuple[int, ...]
    factor: int = 2

    def __post_init__(self):
        object.__setattr__(self, "modes", require_integers(self.modes, "modes", 1))
        require_integer(self.factor, "factor", 1)
        if len(self.modes) != len(self.bases):
            raise InputError(
                f"de-aliasing: expected modes of {len(self.bases)} axes, got {self.modes}"
            )
        for basis in self.bases:
            padded = isinstance(basis, FourierModes) and basis.padding > 0
            if basis.constant is None or padded:
                raise InputError(
                    "de-aliasing: expected bases that contain constants and analyse exactly, got "
                    f"{basis}; use 'fourier' without padding on periodic axes, 'cosine' or "
                    "'chebyshev' between walls"
                )

    def check(self, axes: tuple[Axis, ...]) -> None:
        """Raise `InputError` if the axes resolve fewer modes than are kept."""
        axes = require_axes(axes, len(self.modes), "de-aliasing")
        resolved = resolved_modes(self.bases, axes, self.modes)
        if resolved != self.modes:
            raise InputError(
                f"de-aliasing: expected a grid that resolves {self.modes} modes, got "
                f"{[a.size for a in axes]} points; keep at most {resolved}, or use a finer grid"
            )

    def fine_axes(self, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        """Return the fine grid of the box of these axes."""
        triples = zip(self.bases, axes, self.modes, strict=True)
        return tuple(basis.natural_axis(axis, self.factor * m) for basis, axis, m in triples)

    def __call__(
        self, function: Callable[[Tensor], Tensor], x: Tensor, axes: tuple[Axis, ...]
    ) -> Tensor:
        """Return P_M f(v) on the grid of v, both of shape (batch, *grid, channel)."""
        axes = require_axes(axes, len(self.modes), "de-aliasing")
        sizes = tuple(axis.size for axis in axes)
        if not isinstance(x, Tensor) or tuple(x.shape[1:-1]) != sizes:
            got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise InputError(
                f"de-aliasing: expected a tensor (batch, *grid, channel) on {len(self.modes)} axes "
                f"with {list(sizes)} points, got {got}"
            )
        there, back = _interpolation(self, axes, x.dtype, x.device)
        fine = transformed(x, there)
        return transformed(function(fine), back).reshape(x.shape)


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _interpolation(
    dealiasing: Dealiasing, axes: tuple[Axis, ...], dtype: torch.dtype, device: torch.device
) -> tuple[Steps, Steps]:
    """Return the matrices to the fine grid and back, both of which keep M modes only."""
    dealiasing.check(axes)
    fine = dealiasing.fine_axes(axes)
    there: list[tuple[Tensor, int]] = []
    back: list[tuple[Tensor, int]] = []
    for k, (basis, m) in enumerate(zip(dealiasing.bases, dealiasing.modes, strict=True)):
        for steps, old, new, others in ((there, axes, fine, axes), (back, fine, axes, fine)):
            matrix = basis.synthesis_matrix(old[k], m, new[k].points) @ basis.analysis_matrix(
                old[k], m
            )
            behind = prod(axis.size for axis in others[k + 1 :])
            steps.append((torch.tensor(matrix, dtype=dtype, device=device), behind))
    return tuple(there), tuple(back)
