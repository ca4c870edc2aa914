"""Tables of the compiled real Fourier transform, and the transform alone."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_dtype, require_integer
from nwidth.arrays import as_floating, require_shape
from nwidth.errors import InputError

Array = NDArray[Any]

# The first stage takes 8 x 8 of n = N / 2 complex numbers.
BLOCK = 128
# Numbers behind each area of n. Vectors touch the first 8; the rest keeps the areas of one array
# from lying a multiple of 4 KiB apart, where caches confuse them: half the time at N = 4096.
MARGIN = 72


class RealFFT:
    """The Fourier transform of N real points, as compiled loops call it.

        v_k = 1/N sum_j u_j exp(-2 pi i j k / N),    k = 0, ..., N / 2

    The transform of half the length by Stockham's algorithm in radix 8, 4, 3 and 5. Kernels
    take `turns`, `waves` and `radices`; `forward` and `backward` are for single calls, where
    `FastFourier` is as good. Reference: Van Loan (1992), Computational Frameworks for the Fast
    Fourier Transform, doi:10.1137/1.9781611970999, section 1.7.

    Args:
        points: N = 128 2^a 3^b 5^c.
        dtype: "float64" or "float32", the precision.

    Raises `InputError` for other sizes; see `takes`.

    >>> transform = RealFFT(128)
    >>> v = transform.forward(np.cos(2 * np.pi * 3 * np.arange(128) / 128))
    >>> v.shape, v[3].real.round(12)
    ((65,), np.float64(0.5))
    """

    def __init__(self, points: int, dtype: DTypeLike = np.float64):
        self.points = require_integer(points, "points", 1)
        self.dtype = require_dtype(dtype, "float64", "float32")
        if not self.takes(points):
            raise InputError(f"points: expected 128 2^a 3^b 5^c, got {points}")
        self.half = n = points // 2
        self.radices = np.array(_radices(n // 8))
        self.turns = _turns(n, self.radices).astype(self.dtype)
        half = _unit(np.arange(n // 2 + 8), points)
        self.waves = np.concatenate([half.real, half.imag]).astype(self.dtype)

    @staticmethod
    def takes(points: int) -> bool:
        """Return whether there is a transform of so many points.

        >>> RealFFT.takes(1920), RealFFT.takes(96), RealFFT.takes(7 * 128)
        (True, False, False)
        """
        return points > 0 and points % BLOCK == 0 and _radices(points // 16)[-1] in (3, 4, 5, 8)

    def forward(self, u: Array) -> Array:
        """Return v of u, shape `(N,)`."""
        from nwidth.solvers.spectral import _real_fft_numba as kernels

        n = self.half
        u = as_floating(u, "u")
        if u.dtype.kind == "c":
            raise InputError("u: expected real numbers, got complex ones; transform both parts")
        u = require_shape(u.astype(self.dtype, copy=False), (2 * n,), "u")
        area, areas = n + MARGIN, np.zeros((4, n + MARGIN), self.dtype)
        areas[0, :n], areas[1, :n] = u[::2], u[1::2]
        work = areas.reshape(-1)
        moved = kernels.transform(
            *(work, 0, area, 2 * area, 3 * area, n, self.radices, self.turns, False)
        )
        z, v = (2, 0) if moved else (0, 2)
        kernels.unpack(work, z * area, (z + 1) * area, v * area, (v + 1) * area, n, self.waves)
        return (areas[v, : n + 1] + 1j * areas[v + 1, : n + 1]) * self.dtype.type(0.25 / n)

    def backward(self, v: Array) -> Array:
        """Return u of v, shape `(N / 2 + 1,)`; those of its ends count as real."""
        from nwidth.solvers.spectral import _real_fft_numba as kernels

        n = self.half
        v = require_shape(as_floating(v, "v"), (n + 1,), "v")
        area, areas = n + MARGIN, np.zeros((4, n + MARGIN), self.dtype)
        areas[2, : n + 1], areas[3, : n + 1] = v.real, v.imag
        work = areas.reshape(-1)
        kernels.pack(work, 2 * area, 3 * area, 0, area, n, self.waves)
        moved = kernels.transform(
            *(work, area, 0, 3 * area, 2 * area, n, self.radices, self.turns, False)
        )
        return areas[2:, :n].T.reshape(-1) if moved else areas[:2, :n].T.reshape(-1)


def _radices(n: int) -> list[int]:
    """Return factors 3, 5, 4 and 8 of n, a multiple of 8; what is left over follows them.

    Large ones go less often through memory; the last stage has no turns to make.
    """
    found = []
    for r in (3, 5):
        while n % r == 0:
            found.append(r)
            n //= r
    twos = (n & -n).bit_length() - 1
    fours = -twos % 3
    rest = n >> twos
    found += [4] * fours + [8] * ((twos - 2 * fours) // 3)
    return [*found, rest] if rest > 1 else found


def _unit(p: Array, length: int) -> Array:
    """Return e^(2 pi i p / length), from angles below 45 degrees: rounding of larger ones shows."""
    quarters = (8 * p + length) // (2 * length)
    small = (4 * p - quarters * length) * (np.pi / (2 * length))
    return (np.cos(small) + 1j * np.sin(small)) * np.array([1, 1j, -1, -1j])[quarters % 4]


def _turns(n: int, radices: Array) -> Array:
    """Return the constants of the kernels, then the powers of e^(-2 pi i / n) of each stage."""
    degrees = np.pi / 180
    constants = [
        np.sqrt(0.5),
        0.5,
        np.sin(60 * degrees),
        np.cos(72 * degrees),
        np.cos(144 * degrees),
        np.sin(72 * degrees),
        np.sin(144 * degrees),
        0.0,
    ]

    def waves(length: int, r: int) -> Array:
        """Return w^(p k), k = 1, ..., r - 1, as they are turned by in a stage."""
        return _unit(np.outer(np.arange(1, r), np.arange(length // r)), length).conj()

    first, length = waves(n, 8), n // 8
    parts: list[Any] = [constants, first.real.ravel(), first.imag.ravel()]
    for r in radices:
        w = waves(length, r).T
        parts.append(np.stack([w.real, w.imag], axis=-1).ravel())
        length //= r
    return np.concatenate(parts)
