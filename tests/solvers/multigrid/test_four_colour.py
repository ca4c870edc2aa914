import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers import NinePointOperator
from nwidth.solvers.multigrid import FourColour


def operator(shape, dtype=np.float64):
    rng, (n0, n1) = np.random.default_rng(0), shape
    shapes = [(n0, n1), (n0 - 1, n1), (n0, n1 - 1), (n0 - 1, n1 - 1), (n0 - 1, n1 - 1)]
    return NinePointOperator(*((0.1 + rng.random(s)).astype(dtype) for s in shapes))


def textbook_sweeps(matrix, u, f, shape, order):
    """Gauss-Seidel, one colour after the other."""
    i, j = np.indices(shape)
    colours = (2 * (i % 2) + j % 2).ravel()
    u, diagonal = u.ravel().astype(np.float64), matrix.diagonal()
    for colour in order:
        points = colours == colour
        u[points] += ((f.ravel() - matrix @ u) / diagonal)[points]
    return u


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 1), (2, 2), (6, 7), (7, 6), (8, 8), (9, 5)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sweeps_agree_with_the_textbook(shape, dtype):
    A = operator(shape, dtype)
    smoother, matrix = FourColour(A), A.to_sparse().astype(np.float64)
    u, f = np.random.default_rng(1).standard_normal((2, *shape)).astype(dtype)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for adjoint, order in [(False, [0, 1, 2, 3]), (True, [3, 2, 1, 0])]:
        out = u.copy()
        smoother.smooth(out, f, 2, adjoint=adjoint)
        expected = textbook_sweeps(matrix, u, f, shape, order * 2)
        np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)
        out = np.full_like(u, np.nan)
        smoother.smooth(out, f, adjoint=adjoint, from_zero=True)
        expected = textbook_sweeps(matrix, 0 * u, f, shape, order)
        np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)
    smoother.residual_into(out, f, u)
    np.testing.assert_allclose(out.ravel(), f.ravel() - matrix @ u.ravel(), atol=20 * tolerance)


@pytest.mark.parametrize("adjoint", [False, True])
def test_threaded_sweeps_agree_with_the_textbook(adjoint):
    shape = (740, 721)
    A = operator(shape)
    assert A.threaded
    u, f = np.random.default_rng(1).standard_normal((2, *shape))
    order = [3, 2, 1, 0] if adjoint else [0, 1, 2, 3]
    expected = textbook_sweeps(A.to_sparse(), u, f, shape, order)
    FourColour(A).smooth(u, f, adjoint=adjoint)
    np.testing.assert_allclose(u.ravel(), expected, atol=1e-12)


def test_the_reverse_order_is_the_adjoint():
    smoother, n = FourColour(operator((6, 5))), 30

    def inverse_of_sweep(adjoint):
        columns = []
        for f in np.eye(n):
            u = np.zeros((6, 5))
            smoother.smooth(u, f.reshape(6, 5), adjoint=adjoint)
            columns.append(u.ravel())
        return np.stack(columns, axis=1)

    np.testing.assert_allclose(inverse_of_sweep(True), inverse_of_sweep(False).T, atol=1e-14)


def test_a_diagonal_that_is_not_positive():
    A = operator((4, 5))
    sums = A.sums.copy()
    sums[2, 3] = -100.0
    with pytest.raises(InputError, match=r"positive diagonal .* at index \(2, 3\)"):
        FourColour(NinePointOperator(sums, *A.faces))
