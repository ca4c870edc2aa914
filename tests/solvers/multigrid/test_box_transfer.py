import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import DiffusionOperator, NinePointOperator
from nwidth.solvers.multigrid import BoxTransfer


def operator(shape, dtype=np.float64, wall=0.0, seed=0):
    """A nine-point operator with some negative couplings, a wall or none on all sides."""
    rng, (n0, n1) = np.random.default_rng(seed), shape
    sums = np.zeros(shape)
    sums[[0, -1]] += wall
    sums[:, [0, -1]] += wall
    couplings = rng.random((n0 - 1, n1)), rng.random((n0, n1 - 1))
    diagonals = rng.random((2, n0 - 1, n1 - 1)) - 0.2
    return NinePointOperator(*(a.astype(dtype) for a in (sums, *couplings, *diagonals)))


def matrix_of(P):
    """P, column by column."""
    m = P.coarse_shape
    return np.stack([P.prolong(e.reshape(m)).ravel() for e in np.eye(m[0] * m[1])], axis=1)


SHAPES = [(3, 3), (3, 4), (4, 3), (5, 6), (6, 5), (7, 7), (8, 8), (9, 4)]
AXES = [[0], [1], [0, 1]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("wall", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coarse_operators_are_galerkin_products(shape, axes, wall, dtype):
    A = operator(shape, dtype, wall)
    P = BoxTransfer.of(A, axes)
    dense, matrix = matrix_of(P), A.astype(np.float64).to_dense()
    coarse = P.galerkin(A)
    assert coarse.dtype == np.float64 and coarse.domain_shape == P.coarse_shape
    np.testing.assert_allclose(coarse.to_dense(), dense.T @ matrix @ dense, atol=1e-13)
    assert coarse.singular == A.singular == (wall == 0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_restriction_is_the_transpose(shape, axes, dtype):
    P = BoxTransfer.of(operator(shape, wall=1.0), axes).astype(dtype)
    dense = matrix_of(P)
    r = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    tolerance = 20 * np.finfo(dtype).eps
    assert P.restrict(r).dtype == P.prolong(P.restrict(r)).dtype == dtype
    np.testing.assert_allclose(P.restrict(r).ravel(), dense.T @ r.ravel(), atol=tolerance)
    e = np.random.default_rng(2).standard_normal(P.coarse_shape).astype(dtype)
    u = r.copy()
    P.prolong_into(u, e, add=True)
    np.testing.assert_allclose(u - r, P.prolong(e), atol=tolerance)


def test_threaded_kernels_agree_with_the_definition():
    A = operator((740, 721), wall=1.0)
    P = BoxTransfer.of(A, [0, 1])
    e = np.random.default_rng(0).standard_normal(P.coarse_shape)
    r = np.random.default_rng(1).standard_normal(P.fine_shape)
    assert (P.restrict(r) * e).sum() == pytest.approx((r * P.prolong(e)).sum(), rel=1e-10)
    expected = P.restrict(A.apply(P.prolong(e)))
    np.testing.assert_allclose(P.galerkin(A).apply(e), expected, atol=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axes", AXES)
def test_constants_are_interpolated_where_there_is_no_wall(shape, axes):
    P = BoxTransfer.of(operator(shape), axes)
    assert P.offsets == (0, 0)
    np.testing.assert_allclose(P.prolong(np.ones(P.coarse_shape)), 1.0, atol=1e-14)


def test_no_residual_is_left_in_the_middle_of_four():
    A = operator((9, 9), wall=1.0)
    P = BoxTransfer.of(A, [0, 1])
    assert P.offsets == (1, 1)
    residual = A.apply(P.prolong(np.random.default_rng(0).standard_normal(P.coarse_shape)))
    np.testing.assert_allclose(residual[0::2, 0::2], 0, atol=1e-14)


def test_weights_follow_a_jump():
    """Between two coarse points the stiff side wins: 1/101 and 100/101."""
    T = np.ones((6, 5)), np.ones((5, 6))
    T[0][[0, -1]] = T[1][:, [0, -1]] = 0
    T[0][2] = 100.0
    P = BoxTransfer.of(NinePointOperator.of(DiffusionOperator(T)), [0])
    e = np.zeros(P.coarse_shape)
    e[1] = 1.0
    np.testing.assert_allclose(P.prolong(e)[:, 0], [0, 100 / 101, 1, 0.5, 0])


def test_coarse_points_stay_away_from_the_first_wall():
    T = np.ones((8, 6)), np.ones((7, 7))
    P = BoxTransfer.of(NinePointOperator.of(DiffusionOperator(T)), [0, 1])
    assert P.offsets == (1, 1) and P.coarse_shape == (3, 3)
    T[0][0] = 0
    P = BoxTransfer.of(NinePointOperator.of(DiffusionOperator(T)), [0, 1])
    assert P.offsets == (0, 1) and P.coarse_shape == (4, 3)


def test_a_strong_reaction_holds_a_point():
    reaction = np.zeros((5, 5))
    reaction[1] = 1e6
    T = np.ones((6, 5)), np.ones((5, 6))
    T[0][[0, -1]] = T[1][:, [0, -1]] = 0
    P = BoxTransfer.of(NinePointOperator.of(DiffusionOperator(T, reaction)), [0])
    u = P.prolong(np.ones(P.coarse_shape))
    assert np.all(u[1] < 1e-5) and np.allclose(u[[0, 2, 3, 4]], 1)


@given(st.integers(3, 14), st.integers(3, 14), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_any_size(n0, n1, seed):
    rng = np.random.default_rng(seed)
    A = operator((n0, n1), wall=float(rng.integers(0, 2)), seed=seed)
    P = BoxTransfer.of(A, AXES[rng.integers(0, 3)])
    e = rng.standard_normal(P.coarse_shape)
    u = P.prolong(e)
    coarse = tuple(slice(o, None, s) for o, s in zip(P.offsets, P.steps, strict=True))
    np.testing.assert_array_equal(u[coarse], e)
    np.testing.assert_allclose(P.galerkin(A).apply(e), P.restrict(A.apply(u)), atol=1e-11)


@pytest.mark.parametrize("axes", [[], [2], [0, 2], [1]])
def test_bad_axes(axes):
    with pytest.raises(InputError, match="axes: expected 0 or 1 or both"):
        BoxTransfer.of(operator((5, 2)), axes)
