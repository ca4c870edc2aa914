from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.meshes import Grid
from nwidth.rom import (
    AffineProblem,
    CertificateStatus,
    GrowingBasis,
    InnerProduct,
    ParabolicProblem,
    ParameterExpressions,
    certify,
    certify_fields,
    greedy,
    pod_greedy,
)
from nwidth.rom.affine_certificate import AffineErrorBound, certify_vectors
from nwidth.rom.stability import MinTheta
from nwidth.solvers import Poisson
from nwidth.solvers.equations.thermal_block import ThermalBlock
from nwidth.solvers.linear_operator import as_operator


class Noisy:
    """A surrogate that knows solutions, up to noise of a relative size."""

    def __init__(self, problem, size):
        self.problem, self.size = problem, size

    def predict(self, inputs):
        u = np.stack([exact(self.problem, mu).astype(complex) for mu in inputs["mu"]])
        u = u if self.problem.is_complex else u.real
        noise = np.random.default_rng(0).standard_normal(u.shape)
        return u + self.size * np.abs(u).max() * noise


def exact(problem, mu):
    """The solution in extended precision."""
    return _exact(problem, tuple(mu))


@cache
def _exact(problem, mu):
    theta, phi = (c[0] for c in problem.coefficients([mu]))
    kind = np.clongdouble if problem.is_complex else np.longdouble
    terms = zip(problem.matrices.matrices, theta, strict=True)
    A = sum(M.toarray().astype(kind) * t for M, t in terms)
    f = phi.astype(kind) @ np.stack(problem.sources.matrices)
    inverse = np.linalg.inv(A.astype(complex if problem.is_complex else float))
    u = np.zeros(len(f), kind)
    for _ in range(5):
        u = u + inverse @ (f - A @ u)
    return u


def norm(X, v):
    v = v.astype(np.clongdouble)
    return float(np.sqrt((v.conj() @ (X.toarray().astype(np.longdouble) @ v)).real))


@pytest.fixture(scope="module")
def thermal():
    block = ThermalBlock(Grid.uniform((9, 9)), (2, 2))
    problem = AffineProblem(lambda mu: mu, block.matrices, lambda mu: [1.0], block.sources)
    return problem, block.energy_matrix, MinTheta(np.ones((1, 4)), [1.0])


@pytest.fixture(scope="module")
def damped():
    """Helmholtz' equation with absorption, and the inf-sup constants as a table would hold them."""
    n = 40
    T = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    K, M = sp.csr_array(T * n), sp.csr_array(sp.eye_array(n) / n)
    theta = ParameterExpressions(["1", "-(1 - 0.1j) * mu[0]**2"])
    problem = AffineProblem(theta, [K, M], ParameterExpressions(["1"]), np.ones((1, n)) / n)
    X = sp.csr_array(K + M)
    root = np.linalg.inv(np.linalg.cholesky(X.toarray()))

    class InfSup:
        name, constant, terms = "inf-sup by SVD", "inf-sup", 2

        def lower(self, theta):
            A = [root @ (t[0] * K.toarray() + t[1] * M.toarray()) @ root.T for t in theta]
            return np.array([np.linalg.svd(a, compute_uv=False)[-1] * (1 - 1e-9) for a in A])

        def archived(self):
            return {}, {"name": self.name}

        @classmethod
        def from_archived(cls, arrays, told):
            return cls()

    return problem, X, InfSup()


PARAMETERS = {
    "thermal": np.random.default_rng(1).uniform(0.1, 1, (5, 4)),
    "damped": np.random.default_rng(1).uniform(1, 8, (5, 1)),
}


@pytest.mark.parametrize("size", [1e-16, 1e-13, 1e-8, 1e-2, 3.0])
@pytest.mark.parametrize("name", PARAMETERS)
def test_bounds_hold_whatever_is_predicted_and_solving_meets_the_tolerance(request, name, size):
    problem, X, stability = request.getfixturevalue(name)
    mus = PARAMETERS[name]
    certified = certify(Noisy(problem, size), problem, X, stability)
    for rtol in (None, 1e-1, 1e-6, 1e-11):
        answer = certified.predict({"mu": mus}, rtol).checked()
        assert answer.u.shape == (5, problem.size)
        for i, mu in enumerate(mus):
            u = exact(problem, mu)
            error = norm(X, u - answer.u[i])
            assert 0 < error <= answer.absolute_bound[i]
            assert error / norm(X, u) <= answer.bound[i]
            euclid = np.linalg.norm(u - answer.u[i]) / np.linalg.norm(u)
            assert euclid <= answer.l2_bound[i]
        if rtol is not None:
            assert (answer.bound <= rtol).all()
            assert np.array_equal(answer.polished, answer.bound_before > rtol)
            assert np.array_equal(answer.iterations > 0, answer.polished)
        else:
            assert not answer.polished.any()
            assert np.array_equal(answer.bound, answer.bound_before)


@pytest.mark.parametrize("name", PARAMETERS)
def test_bounds_are_close_down_to_round_off(request, name):
    problem, X, stability = request.getfixturevalue(name)
    mus = PARAMETERS[name]
    bound = AffineErrorBound(problem, X, stability)
    for size in (1e-14, 1e-10, 1e-3):
        u = Noisy(problem, size).predict({"mu": mus})
        errors = [norm(X, exact(problem, mu) - v) for mu, v in zip(mus, u, strict=True)]
        found = bound(mus, u)
        assert (found >= errors).all() and (found <= 100 * np.array(errors)).all()


def test_more_samples_than_are_worked_on_at_once(thermal):
    problem, X, stability = thermal
    bound = AffineErrorBound(problem, X, stability)
    mus = np.random.default_rng(0).uniform(0.1, 1, (70, 4))
    u = np.ones((70, problem.size))
    whole = bound(mus, u)
    np.testing.assert_allclose(whole[40:41], bound(mus[40:41], u[40:41]), rtol=1e-10)
    assert bound(mus[:0], u[:0]).shape == (0,)


def test_the_stability_bound_of_a_reduced_model_is_its_default(thermal):
    problem, X, stability = thermal
    surrogate = Noisy(problem, 1e-3)
    with pytest.raises(InputError, match="stability: expected a lower bound"):
        certify(surrogate, problem, X)
    surrogate.stability = stability
    answer = certify(surrogate, problem, X).predict({"mu": PARAMETERS["thermal"]})
    assert np.isfinite(answer.bound).all()
    assert "5 fields" in repr(answer)


def test_a_reduced_model_is_certified_and_finished(thermal):
    problem, X, stability = thermal
    growing = GrowingBasis(problem, X, stability)
    rng = np.random.default_rng(2)
    growing.extend(
        np.stack([exact(problem, mu).astype(float) for mu in rng.uniform(0.1, 1, (5, 4))], axis=1)
    )
    model, mus = growing.model(), PARAMETERS["thermal"]
    certified = certify(model, problem, X)
    own = model.solve_many(mus).bound
    plain = certified.predict({"mu": mus})
    np.testing.assert_allclose(plain.absolute_bound, own, rtol=1e-8)
    answer = certified.predict({"mu": mus}, rtol=1e-9).checked()
    assert answer.polished.all() and (answer.bound <= 1e-9).all()
    for u, v, mu in zip(plain.u, answer.u, mus, strict=True):
        assert norm(X, exact(problem, mu) - v) < 1e-9 < norm(X, exact(problem, mu) - u)


def test_parameters_that_are_not_known_to_be_stable_are_told(thermal):
    problem, X, stability = thermal
    mus = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, -0.5, 1.0, 1.0]])
    bound = AffineErrorBound(problem, InnerProduct(X), stability)
    for rtol in (None, 1e-3):
        answer = certify_vectors(bound, mus, np.ones((2, problem.size)), rtol)
        assert answer.status == (CertificateStatus.CERTIFIED, CertificateStatus.UNSTABLE)
        assert np.isinf(answer.bound[1]) and answer.iterations[1] == 0
    with pytest.raises(NotConvergedError, match="sample 1: the stability constant"):
        answer.checked()


def test_what_is_not_reached_is_told(thermal):
    problem, X, stability = thermal
    bound = AffineErrorBound(problem, X, stability)
    mus, zero = PARAMETERS["thermal"], np.zeros((5, problem.size))
    answer = certify_vectors(bound, mus, zero, 1e-3, polish=False)
    assert set(answer.status) == {CertificateStatus.TOO_LARGE} and not answer.polished.any()
    assert np.array_equal(answer.u, zero)
    answer = certify_vectors(bound, mus, zero, 1e-18)
    assert set(answer.status) == {CertificateStatus.ROUND_OFF}
    assert (answer.bound < 1e-13).all()


def test_a_zero_problem_has_the_zero_solution(thermal):
    problem, X, stability = thermal
    nothing = AffineProblem(problem.theta, problem.matrices, lambda mu: [0.0], problem.sources)
    answer = certify_vectors(
        AffineErrorBound(nothing, X, stability), np.ones((1, 4)), np.zeros((1, problem.size)), 1e-9
    )
    assert answer.absolute_bound[0] == 0 == answer.bound[0]
    assert answer.status == (CertificateStatus.CERTIFIED,)


def test_what_does_not_fit_is_refused(thermal):
    problem, X, stability = thermal
    mus, zero = PARAMETERS["thermal"], np.zeros((5, problem.size))
    bound = AffineErrorBound(problem, X, stability)
    with pytest.raises(InputError, match="prediction: expected shape"):
        certify_vectors(bound, mus, zero[:, 1:])
    with pytest.raises(InputError, match="prediction: expected shape"):
        certify_vectors(bound, mus, zero[:3])
    with pytest.raises(NonFiniteError, match="prediction"):
        certify_vectors(bound, mus, zero + np.nan)
    with pytest.raises(InputError, match="rtol"):
        certify_vectors(bound, mus, zero, -1.0)
    with pytest.raises(InputError, match="stability: expected 4 terms, got 1"):
        AffineErrorBound(problem, X, MinTheta([[1.0]], [1.0]))
    with pytest.raises(InputError, match="size"):
        AffineErrorBound(problem, np.eye(3), stability)
    with pytest.raises(InputError, match="operators"):
        operators = [as_operator(A) for A in problem.matrices.matrices]
        AffineErrorBound(
            AffineProblem(problem.theta, operators, problem.phi, problem.sources), X, stability
        )
    with pytest.raises(InputError, match="mu"):
        certify(Noisy(problem, 0.0), problem, X, stability).predict({"a": mus})
    with pytest.raises(InputError, match="predict"):
        certify(None, problem, X, stability)
    with pytest.raises(InputError, match="knows both"):
        certify(Noisy(problem, 0.0), Poisson(Grid.uniform((5, 5))), X)


def test_fields_on_grids_keep_their_own_way():
    grid = Grid.uniform((5, 5))
    answer = certify_fields(Poisson(grid), {"source": np.ones((1, 5, 5))}, np.zeros((1, 5, 5)))
    assert answer.bound[0] > 0


def test_hermitian_problems_in_complex_numbers_are_searched_and_certified():
    matrices = [np.array([[2.0, 1j], [-1j, 3.0]]), np.eye(2)]
    problem = AffineProblem(lambda mu: [1.0, mu[0]], matrices, lambda mu: [1.0], [[1.0, 2.0]])
    stability = MinTheta([[1.0, 1.0]], [2.38])  # A_1 + A_2 >= (7 - sqrt(5)) / 2
    result = greedy(problem, [1.0, 2.0, 3.0], 1e-6, stability=stability).checked()
    heat = ParabolicProblem(problem, np.eye(2), np.linspace(0, 1, 4))
    assert pod_greedy(heat, [1.0, 3.0], 1e-6, stability=stability).checked().model.size == 2
    few, mu = result.model.truncated(1), [1.5]
    found = certify(few, problem).predict({"mu": [mu]})
    exact = np.linalg.solve(problem.matrix(mu), problem.source(mu))
    error = np.linalg.norm(exact - found.u[0])
    assert 1e-3 < error <= found.absolute_bound[0] <= 3 * error
    solved = certify(few, problem).predict({"mu": [mu]}, rtol=1e-10).checked()
    np.testing.assert_allclose(solved.u[0], exact, rtol=1e-10)


def test_ragged_parameters_and_predictions_are_told():
    problem = AffineProblem(lambda mu: mu, [np.eye(2)], lambda mu: [1.0], [[1.0, 1.0]])
    bound = AffineErrorBound(problem, None, MinTheta([[1.0]], [1.0]))
    with pytest.raises(InputError, match="mu: expected an array of numbers"):
        certify_vectors(bound, [[1.0], [1.0, 2.0]], np.zeros((2, 2)))
    for call in (certify_vectors, lambda bound, mus, u: bound(mus, u)):
        with pytest.raises(InputError, match="expected an array of numbers"):
            call(bound, [[1.0], [2.0]], [[1.0], [1.0, 2.0]])


def test_fields_whose_squares_overflow_have_no_relative_bound():
    problem = AffineProblem(lambda mu: mu, [np.eye(2)], lambda mu: [1.0], [[1e-90, 0.0]])
    bound = AffineErrorBound(problem, None, MinTheta([[1.0]], [1.0]))
    found = certify_vectors(bound, [[1e-290]], [[1.1e200, 0.0]])
    assert found.absolute_bound[0] >= 1e199
    assert found.bound[0] >= 0.1 and found.l2_bound[0] >= 0.1


def test_bounds_hold_where_squares_of_residuals_underflow():
    problem = AffineProblem(lambda mu: mu, [np.eye(2)], lambda mu: [1.0], [[1e-180, 0.0]])
    bound = AffineErrorBound(problem, None, MinTheta([[1.0]], [1.0]))
    assert bound([[1e-230]], [[0.9e50, 0.0]])[0] >= 0.1e50
