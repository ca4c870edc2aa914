import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.rom import (
    AffineProblem,
    NonlinearStatus,
    ParameterExpressions,
    QuadraticForm,
    QuadraticProblem,
)
from nwidth.solvers import NewtonStatus, newton


def manufactured(e, kind, nu=0.1):
    """A problem whose solution is sin(pi x) at the exact level, for mu = 1."""
    u, du = np.sin(np.pi * e.points), np.pi * np.cos(np.pi * e.points)
    f, D = (nu * np.pi**2 * u + u * du, e.slopes) if kind == "burgers" else (
        nu * np.pi**2 * u + u**2, e.values)  # fmt: skip
    weighted = e.values.multiply(e.weights[:, None])
    return QuadraticProblem(
        AffineProblem(
            lambda mu: [nu], [e.stiffness], lambda mu: [1.0], [e.values.T @ (e.weights * f)]
        ),
        lambda mu: [mu[0]],
        [QuadraticForm(weighted, e.values, D)],
    )


@pytest.mark.parametrize("kind", ["burgers", "reaction"])
def test_order_of_convergence_to_an_exact_solution(elements, kind):
    errors = []
    for cells in (20, 40, 80):
        e = elements(cells)
        found = manufactured(e, kind).solve([1.0]).checked()
        d = e.values @ found.u - np.sin(np.pi * e.points)
        errors.append(np.sqrt(np.sum(e.weights * d**2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (np.abs(orders - 2) < 0.05).all()


@pytest.mark.parametrize("kind", ["burgers", "reaction"])
def test_newton_converges_quadratically(quadratic_problem, kind):
    problem = quadratic_problem(kind, 60).problem
    found = problem.solve([0.3, 0.4])
    steps = np.array(found.newton.steps)
    assert found.converged and found.newton.iterations <= 7
    fast = steps[steps < 1]
    assert (fast[1:] <= 20 * fast[:-1] ** 2 + 1e-13).all()


def test_the_jacobian_is_the_derivative(quadratic_problem):
    problem = quadratic_problem("burgers", 30).problem
    u, v = np.random.default_rng(0).standard_normal((2, problem.size))
    mu = [0.4, 0.2]
    # A quadratic function and its central difference agree exactly.
    difference = (problem.residual(u + v, mu) - problem.residual(u - v, mu)) / 2
    np.testing.assert_allclose(problem.jacobian(u, mu) @ v, difference, rtol=1e-10, atol=1e-9)


def test_dense_matrices_give_the_same(quadratic_problem):
    made = quadratic_problem("reaction", 20).problem
    span = [A.toarray() for A in made.linear.matrices.matrices]
    linear = AffineProblem(made.linear.theta, span, made.linear.phi, made.linear.sources)
    dense = QuadraticProblem(linear, made.psi, made.forms)
    np.testing.assert_allclose(dense.solve([4.0, 1.0]).u, made.solve([4.0, 1.0]).u, rtol=1e-10)


def fold():
    """u - psi u^2 = 1: two solutions up to psi = 1/4, none beyond."""
    one = np.eye(1)
    linear = AffineProblem(lambda mu: [1.0], [one], lambda mu: [1.0], [[1.0]])
    return QuadraticProblem(linear, lambda mu: [-mu[0]], [QuadraticForm(one, one, one)])


def test_no_solution_beyond_a_fold():
    problem = fold()
    low = problem.solve([0.2]).checked()
    assert low.u[0] == pytest.approx((1 - np.sqrt(0.2)) / 0.4, rel=1e-10)
    high = problem.solve([0.2], start=[5.0]).checked()
    assert high.u[0] == pytest.approx((1 + np.sqrt(0.2)) / 0.4, rel=1e-10)
    none = problem.solve([0.5])
    assert none.status is NonlinearStatus.NO_SOLUTION
    assert none.reached == pytest.approx(0.5, abs=0.01)
    with pytest.raises(NotConvergedError, match="beyond a fold"):
        none.checked()


def test_a_singular_linear_problem_is_told():
    one = np.eye(1)
    linear = AffineProblem(lambda mu: [0.0], [one], lambda mu: [1.0], [[1.0]])
    problem = QuadraticProblem(linear, lambda mu: [1.0], [QuadraticForm(one, one, one)])
    failed = problem.solve([0.0])
    assert failed.status is NonlinearStatus.FAILED
    assert problem.solve([0.0], start=[2.0]).u[0] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_continuation_finds_what_newton_alone_does_not(seed):
    rng, n = np.random.default_rng(seed), 6
    skew = rng.standard_normal((n, n, n))
    skew = skew - skew.transpose(2, 1, 0)  # w . b(u, w) = 0, so that a solution exists
    b = QuadraticForm.from_tensor(np.argwhere(np.ones((n, n, n))), skew.ravel(), n)
    linear = AffineProblem(
        lambda mu: [1.0], [np.eye(n)], lambda mu: [1.0], [rng.standard_normal(n)]
    )
    problem, mu = QuadraticProblem(linear, lambda mu: [mu[0]], [b]), [10.0]
    alone = newton(
        lambda u: problem.residual(u, mu),
        lambda u, F: np.linalg.solve(problem.jacobian(u, mu), -F),
        np.zeros(n),
    )
    assert alone.status is NewtonStatus.STAGNATED
    found = problem.solve(mu).checked()
    assert np.linalg.norm(problem.residual(found.u, mu)) < 1e-12


def test_coefficients_of_many_parameters(quadratic_problem):
    problem = quadratic_problem("reaction", 10).problem
    theta, phi, psi = problem.coefficients([[2.0, 1.0], [3.0, -1.0]])
    assert theta.tolist() == [[1.0, 1.0]] * 2
    assert phi.tolist() == [[1.0, 1.0], [1.0, -1.0]]
    assert psi.tolist() == [[2.0], [3.0]]


def test_bad_input_is_told():
    one = np.eye(1)
    linear = AffineProblem(lambda mu: [1.0], [one], lambda mu: [1.0], [[1.0]])
    b = QuadraticForm(one, one, one)
    with pytest.raises(InputError, match="linear: expected an AffineProblem"):
        QuadraticProblem(one, lambda mu: [1.0], [b])
    with pytest.raises(InputError, match="psi: expected a function"):
        QuadraticProblem(linear, 1.0, [b])
    with pytest.raises(InputError, match="forms: expected at least one"):
        QuadraticProblem(linear, lambda mu: [], [])
    with pytest.raises(InputError, match=r"forms\[0\]: expected a QuadraticForm"):
        QuadraticProblem(linear, lambda mu: [1.0], [one])
    with pytest.raises(InputError, match="expected 1 unknowns, got 2"):
        QuadraticProblem(linear, lambda mu: [1.0], [QuadraticForm(*[np.eye(2)] * 3)])
    with pytest.raises(InputError, match="a real problem"):
        QuadraticProblem(
            AffineProblem(lambda mu: [1.0], [1j * one], lambda mu: [1.0], [[1.0]]),
            lambda mu: [1.0],
            [b],
        )
    wrong = QuadraticProblem(linear, lambda mu: [1.0, 2.0], [b])
    with pytest.raises(InputError, match=r"psi: expected 1 coefficients, got shape \(2,\)"):
        wrong.solve([1.0])
    short = QuadraticProblem(linear, ParameterExpressions(["1", "2"]), [b])
    with pytest.raises(InputError, match="psi: expected 1 coefficients"):
        short.solve([1.0])
    problem = QuadraticProblem(linear, lambda mu: [1.0], [b])
    with pytest.raises(InputError, match="start: expected shape"):
        problem.solve([1.0], start=[1.0, 2.0])
    with pytest.raises(InputError, match="mu: expected parameters of shape"):
        problem.coefficients([1.0])
    with pytest.raises(NonFiniteError, match="mu"):
        problem.solve([np.nan])
    with pytest.raises(NonFiniteError, match="psi"):
        QuadraticProblem(linear, lambda mu: [np.inf], [b]).solve([1.0])
