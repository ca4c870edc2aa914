import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers import SparseOperator
from nwidth.solvers.sparse_operator import canonical


def random(m, n, seed=0, density=0.2):
    return sp.random_array((m, n), density=density, rng=np.random.default_rng(seed)).tocsr()


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 40),
    columns=st.sampled_from([None, 1, 3, 8, 9, 16]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_same_as_scipy_for_any_size_and_empty_rows(n, columns, dtype, seed):
    rng = np.random.default_rng(seed)
    A = random(n, n, seed)
    operator = SparseOperator(A, columns, dtype=dtype)
    u, f = (rng.standard_normal(operator.domain_shape).astype(dtype) for _ in range(2))
    tolerance = 30 * np.finfo(dtype).eps * n
    np.testing.assert_allclose(operator.apply(u), A @ u.astype(np.float64), atol=tolerance)
    assert operator.apply(u).dtype == dtype
    out = f.copy()
    operator.multiply_into(out, u, add=True)
    np.testing.assert_allclose(out, f + A @ u.astype(np.float64), atol=tolerance)
    operator.residual_into(out, f, u)
    np.testing.assert_allclose(out, f - A @ u.astype(np.float64), atol=tolerance)


@pytest.mark.parametrize("columns", [None, 9])
def test_threads_give_the_same(columns):
    A = random(60, 60)
    operator = SparseOperator(A, columns)
    u = np.random.default_rng(1).standard_normal(operator.domain_shape)
    serial = operator.apply(u)
    operator.threaded = True
    np.testing.assert_array_equal(operator.apply(u), serial)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_indices_of_both_lengths(index):
    A = random(30, 30)
    A = sp.csr_array((A.data, A.indices.astype(index), A.indptr.astype(index)), shape=A.shape)
    u = np.arange(30.0)
    np.testing.assert_allclose(SparseOperator(A).apply(u), A @ u, rtol=1e-13)


def test_unsorted_and_duplicate_entries_are_put_in_order_in_a_copy():
    data, columns = np.array([1.0, 2.0, 3.0]), np.array([1, 0, 1])
    A = sp.csr_array((data, columns, np.array([0, 3, 3])), shape=(2, 2))
    operator = SparseOperator(A)
    assert operator.matrix.toarray().tolist() == [[2.0, 4.0], [0.0, 0.0]]
    assert operator.matrix.has_canonical_format
    assert A.indices.tolist() == [1, 0, 1]


@pytest.mark.parametrize("columns", [None, 3])
def test_complex_matrices_and_vectors(columns):
    A = random(20, 20).astype(complex) * (1 + 2j)
    operator = SparseOperator(A, columns)
    u = np.ones(operator.domain_shape) * 1j
    np.testing.assert_allclose(operator.apply(u), A @ u)
    np.testing.assert_allclose(SparseOperator(A.real, columns).apply(u), A.real @ u)
    out = np.empty_like(u)
    operator.residual_into(out, u, u)
    np.testing.assert_allclose(out, u - A @ u)


def test_facts():
    A = sp.diags_array([[1.0, 2.0, 1.0], [-1.0] * 2, [-1.0] * 2], offsets=[0, 1, -1])
    operator = SparseOperator(A, 2)
    assert operator.singular
    assert not SparseOperator(A + sp.eye_array(3)).singular
    assert operator.gershgorin == 2.0
    assert operator.diagonal.tolist() == [[1.0], [2.0], [1.0]]


def test_integers_and_half_precision_become_floats():
    assert canonical(np.eye(2, dtype=int)).dtype == np.float64
    assert canonical(sp.eye_array(2, dtype=bool)).dtype == np.float64
    assert canonical(sp.eye_array(2, dtype=np.longdouble)).dtype == np.float64
    assert canonical(sp.eye_array(2, dtype=np.float32)).dtype == np.float32


@pytest.mark.parametrize("matrix", [np.zeros(3), np.zeros((0, 2)), [["a"]], np.zeros((2, 2, 2))])
def test_what_is_no_matrix(matrix):
    with pytest.raises(InputError, match="matrix: expected"):
        SparseOperator(matrix)


@pytest.mark.parametrize("columns", [0, True, 1.5])
def test_bad_columns(columns):
    with pytest.raises(InputError, match="columns"):
        SparseOperator(np.eye(2), columns)


def test_not_finite_names_the_place():
    with pytest.raises(NonFiniteError, match="got nan in row 1, column 0"):
        SparseOperator(sp.csr_array([[1.0, 0.0], [np.nan, 1.0]]))
