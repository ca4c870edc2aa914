"""Norms of fields by their coefficients: the Sobolev norm of any order, weights per wavenumber."""

from functools import lru_cache
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nwidth.errors import InputError
from nwidth.meshes import Axis

Axes = tuple[Axis, ...]
Weights = tuple[float, ...]


def spectral_norm(v: Tensor, axes: Axes, order: float, weights: Weights = ()) -> Tensor:
    """Return the norm of each sample by its coefficients in the waves of the axes.

        ||v||^2 = sum_k g_k (1 + |kappa_k|^2)^order |c_k|^2

    with c the coefficients in an orthonormal basis of L2: sines and cosines of wavenumber
    kappa = 2 pi j on periodic axes of length one, cosines of kappa = pi j on the others, on which
    they converge for every function, whatever its boundary values. By Parseval's equation order 0
    is the L2 norm; 1 is the H1 norm of the band-limited interpolant, in units of the box; negative
    orders count the large scales most. With other orders than 0 functions with walls should have
    order < 3/2, beyond which the sum of cosines need not converge.

    `weights` gives g by wavenumber: g_k = weights[round(j)] with j = |(j_1, ..., j_d)|, the last
    weight for all beyond the end of the list; () means 1 everywhere.

    Lions & Magenes (1972), doi:10.1007/978-3-642-65161-8, chapter 1, section 7. Shapes (batch,
    channels, *grid) -> (batch,). One matrix product per axis: dear only beyond some 500 points per
    axis. Raises `InputError` for axes that are not uniform.

    >>> axes = (Axis.uniform(8, periodic=True),)
    >>> wave = torch.tensor(axes[0].points * 2 * torch.pi).cos()[None, None]
    >>> round(spectral_norm(wave, axes, 0.0).item() ** 2, 12)
    0.5
    >>> round(spectral_norm(wave, axes, 0.0, weights=(1.0, 9.0)).item() ** 2, 12)
    4.5
    """
    for k, axis in enumerate(axes):
        matrix = _analysis(axis, v.dtype, v.device)
        v = torch.tensordot(matrix, v, dims=([1], [k + 2])).movedim(0, k + 2)
    v = v * _roots(axes, order, weights, v.dtype, v.device)
    return torch.linalg.vector_norm(v.flatten(1), dim=1)


def _waves(axis: Axis) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the orthonormal waves (n, n) at the points, and the number j of each."""
    if not axis.is_uniform:
        raise InputError(
            f"spectral norm: expected uniform axes, got {axis!r:.80}; use the loss 'l2' or 'h1'"
        )
    n, x = axis.size, (axis.points - axis.lower) / axis.length
    if not axis.periodic:
        j = np.arange(n, dtype=float)
        return np.cos(np.pi * j[:, None] * x), j
    sines = np.arange(1, (n - 1) // 2 + 1)
    phases = 2 * np.pi * np.arange(n // 2 + 1)[:, None] * (x - x[0])
    return np.concatenate([np.cos(phases), np.sin(phases[sines])]), np.concatenate(
        [np.arange(n // 2 + 1.0), sines]
    )


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _analysis(axis: Axis, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix from values at the points to coefficients, of one axis."""
    waves, _ = _waves(axis)
    widths = axis.widths
    # The waves are orthogonal in the quadrature of the axis; their sizes are its own.
    sizes = np.sqrt((waves**2 * widths).sum(axis=1, keepdims=True))
    return torch.tensor(waves * widths / sizes, dtype=dtype, device=device)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _roots(
    axes: Axes, order: float, weights: Weights, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return square roots of the weights of all coefficients, shape (*grid)."""
    squares, numbers = np.zeros(()), np.zeros(())
    for axis in axes:
        _, j = _waves(axis)
        kappa = (2 if axis.periodic else 1) * np.pi * j
        squares = np.add.outer(squares, kappa**2)
        numbers = np.add.outer(numbers, j**2)
    roots = (1 + squares) ** (order / 2)
    if weights:
        shells = np.minimum(np.rint(np.sqrt(numbers)).astype(int), len(weights) - 1)
        roots = roots * np.array([sqrt(w) for w in weights])[shells]
    return torch.tensor(roots, dtype=dtype, device=device)
