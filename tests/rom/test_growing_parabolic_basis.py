import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import AffineProblem, GrowingParabolicBasis, ParabolicProblem
from nwidth.rom.stability import MinTheta
from nwidth.solvers.linear_operator import MatrixOperator

N = 9
RNG = np.random.default_rng(6)
A = [(lambda B: B @ B.T + np.eye(N))(RNG.standard_normal((N, N))) for _ in range(2)]
M = [np.diag(RNG.uniform(1, 2, N)), np.diag(np.arange(N) % 2.0)]
INITIAL = RNG.standard_normal((2, N))
X = A[0] + A[1]


def made(matrices=A, initial=INITIAL):
    problem = ParabolicProblem(
        AffineProblem(lambda mu: mu, matrices, lambda mu: mu, RNG.standard_normal((2, N))),
        M,
        np.linspace(0, 1, 5),
        None,
        initial,
        "implicit-euler",
        lambda mu: [1.0, mu[0]],
        lambda mu: [1.0, mu[1]],
    )
    return GrowingParabolicBasis(problem, X, MinTheta([[1.0, 1.0]], [1.0]))


@pytest.mark.parametrize("wrap", [lambda A: A, MatrixOperator], ids=["dense", "operator"])
def test_everything_is_that_of_the_whole_basis(wrap):
    growing, new = made([wrap(B) for B in A]), RNG.standard_normal((N, 4))
    assert [growing.extend(new[:, 0]), growing.extend(new[:, 1:])] == [1, 3]
    V, model = growing.basis, growing.model()
    assert len(growing) == growing.size == model.size == 4
    np.testing.assert_allclose(V.T @ X @ V, np.eye(4), atol=1e-13)
    for q in range(2):
        reduced = model.problem.problem.matrices.matrices[q]
        np.testing.assert_allclose(reduced, V.T @ A[q] @ V, atol=1e-13)
        np.testing.assert_allclose(model.problem.mass.matrices[q], V.T @ M[q] @ V, atol=1e-14)
    sources = growing.problem.problem.sources.matrices
    np.testing.assert_allclose(np.stack(model.problem.problem.sources.matrices), sources @ V)
    start = np.stack(model.problem.initial.matrices)
    np.testing.assert_allclose(start, INITIAL @ X @ V, atol=1e-12)
    for count in range(5):
        left = INITIAL.T - V[:, :count] @ start[:, :count].T
        for q in range(2):
            c = RNG.standard_normal(2)
            norm = np.linalg.norm(model.initial_error[count, q] @ c)
            e = left @ c
            assert norm == pytest.approx(np.sqrt(e @ M[q] @ e), rel=1e-10)
            assert 0 < abs(c) @ model.initial_allowance[count, q] < 1e-12


def test_residuals_have_the_norm_of_their_terms():
    growing = made()
    growing.extend(RNG.standard_normal((N, 3)))
    model, V = growing.model(), growing.basis
    columns = [*growing.problem.problem.sources.matrices]
    for v in V.T:
        columns += [B @ v for B in (*A, *M)]
    z = RNG.standard_normal(len(columns))
    r = np.stack(columns, axis=1) @ z
    assert np.linalg.norm(model.residual @ z) == pytest.approx(np.sqrt(r @ np.linalg.solve(X, r)))


def test_vectors_that_are_there_already_are_dropped():
    growing = made()
    growing.extend(INITIAL.T)
    assert growing.extend(INITIAL.T @ [[1.0], [2.0]]) == 0 and growing.size == 2
    model = growing.model()
    assert max(abs(model.initial_error[-1]).max(), model.initial_allowance[-1].max()) < 1e-13


def test_remainders_are_orthogonal_to_the_basis():
    growing, u = made(), RNG.standard_normal((5, N))
    np.testing.assert_array_equal(growing.remainder(u), u)
    growing.extend(INITIAL.T)
    left = growing.remainder(u)
    assert abs(left @ X @ growing.basis).max() < 1e-13
    assert growing.inner_product.orthonormalize((u - left).T, growing.basis).shape == (N, 0)


def test_an_empty_basis_has_no_model():
    with pytest.raises(InputError, match="one vector"):
        made().model()


@pytest.mark.parametrize("u", [np.ones(N - 1), np.ones((N, 2)) * 1j, np.ones((1, N)), "a"])
def test_what_does_not_fit_is_refused(u):
    with pytest.raises(InputError):
        made().extend(u)


def test_nan_is_refused():
    with pytest.raises(NonFiniteError):
        made().extend(np.full(N, np.nan))


def test_parts_that_do_not_fit_are_refused():
    problem = made().problem
    with pytest.raises(InputError, match="2 terms"):
        GrowingParabolicBasis(problem, X, MinTheta([[1.0]], [1.0]))
    with pytest.raises(InputError, match="size"):
        GrowingParabolicBasis(problem, np.eye(3), MinTheta([[1.0, 1.0]], [1.0]))
    with pytest.raises(InputError, match="ParabolicProblem"):
        GrowingParabolicBasis(problem.problem, X, MinTheta([[1.0, 1.0]], [1.0]))
