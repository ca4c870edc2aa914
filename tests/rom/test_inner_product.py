import numpy as np
import pytest
import scipy.linalg as sl
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import InnerProduct


def laplacian(k, shift=0.0):
    """The five-point Laplacian on k x k inner nodes."""
    T = sp.diags_array([-np.ones(k - 1), 2 * np.ones(k), -np.ones(k - 1)], offsets=[-1, 0, 1])
    eye = sp.eye_array(k)
    return sp.csr_array(sp.kron(T, eye) + sp.kron(eye, T) + shift * sp.eye_array(k * k))


def rotated(k):
    """A complex Hermitian matrix with the pattern and the definiteness of the Laplacian."""
    phases = np.exp(1j * np.arange(k * k))
    return sp.csr_array(sp.diags_array(phases) @ laplacian(k) @ sp.diags_array(phases.conj()))


MATRICES = {
    "sparse": laplacian(9),
    "dense": laplacian(9).toarray(),
    "complex sparse": rotated(9),
    "complex dense": rotated(9).toarray(),
    "integers": laplacian(9).astype(np.int64),
    "float32": laplacian(9).astype(np.float32),
}


@pytest.fixture(params=MATRICES.values(), ids=MATRICES.keys())
def case(request):
    X = request.param
    dense = X.toarray() if sp.issparse(X) else X
    return InnerProduct(X), dense.astype(np.result_type(dense, np.float64))


def vectors(seed, *shape):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("shape", [(81,), (81, 3), (81, 1), (81, 0)])
def test_products_norms_and_representatives_agree_with_dense_algebra(case, shape, real):
    product, X = case
    v, r = (vectors(seed, *shape) for seed in (1, 2))
    if real:
        v, r = v.real, r.real
    assert product.size == 81 and product.dtype == X.dtype
    np.testing.assert_allclose(product.apply(v), X @ v, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(product.inner(r, v), r.conj().T @ X @ v, rtol=1e-11, atol=1e-11)
    energy = np.einsum("i...,i...->...", v.conj(), X @ v).real
    np.testing.assert_allclose(product.norm(v), np.sqrt(energy), rtol=1e-12)
    w = np.linalg.solve(X, r)
    np.testing.assert_allclose(product.riesz(r), w, rtol=1e-11, atol=1e-12)
    energy = np.einsum("i...,i...->...", r.conj(), w).real
    np.testing.assert_allclose(product.dual_norm(r), np.sqrt(energy), rtol=1e-11)
    assert np.shape(product.norm(v)) == shape[1:]


def test_the_representative_is_the_adjoint_and_attains_the_dual_norm(case):
    product, _ = case
    r, v = vectors(3, 81), vectors(4, 81)
    w = product.riesz(r)
    # (w, v) = v^H r, whichever way round.
    np.testing.assert_allclose(product.inner(v, w), v.conj() @ r, rtol=1e-11)
    np.testing.assert_allclose(product.inner(product.riesz(v), r), v.conj() @ r, rtol=1e-11)
    np.testing.assert_allclose(product.dual_norm(r), product.norm(w), rtol=1e-12)
    assert abs(v.conj() @ r) <= product.dual_norm(r) * product.norm(v)


def test_columns_are_orthonormal_and_dependent_ones_are_dropped(case):
    product, _ = case
    V = vectors(5, 81, 4)
    V[:, 2] = V[:, 0] - 2j * V[:, 1]
    Q = product.orthonormalize(V)
    assert Q.shape == (81, 3)
    np.testing.assert_allclose(product.inner(Q, Q), np.eye(3), atol=1e-13)
    np.testing.assert_allclose(Q @ product.inner(Q, V), V, rtol=1e-11, atol=1e-11)
    more = product.orthonormalize(np.column_stack([V, vectors(6, 81, 2)]), against=Q)
    assert more.shape == (81, 2)
    np.testing.assert_allclose(product.inner(Q, more), np.zeros((3, 2)), atol=1e-13)
    assert product.orthonormalize(V[:, 0], against=Q).shape == (81, 0)
    assert product.orthonormalize(np.zeros((81, 2))).shape == (81, 0)


def test_what_is_nearly_dependent_is_kept_orthogonal():
    product = InnerProduct(laplacian(20))
    v = np.random.default_rng(0).standard_normal((400, 2))
    V = np.column_stack([v[:, 0], v[:, 0] + 1e-10 * v[:, 1]])
    Q = product.orthonormalize(V)
    np.testing.assert_allclose(product.inner(Q, Q), np.eye(2), atol=1e-13)
    assert product.orthonormalize(V, rtol=1e-8).shape == (400, 1)


def test_the_lower_bound_of_the_spectrum_holds_and_is_close(case):
    product, X = case
    d = np.sqrt(np.diag(X).real)
    smallest = sl.eigvalsh(X / np.outer(d, d))[0]
    assert smallest / 4 <= product.lowest < smallest


def test_euclid_and_the_ways_to_name_a_product():
    euclid = InnerProduct.of(None, 5)
    v = np.arange(5.0)
    assert euclid.norm(v) == np.linalg.norm(v) == euclid.dual_norm(v)
    assert InnerProduct.of(euclid, 5) is euclid
    assert InnerProduct.of(2 * np.eye(5), 5).norm(v) == pytest.approx(np.sqrt(60))
    with pytest.raises(InputError, match="size 4, got 5"):
        InnerProduct.of(euclid, 4)


@pytest.mark.parametrize("kind", ["sparse", "dense"])
@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((2, 3)), "square"),
        (np.array([[2.0, 1.0], [0.0, 2.0]]), "Hermitian"),
        (np.array([[2.0, 1j], [1j, 2.0]]), "Hermitian"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "definite"),
        (np.array([[1.0, 2j], [-2j, 1.0]]), "definite"),
        (np.array([[1.0, 1.0], [1.0, 1.0]]), "definite"),
        (np.array([[1.0, 0.0], [0.0, -1.0]]), "definite"),
        (np.zeros((2, 2)), "definite"),
        (np.array([[np.nan, 0.0], [0.0, 1.0]]), "finite"),
        (np.zeros((0, 0)), "empty"),
    ],
)
def test_matrices_that_are_no_inner_product_are_refused(matrix, message, kind):
    with pytest.raises(InputError, match=message):
        InnerProduct(matrix if kind == "dense" else sp.csr_array(matrix))


def test_vectors_that_do_not_fit_are_refused(case):
    product, _ = case
    with pytest.raises(InputError, match=r"expected shape \(81,\)"):
        product.norm(np.ones(80))
    with pytest.raises(NonFiniteError, match="r: "):
        product.riesz(np.full(81, np.nan))
    with pytest.raises(InputError, match="against"):
        product.orthonormalize(np.ones(81), against=np.ones(81))
    with pytest.raises(InputError, match="rtol"):
        product.orthonormalize(np.ones(81), rtol=1.0)


def test_bounds_of_dual_norms_enclose_what_extended_precision_finds(case):
    product, X = case
    r = vectors(7, 81, 3)
    w = np.linalg.solve(X, r).astype(np.clongdouble)
    for _ in range(4):
        w += np.linalg.solve(X, (r - X.astype(np.clongdouble) @ w).astype(complex))
    truth = np.sqrt(np.sum(r.conj() * w, axis=0).real)
    low, high = product.dual_interval(r)
    assert (low <= truth).all() and (truth <= high).all()
    assert (high - low <= 1e-10 * truth).all()
    assert product.dual_interval(r[:, 1]) == pytest.approx((low[1], high[1]), rel=1e-14)


def test_representatives_in_twice_the_precision_leave_nothing(case):
    product, X = case
    r = vectors(8, 81, 2)
    w, rest, error = product.riesz_pair(r, np.zeros_like(r))
    s = r - X.astype(np.clongdouble) @ (w.astype(np.clongdouble) + rest)
    # Extended precision itself ends at 1e-19 here.
    assert (product.dual_norm(s.astype(complex)) <= error + 1e-17).all()
    assert (error <= 1e-24).all()


def test_rough_vectors_cost_what_is_said(case):
    product, X = case
    for v in vectors(9, 5, 81):
        rough = np.sqrt(np.abs(v) @ np.abs(X) @ np.abs(v))
        assert rough <= product.roughness * product.norm(v)
    assert product.norm_rounding < 1e-9


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200, 1e300])
def test_vectors_of_any_size_are_orthonormalized(size):
    product = InnerProduct(np.diag([1.0, 2.0, 3.0]))
    V = np.random.default_rng(0).standard_normal((3, 2))
    Q = product.orthonormalize(V * size)
    np.testing.assert_allclose(Q, product.orthonormalize(V), atol=1e-14)
    assert Q.shape == (3, 2)


def test_dual_intervals_know_of_squares_that_underflow():
    product = InnerProduct.euclidean(2)
    low, high = product.dual_interval(np.array([3e-200, 4e-200]))
    assert low <= 5e-200 <= high
