"""Eigenvectors of fractional diffusion along one axis, for the exact inverse on boxes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, product_along, require_finite
from nwidth.errors import InputError

Array = NDArray[Any]

# Unknowns along an axis, at most: eigenvectors take 16 n^2 bytes and of the order of n^3 / 4
# operations where the axis looks the same from both ends, 8 times that where it does not.
LARGEST = 4096
# Entries that differ by less than this part of the largest are those of a matrix that looks the
# same from both ends.
SAME = 1e-13


class RieszModes:
    """The eigenpairs of one axis: A v = l B v, with A of -K d^a/d|x|^a and B of the values.

        A B^-1 = W L W^-1,    W = B V

    Values b at the collocation points have the modes W^-1 b; modes m are those of the spline with
    the coefficients V m. On a box A_1 x B_2 + B_1 x A_2 has the eigenvalues l_i + l_j for the modes
    of both axes, so that one product with a dense matrix per axis and direction inverts it, and
    also any function of it. Lynch, Rice & Thomas (1964), doi:10.1007/BF01386067, do so with
    symmetric matrices. Those of collocation are not, yet the eigenvalues are real and the
    eigenvectors well-conditioned: measured, the condition of V is 1.1 for degree 2 and 7 for 6,
    whatever n and a. Where A and B look the same from both ends, as they do for constant K, even
    and odd modes are found and multiplied apart, at half the work.

    Args:
        stiffness: A, (n, n), n at most 4096.
        mass: B, (n, n).

    Attributes: `eigenvalues` (n,), `symmetric`, whether even and odd modes are apart, `exact`, and
    `size`, n. Raises `InputError` for matrices that do not fit or have no real eigenvectors.

    >>> modes = RieszModes(np.array([[2.0, -1.0], [-1.0, 2.0]]), np.eye(2))
    >>> modes.eigenvalues.round(12).tolist()
    [1.0, 3.0]
    >>> modes.backward(modes.forward(np.array([1.0, 2.0])), 0).round(12).tolist()
    [1.0, 2.0]
    """

    exact = True

    def __init__(self, stiffness: Any, mass: Any):
        A, B = (
            require_finite(as_floating(a, name), name).astype(np.float64)
            for a, name in ((stiffness, "stiffness"), (mass, "mass"))
        )
        if A.ndim != 2 or A.shape[0] != A.shape[1] or A.shape != B.shape or A.size == 0:
            raise InputError(
                f"stiffness, mass: expected square matrices of one shape, got {A.shape} and "
                f"{B.shape}"
            )
        self.size = n = len(A)
        if n > LARGEST:
            raise InputError(
                f"stiffness: expected at most {LARGEST} unknowns along an axis, got {n}; take "
                "SineModes, which are not exact"
            )
        self.symmetric = n > 1 and all(
            np.abs(a - a[::-1, ::-1]).max() <= SAME * np.abs(a).max() for a in (A, B)
        )
        parts = [(A, B)]
        if self.symmetric:
            parts = [(_folded(A, sign), _folded(B, sign)) for sign in (1, -1)]
        found = [_eigenpairs(*pair) for pair in parts]
        self.eigenvalues = np.concatenate([values for values, _, _ in found])
        self._matrices = {np.dtype("f8"): [(W, V, inverse) for _, (V, W), inverse in found]}

    def forward(self, b: Array, axis: int = -1) -> Array:
        """Return W^-1 b along an axis: the modes of values."""
        n, last = self.size, self._last(b, axis)
        blocks = [inverse for _, _, inverse in self._in(b.dtype)]
        if not self.symmetric:
            return product_along(blocks[0], b, last)
        half, rest = n - n // 2, n // 2
        here, there = _part(b, last, 0, half), _part(b[_flip(b, last)], last, 0, half)
        even = product_along(blocks[0], here + there, last)
        odd = product_along(blocks[1], _part(here - there, last, 0, rest), last)
        even *= 0.5
        odd *= 0.5
        return np.concatenate([even, odd], axis=last)

    def backward(self, modes: Array, axis: int = -1) -> Array:
        """Return V m along an axis: the coefficients of modes."""
        return self._synthesis(modes, axis, 1)

    def values(self, modes: Array, axis: int = -1) -> Array:
        """Return W m along an axis: the values at the collocation points of modes."""
        return self._synthesis(modes, axis, 0)

    def _synthesis(self, modes: Array, axis: int, which: int) -> Array:
        n, last = self.size, self._last(modes, axis)
        blocks = [one[which] for one in self._in(modes.dtype)]
        if not self.symmetric:
            return product_along(blocks[0], modes, last)
        half, rest = n - n // 2, n // 2
        even = product_along(blocks[0], _part(modes, last, 0, half), last)
        odd = product_along(blocks[1], _part(modes, last, half, n), last)
        out = np.empty((*even.shape[: even.ndim + last], n, *_after(even, last)), even.dtype)
        _part(out, last, 0, half)[...] = even
        _part(out, last, half, n)[...] = _part(even, last, 0, rest)[_flip(odd, last)]
        _part(out, last, 0, rest)[...] += odd
        _part(out, last, half, n)[...] -= odd[_flip(odd, last)]
        return out

    def _last(self, v: Array, axis: int) -> int:
        """Return the axis counted from the end, or raise unless it has n entries."""
        last = axis - v.ndim if axis >= 0 else axis
        if not -v.ndim <= last < 0 or v.shape[last] != self.size:
            raise InputError(
                f"modes: expected {self.size} entries along axis {axis}, got shape {v.shape}"
            )
        return last

    def _in(self, dtype: np.dtype) -> Any:
        """Return the matrices in the precision of the input."""
        real = np.dtype(dtype.char.lower())
        if real not in self._matrices:
            double = self._matrices[np.dtype("f8")]
            self._matrices[real] = [tuple(a.astype(real) for a in one) for one in double]  # type: ignore[misc]
        return self._matrices[real]


def _folded(a: Array, sign: int) -> Array:
    """Return a matrix that looks the same from both ends on its even (1) or odd (-1) vectors."""
    n = len(a)
    rest = n // 2
    half = n - rest if sign > 0 else rest
    folded = a[:half, :half].copy()
    folded[:, :rest] += sign * a[:half, n - rest :][:, ::-1]
    return folded


def _eigenpairs(A: Array, B: Array) -> tuple[Array, tuple[Array, Array], Array]:
    """Return eigenvalues in rising order, V and W = B V, and W^-1."""
    from scipy.linalg import eig, inv, solve

    values, V = eig(solve(B, A))
    if values.size and np.abs(values.imag).max() > 1e-8 * np.abs(values).max():
        raise InputError(
            "stiffness, mass: expected a pencil with real eigenvalues, as that of a coefficient "
            "> 0 has, got complex ones; check the coefficient"
        )
    order = np.argsort(values.real)
    V = np.ascontiguousarray(V.real[:, order])
    W = B @ V
    return values.real[order], (V, W), inv(W)


def _part(v: Array, last: int, start: int, stop: int) -> Array:
    """Return entries along an axis counted from the end."""
    index: Any = (..., slice(start, stop), *[slice(None)] * (-last - 1))
    return v[index]


def _flip(v: Array, last: int) -> Any:
    """Return the index that turns an axis round."""
    return (..., slice(None, None, -1), *[slice(None)] * (-last - 1))


def _after(v: Array, last: int) -> tuple[int, ...]:
    """Return the lengths of the axes behind one."""
    return v.shape[v.ndim + last + 1 :]
