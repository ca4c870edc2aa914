import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Neumann
from nwidth.solvers.multigrid import ruge_stueben


def matrix(shape, seed=0, boundary=None, sigma=3.0, **options):
    grid = Grid.uniform(shape, **options)
    a = np.exp(sigma * np.random.default_rng(seed).standard_normal(shape))
    return Darcy(grid, boundary).operator({"permeability": a}).to_sparse()


def strong(A, theta):
    """Strong couplings by the definition."""
    negative = np.maximum(-A, 0)
    np.fill_diagonal(negative, 0)
    largest = negative.max(axis=1, keepdims=True)
    return (negative >= theta * largest) & (negative > 0)


def grounded(A):
    """The matrix with so much more on its diagonal that all weights are below 1."""
    return (A + sp.diags_array(0.01 * A.diagonal())).tocsr()


def coarse_points(P):
    """The fine points that are coarse points too, where all weights are below 1."""
    points, columns = np.nonzero(P == 1.0)
    np.testing.assert_array_equal(columns, np.arange(P.shape[1]))
    return points


CASES = [((40,), {}), ((9, 8), {}), ((8, 11), {"periodic": [True, False]}), ((5, 4, 6), {})]


@pytest.mark.parametrize(("shape", "options"), CASES)
@pytest.mark.parametrize("theta", [0.25, 0.6])
def test_weights_follow_the_formula(shape, options, theta):
    A = matrix(shape, **options)
    A = (A @ A @ A).tocsr()  # positive and negative entries off the diagonal
    A = grounded(A)
    P = ruge_stueben(A, theta).toarray()
    A = A.toarray()
    needs = strong(A, theta)
    coarse = coarse_points(P)
    assert len(set(coarse)) == P.shape[1] < len(A)
    off = A - np.diag(np.diag(A))
    for i in range(len(A)):
        expected = np.zeros(P.shape[1])
        if i in coarse:
            expected[np.flatnonzero(coarse == i)] = 1
        else:
            near = needs[i, coarse]
            assert near.any()
            a = A[i, coarse] * near
            diagonal = A[i, i] + np.maximum(off[i], 0).sum()
            expected = -np.minimum(off[i], 0).sum() / a.sum() * a / diagonal
        np.testing.assert_allclose(P[i], expected, atol=1e-12)


@pytest.mark.parametrize("boundary", [None, Boundary(default=Neumann())])
def test_constants_are_kept_away_from_walls(boundary):
    A = matrix((12, 13), boundary=boundary, centering="cell")
    P = ruge_stueben(A)
    inner = np.abs(A.sum(axis=1)) < 1e-12 * A.diagonal()
    np.testing.assert_allclose((P @ np.ones(P.shape[1]))[inner], 1.0)
    assert (P.data >= 0).all() and (P.sum(axis=1) <= 1 + 1e-12).all()


def test_every_inclusion_has_a_coarse_point():
    """Inclusions of two points that every second point of the axes would miss."""
    shape = (24, 24)
    a = np.ones(shape)
    for i in range(1, 24, 4):
        a[i, 2:22:6] = a[i, 3:22:6] = 1e6
    A = Darcy(Grid.uniform(shape, centering="cell")).operator({"permeability": a}).to_sparse()
    is_coarse = np.zeros(A.shape[0], bool)
    is_coarse[coarse_points(ruge_stueben(grounded(A)).toarray())] = True
    pairs = is_coarse.reshape(shape)[1::4]
    assert (pairs[:, 2:22:6] ^ pairs[:, 3:22:6]).all()


def test_no_couplings_at_all():
    P = ruge_stueben(sp.diags_array(np.arange(1.0, 6.0)).tocsr())
    assert P.shape == (5, 1)
