import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.rom import (
    AffineProblem,
    InnerProduct,
    ParameterBox,
    PointwiseProblem,
    eim,
    nonlinear_eim,
)
from nwidth.rom.stability import MinTheta


def test_errors_fall_with_the_tolerance_and_are_estimated(pointwise_problem):
    made = pointwise_problem(60)
    mus = made.box.random(120, seed=3)
    exact = np.array([made.problem.solve(mu).checked().u for mu in mus])
    product, worst = InnerProduct(made.X), []
    for rtol in (1e-2, 1e-4, 1e-6):
        model = nonlinear_eim(
            made.problem, made.box.grid((10, 10)), rtol, stability=made.stability,
            inner_product=product, box=made.box,
        )  # fmt: skip
        answers = model.solve_many(mus)
        errors = product.norm((exact - model.lift(answers.x)).T)
        ratio = answers.estimate / errors
        assert ratio.min() > 0.9 and ratio.max() < 3 and 1 <= np.median(ratio) < 1.2
        worst.append(errors.max())
    assert worst[1] < worst[0] / 10 and worst[2] < worst[1] / 10


def test_it_is_a_bound_where_g_is_in_the_span(elements):
    """g = mu u^3 on a basis of two: all four products of three factors are in the span."""
    e, rng = elements(40), np.random.default_rng(0)
    sources = e.values.T @ (e.weights[:, None] * np.stack([np.ones(120), 9 * e.points], axis=1))
    linear = AffineProblem(lambda mu: [1.0], [e.stiffness], lambda mu: [1.0, mu[1]], sources.T)
    problem = PointwiseProblem(
        linear, lambda u, mu: mu[0] * u**3, lambda u, mu: 3 * mu[0] * u**2, e.weights, e.values
    )
    training = rng.uniform([1.0, -3.0], [60.0, 9.0], (12, 2))
    product, options = InnerProduct(e.stiffness), {"stability": MinTheta([[1.0]], [1.0])}
    options["box"] = ParameterBox([1.0, -3.0], [60.0, 9.0])
    first = nonlinear_eim(problem, training, 1e-6, inner_product=product, max_size=2, **options)
    v, w = e.values @ first.basis.T[0], e.values @ first.basis.T[1]
    products = np.stack([v**3, v**2 * w, v * w**2, w**3])
    model = nonlinear_eim(
        problem, training, 1e-6, inner_product=product, max_size=2, beyond=1,
        interpolation=eim(products, 1e-13), **options,
    )  # fmt: skip
    assert model.size == 2 and len(model.triangle) == 4
    mus = rng.uniform([1.0, -3.0], [60.0, 9.0], (200, 2))
    answers = model.solve_many(mus)
    exact = np.array([problem.solve(mu).checked().u for mu in mus])
    errors = product.norm((exact - model.lift(answers.x)).T)
    assert (errors <= answers.estimate).all() and errors.min() > 1e-6
    # with g interpolated exactly the residual is that of the problem itself
    for mu, x, residual in zip(mus[:20], answers.x, answers.residual, strict=False):
        exact_norm = product.dual_norm(problem.residual(model.lift(x), mu))
        assert residual == pytest.approx(exact_norm, rel=1e-8)


def test_solutions_of_any_code_and_limits(pointwise_problem):
    made, asked = pointwise_problem(30), []

    def solve(mu):
        asked.append(mu)
        return made.problem.solve(mu).u

    model = nonlinear_eim(
        made.problem, made.box.grid((4, 4)), 1e-4, stability=made.stability,
        inner_product=made.X, solve=solve, max_size=3, beyond=2,
    )  # fmt: skip
    assert len(asked) == 16 and model.size == 3
    assert model.terms == len(model.triangle) - 2
    # known solutions in the basis' span are starts
    assert model.starts.shape == (16, 3)


def test_bad_input_is_told(pointwise_problem):
    made = pointwise_problem(10)
    training, options = made.box.grid((3, 3)), {"stability": made.stability}
    with pytest.raises(InputError, match="problem: expected a PointwiseProblem"):
        nonlinear_eim(made.problem.linear, training, **options)
    with pytest.raises(InputError, match="rtol"):
        nonlinear_eim(made.problem, training, 0.0, **options)
    with pytest.raises(InputError, match="beyond: expected an integer"):
        nonlinear_eim(made.problem, training, beyond=0, **options)
    with pytest.raises(InputError, match="beyond: expected fewer than"):
        nonlinear_eim(made.problem, training[:2], beyond=5, **options)
    with pytest.raises(InputError, match="mu: expected parameters of shape"):
        nonlinear_eim(made.problem, [1.0], **options)
    with pytest.raises(InputError, match="stability: expected 1 terms, got 2"):
        nonlinear_eim(made.problem, training, stability=MinTheta([[1.0, 1.0]], [1.0]))
    with pytest.raises(InputError, match="solve"):
        nonlinear_eim(made.problem, training, solve=lambda mu: np.ones(3), **options)
    with pytest.raises(NonFiniteError, match="solve"):
        nonlinear_eim(made.problem, training, solve=lambda mu: np.full(9, np.nan), **options)


def test_a_parameter_without_a_solution_is_named():
    linear = AffineProblem(lambda mu: [1.0], [np.eye(1)], lambda mu: [1.0], [[0.0]])
    bratu = PointwiseProblem(
        linear, lambda u, mu: -mu[0] * np.exp(u), lambda u, mu: -mu[0] * np.exp(u), [1.0]
    )
    with pytest.raises(NotConvergedError, match=r"no solution at mu = \[0.5\]"):
        nonlinear_eim(bratu, [[0.1], [0.5]], stability=MinTheta([[1.0]], [1.0]))
