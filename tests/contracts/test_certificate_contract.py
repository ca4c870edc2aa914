"""What every certificate owes: a bound that is at least the true error, always."""

import inspect

import numpy as np
import pytest

import nwidth.solvers.equations as equations
from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.rom import certify
from nwidth.solvers import Boundary, Dirichlet, Neumann, Problem, solve

SIDES = Boundary({"x_lower": Dirichlet(1.0), "y_lower": Dirichlet(-0.5)}, default=Neumann(0.3))
GRIDS = {
    "nodes": Grid.uniform((18, 21), upper=(1.0, 0.4)),
    "cells": Grid.uniform((16, 11), centering="cell"),
    "stretched": Grid.tensor([np.linspace(0, 1, 14) ** 1.4, np.linspace(0, 1, 12) ** 1.2]),
}
PROBLEMS = [
    name
    for name in equations.__all__
    if inspect.isclass(value := getattr(equations, name)) and issubclass(value, Problem)
    # Couplings of full tensors may be negative, so the rounding of their residuals is not bounded.
    if name != "AnisotropicDarcy"
]
SAMPLES = 4


def build(name, grid):
    """A problem with inhomogeneous boundaries and random positive inputs for it."""
    problem = getattr(equations, name)(Grid.from_description(GRIDS[grid].describe()), SIDES)
    rng = np.random.default_rng(PROBLEMS.index(name))
    inputs = {
        item.name: np.exp(rng.standard_normal((SAMPLES, *problem.grid.shape)))
        for item in problem.inputs
    }
    return problem, inputs


def truths(problem, inputs):
    samples = ({n: v[i] for n, v in inputs.items()} for i in range(SAMPLES))
    return np.stack([solve(problem, s, 1e-11, method="direct").checked().u for s in samples])


def errors(problem, inputs, u, truth):
    """||u - u^||_A of each sample."""
    found = []
    for i in range(SAMPLES):
        operator = problem.operator({n: v[i] for n, v in inputs.items()})
        found.append(np.sqrt(operator.energy(problem.unknowns(truth[i] - u[i]))))
    return np.array(found)


class Table:
    """A surrogate that returns given fields."""

    def __init__(self, u):
        self.u = u

    def predict(self, inputs):
        return self.u


def surrogates(truth):
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(truth.shape)
    return {
        "good": truth + 1e-6 * noise,
        "fair": truth + 0.03 * noise,
        "solver": truth,
        "zero": 0 * truth,
        "noise": noise,
        "wrong sign": -truth,
        "shuffled": truth[::-1],
        "huge": 1e6 * noise,
        "single precision": truth.astype(np.float32),
    }


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_bound_is_at_least_the_true_error(name, grid):
    problem, inputs = build(name, grid)
    truth = truths(problem, inputs)
    for what, u in surrogates(truth).items():
        answer = certify(Table(u), problem).predict(inputs)
        error = errors(problem, inputs, answer.u, truth)
        assert np.all(answer.absolute_bound >= error), what
        assert np.all(answer.absolute_bound <= answer.effectivity_limit * error * 1.01 + 1e-9), what
        assert len(answer.status) == SAMPLES and answer.checked() is answer


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("rtol", [1e-2, 1e-6])
def test_polishing_meets_rtol_and_the_true_error_agrees(name, grid, rtol):
    problem, inputs = build(name, grid)
    truth = truths(problem, inputs)
    for what, u in surrogates(truth).items():
        answer = certify(Table(u), problem).predict(inputs, rtol=rtol).checked()
        assert np.all(answer.bound <= rtol), what
        error = errors(problem, inputs, answer.u, truth)
        assert np.all(answer.absolute_bound >= error), what
        untouched = ~answer.polished
        assert np.all(answer.bound_before[untouched] <= rtol), what
        assert np.all(answer.iterations[untouched] == 0), what


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_nan_is_rejected_and_named(name):
    problem, inputs = build(name, "nodes")
    u = np.zeros((SAMPLES, *problem.grid.shape))
    u[2, 3, 4] = np.nan
    with pytest.raises(NonFiniteError, match="sample 2"):
        certify(Table(u), problem).predict(inputs, rtol=1e-2)


def test_full_tensors_are_refused_with_the_reason():
    problem = equations.AnisotropicDarcy(Grid.uniform((9, 8)))
    K = np.array([[2.0, 1.0], [1.0, 2.0]])[None, :, :, None, None] * np.ones((2, 1, 1, 9, 8))
    with pytest.raises(InputError, match="operator: expected a DiffusionOperator"):
        certify(Table(np.zeros((2, 9, 8))), problem).predict({"permeability": K})
