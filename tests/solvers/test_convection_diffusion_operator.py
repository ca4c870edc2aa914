import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers import DiffusionOperator
from nwidth.solvers.convection_diffusion_operator import ConvectionDiffusionOperator, bernoulli

RNG = np.random.default_rng(6)


def faces(shape, draw):
    return [draw(tuple(n + (j == k) for j, n in enumerate(shape))) for k in range(len(shape))]


def operator(shape, strength=1.0, dtype=np.float64, reaction=None):
    D = DiffusionOperator([t.astype(dtype) for t in faces(shape, RNG.random)], reaction)
    return ConvectionDiffusionOperator(D, [strength * q for q in faces(shape, RNG.standard_normal)])


def test_bernoulli_function_in_both_precisions():
    p = np.array([1e-12, 1e-3, 0.5, 1.0, 20.0, 39.0])
    np.testing.assert_allclose(bernoulli(p, np.ones(6)), p / np.expm1(p))
    single = bernoulli(p.astype(np.float32), np.ones(6, np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, p / np.expm1(p), rtol=1e-5)
    extreme = bernoulli(np.array([0.0, 1e300, 1.0, 0.0]), np.array([1.0, 1e-300, 0.0, 0.0]))
    np.testing.assert_allclose(extreme, [1.0, *[40 / np.expm1(40.0)] * 3])


@pytest.mark.parametrize("shape", [(6,), (4, 5), (3, 4, 2)])
@pytest.mark.parametrize("strength", [0.0, 1.0, 1e3, 1e30])
def test_matrix_is_an_m_matrix(shape, strength):
    A = operator(shape, strength)
    dense = A.to_dense()
    off = dense - np.diag(dense.diagonal())
    assert off.max() <= 0 < dense.diagonal().min()
    # Rows sum to what goes to the walls, which is not negative.
    assert (dense.sum(axis=1) > -1e-12 * dense.max()).all()
    if strength <= 1.0:
        assert np.linalg.inv(dense).min() > -1e-9


def test_two_points_without_flow_back_are_exact():
    # -eps u'' + w u' = 0 with u(0) = 0, u(1) = 1: the scheme gives the solution at the nodes.
    n, eps, w = 9, 0.05, 1.0
    h = 1 / (n + 1)
    D = DiffusionOperator((np.full(n + 1, eps / h),))
    A = ConvectionDiffusionOperator(D, [np.full(n + 1, w)])
    b = np.zeros(n)
    b[-1] = A.above[0][-1]
    x = np.arange(1, n + 1) * h
    exact = np.expm1(w * x / eps) / np.expm1(w / eps)
    np.testing.assert_allclose(np.linalg.solve(A.to_dense(), b), exact, rtol=1e-10)


def test_no_flow_is_diffusion_and_constants_are_in_the_kernel():
    shape = (4, 5)
    T = faces(shape, RNG.random)
    D = DiffusionOperator(T, RNG.random(shape))
    still = ConvectionDiffusionOperator(D, [0 * t for t in T])
    np.testing.assert_allclose(still.to_dense(), D.to_dense(), atol=1e-14)
    for k in range(2):
        np.moveaxis(T[k], k, 0)[[0, -1]] = 0  # no walls: flows through them do not count
    closed = ConvectionDiffusionOperator(DiffusionOperator(T), faces(shape, RNG.standard_normal))
    np.testing.assert_allclose(closed.apply(np.ones(shape)), 0, atol=1e-14)


def test_periodic_axes():
    t = [np.ones((6, 4)), np.ones((5, 5))]
    D = DiffusionOperator(t, np.ones((5, 4)), (True, False))
    A = ConvectionDiffusionOperator(D, [np.full((6, 4), 3.0), np.zeros((5, 5))])
    np.testing.assert_allclose(A.to_sparse().toarray(), A.to_dense(), atol=1e-14)
    single = DiffusionOperator((np.ones((2, 3)), np.ones((1, 4))), None, (True, False))
    A = ConvectionDiffusionOperator(single, [np.ones((2, 3)), np.zeros((1, 4))])
    np.testing.assert_allclose(A.diagonal, 2.0)


def test_single_precision_stays():
    assert operator((4, 5), dtype=np.float32).apply(np.ones((4, 5))).dtype == np.float32


def test_bad_parts_are_refused():
    D = DiffusionOperator((np.ones(4),))
    with pytest.raises(InputError, match="expected a DiffusionOperator"):
        ConvectionDiffusionOperator(np.ones(4), [np.ones(4)])
    with pytest.raises(InputError, match=r"flows: expected shapes \[\(4,\)\]"):
        ConvectionDiffusionOperator(D, [np.ones(3)])
    with pytest.raises(NonFiniteError, match=r"flows\[0\]"):
        ConvectionDiffusionOperator(D, [np.full(4, np.nan)])
