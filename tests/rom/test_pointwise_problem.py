import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.rom import AffineProblem, NonlinearStatus, PointwiseProblem


def manufactured(e):
    """-u'' + exp(u) = f with the solution sin(pi x)."""
    u = np.sin(np.pi * e.points)
    f = e.values.T @ (e.weights * (np.pi**2 * u + np.exp(u)))
    linear = AffineProblem(lambda mu: [1.0], [e.stiffness], lambda mu: [1.0], [f])
    return PointwiseProblem(
        linear, lambda u, mu: np.exp(u), lambda u, mu: np.exp(u), e.weights, e.values
    )


def test_order_of_convergence_to_an_exact_solution(elements):
    errors = []
    for cells in (20, 40, 80):
        e = elements(cells)
        found = manufactured(e).solve([0.0]).checked()
        d = e.values @ found.u - np.sin(np.pi * e.points)
        errors.append(np.sqrt(np.sum(e.weights * d**2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (np.abs(orders - 2) < 0.05).all()


def test_newton_converges_quadratically(pointwise_problem):
    problem = pointwise_problem(60).problem
    found = problem.solve([10.0, 3.0]).checked()
    steps = np.array(found.newton.steps)
    last = steps[steps < 0.3]
    assert len(last) >= 3 and (last[1:] <= 20 * last[:-1] ** 2 + 1e-13).all()


def test_the_jacobian_is_the_derivative(pointwise_problem):
    problem, mu, t = pointwise_problem(20).problem, [3.0, 0.8], 1e-5
    u, v = np.random.default_rng(0).standard_normal((2, problem.size))
    difference = (problem.residual(u + t * v, mu) - problem.residual(u - t * v, mu)) / (2 * t)
    np.testing.assert_allclose(problem.jacobian(u, mu) @ v, difference, rtol=1e-7, atol=1e-6)


def test_unknowns_may_be_the_points():
    rng = np.random.default_rng(1)
    B = rng.standard_normal((5, 5))
    A, f, w = B @ B.T + np.eye(5), rng.standard_normal(5), rng.uniform(1, 2, 5)
    linear = AffineProblem(lambda mu: [mu[0]], [A], lambda mu: [1.0], [f])
    problem = PointwiseProblem(linear, lambda u, mu: u**3, lambda u, mu: 3 * u**2, w)
    u = problem.solve([2.0]).checked().u
    np.testing.assert_allclose(2 * A @ u + w * u**3, f, atol=1e-12)
    np.testing.assert_allclose(problem.field(u, [2.0]), u**3)


def test_no_solution_beyond_a_fold():
    """u - mu exp(u) = 0 (Bratu's problem in one unknown): a fold at mu = 1/e."""
    linear = AffineProblem(lambda mu: [1.0], [np.eye(1)], lambda mu: [1.0], [[0.0]])
    bratu = PointwiseProblem(
        linear, lambda u, mu: -mu[0] * np.exp(u), lambda u, mu: -mu[0] * np.exp(u), [1.0]
    )
    assert bratu.solve([0.3]).checked().u[0] == pytest.approx(0.4894022271802)
    none = bratu.solve([0.5])
    assert none.status is NonlinearStatus.NO_SOLUTION
    assert none.reached == pytest.approx(2 / np.e, abs=0.01)
    with pytest.raises(NotConvergedError, match="beyond a fold"):
        none.checked()


def test_bad_input_is_told():
    one = np.eye(2)
    linear = AffineProblem(lambda mu: [1.0], [one], lambda mu: [1.0], [[1.0, 1.0]])

    def make(linear=linear, g=lambda u, mu: u, slope=lambda u, mu: 1 + 0 * u, weights=(1.0, 1.0),
             evaluation=None):  # fmt: skip
        return PointwiseProblem(linear, g, slope, weights, evaluation)

    for given, message in [
        ({"linear": one}, "linear: expected an AffineProblem"),
        ({"g": 1.0}, "g: expected a function"),
        ({"slope": None}, "slope: expected a function"),
        ({"weights": [1.0, -1.0]}, "weights: expected positive"),
        ({"weights": [1.0]}, r"evaluation: expected a real matrix of shape \(1, 2\)"),
        ({"evaluation": np.ones((3, 2))}, "evaluation: expected a real matrix"),
    ]:
        with pytest.raises(InputError, match=message):
            make(**given)
    complex_one = AffineProblem(lambda mu: [1.0], [1j * one], lambda mu: [1.0], [[1.0, 1.0]])
    with pytest.raises(InputError, match="a real problem"):
        make(linear=complex_one)
    with pytest.raises(NonFiniteError, match="weights"):
        make(weights=[1.0, np.nan])
    with pytest.raises(InputError, match=r"g: expected values of shape \(2,\)"):
        make(g=lambda u, mu: u[:1]).solve([1.0])
    with pytest.raises(NonFiniteError, match="slope"):
        make(slope=lambda u, mu: u * np.nan).solve([1.0])
    with pytest.raises(InputError, match="start: expected shape"):
        make().solve([1.0], start=[1.0])
    with pytest.raises(NonFiniteError, match="mu"):
        make().solve([np.inf])
