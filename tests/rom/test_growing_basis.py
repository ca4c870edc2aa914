import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import AffineProblem, GrowingBasis, InnerProduct
from nwidth.rom.stability import MinTheta
from nwidth.solvers.linear_operator import MatrixOperator


def snapshots(case, count, seed=1):
    mus = case.box.random(count, seed)
    rows = [
        np.linalg.solve(case.problem.matrix(mu).toarray(), case.problem.source(mu)) for mu in mus
    ]
    return np.stack(rows, axis=1)


def grown(case, U, sizes=None, **options):
    growing = GrowingBasis(case.problem, case.X, case.stability, case.box, **options)
    for part in np.split(U, np.cumsum(sizes)[:-1] if sizes else range(1, U.shape[1]), axis=1):
        growing.extend(part)
    return growing


@pytest.mark.parametrize("kind", ["thermal", "convection", "wave"])
def test_reduced_problems_are_projections(block_problem, kind):
    case = block_problem(kind, 8)
    growing = grown(case, snapshots(case, 6))
    V, model = growing.basis, growing.model()
    np.testing.assert_allclose(V.conj().T @ case.X @ V, np.eye(6), atol=1e-13)
    for A, small in zip(
        case.problem.matrices.matrices, model.problem.matrices.matrices, strict=True
    ):
        np.testing.assert_allclose(small, V.conj().T @ (A @ V), atol=1e-12)
    wanted = np.stack(list(case.problem.sources.matrices)) @ V.conj()
    np.testing.assert_allclose(np.stack(list(model.problem.sources.matrices)), wanted, atol=1e-14)
    assert model.residual.dtype == model.basis.dtype == (complex if kind == "wave" else float)


@pytest.mark.parametrize("kind", ["thermal", "wave"])
def test_vectors_together_or_one_by_one(block_problem, kind):
    case = block_problem(kind, 8)
    U = snapshots(case, 5)
    one, several = grown(case, U).model(), grown(case, U, [1, 3, 1]).model()
    for mu in case.box.random(4, 9):
        a, b = one.solve(mu), several.solve(mu)
        np.testing.assert_allclose(a.x, b.x, rtol=1e-9, atol=1e-9 * abs(a.x).max())
        np.testing.assert_allclose(a.bound, b.bound, rtol=1e-8)


def test_dependent_vectors_are_dropped_and_counted(block_problem):
    case = block_problem("thermal", 8)
    U = snapshots(case, 3)
    growing = GrowingBasis(case.problem, case.X, case.stability)
    assert growing.extend(U) == 3
    assert growing.extend(U[:, 1]) == 0
    assert growing.extend(np.stack([U[:, 0] + U[:, 2], np.ones(len(U))], axis=1)) == 1
    assert growing.extend(np.zeros(len(U))) == 0
    assert len(growing) == growing.model().size == 4


def test_models_do_not_change_when_others_come(block_problem):
    case = block_problem("thermal", 8)
    U, mu = snapshots(case, 3), case.box.random(1)[0]
    growing = grown(case, U[:, :2])
    model = growing.model()
    before = model.solve(mu)
    growing.extend(U[:, 2])
    again = grown(case, U[:, :2]).model().solve(mu)
    for other in (model.solve(mu), again):
        np.testing.assert_array_equal(other.x, before.x)
        assert other.bound == before.bound
    assert growing.model().size == 3


def test_each_matrix_is_applied_once_to_a_vector(block_problem):
    case, calls = block_problem("convection", 8), []

    class Counting(MatrixOperator):
        def _apply(self, u):
            calls.append(1)
            return super()._apply(u)

    matrices = case.problem.matrices.matrices
    problem = AffineProblem(
        case.problem.theta, [Counting(A) for A in matrices], case.problem.phi, case.problem.sources
    )
    U, mu = snapshots(case, 3), case.box.random(1)[0]
    growing = GrowingBasis(problem, case.X, case.stability)
    growing.extend(U[:, :2])
    calls.clear()
    growing.extend(U[:, 2])
    # Once for the reduced matrices and once for the residuals.
    assert len(calls) == 2 * len(matrices)
    a, b = growing.model().solve(mu), grown(case, U).model().solve(mu)
    np.testing.assert_allclose(a.x, b.x, rtol=1e-9)
    np.testing.assert_allclose(a.bound, b.bound, rtol=1e-6)


def test_coefficients_alone_make_a_problem_complex():
    from nwidth.rom import ParameterExpressions

    theta = ParameterExpressions(["1", "1j * mu[0]"])
    matrices = [sp.diags_array([2.0, 3.0, 4.0]).tocsr(), sp.eye_array(3).tocsr()]
    problem = AffineProblem(theta, matrices, ParameterExpressions(["1"]), np.ones((1, 3)))
    growing = GrowingBasis(problem, matrices[0], MinTheta([[1.0, 0.0]], [1.0], [0.0, 1.0]))
    assert growing.dtype == np.complex128
    A, f = problem.matrix([0.3]).toarray(), problem.source([0.3])
    growing.extend(np.linalg.solve(A, f))
    found = growing.model().problem.solve([0.3])
    np.testing.assert_allclose(growing.basis @ found, np.linalg.solve(A, f), rtol=1e-12)


def test_bad_input_is_told(block_problem):
    case = block_problem("thermal", 8)
    with pytest.raises(InputError, match="stability: expected 4 terms, got 2"):
        GrowingBasis(case.problem, case.X, MinTheta([[1.0, 1.0]], [1.0]))
    with pytest.raises(InputError, match="inner product: expected size 64, got 3"):
        GrowingBasis(case.problem, np.eye(3), case.stability)
    with pytest.raises(InputError, match="test: expected one of galerkin, least-squares"):
        GrowingBasis(case.problem, case.X, case.stability, test="petrov")
    with pytest.raises(InputError, match="box"):
        GrowingBasis(case.problem, case.X, case.stability, [0, 1])
    growing = GrowingBasis(case.problem, InnerProduct(case.X), case.stability)
    with pytest.raises(InputError, match="u: expected real vectors"):
        growing.extend(np.ones(64) * 1j)
    with pytest.raises(NonFiniteError):
        growing.extend(np.full(64, np.nan))
    with pytest.raises(InputError, match="expected shape"):
        growing.extend(np.ones(3))
