import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.matrix_span import MatrixSpan, relative_difference
from nwidth.solvers.linear_operator import MatrixOperator

RNG = np.random.default_rng(3)
WEIGHTS = {"real": np.array([0.5, -2.0, 3.0]), "complex": np.array([0.5j, -2.0, 3.0 + 1j])}


def dense(dtype=np.float64, shape=(6, 5)):
    A = RNG.standard_normal((3, *shape))
    return (A + 1j * RNG.standard_normal(A.shape) if np.dtype(dtype).kind == "c" else A).astype(
        dtype
    )


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("form", ["stack", "list", "same pattern", "other patterns", "operators"])
def test_combinations_of_all_kinds(form, dtype, weights):
    A, w = dense(dtype), WEIGHTS[weights]
    if form == "same pattern":
        A *= RNG.random(A.shape[1:]) < 0.4
    if form == "other patterns":
        A *= RNG.random(A.shape) < 0.3
    wanted = np.tensordot(w, A, 1)
    given = {
        "stack": lambda: A,
        "list": lambda: list(A),
        "same pattern": lambda: [sp.csc_array(a) for a in A],
        "other patterns": lambda: [sp.coo_matrix(a) for a in A],
        "operators": lambda: [MatrixOperator(A[0]), A[1], sp.csr_array(A[2])],
    }[form]()
    span = MatrixSpan(given)
    found = span.combine(w)
    matrix = found.to_dense() if form == "operators" else found
    matrix = matrix.toarray() if sp.issparse(matrix) else matrix
    np.testing.assert_allclose(matrix, wanted, rtol=1e-5, atol=1e-6)
    if form != "operators":
        assert matrix.dtype == np.result_type(
            dtype, np.complex64 if weights == "complex" else dtype
        )
    assert span.shape == (6, 5)
    assert len(span) == 3


def test_vectors_and_numbers():
    assert MatrixSpan([np.ones(3), np.arange(3.0)]).combine([1, 2]).tolist() == [1.0, 3.0, 5.0]
    assert MatrixSpan(np.array([3.0, 4.0])).combine([1, 2]) == 11.0
    assert MatrixSpan([3.0, 4.0]).combine([1, 2]) == 11.0


def test_given_matrices_are_not_changed():
    A = [sp.eye_array(3, format="csr"), sp.eye_array(3, format="csr")]
    span = MatrixSpan(A)
    first = span.combine([1.0, 1.0])
    span.combine([5.0, 5.0])
    assert first.diagonal().tolist() == [2.0] * 3
    assert A[0].diagonal().tolist() == [1.0] * 3


def test_many_operators_are_no_deep_recursion():
    A = MatrixOperator(np.eye(2))
    total = MatrixSpan([A] * 2000).combine(np.full(2000, 0.5))
    np.testing.assert_allclose(total.apply(np.ones(2)), 1000.0)


def test_symmetry_is_kept_definiteness_not():
    A = MatrixOperator(np.eye(2), frozenset(["symmetric", "positive definite"]))
    assert MatrixSpan([A, A]).combine([1.0, -0.5]).properties == {"symmetric"}


def test_table_gives_every_entry_and_its_place():
    A = [sp.csr_array([[1.0, 0], [0, 2.0]]), sp.csr_array([[0, 3.0], [0, 4.0]])]
    values, places = MatrixSpan(A).table()
    assert places.tolist() == [[0, 0], [0, 1], [1, 1]]
    assert values.tolist() == [[1, 0, 2], [0, 3, 4]]
    values, places = MatrixSpan([np.array([5.0, 6.0])]).table()
    assert places.tolist() == [[0], [1]]
    with pytest.raises(InputError, match="known by their action"):
        MatrixSpan([MatrixOperator(np.eye(2))]).table()


@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array, MatrixOperator])
def test_projection(wrap):
    A = dense(np.complex128, (6, 6))
    V, W = dense(np.complex128, (6, 2))[:2]
    found = MatrixSpan([wrap(a) for a in A]).project(V, W)
    np.testing.assert_allclose(found, W.conj().T @ A @ V, atol=1e-12)
    f = dense(np.complex128, (6,))
    np.testing.assert_allclose(MatrixSpan(f).project(V), f @ V.conj(), atol=1e-12)


def test_relative_differences():
    A, B = dense()[:2]
    wanted = np.linalg.norm(A - B) / np.linalg.norm(B)
    assert relative_difference(A, B) == pytest.approx(wanted)
    assert relative_difference(sp.csr_array(A), sp.csc_array(B)) == pytest.approx(wanted)
    assert relative_difference(A, sp.csc_array(B)) == pytest.approx(wanted)
    assert relative_difference(A, 0 * A) == pytest.approx(np.linalg.norm(A))
    close = MatrixOperator(B + 1e-6 * A)
    exact = 1e-6 * np.linalg.norm(A) / np.linalg.norm(B)
    assert relative_difference(close, B, probes=200) == pytest.approx(exact, rel=0.2)
    with pytest.raises(InputError, match="one shape"):
        relative_difference(A, B.T)


@pytest.mark.parametrize(
    ("matrices", "text"),
    [
        ([], "at least one"),
        (3.0, "sequence"),
        ([np.eye(2), np.eye(3)], r"\(2, 2\) first and \(3, 3\) as number 1"),
        ([sp.eye_array(2), sp.eye_array(3)], r"number 1"),
        ([np.eye(2), "word"], r"matrices\[1\]"),
    ],
)
def test_matrices_that_do_not_fit(matrices, text):
    with pytest.raises(InputError, match=text):
        MatrixSpan(matrices)


def test_nan_is_told_with_row_and_column():
    bad = np.eye(3)
    bad[1, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"matrices\[1\].*\(1, 2\)"):
        MatrixSpan([np.eye(3), bad])
    with pytest.raises(NonFiniteError, match=r"matrices\[1\].*row 1, column 2"):
        MatrixSpan([sp.eye_array(3), sp.csr_array(bad)])


@pytest.mark.parametrize("weights", [[1.0], [[1.0, 2.0]], ["a", "b"]])
def test_weights_that_do_not_fit(weights):
    with pytest.raises(InputError, match="weights: expected 2 numbers"):
        MatrixSpan([np.eye(2)] * 2).combine(weights)


def test_weights_that_are_not_finite():
    with pytest.raises(NonFiniteError, match=r"weights.*\(1,\)"):
        MatrixSpan([np.eye(2)] * 2).combine([1.0, np.nan])
