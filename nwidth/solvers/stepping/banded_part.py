"""Galerkin's matrices of many wavenumbers as the stiff linear part."""

from typing import Any

from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.spectral.symmetric_bands import SymmetricBands
from nwidth.solvers.stepping.linear_part import LinearPart, ShiftedSolve

Array = NDArray[Any]


class BandedPart(LinearPart):
    """L = -M^-1 A with symmetric banded M and A, one pair for each wavenumber.

        M v' = -A v + r,    (1 - shift L) x = b   as   (M + shift A) x = M b

    M is positive definite and A at least semidefinite, so that L is stable and M + shift A has
    factors without pivots, O(n) per wavenumber and step, and one factorization for each of the last
    few shifts. N of the system is M^-1 r, which `mass.solve` gives.

    Args:
        mass: M.
        stiffness: A, of the same shape.

    >>> import numpy as np
    >>> one = np.zeros((3, 1, 5, 1))
    >>> one[0] = 1.0
    >>> L = BandedPart(SymmetricBands(2 * one), SymmetricBands(6 * one))
    >>> v = np.ones((1, 5, 1))
    >>> L.shifted(1.0)(v, v)
    >>> v.ravel().tolist()
    [0.25, 0.25, 0.25, 0.25, 0.25]
    """

    def __init__(self, mass: SymmetricBands, stiffness: SymmetricBands):
        self.mass = require_instance(mass, "mass", SymmetricBands)
        self.stiffness = require_instance(stiffness, "stiffness", SymmetricBands)
        if mass.shape != stiffness.shape:
            raise InputError(
                f"stiffness: expected the shape of the mass, {mass.shape}, got {stiffness.shape}"
            )

    def apply(self, v: Array, out: Array) -> None:
        """Write -M^-1 A v to `out`."""
        self.stiffness.multiply(v, out)
        self.mass.solve(out, out)
        namespace(out).negative(out, out=out)

    def shifted(self, shift: float) -> ShiftedSolve:
        """Return the solution by factors of M + shift A."""
        matrix = SymmetricBands(self.mass.bands + shift * self.stiffness.bands)
        matrix.factors  # noqa: B018  # here rather than at the first solve

        def solve(b: Array, out: Array) -> None:
            self.mass.multiply(b, out=self._like(b))
            matrix.solve(self._like(b), out)

        return solve

    def _like(self, v: Array) -> Array:
        """Return an array like v to work with, the same one next time."""
        kept = self.__dict__.get("_work")
        xp = namespace(v)
        if kept is None or kept.shape != v.shape or kept.dtype != v.dtype or namespace(kept) != xp:
            kept = self._work = xp.empty_like(v)
        return kept
