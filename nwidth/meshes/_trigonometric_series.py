"""Cosine, sine and Fourier series along one axis: frequencies, norms, fast evaluation at points.

The series is sum_m a_m phi_m(x) over the eigenfunctions of -d^2/dx^2, orthonormal in L2(lower,
upper), with t = x - lower, length L and M modes:

    neumann    phi_m = c_m cos(pi m t / L),                 m = 0 ... M-1
    dirichlet  phi_m = c_m sin(pi m t / L),                 m = 1 ... M
    periodic   c_m cos(2 pi m t / L), c_m sin(2 pi m t/L),  m = 0 ... M-1, ordered 1, cos, sin, ...

and c_0 = L^(-1/2), c_m = (2/L)^(1/2). Evaluation is a DCT, DST or real FFT (Makhoul 1980,
doi:10.1109/TASSP.1980.1163351), or two matrix products where the length of the transform has a
large prime factor (`_parity_series`). Modes that the points cannot tell apart (M beyond the
resolution) are added up first, so the values are those of the whole series.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from nwidth.meshes import _parity_series as parity
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
    """Return sum_m a_m cos or sin(...) at the points of `axis`, axis k of the arrays.

    The array a may be overwritten.
    """
    n, terms = axis.size, a.shape[k]
    periodic, node = boundary == "periodic", axis.centering == "node"
    length = _distinct(axis) if periodic else n - node
    if parity.pays(length, n, terms, first_kind=node and not periodic):
        points = n + (axis.periodic and node)  # with the end that a periodic axis leaves out
        spacing = 2 * length
        values = parity.evaluate(a, k, boundary, points, spacing, 0 if node else 1)
        return values if points == n else values[(slice(None),) * k + (slice(n),)]
    return {"neumann": _cosines, "dirichlet": _sines, "periodic": _fourier}[boundary](a, k, axis)


def _cosines(a: Array, k: int, axis: Axis) -> Array:
    n, m, at = axis.size, np.arange(a.shape[k]), _At(k)
    if axis.centering == "node":
        # cos(pi m j / N) has period 2N in m and is even about N.
        r = m % (2 * n - 2)
        a = _gather(a, k, np.minimum(r, 2 * n - 2 - r), np.ones(len(m)), n)
        a[at[[0, -1]]] *= 2
        a = fft.dct(a, type=1, axis=k, overwrite_x=True)
    else:
        # cos(pi m (j + 1/2) / n) has antiperiod 2n in m and is odd about n.
        r = m % (2 * n)
        sign = (-1.0) ** (m // (2 * n)) * np.sign(n - r)
        a = _gather(a, k, np.where(r == n, 0, np.minimum(r, 2 * n - r)), sign, n)
        a[at[0]] *= 2
        a = fft.dct(a, type=3, axis=k, overwrite_x=True)
    a *= 0.5
    return a


def _sines(a: Array, k: int, axis: Axis) -> Array:
    n, m, at = axis.size, 1 + np.arange(a.shape[k]), _At(k)
    if axis.centering == "node":
        # sin(pi m j / N) has period 2N in m, is odd about N, and vanishes at both ends.
        big = n - 1
        r = m % (2 * big)
        vanishes = (r == 0) | (r == big)
        sign = np.where(vanishes, 0.0, np.sign(big - r))
        a = _gather(a, k, np.where(vanishes, 0, np.minimum(r, 2 * big - r) - 1), sign, n - 2)
        values = np.zeros((*a.shape[:k], n, *a.shape[k + 1 :]))
        inner = fft.dst(a, type=1, axis=k, overwrite_x=True) if n > 2 else a
        np.multiply(inner, 0.5, out=values[at[1:-1]])
        return values
    # sin(pi m (j + 1/2) / n) has antiperiod 2n in m and is even about n.
    r = m % (2 * n)
    sign = (-1.0) ** (m // (2 * n)) * np.where(r == 0, 0.0, 1.0)
    a = _gather(a, k, np.where(r == 0, 0, np.minimum(r, 2 * n - r) - 1), sign, n)
    a[at[-1]] *= 2
    a = fft.dst(a, type=3, axis=k, overwrite_x=True)
    a *= 0.5
    return a


def _fourier(a: Array, k: int, axis: Axis) -> Array:
    n, at = _distinct(axis), _At(k)
    m = np.arange(a.shape[k] // 2 + 1)
    along = [1] * a.ndim
    along[k] = -1
    c = np.empty((*a.shape[:k], len(m), *a.shape[k + 1 :]), dtype=np.complex128)
    c[at[0]] = a[at[0]]
    c.real[at[1:]] = a[at[1::2]]
    np.negative(a[at[2::2]], out=c.imag[at[1:]])
    if axis.centering == "cell":
        c *= np.exp(1j * np.pi * m / n).reshape(along)
    # Re c e^(2 pi i m j / n) has period n in m; beyond n/2 the conjugate at n - m is the same.
    r = m % n
    beyond = np.flatnonzero(r > n // 2)
    if len(beyond):
        c[at[beyond]] = c[at[beyond]].conj()
    c = _gather(c, k, np.minimum(r, n - r), np.ones(len(m)), n // 2 + 1)
    c[at[0]] *= 2
    if n % 2 == 0:
        c[at[-1]] *= 2
    values = fft.irfft(c, n, axis=k, norm="forward", overwrite_x=True)
    values *= 0.5
    if n == axis.size:
        return values
    return np.concatenate([values, values[at[:1]]], axis=k)


def _distinct(axis: Axis) -> int:
    """Return the number of different points of the torus: both end nodes are the same one."""
    return axis.size - (axis.centering == "node" and not axis.periodic)


def _gather(a: Any, k: int, target: NDArray[Any], sign: NDArray[Any], size: int) -> Any:
    """Return the array of `size` layers along axis k to which each layer is added at its target."""
    count, at = a.shape[k], _At(k)
    if count == size:
        return a
    out = np.zeros((*a.shape[:k], size, *a.shape[k + 1 :]), dtype=a.dtype)
    kept = min(count, size)
    out[at[:kept]] = a[at[:kept]]
    for layer in range(kept, count):
        if sign[layer]:
            out[at[int(target[layer])]] += sign[layer] * a[at[layer]]
    return out


class _At:
    """Index along one axis."""

    def __init__(self, k: int):
        self.before = (slice(None),) * k

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return (*self.before, index)
