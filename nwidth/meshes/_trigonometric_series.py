"""Cosine, sine and Fourier series along one axis: frequencies, norms, fast evaluation at points.

The series is sum_m a_m phi_m(x) over the eigenfunctions of -d^2/dx^2, orthonormal in L2(lower,
upper), with t = x - lower, length L and M modes:

    neumann    phi_m = c_m cos(pi m t / L),                 m = 0 ... M-1
    dirichlet  phi_m = c_m sin(pi m t / L),                 m = 1 ... M
    periodic   c_m cos(2 pi m t / L), c_m sin(2 pi m t/L),  m = 0 ... M-1, ordered 1, cos, sin, ...

and c_0 = L^(-1/2), c_m = (2/L)^(1/2). Evaluation is a DCT, DST or real FFT (Makhoul 1980,
doi:10.1109/TASSP.1980.1163351). Modes that the points cannot tell apart (M beyond the resolution)
are added up first, so the values are those of the whole series.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from nwidth.meshes.axis import Axis

Array = NDArray[np.float64]

BOUNDARIES = ("neumann", "dirichlet", "periodic")


def resolved_modes(axis: Axis, boundary: str) -> int:
    """Return the largest number of modes that the points tell apart."""
    n = axis.size
    if boundary == "periodic":
        return (_distinct(axis) + 1) // 2
    return n - 2 if boundary == "dirichlet" and axis.centering == "node" else n


def terms(boundary: str, modes: int) -> int:
    """Return the number of real coefficients."""
    return 2 * modes - 1 if boundary == "periodic" else modes


def eigenvalues(axis: Axis, boundary: str, modes: int) -> Array:
    """Return the eigenvalue of -d^2/dx^2 for each coefficient, shape `(terms,)`."""
    m = np.arange(terms(boundary, modes), dtype=np.float64)
    if boundary == "periodic":
        return (2 * np.pi * np.ceil(m / 2) / axis.length) ** 2
    return (np.pi * (m + (boundary == "dirichlet")) / axis.length) ** 2


def norms(axis: Axis, boundary: str, modes: int) -> Array:
    """Return c_m for each coefficient, shape `(terms,)`."""
    c = np.full(terms(boundary, modes), (2 / axis.length) ** 0.5)
    if boundary != "dirichlet":
        c[0] = axis.length**-0.5
    return c


def evaluate(a: Array, k: int, axis: Axis, boundary: str) -> Array:
    """Return sum_m a_m cos or sin(...) at the points of `axis`, which is axis k of the arrays."""
    a = np.moveaxis(a, k, -1)
    series = {"neumann": _cosines, "dirichlet": _sines, "periodic": _fourier}[boundary]
    return np.moveaxis(series(a, axis), -1, k)


def _cosines(a: Array, axis: Axis) -> Array:
    n, m = axis.size, np.arange(a.shape[-1])
    if axis.centering == "node":
        # cos(pi m j / N) has period 2N in m and is even about N.
        r = m % (2 * n - 2)
        a = _gather(a, np.minimum(r, 2 * n - 2 - r), np.ones(len(m)), n)
        a[..., [0, -1]] *= 2
        return fft.dct(a, type=1, overwrite_x=True) / 2
    # cos(pi m (j + 1/2) / n) has antiperiod 2n in m and is odd about n.
    r = m % (2 * n)
    sign = (-1.0) ** (m // (2 * n)) * np.sign(n - r)
    a = _gather(a, np.where(r == n, 0, np.minimum(r, 2 * n - r)), sign, n)
    a[..., 0] *= 2
    return fft.dct(a, type=3, overwrite_x=True) / 2


def _sines(a: Array, axis: Axis) -> Array:
    n, m = axis.size, 1 + np.arange(a.shape[-1])
    if axis.centering == "node":
        # sin(pi m j / N) has period 2N in m, is odd about N, and vanishes at both ends.
        big = n - 1
        r = m % (2 * big)
        vanishes = (r == 0) | (r == big)
        sign = np.where(vanishes, 0.0, np.sign(big - r))
        a = _gather(a, np.where(vanishes, 0, np.minimum(r, 2 * big - r) - 1), sign, n - 2)
        inner = fft.dst(a, type=1, overwrite_x=True) / 2 if n > 2 else a
        return np.pad(inner, [(0, 0)] * (a.ndim - 1) + [(1, 1)])
    # sin(pi m (j + 1/2) / n) has antiperiod 2n in m and is even about n.
    r = m % (2 * n)
    sign = (-1.0) ** (m // (2 * n)) * np.where(r == 0, 0.0, 1.0)
    a = _gather(a, np.where(r == 0, 0, np.minimum(r, 2 * n - r) - 1), sign, n)
    a[..., -1] *= 2
    return fft.dst(a, type=3, overwrite_x=True) / 2


def _fourier(a: Array, axis: Axis) -> Array:
    n = _distinct(axis)
    m = np.arange(a.shape[-1] // 2 + 1)
    c = np.empty((*a.shape[:-1], len(m)), dtype=np.complex128)
    c[..., 0] = a[..., 0]
    c[..., 1:].real, c[..., 1:].imag = a[..., 1::2], -a[..., 2::2]
    if axis.centering == "cell":
        c *= np.exp(1j * np.pi * m / n)
    # Re c e^(2 pi i m j / n) has period n in m; beyond n/2 the conjugate at n - m is the same.
    r = m % n
    beyond = r > n // 2
    c[..., beyond] = c[..., beyond].conj()
    c = _gather(c, np.minimum(r, n - r), np.ones(len(m)), n // 2 + 1)
    c[..., 0] *= 2
    if n % 2 == 0:
        c[..., -1] *= 2
    values = fft.irfft(c, n, norm="forward", overwrite_x=True) / 2
    return values if n == axis.size else np.concatenate([values, values[..., :1]], axis=-1)


def _distinct(axis: Axis) -> int:
    """Return the number of different points of the torus: both end nodes are the same one."""
    return axis.size - (axis.centering == "node" and not axis.periodic)


def _gather(a: Any, target: NDArray[Any], sign: NDArray[Any], size: int) -> Any:
    """Return the array of `size` columns to which each column of a is added at its target."""
    out = np.zeros((*a.shape[:-1], size), dtype=a.dtype)
    kept = min(a.shape[-1], size)
    out[..., :kept] = a[..., :kept]
    for column in range(kept, a.shape[-1]):
        if sign[column]:
            out[..., target[column]] += sign[column] * a[..., column]
    return out
