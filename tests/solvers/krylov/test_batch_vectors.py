import numpy as np
import pytest

from nwidth.solvers.krylov.batch_vectors import (
    combination,
    divided,
    inner,
    norms,
    orthogonalize,
    products,
    range_factors,
    real_parts,
    scaled,
)

KINDS = [np.float32, np.float64, np.complex64, np.complex128]


def random(shape, kind, seed=0):
    rng = np.random.default_rng(seed)
    u = rng.standard_normal(shape)
    return (u + 1j * rng.standard_normal(shape) if np.dtype(kind).kind == "c" else u).astype(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [1, 3])
def test_products_and_norms_sample_by_sample(kind, samples):
    u, v = random((samples, 17), kind), random((samples, 17), kind, 1)
    expected = [np.vdot(b, a) for a, b in zip(u, v, strict=True)]
    np.testing.assert_allclose(inner(u, v), expected, rtol=1e-4 if u.itemsize <= 8 else 1e-13)
    np.testing.assert_allclose(norms(u), np.linalg.norm(u, axis=1), rtol=1e-5)
    assert inner(u, v).dtype in (np.float64, np.complex128) and norms(u).dtype == np.float64


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e200])
@pytest.mark.parametrize("samples", [1, 2])
def test_norms_at_the_ends_of_the_range(kind, size, samples):
    limits = np.finfo(kind)
    if not float(limits.tiny) < size < float(limits.max):
        pytest.skip("no such number in this precision")
    u = random((samples, 9), kind)
    np.testing.assert_allclose(norms(u * u.real.dtype.type(size)) / size, norms(u), rtol=1e-5)
    factors = range_factors(u * u.real.dtype.type(size))
    assert np.all(np.log2(factors) == np.round(np.log2(factors)))


def test_norms_tell_what_is_not_finite():
    with np.errstate(all="ignore"):
        assert np.isnan(norms(np.array([[np.nan, 1.0]])))[0]
        assert not np.isfinite(norms(np.array([[np.inf, 1.0]])))[0]
    assert norms(np.zeros((1, 3)))[0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_basis_stays_orthonormal_where_vectors_nearly_coincide(kind):
    n, k = 60, 12
    eps = np.finfo(kind).eps
    basis = np.zeros((2, k, n), kind)
    basis[:, 0] = divided(random((2, n), kind), norms(random((2, n), kind)))
    for j in range(1, k):
        w = basis[:, j - 1] + 1e-3 * random((2, n), kind, j).astype(kind)
        h, size = orthogonalize(basis[:, :j], w.astype(kind), basis[:, j])
        back = combination(basis[:, :j], h) + scaled(basis[:, j], size)
        np.testing.assert_allclose(back, w, atol=20 * eps)
    for sample in basis:
        np.testing.assert_allclose(sample.conj() @ sample.T, np.eye(k), atol=20 * eps)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 2, 9])
def test_one_sample_agrees_with_the_same_one_among_others(kind, k):
    basis = np.linalg.qr(random((2, 40, k), kind))[0].swapaxes(1, 2).copy()
    w, tolerance = random((2, 40), kind, 1), 50 * np.finfo(kind).eps
    kept, q, one = w.copy(), np.empty_like(w), np.empty_like(w[:1])
    together = orthogonalize(basis, w, q)
    alone = orthogonalize(basis[:1], w[:1], one)
    for a, b in zip((*alone, one), (*together, q), strict=True):
        np.testing.assert_allclose(a[0], b[0], atol=tolerance)
    np.testing.assert_array_equal(w, kept)
    np.testing.assert_allclose(alone[0][0], basis[0].conj() @ w[0], atol=10 * tolerance)
    found = products(basis[0], w)
    np.testing.assert_allclose(found, basis[0].conj() @ w.T, atol=10 * tolerance)


@pytest.mark.parametrize("samples", [1, 2])
def test_orthogonalizing_tells_nan(samples):
    w = np.full((samples, 3), np.nan)
    _, size = orthogonalize(np.eye(3)[None, :2].repeat(samples, axis=0), w, np.empty_like(w))
    assert np.isnan(size).all()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_a_vector_of_the_span(kind):
    basis = np.linalg.qr(random((40, 5), kind))[0].T[None].conj().copy()
    w = combination(basis, random((1, 5), kind))
    q = np.empty_like(w)
    _, size = orthogonalize(basis, w, q)
    assert size[0] == 0 and not q.any()


def test_complex_numbers_are_pairs_of_real_ones():
    u = random((2, 3), np.complex64)
    assert real_parts(u).shape == (2, 6) and real_parts(u).dtype == np.float32
    assert real_parts(u.real) is not None and real_parts(u.real.copy()).shape == (2, 3)
