from functools import cache

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.rom import DualNorm
from nwidth.solvers import Boundary, Darcy, Dirichlet, MatrixOperator, Neumann, Robin

FLOW = Boundary({"x_lower": Dirichlet(1.0)}, default=Neumann())
CLOSED = Boundary(default=Neumann())
COOLED = Boundary({"x_upper": Neumann()}, default=Robin(0.7))


def stretched(*sizes, power=1.5):
    return Grid.tensor([np.linspace(0, 1 + k, n) ** power for k, n in enumerate(sizes)])


PROBLEMS = {
    "nodes": Darcy(Grid.uniform((12, 15))),
    "flow": Darcy(Grid.uniform((12, 15), upper=(2.0, 0.3)), FLOW),
    "cells": Darcy(Grid.uniform((7, 6, 5), centering="cell"), FLOW),
    "periodic": Darcy(Grid.periodic((9, 8)), source=0.0),
    "closed": Darcy(Grid.uniform((9, 8)), CLOSED, source=0.0),
    "stretched": Darcy(stretched(12, 15)),
    "stretched flow": Darcy(stretched(8, 7, 5), FLOW),
    "stretched closed": Darcy(stretched(12, 9), CLOSED, source=0.0),
    "very stretched": Darcy(stretched(20, 20, power=4.0)),
    "robin": Darcy(Grid.uniform((12, 15)), COOLED),
    "robin cells": Darcy(Grid.uniform((6, 7, 5), centering="cell"), COOLED),
    "robin on a bent grid": Darcy(stretched(12, 15), COOLED),
    "robin that varies (stretched norm)": Darcy(
        Grid.uniform((12, 15)), Boundary({"x_lower": Robin(lambda x, y: 1 + y)}, default=Robin(0.1))
    ),
    "reaction": Darcy(Grid.uniform((12, 15)), CLOSED, reaction=3.0),
    "reaction that varies (stretched norm)": Darcy(
        Grid.uniform((12, 15)), FLOW, reaction=lambda x, y: 5 * x
    ),
}


def residuals(problem, count=6):
    """Rough, smooth, huge and tiny vectors that are in the range of K."""
    rng = np.random.default_rng(0)
    weights = problem.unknowns(problem.grid.weights)
    singular = problem.volumes.singular
    for k in range(count):
        r = rng.standard_normal(weights.shape) if k % 2 else weights * (1.0 + k)
        if singular:
            r = r * np.arange(r.size).reshape(r.shape)
            r = r - r.sum() / weights.sum() * weights
        yield r * 10.0 ** (3 * k - 8)


@cache
def spectrum(problem):
    return np.linalg.eigh(problem.reference_operator().to_dense())


def exact_norm(problem, r):
    values, vectors = spectrum(problem)
    keep = values > 1e-12 * values[-1]
    return np.sqrt(np.sum((vectors.T @ r.ravel())[keep] ** 2 / values[keep]))


@pytest.mark.parametrize("name", PROBLEMS)
def test_interval_holds_the_norm_and_is_narrow(name):
    problem = PROBLEMS[name]
    norm = DualNorm(problem)
    assert norm.direct is ("stretched" not in name)
    for r in residuals(problem):
        low, high = norm.interval(r)
        true = exact_norm(problem, r)
        assert low <= true * (1 + 1e-11) and true <= high * (1 + 1e-11)
        assert high <= low * (1 + (1e-11 if norm.direct else 2e-3))
        assert norm(r) == high
        assert true <= norm.crude(r) * (1 + 1e-12)


@pytest.mark.parametrize("name", ["nodes", "stretched"])
def test_a_stack_of_residuals(name):
    norm = DualNorm(PROBLEMS[name])
    stack = np.stack(list(residuals(PROBLEMS[name])))
    low, high = norm.interval(stack)
    assert low.shape == high.shape == (len(stack),)
    np.testing.assert_allclose(high, [norm(r) for r in stack], rtol=1e-12)


def test_the_upper_value_holds_however_badly_the_inner_solve_went(monkeypatch):
    problem = Darcy(stretched(20, 20, power=4.0))
    norm = DualNorm(problem)

    bad = np.random.default_rng(1).standard_normal(norm.domain_shape)
    monkeypatch.setattr(norm.solver, "solve", lambda *arguments: bad)
    for r in residuals(problem):
        low, high = norm.interval(r)
        assert low <= exact_norm(problem, r) <= high


@pytest.mark.parametrize("name", PROBLEMS)
def test_poincare_constant_is_a_lower_bound(name):
    problem = PROBLEMS[name]
    root = np.sqrt(problem.unknowns(problem.grid.weights).ravel())
    values = np.linalg.eigvalsh(problem.reference_operator().to_dense() / np.outer(root, root))
    smallest = values[1 if problem.volumes.singular else 0]
    constant = DualNorm(problem).poincare
    assert 0 < constant <= smallest * (1 + 1e-10)
    if "stretched" not in name:
        assert constant == pytest.approx(smallest, rel=1e-9)


def test_product_allowance_covers_the_rounding_of_a_residual():
    problem, rng = Darcy(Grid.uniform((40, 40))), np.random.default_rng(2)
    norm = DualNorm(problem)
    operator = problem.operator({"permeability": 10 ** rng.uniform(-2, 2, (40, 40))})
    faces = [t.astype(np.longdouble) for t in operator.faces]
    for _ in range(20):
        u, b = rng.standard_normal((2, 38, 38))
        r = b.astype(np.longdouble)
        for k, t in enumerate(faces):
            padded = np.pad(u.astype(np.longdouble), [(int(j == k),) * 2 for j in range(2)])
            r += np.diff(t * np.diff(padded, axis=k), axis=k)
        rounding = (r - (b - operator.apply(u))).astype(np.float64)
        constant, factor = norm.product_allowance(operator, b)
        assert 0 < norm(rounding) <= constant + factor * np.sqrt(operator.energy(u))


def test_refuses_reference_operators_it_cannot_bound():
    class Dense(Darcy):
        def reference_operator(self):
            return MatrixOperator(np.eye(9))

    with pytest.raises(InputError, match="expected a DiffusionOperator"):
        DualNorm(Dense(Grid.uniform((5, 5))))

    class Torn(Darcy):
        def reference_operator(self):
            faces = [t.copy() for t in super().reference_operator().faces]
            faces[0][2] = 0.0
            return type(super().reference_operator())(faces)

    partly = Boundary({"x_lower": Robin(np.array([0.0, 1.0, 1.0, 1.0, 1.0]))}, default=Neumann())
    for loose in (
        Darcy(Grid.uniform((5, 5)), partly),
        Darcy(Grid.uniform((5, 5)), CLOSED, reaction=lambda x, y: x),
    ):
        with pytest.raises(InputError, match="positive everywhere"):
            DualNorm(loose)
    with pytest.raises(InputError, match="grade the grid less"):
        DualNorm(Darcy(stretched(60, 60, power=6.0), COOLED))

    with pytest.raises(InputError, match="transmissibility 0"):
        DualNorm(Torn(Grid.uniform((5, 5))))


@pytest.mark.parametrize("shape", [(102, 87), (421, 33), (48, 1024), (14, 15, 16)])
@pytest.mark.parametrize("boundary", [Boundary(), FLOW], ids=["dirichlet", "flow"])
def test_transforms_are_as_accurate_as_stated(shape, boundary):
    norm = DualNorm(Darcy(Grid.uniform(shape), boundary))
    rng = np.random.default_rng(0)
    for r in (rng.standard_normal(norm.domain_shape), np.ones(norm.domain_shape)):
        true = np.sqrt(norm.solver.inverse_energy(r.astype(np.longdouble)))
        low, high = norm.interval(r)
        assert low * np.sqrt(norm.upper) <= true <= high * np.sqrt(norm.lower)
        assert high <= low * (1 + 1e-10)


@pytest.mark.parametrize("name", ["nodes", "stretched"])
def test_no_norm_underflows_or_overflows(name):
    norm = DualNorm(PROBLEMS[name])
    r = np.random.default_rng(0).standard_normal(norm.domain_shape)
    low, high = norm.interval(r)
    for size in (2.0**-900, 2.0**-535, 2.0**600):
        assert norm.interval(size * r) == pytest.approx((size * low, size * high), rel=1e-9)
        assert norm.crude(size * r) == pytest.approx(size * norm.crude(r))
    r[...] = 0
    assert norm(r) == norm.crude(r) == 0.0
    r[3, 4] = 5e-324
    assert norm(r) > 0 and norm.crude(r) > 0 and norm.interval(r)[0] == 0
    stack = np.stack([0 * r, r, r + 1.0])
    assert (norm(stack) > 0).tolist() == (norm.crude(stack) > 0).tolist() == [False, True, True]
