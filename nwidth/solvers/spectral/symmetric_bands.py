"""Symmetric positive definite matrices of Galerkin methods, many side by side, solved in O(n)."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, lives_on_gpu, namespace, real_floating, require_finite
from nwidth.errors import InputError

Array = NDArray[Any]


class SymmetricBands:
    """Matrices A^(f,k) with entries (i, i), (i, i + 2) and (i, i + 4) and their mirrors alone.

        A_{i,i+2d} = bands[d, f, i, k],    A = L D L',    L_ii = 1

    Functions of even and odd index do not meet, as those of even and odd polynomials on a
    symmetric interval, and each half is a pentadiagonal matrix. The systems k lie side by side, so
    that every operation is one on contiguous numbers; none is pivoted. Reference: Golub & Van Loan
    (2013), Matrix Computations, section 4.3.

    Args:
        bands: real, shape (3, fields, n, systems), n >= 5; what would lie outside of the matrices
            does not count.

    Vectors have shape (..., fields, n, systems), real or complex. Factors are those of float64
    numbers. Raises `InputError` for other shapes, and for matrices that are not positive definite.

    >>> second = np.array([2.0, -1.0, 0.0])[:, None, None, None] * np.ones((3, 1, 6, 1))
    >>> x = SymmetricBands(second).solve(np.ones((1, 6, 1)))
    >>> x.ravel().round(12).tolist()
    [1.5, 1.5, 2.0, 2.0, 1.5, 1.5]
    """

    def __init__(self, bands: Array):
        bands = require_finite(real_floating(bands, "bands"), "bands").astype(np.float64)
        if bands.ndim != 4 or bands.shape[0] != 3 or bands.shape[2] < 5:
            raise InputError(
                f"bands: expected shape (3, fields, n >= 5, systems), got {bands.shape}"
            )
        self.bands, self.shape = bands.copy(), bands.shape[1:]
        self.bands[1, :, -2:] = 0
        self.bands[2, :, -4:] = 0

    @cached_property
    def factors(self) -> Array:
        """The inverse of D and the two bands of L, shape (3, fields, n, systems)."""
        from nwidth.solvers.spectral import _symmetric_bands_numba as kernels

        found = np.empty_like(self.bands)
        kernels.factor(self.bands, found)
        if not (np.isfinite(found).all() and (found[0] > 0).all()):
            raise InputError("bands: expected positive definite matrices, got others")
        return found

    def solve(self, b: Array, out: Array | None = None) -> Array:
        """Return the x with A x = b, in `out` if given, which may be b."""
        b = self._checked(b)
        out = namespace(b).empty_like(b) if out is None else out
        out[...] = b
        if lives_on_gpu(b):
            substituted(namespace(b).asarray(self.factors), out)
            return out
        from nwidth.solvers.spectral import _symmetric_bands_numba as kernels

        kernels.solve(self._beside("factors", b), self._parts(out))
        return out

    def multiply(self, x: Array, out: Array | None = None) -> Array:
        """Return A x, in `out` if given, which is not x."""
        x = self._checked(x)
        out = namespace(x).empty_like(x) if out is None else out
        if lives_on_gpu(x):
            product(namespace(x).asarray(self.bands), x, out)
            return out
        from nwidth.solvers.spectral import _symmetric_bands_numba as kernels

        kernels.multiply(self._beside("bands", x), self._parts(x), self._parts(out))
        return out

    def _beside(self, name: str, x: Array) -> Array:
        """Return bands or factors for each real number of x."""
        if x.dtype.kind != "c":
            return getattr(self, name)
        kept = self.__dict__.setdefault("_doubled", {})
        if name not in kept:
            kept[name] = np.repeat(getattr(self, name), 2, axis=-1)
        return kept[name]

    def _parts(self, x: Array) -> Array:
        """Return contiguous vectors as real ones with one batch axis, without a copy."""
        real = x.view(x.real.dtype)
        return real.reshape(-1, *self.shape[:-1], real.shape[-1])

    def _checked(self, x: Array) -> Array:
        x = as_floating(x, "x")
        if tuple(x.shape[-3:]) != self.shape:
            raise InputError(f"x: expected a shape that ends with {self.shape}, got {x.shape}")
        return namespace(x).ascontiguousarray(x)


def substituted(factors: Array, x: Array) -> None:
    """Set x to the solutions, row by row by array expressions: for any array library.

    >>> x = np.ones((1, 5, 1))
    >>> substituted(np.array([1.0, 0.5, 0.0])[:, None, None, None] * np.ones((3, 1, 5, 1)), x)
    >>> x[0, :, 0].tolist()
    [0.9375, 0.75, 0.125, 0.5, 0.75]
    """
    inverse, one, two = factors
    n = x.shape[-2]
    for i in range(2, n):
        x[..., i, :] -= one[:, i - 2] * x[..., i - 2, :]
        if i >= 4:
            x[..., i, :] -= two[:, i - 4] * x[..., i - 4, :]
    x *= inverse
    for i in range(n - 3, -1, -1):
        x[..., i, :] -= one[:, i] * x[..., i + 2, :]
        if i < n - 4:
            x[..., i, :] -= two[:, i] * x[..., i + 4, :]


def product(bands: Array, x: Array, out: Array) -> None:
    """Write A x by array expressions: for any array library.

    >>> x, out = np.ones((1, 5, 1)), np.empty((1, 5, 1))
    >>> product(np.ones((3, 1, 5, 1)), x, out)
    >>> out[0, :, 0].tolist()
    [3.0, 2.0, 3.0, 2.0, 3.0]
    """
    out[...] = bands[0] * x
    for d, s in ((1, 2), (2, 4)):
        band = bands[d, :, :-s]
        out[..., :-s, :] += band * x[..., s:, :]
        out[..., s:, :] += band * x[..., :-s, :]
