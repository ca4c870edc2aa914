"""With the Toeplitz block itself in its own place, the inverse is that of the whole matrix."""

import numpy as np
import pytest
import scipy.linalg

from nwidth.errors import InputError
from nwidth.solvers.fractional import RieszMatrix
from nwidth.solvers.fractional.bordered_inverse import BorderedInverse


class Exact(BorderedInverse):
    def __init__(self, matrix, places, mass=0.0):
        super().__init__(matrix, -1.0, mass, places)
        column = np.zeros(self.length)
        column[: len(matrix.toeplitz)] = -matrix.toeplitz
        K, B = matrix.border, matrix.basis.matrix(matrix.points).toarray()[:, 1:-1]
        column[: len(matrix.toeplitz)] += mass * B[K:-K, K]
        self.inverse = np.linalg.inv(scipy.linalg.toeplitz(column))
        self.eliminate()

    def inner(self, u):
        return u @ self.inverse


@pytest.mark.parametrize("places", [0, 1, 4, 7])
@pytest.mark.parametrize("mass", [0.0, 20.0])
def test_it_inverts(places, mass):
    for p in (2, 3, 6):
        A = RieszMatrix(17, p, 1.6)
        M = Exact(A, places, mass)
        assert M.length == len(A.toeplitz) + places
        dense = -A.dense() + mass * A.basis.matrix(A.points).toarray()[:, 1:-1]
        u = np.random.default_rng(0).standard_normal((A.size, 3))
        assert np.allclose(M.along(dense @ u, 0), u, atol=1e-12)
        assert np.allclose(M.along(dense.T @ u, 0, adjoint=True), u, atol=1e-12)
        assert np.allclose(M.apply(dense @ u[:, 0]), u[:, 0], atol=1e-12)
        assert np.allclose(M.adjoint(dense.T @ u[:, 0]), u[:, 0], atol=1e-12)


def test_other_sizes_are_refused():
    with pytest.raises(InputError, match="u: expected 6 numbers along axis -1"):
        Exact(RieszMatrix(6, 2, 1.5), 0).along(np.ones((6, 2)))
