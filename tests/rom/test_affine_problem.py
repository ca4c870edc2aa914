import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.archive import save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import (
    AffineDecomposition,
    AffineProblem,
    ParameterExpressions,
    affine_decomposition,
)
from nwidth.solvers.krylov import conjugate_gradient
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator

RNG = np.random.default_rng(5)
N = 40
SPD = [(lambda B: B @ B.T + np.eye(N))(RNG.standard_normal((N, N))) for _ in range(3)]
F = RNG.standard_normal((2, N))


def theta(mu):
    return np.array([1.0, mu[0], mu[1] ** 2])


def phi(mu):
    return np.array([1.0, mu[0] * mu[1]])


def exact(mu):
    return sum(t * A for t, A in zip(theta(mu), SPD, strict=True)), phi(mu) @ F


WRAPPED = {
    "dense": list,
    "stack": np.stack,
    "sparse": lambda A: [sp.csc_array(a) for a in A],
    "operator": lambda A: [
        MatrixOperator(a, frozenset(["symmetric", "positive definite"])) for a in A
    ],
}


@pytest.fixture(params=WRAPPED)
def problem(request):
    return AffineProblem(theta, WRAPPED[request.param](SPD), phi, F)


def test_operator_and_source(problem):
    mu = np.array([0.7, 1.3])
    A, f = exact(mu)
    np.testing.assert_allclose(problem.operator(mu).to_dense(), A, rtol=1e-12)
    np.testing.assert_allclose(problem.source(mu), f, rtol=1e-12)
    assert isinstance(problem.operator(mu), LinearOperator)


def test_operator_goes_to_krylov_methods():
    problem = AffineProblem(theta, WRAPPED["operator"](SPD), phi, F)
    A, f = exact([0.7, 1.3])
    found = conjugate_gradient(problem.operator([0.7, 1.3]), problem.source([0.7, 1.3]), rtol=1e-10)
    np.testing.assert_allclose(found.x, np.linalg.solve(A, f), atol=1e-8)


def test_reduction_is_that_of_the_assembled_problem(problem):
    V = np.linalg.qr(RNG.standard_normal((N, 4)))[0]
    reduced, mu = problem.reduce(V), [0.7, 1.3]
    A, f = exact(mu)
    assert reduced.size == 4
    np.testing.assert_allclose(reduced.matrix(mu), V.T @ A @ V, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(reduced.solve(mu), np.linalg.solve(V.T @ A @ V, V.T @ f))


def test_reduction_is_exact_where_the_basis_holds_the_solution(problem):
    mus = RNG.uniform(0.5, 2, (3, 2))
    V = np.linalg.qr(np.stack([np.linalg.solve(*exact(mu)) for mu in mus], axis=1))[0]
    reduced = problem.reduce(V)
    for mu in mus:
        np.testing.assert_allclose(V @ reduced.solve(mu), np.linalg.solve(*exact(mu)), atol=1e-11)


def test_petrov_galerkin_of_complex_problems():
    A = [SPD[0] + 1j * SPD[1], SPD[2]]
    problem = AffineProblem(lambda mu: [1, 1j * mu], A, lambda mu: [1.0], F[:1])
    V, W = RNG.standard_normal((2, N, 3)) + 1j * RNG.standard_normal((2, N, 3))
    reduced = problem.reduce(V, W)
    whole = A[0] + 0.3j * A[1]
    np.testing.assert_allclose(reduced.matrix(0.3), W.conj().T @ whole @ V, rtol=1e-10)
    np.testing.assert_allclose(reduced.source(0.3), W.conj().T @ F[0], rtol=1e-10)


X = (np.arange(N) + 0.5) / N


def coefficient(mu, x):
    return 1 + 0.5 * np.sin(6 * mu[0] * x) + mu[1]


def load(mu, x):
    return np.exp(-mu[1] * x)


def diffusion(mu):
    a = coefficient(mu, X)
    return sp.diags_array([-a[1:], a + np.r_[a[1:], 1.0], -a[1:]], offsets=[-1, 0, 1]).tocsr()


@pytest.fixture(scope="module")
def decomposed():
    training = np.random.default_rng(0).uniform(0.2, 2, (200, 2))
    # The constant 1 of the last equation belongs to the coefficients, too.
    functions = [coefficient, lambda mu: 1.0]
    operator = affine_decomposition(functions, training, [X, None], 1e-9)
    source = affine_decomposition(load, training, X, 1e-9)
    matrices = [diffusion(mu) for mu in operator.parameters]
    return AffineProblem(operator, matrices, source, [load(mu, X) for mu in source.parameters])


def test_decompositions_make_an_affine_problem(decomposed):
    problem, mu = decomposed, [1.1, 0.6]
    whole = np.linalg.solve(diffusion(mu).toarray(), load(mu, X))
    dense = problem.reduce(np.eye(N))
    np.testing.assert_allclose(dense.solve(mu), whole, atol=1e-7 * abs(whole).max())
    assert problem.matrix(mu).nnz == 3 * N - 2


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_files_keep_matrices_and_not_functions(form, tmp_path):
    problem = AffineProblem(theta, WRAPPED[form](SPD), phi, F)
    problem.save(tmp_path / "problem.h5")
    bare = AffineProblem.load(tmp_path / "problem.h5")
    assert bare.size == N
    with pytest.raises(InputError, match="theta: this problem has no function"):
        bare.matrix([1.0, 1.0])
    back = AffineProblem.load(tmp_path / "problem.h5", theta, phi)
    assert back.matrices.kind == form
    np.testing.assert_array_equal(back.operator([0.7, 1.3]).to_dense(),
                                  problem.operator([0.7, 1.3]).to_dense())  # fmt: skip
    np.testing.assert_array_equal(back.source([0.7, 1.3]), problem.source([0.7, 1.3]))


def test_files_keep_decompositions(decomposed, tmp_path):
    problem = decomposed
    problem.reduce(np.eye(N)[:, :7]).save(tmp_path / "problem.h5")
    functions = [coefficient, lambda mu: 1.0]
    back = AffineProblem.load(tmp_path / "problem.h5", functions, load)
    assert isinstance(back.theta, AffineDecomposition)
    mu = [1.1, 0.6]
    np.testing.assert_array_equal(back.solve(mu), problem.reduce(np.eye(N)[:, :7]).solve(mu))
    bare = AffineProblem.load(tmp_path / "problem.h5")
    with pytest.raises(InputError, match="no coefficient functions"):
        bare.matrix(mu)


FORMULAS = ParameterExpressions(["1", "mu[0]", "mu[1]**2"])
SOURCES = ParameterExpressions(["1", "mu[0] * mu[1]"])


def test_coefficients_of_many_parameters_are_those_of_each(decomposed):
    mus = RNG.uniform(0.5, 2, (5, 2))
    wanted = [theta(mu) for mu in mus], [phi(mu) for mu in mus]
    for functions in [(theta, phi), (FORMULAS, SOURCES), (theta, SOURCES)]:
        found = AffineProblem(functions[0], SPD, functions[1], F).coefficients(mus)
        for values, expected in zip(found, wanted, strict=True):
            assert values.dtype == np.float64
            np.testing.assert_allclose(values, expected, rtol=1e-14)
    beta, gamma = decomposed.coefficients(mus)
    np.testing.assert_array_equal(beta, decomposed.theta.beta(mus))
    np.testing.assert_array_equal(gamma, decomposed.phi.beta(mus))
    empty = AffineProblem(theta, SPD, phi, F).coefficients(np.zeros((0, 2)))
    assert [values.shape for values in empty] == [(0, 3), (0, 2)]


def test_coefficients_of_decompositions_in_one_number():
    training = np.linspace(0.2, 2, 50)
    operator = affine_decomposition(lambda mu, x: np.exp(-mu * x), training, X, 1e-6)
    matrices = [np.diag(np.exp(-mu * X)) for mu in operator.parameters]
    problem = AffineProblem(operator, matrices, lambda mu: [mu[0]], F[:1])
    beta, _ = problem.coefficients([[0.5], [1.5]])
    np.testing.assert_array_equal(beta, operator.beta([0.5, 1.5]))


def test_complex_coefficients_need_a_complex_problem():
    def rotating(mu):
        return [1.0, 1j * mu[0], 1.0]

    assert not AffineProblem(rotating, SPD, phi, F).is_complex
    with pytest.raises(InputError, match="theta: expected real coefficients of a real problem"):
        AffineProblem(rotating, SPD, phi, F).coefficients([[1.0, 2.0]])
    for declared in (
        AffineProblem(rotating, [SPD[0].astype(complex), *SPD[1:]], phi, F),
        AffineProblem(ParameterExpressions(["1", "1j * mu[0]", "1"]), SPD, phi, F),
    ):
        assert declared.is_complex
        found = declared.coefficients([[1.0, 2.0]])
        assert [values.dtype for values in found] == [np.complex128] * 2
        np.testing.assert_array_equal(found[0], [[1.0, 1j, 1.0]])


def test_files_keep_formulas(tmp_path):
    problem = AffineProblem(FORMULAS, SPD, SOURCES, F)
    problem.save(tmp_path / "problem.h5")
    back = AffineProblem.load(tmp_path / "problem.h5")
    assert (back.theta, back.phi) == (FORMULAS, SOURCES)
    np.testing.assert_array_equal(back.solve([0.7, 1.3]), problem.solve([0.7, 1.3]))
    with pytest.raises(InputError, match="theta: expected none, as the file has its formulas"):
        AffineProblem.load(tmp_path / "problem.h5", theta)
    arrays, told = problem.archived()
    told["theta"]["expressions"] = ["1", "open('x')", "2"]
    save_archive(tmp_path / "problem.h5", "affine-problem", arrays, told)
    with pytest.raises(FileFormatError, match="open"):
        AffineProblem.load(tmp_path / "problem.h5")


def test_bad_coefficients_are_told():
    with pytest.raises(InputError, match="theta: expected 3 formulas, one for each term, got 2"):
        AffineProblem(SOURCES, SPD, phi, F)
    problem = AffineProblem(lambda mu: [1.0] * (3 if mu[0] < 1 else 2), SPD, phi, F)
    with pytest.raises(InputError, match=r"theta: expected 3 .* \(2,\) at mu = \[2.0, 0.0\]"):
        problem.coefficients([[0.0, 0.0], [2.0, 0.0]])
    with pytest.raises(NonFiniteError, match="theta"):
        AffineProblem(lambda mu: [np.nan] * 3, SPD, phi, F).coefficients([[0.0, 0.0]])
    with pytest.raises(InputError, match=r"mu: expected shape \(m, p\)"):
        problem.coefficients([0.0, 0.0])
    with pytest.raises(NonFiniteError, match="mu"):
        problem.coefficients([[0.0, np.nan]])
    with pytest.raises(InputError, match="mu: expected real"):
        problem.coefficients([[0.0, 1j]])
    with pytest.raises(InputError, match="no function"):
        AffineProblem(None, SPD, phi, F).coefficients([[0.0, 0.0]])


def test_bad_input_is_told(tmp_path, decomposed):
    with pytest.raises(InputError, match="square"):
        AffineProblem(theta, [np.ones((3, 2))], phi, [[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="sources: expected length 3, got 2"):
        AffineProblem(theta, [np.eye(3)], phi, [[1.0, 2.0]])
    with pytest.raises(InputError, match="matrices: expected 2 axes"):
        AffineProblem(theta, [np.ones(3)], phi, [[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="theta: its decomposition has"):
        AffineProblem(decomposed.theta, [np.eye(N)], phi, F)
    with pytest.raises(InputError, match="theta: expected a function"):
        AffineProblem("a", SPD, phi, F)
    with pytest.raises(InputError, match=r"a singular one at \[2"):
        AffineProblem(lambda mu: [0.0], SPD[:1], phi, F).solve([2.0, 1.0])
    problem = AffineProblem(theta, SPD, phi, F)
    with pytest.raises(InputError, match=r"V: expected shape \(40, N\)"):
        problem.reduce(np.ones(N))
    with pytest.raises(InputError, match="W: expected the shape"):
        problem.reduce(np.eye(N)[:, :2], np.eye(N)[:, :3])
    with pytest.raises(NonFiniteError, match="V"):
        problem.reduce(np.full((N, 1), np.nan))
    with pytest.raises(InputError, match="weights: expected 3"):
        AffineProblem(lambda mu: [1.0], SPD, phi, F).matrix([1.0, 1.0])
    with pytest.raises(NonFiniteError, match="theta"):
        AffineProblem(lambda mu: [np.nan] * 3, SPD, phi, F).matrix([1.0, 1.0])
    operators = AffineProblem(theta, WRAPPED["operator"](SPD), phi, F)
    with pytest.raises(InputError, match="solve: expected dense"):
        operators.solve([1.0, 1.0])
    with pytest.raises(InputError, match="known by their action"):
        operators.save(tmp_path / "none.h5")
    decomposed.theta.save(tmp_path / "other.h5")
    with pytest.raises(FileFormatError, match="affine-problem"):
        AffineProblem.load(tmp_path / "other.h5")


def test_truncation_is_the_problem_of_fewer_vectors():
    rng = np.random.default_rng(4)
    A, f, V = rng.normal(size=(2, 6, 6)), rng.normal(size=(3, 6)), rng.normal(size=(6, 4))
    whole = AffineProblem(lambda mu: mu[:2], list(A), lambda mu: mu[2:], f)
    few, mu = whole.reduce(V).truncated(2), rng.normal(size=5)
    np.testing.assert_allclose(few.matrix(mu), whole.reduce(V[:, :2]).matrix(mu), rtol=1e-13)
    np.testing.assert_allclose(few.source(mu), V[:, :2].T @ whole.source(mu), rtol=1e-13)
    for problem, N in (
        (whole, 7),
        (whole, -1),
        (AffineProblem(None, [sp.eye_array(6)], None, f), 2),
    ):
        with pytest.raises(InputError, match="truncated: expected dense matrices"):
            problem.truncated(N)
