"""Energy over wavenumbers, and what it says of the resolution."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import to_numpy
from nwidth.solvers.spectral.fourier_space import FourierSpace

Array = NDArray[Any]

# Waves of so many units of round-off of the mean are round-off.
ROUND_OFF = 16


def energy_spectrum(space: FourierSpace, v: Array) -> tuple[Array, Array]:
    """Return wavenumbers and the energy of the modes around each, for each of a batch.

        E(k_j) = 1/2 sum |v_k|^2   over the shell  j - 1/2 <= |k| / k_1 < j + 1/2

    k_1 is the smallest wavenumber of the box. The sum over all shells is half the mean square of
    the function (Parseval). Arrays v have shape (..., *modes), energies (..., shells); others raise
    `InputError`. Reference: Pope (2000), Turbulent Flows, doi:10.1017/CBO9780511840531, chapter 6.

    >>> from nwidth.meshes import Grid
    >>> space = FourierSpace(Grid.periodic(8, upper=2 * np.pi))
    >>> v = space.transform.forward(np.cos(2 * space.grid.axes[0].points))
    >>> energy_spectrum(space, v)[1].round(12).tolist()
    [0.0, 0.0, 0.25, 0.0, 0.0]
    """
    v = require_instance(space, "space", FourierSpace).coefficients(v)
    first = 2 * np.pi / max(axis.length for axis in space.grid.axes)
    shells = np.floor(np.sqrt(space.squared) / first + 0.5).astype(int).ravel()
    v = to_numpy(v)
    energy = 0.5 * (space.weights * abs(v) ** 2).reshape(
        *v.shape[: -len(space.modes)], space.weights.size
    )
    counts = shells.max() + 1
    flat = [np.bincount(shells, one, counts) for one in energy.reshape(-1, energy.shape[-1])]
    return first * np.arange(counts), np.reshape(flat, (*energy.shape[:-1], counts))


def spectral_tail(space: FourierSpace, v: Array, degree: int = 2) -> Array:
    """Return which part of a function's norm is in the upper third of the modes it may have.

        (sum_{k in T} |v_k|^2 / sum_{k != 0} |v_k|^2)^(1/2)
        T: 2/3 <= (degree + 1) |m_a| / n_a along some axis

    The modes are those that `space.dealiased(degree)` keeps, of the 2/3 rule by default. Well
    resolved fields have less than 1e-3; one that jumps where the torus closes has a tail that falls
    as n^(-1/2) alone. Uniform fields have none. Of v with shape (..., *modes) it has shape (...).

    >>> from nwidth.meshes import Grid
    >>> space = FourierSpace(Grid.periodic(64))
    >>> x = space.grid.axes[0].points
    >>> smooth, ramp = (space.transform.forward(u) for u in (np.exp(np.sin(2 * np.pi * x)), x))
    >>> bool(spectral_tail(space, smooth) < 1e-12), spectral_tail(space, ramp).round(2)
    (True, np.float64(0.19))
    """
    v = require_instance(space, "space", FourierSpace).coefficients(v)
    degree = require_integer(degree, "degree", 1)
    v, tail = to_numpy(v), np.zeros(space.modes, bool)
    for n, m in zip(space.shape, space.numbers, strict=True):
        tail |= 3 * (degree + 1) * abs(m) >= 2 * n
    size = abs(v).reshape(*v.shape[: -len(space.modes)], space.weights.size)
    largest = size.max(axis=-1, keepdims=True)  # so that squares are finite
    square = space.weights.ravel() * (size / np.where(largest > 0, largest, 1.0)) ** 2
    whole = square[..., 1:].sum(axis=-1)
    part = square[..., tail.ravel()].sum(axis=-1)
    # Beside a mean, waves of the size of its round-off are none.
    noise = (ROUND_OFF * np.finfo(v.dtype).eps) ** 2 * square[..., 0]
    return np.sqrt(np.where(whole > noise, part / np.where(whole > 0, whole, 1.0), 0.0))
