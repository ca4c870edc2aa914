import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import UpdatedSVD

RNG = np.random.default_rng(12)


def sparse(m, n, density=0.1, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    A = sp.random_array((m, n), density=density, rng=rng, data_sampler=rng.standard_normal)
    if np.issubdtype(dtype, np.complexfloating):
        B = sp.random_array((m, n), density=density, rng=rng, data_sampler=rng.standard_normal)
        A = A + 1j * B
    return sp.csr_array(A).astype(dtype)


class Dense:
    """The same updates on a dense truncated decomposition, by numpy."""

    def __init__(self, A, rank):
        self.rank = rank
        self.cut(A.toarray())

    def cut(self, A):
        U, sigma, Vh = np.linalg.svd(A, full_matrices=False)
        r = min(self.rank, int((sigma > 1e-14 * sigma[0]).sum()))
        self.sigma, self.A = sigma[:r], (U[:, :r] * sigma[:r]) @ Vh[:r]


def product(svd):
    return (svd.left_vectors * svd.singular_values) @ svd.right_vectors.conj().T


def check(svd, dense, tolerance):
    np.testing.assert_allclose(svd.singular_values, dense.sigma, atol=tolerance * dense.sigma[0])
    np.testing.assert_allclose(product(svd), dense.A, atol=tolerance * dense.sigma[0])
    for V in (svd.left_vectors, svd.right_vectors):
        eye = np.eye(V.shape[1])
        np.testing.assert_allclose(V.conj().T @ V, eye, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_every_update_is_the_truncation_of_the_updated_low_rank_matrix(dtype):
    A = sparse(60, 50, dtype=dtype)
    svd, dense = UpdatedSVD(A, 8), Dense(A, 8)
    tolerance = 1e-11 if dtype != np.float32 else 1e-4
    svd.drift = 1e-10 if dtype != np.float32 else 1e-3
    rows, columns = sparse(3, 50, 0.2, dtype, 1), sparse(63, 2, 0.2, dtype, 2)
    dense.cut(np.concatenate([dense.A, rows.toarray()]))
    check(svd.append_rows(rows), dense, tolerance)
    dense.cut(np.concatenate([dense.A, columns.toarray()], axis=1))
    check(svd.append_columns(columns), dense, tolerance)
    for shape, seed in (((2, 52), 3), ((63, 2), 4)):
        where = RNG.choice(63, 2, replace=False), RNG.choice(52, 2, replace=False)
        change = sparse(*shape, 0.2, dtype, seed).tocoo()
        full = np.zeros((63, 52), dtype)
        if shape[0] == 2:
            full[where[0]] = change.toarray()
        else:
            full[:, where[1]] = change.toarray()
        dense.cut(dense.A + full)
        check(svd.add(sp.coo_array(full)), dense, tolerance)
    D, E = sparse(63, 3, 0.1, dtype, 5), sparse(52, 3, 0.1, dtype, 6)
    dense.cut(dense.A + (D @ E.conj().T).toarray())
    check(svd.add_product(D, E), dense, tolerance)
    full = RNG.standard_normal((63, 1)).astype(dtype), RNG.standard_normal((52, 1)).astype(dtype)
    dense.cut(dense.A + full[0] @ full[1].T)
    check(svd.add_product(*full), dense, tolerance)
    assert svd.shape == (63, 52)
    assert svd.updates == 6


def test_many_small_updates_do_not_drift():
    A = sparse(300, 200, 0.05)
    svd, dense, rng = UpdatedSVD(A, 12, drift=1e-12), Dense(A, 12), np.random.default_rng(1)
    for k in range(150):
        if k % 3 == 0:
            new = sparse(1, svd.shape[1], 0.05, seed=k)
            dense.cut(np.concatenate([dense.A, new.toarray()]))
            svd.append_rows(new)
        elif k % 3 == 1:
            new = sparse(svd.shape[0], 1, 0.05, seed=k)
            dense.cut(np.concatenate([dense.A, new.toarray()], axis=1))
            svd.append_columns(new)
        else:
            at = rng.integers(svd.shape[0]), rng.integers(svd.shape[1])
            new = sp.coo_array(([0.3], ([at[0]], [at[1]])), shape=svd.shape)
            dense.cut(dense.A + new.toarray())
            svd.add(new)
    for V in (svd.left_vectors, svd.right_vectors):
        np.testing.assert_allclose(V.T @ V, np.eye(12), atol=1e-12)
    check(svd, dense, 1e-10)
    assert svd.updates == 150
    assert svd.formed < 30  # seldom dense, and repaired where it was measured to be needed


def test_orthonormality_is_repaired():
    svd = UpdatedSVD(sparse(100, 80), 10, drift=1e-9)
    svd._left._tall[:50] *= 1 + 1e-8
    before = product(svd)
    svd._left.drift = 1.0
    svd._repair()
    assert svd.repaired == 1
    V = svd.left_vectors
    np.testing.assert_allclose(V.T @ V, np.eye(10), atol=1e-14)
    np.testing.assert_allclose(product(svd), before, atol=1e-13)
    svd._left.drift = 1.0  # a bound that proves idle is measured away
    svd._repair()
    assert svd.repaired == 1
    assert svd._left.drift < 1e-13


def test_rows_within_the_span_are_followed_as_well():
    """Their remainder is invisible to inner products: columns are formed then."""
    A = sparse(40, 30, 0.3)
    svd, dense = UpdatedSVD(A, 30), Dense(A, 30)
    twice = A[[3, 7]] * 2
    dense.cut(np.concatenate([dense.A, twice.toarray()]))
    check(svd.append_rows(twice), dense, 1e-13)
    near = twice + 1e-9 * sparse(2, 30, 0.3, seed=9)
    dense.cut(np.concatenate([dense.A, near.toarray()]))
    check(svd.append_rows(sp.csr_array(near)), dense, 1e-13)


def test_rank_grows_up_to_the_limit_and_new_directions_replace_old():
    svd = UpdatedSVD(sp.csr_array(np.diag([3.0, 0, 0, 0, 0])), 3)
    assert len(svd.singular_values) == 1
    for k, value in ((1, 2.0), (2, 1.0), (3, 5.0)):
        row = np.zeros((1, 5))
        row[0, k] = value
        svd.append_rows(sp.csr_array(row))
    np.testing.assert_allclose(svd.singular_values, [5, 3, 2], rtol=1e-14)
    assert 1 <= svd.error < 1 + 1e-6
    assert abs(svd.right_rows([3])[0]).max() == pytest.approx(1)
    np.testing.assert_allclose(svd.left_rows([7]), svd.left_vectors[[7]], atol=1e-15)


@pytest.mark.parametrize("rank", [5, 20])
def test_error_bounds_the_true_one(rank):
    A = sparse(150, 120, 0.05)
    svd, full = UpdatedSVD(A, rank), A.toarray()
    assert svd.error == pytest.approx(np.linalg.norm(full - product(svd)), rel=1e-6)
    for k in range(20):
        rows = sparse(2, full.shape[1], 0.1, seed=k)
        full = np.concatenate([full, rows.toarray()])
        svd.append_rows(rows)
        change = sparse(*full.shape, 2 / full.size, seed=k)
        full = full + change.toarray()
        svd.add(change)
        assert np.linalg.norm(full - product(svd)) <= svd.error


@pytest.mark.parametrize("sizes", [(1e-200, 1e-200), (1e200, 1e200), (1e-200, 1e200), (0, 1e-200)])
@pytest.mark.parametrize("n", [12, 120])
def test_error_bounds_the_true_one_where_squares_leave_the_range(sizes, n):
    first, second = sizes
    A, B = sparse(2 * n, n, 0.4, seed=1) * first, sparse(n, n, 0.4, seed=2) * second
    svd = UpdatedSVD(A, 5).append_rows(B)
    whole = np.vstack([A.toarray(), B.toarray()]) / second
    left = np.linalg.norm(whole - product(svd) / second)
    exact = np.linalg.svd(whole, compute_uv=False)
    assert left <= svd.error / second <= 2 * left
    assert len(svd.singular_values) == 5
    np.testing.assert_allclose(svd.singular_values / second, exact[:5], rtol=0.2)


def test_low_rank_matrices_are_followed_exactly():
    D, E = sparse(200, 4, 0.2), sparse(150, 4, 0.2, seed=1)
    A = sp.csr_array(D @ E.T)
    svd = UpdatedSVD(A[:100], 6)
    for k in range(100, 200, 5):
        svd.append_rows(A[k : k + 5])
    exact = np.linalg.svd(A.toarray(), compute_uv=False)
    np.testing.assert_allclose(svd.singular_values[:4], exact[:4], rtol=1e-12)
    np.testing.assert_allclose(product(svd), A.toarray(), atol=1e-12)


def test_cost_of_an_update_knows_nothing_of_the_size():
    """Rows of the tall matrices that no entry touches stay as they are, bit by bit."""
    svd = UpdatedSVD(sparse(2000, 1500, 0.01), 8)
    tall = svd._right._tall.copy()
    row = sp.coo_array(([1.0, 2.0], ([0, 0], [7, 900])), shape=(1, 1500))
    svd.append_rows(row)
    changed = np.flatnonzero((svd._right._tall != tall).any(axis=1))
    assert changed.tolist() == [7, 900]
    assert svd.formed == 0


def test_rows_of_very_different_sizes_need_no_tall_vectors():
    A = sparse(80, 60, 0.1)
    svd, dense = UpdatedSVD(A, 6), Dense(A, 6)
    rows = sp.csr_array(sparse(4, 60, 0.2, seed=3).toarray() * [[1.0], [1e-5], [0.0], [3.0]])
    dense.cut(np.concatenate([dense.A, rows.toarray()]))
    check(svd.append_rows(rows), dense, 1e-12)
    assert svd.formed == 0


def test_nothing_changes_nothing():
    svd = UpdatedSVD(sparse(30, 20), 5)
    before = product(svd)
    svd.add(sp.coo_array((30, 20))).append_rows(sp.csr_array((0, 20)))
    svd.add_product(np.zeros((30, 0)), np.zeros((20, 0)))
    np.testing.assert_array_equal(product(svd), before)
    svd.append_rows(sp.csr_array((2, 20))).append_columns(np.zeros((32, 1)))
    assert svd.shape == (32, 21)
    np.testing.assert_allclose(product(svd)[:30, :20], before, atol=1e-14)
    empty = UpdatedSVD(sp.csr_array((4, 3)), 2)
    assert (len(empty.singular_values), empty.error) == (0, 0.0)
    assert empty.append_rows(np.ones((1, 3))).singular_values == pytest.approx(3**0.5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda svd: svd.append_rows(sparse(2, 19)),
            InputError,
            "rows: expected shape",
        ),
        (lambda svd: svd.append_columns(np.ones((3, 1))), InputError, "columns: expected shape"),
        (lambda svd: svd.add(np.ones((30, 20))), InputError, "expected a sparse matrix"),
        (lambda svd: svd.add(sparse(3, 4)), InputError, "change: expected shape"),
        (lambda svd: svd.append_rows(np.ones(20)), InputError, "rows: expected a matrix"),
        (lambda svd: svd.append_rows(1j * np.ones((1, 20))), InputError, "expected dtype float64"),
        (lambda svd: svd.append_rows(np.full((1, 20), np.nan)), NonFiniteError, "rows"),
        (lambda svd: svd.add(sparse(30, 20) * np.nan), NonFiniteError, "change"),
        (lambda svd: UpdatedSVD(np.zeros((0, 3)), 1), InputError, "expected rows and columns"),
        (lambda svd: UpdatedSVD(np.eye(3), 0), InputError, "rank"),
        (lambda svd: UpdatedSVD(np.eye(3), 1, drift=0.0), InputError, "drift"),
    ],
)
def test_arguments_are_checked(call, error, words):
    svd = UpdatedSVD(sparse(30, 20), 5)
    with pytest.raises(error, match=words):
        call(svd)
    assert svd.shape == (30, 20)


@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_error_counts_rounding_where_nothing_is_dropped(dtype):
    rng = np.random.default_rng(4)
    A = rng.standard_normal((30, 25)).astype(dtype)
    svd = UpdatedSVD(A, 100, drift=1e-10 if dtype == np.float64 else 1e-3)
    for _ in range(12):
        rows = (rng.standard_normal((2, 25)) * 10 ** rng.uniform(-4, 2)).astype(dtype)
        A = np.concatenate([A, rows])
        svd.append_rows(rows)
        missed = float(np.linalg.norm(A.astype(complex) - product(svd).astype(complex)))
        assert missed <= svd.error <= 1e4 * np.finfo(dtype).eps * np.linalg.norm(A)
