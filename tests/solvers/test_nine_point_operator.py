import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers import DiffusionOperator, NinePointOperator
from nwidth.solvers.diffusion_operator import THREADED_SIZE

NAMES = ("sums", "east", "north", "north_east", "north_west")


def parts(shape, dtype=np.float64, seed=0):
    rng, (n0, n1) = np.random.default_rng(seed), shape
    shapes = [(n0, n1), (n0 - 1, n1), (n0, n1 - 1), (n0 - 1, n1 - 1), (n0 - 1, n1 - 1)]
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


def textbook(sums, east, north, north_east, north_west):
    """The matrix, coupling by coupling, from the docstring."""
    n1 = sums.shape[1]
    matrix = np.diag(sums.ravel().astype(np.float64))
    ways = [(east, (0, 0), (1, 0)), (north, (0, 0), (0, 1))]
    ways += [(north_east, (0, 0), (1, 1)), (north_west, (1, 0), (0, 1))]
    for couplings, one, other in ways:
        for (i, j), t in np.ndenumerate(couplings):
            p, q = ((i + a) * n1 + j + b for a, b in (one, other))
            matrix[[p, q], [p, q]] += t
            matrix[[p, q], [q, p]] -= t
    return matrix


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2), (3, 4), (6, 5), (7, 8)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_the_textbook(shape, dtype):
    A = NinePointOperator(*parts(shape, dtype))
    matrix, tolerance = textbook(*parts(shape, dtype)), 100 * float(np.finfo(dtype).eps)
    assert A.dtype == dtype
    np.testing.assert_allclose(A.to_dense(), matrix, atol=tolerance)
    np.testing.assert_allclose(A.to_sparse().toarray(), matrix, atol=tolerance)
    np.testing.assert_allclose(A.diagonal.ravel(), matrix.diagonal(), atol=tolerance)
    u, f = np.random.default_rng(1).standard_normal((2, *shape)).astype(dtype)
    out = np.full_like(u, np.nan)
    A.residual_into(out, f, u)
    assert out.dtype == A.apply(u).dtype == dtype
    np.testing.assert_allclose(out.ravel(), f.ravel() - matrix @ u.ravel(), atol=10 * tolerance)
    assert A.energy(u) == pytest.approx(u.ravel() @ matrix @ u.ravel(), abs=20 * tolerance)


def test_threaded_kernels_agree():
    shape = (740, 721)
    assert shape[0] * shape[1] >= THREADED_SIZE
    A = NinePointOperator(*parts(shape))
    assert A.threaded
    u = np.random.default_rng(1).standard_normal(shape)
    product = (A.to_sparse() @ u.ravel()).reshape(shape)
    np.testing.assert_allclose(A.apply(u), product, atol=1e-12)
    out = np.empty_like(u)
    A.residual_into(out, u, u)
    np.testing.assert_allclose(out, u - product, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 6), (1, 4), (4, 1)])
@pytest.mark.parametrize("wall", [0.0, 1.0])
@pytest.mark.parametrize("reacts", [False, True])
def test_of_an_operator_in_flux_form(shape, wall, reacts):
    rng, (n0, n1) = np.random.default_rng(0), shape
    faces = rng.random((n0 + 1, n1)), rng.random((n0, n1 + 1))
    for k in (0, 1):
        outer = np.moveaxis(faces[k], k, 0)
        outer[0] *= wall
        outer[-1] *= wall
    B = DiffusionOperator(faces, rng.random(shape) if reacts else None)
    A = NinePointOperator.of(B)
    assert A.properties == B.properties and A.singular == B.singular
    np.testing.assert_allclose(A.to_dense(), B.to_dense(), atol=1e-14)


def test_constants_are_mapped_to_exact_zeros():
    sums, *couplings = parts((6, 7))
    A = NinePointOperator(0 * sums, *couplings, definite=False)
    assert A.singular and A.properties == {"symmetric", "positive semidefinite"}
    assert not A.apply(np.full((6, 7), 3.0)).any()


def test_promises():
    positive = [abs(part) for part in parts((4, 5))]
    assert "positive definite" in NinePointOperator(*positive).properties
    assert "positive semidefinite" in NinePointOperator(0 * positive[0], *positive[1:]).properties
    assert NinePointOperator(*parts((4, 5))).properties == {"symmetric"}
    known = NinePointOperator(*parts((4, 5)), definite=True)
    assert "positive definite" in known.properties
    assert known.astype(np.float32).properties == known.properties


def test_another_precision_and_scale():
    A = NinePointOperator(*parts((4, 5)))
    assert A.astype(np.float64) is A
    B = A.astype(np.float32, 0.5)
    assert B.dtype == np.float32
    np.testing.assert_allclose(B.to_dense(), A.to_dense() / 2, atol=1e-6)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_any_shape_is_symmetric(n0, n1, seed):
    A = NinePointOperator(*parts((n0, n1), seed=seed))
    u, v = np.random.default_rng(seed).standard_normal((2, n0, n1))
    assert (A.apply(u) * v).sum() == pytest.approx((u * A.apply(v)).sum(), abs=1e-10)
    np.testing.assert_allclose(A.apply(np.ones((n0, n1))), A.sums, atol=1e-14)


@pytest.mark.parametrize("k", range(5))
def test_bad_parts(k):
    for value, error in [(np.nan, NonFiniteError), (np.inf, NonFiniteError)]:
        broken = parts((4, 5))
        broken[k][0, 0] = value
        with pytest.raises(error, match=NAMES[k]):
            NinePointOperator(*broken)
    broken = parts((4, 5))
    broken[k] = broken[k][:-1]
    with pytest.raises(InputError, match="expected real numbers of shape"):
        NinePointOperator(*broken)
    broken = parts((4, 5))
    broken[k] = broken[k].astype(complex)
    with pytest.raises(InputError, match="complex"):
        NinePointOperator(*broken)


def test_bad_input():
    with pytest.raises(InputError, match="not empty"):
        NinePointOperator(np.zeros(3), *parts((4, 5))[1:])
    with pytest.raises(InputError, match="not empty"):
        NinePointOperator(np.zeros((0, 3)), *parts((4, 5))[1:])
    with pytest.raises(InputError, match="DiffusionOperator"):
        NinePointOperator.of(NinePointOperator(*parts((4, 5))))
    with pytest.raises(InputError, match="two axes"):
        NinePointOperator.of(DiffusionOperator((np.ones(4),)))
    wraps = DiffusionOperator((np.ones((5, 4)), np.ones((4, 5))), periodic=(True, False))
    with pytest.raises(InputError, match="not periodic"):
        NinePointOperator.of(wraps)
