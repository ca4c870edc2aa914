import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, MatrixOperator, Neumann, ScaledFastPoisson
from nwidth.solvers.krylov.conjugate_gradient import conjugate_gradient
from nwidth.solvers.scaled_fast_poisson import roughness, suits_scaled_transform

MIXED = Boundary({"x_lower": Dirichlet(1.0)}, default=Neumann())
CLOSED = Boundary(default=Neumann())


def smooth(grid, scale=0.7, alpha=3.0):
    walls = tuple("periodic" if axis.periodic else "neumann" for axis in grid.axes)
    w = GaussianRandomField(grid, alpha, 3.0, boundary=walls, modes=9).sample(
        np.random.default_rng(1)
    )
    return np.exp(scale * w / w.std())


def iterations(problem, a, dtype=np.float32, rtol=1e-8):
    operator, b = problem.operator({"permeability": a}), problem.source({"permeability": a})
    M = ScaledFastPoisson(operator, problem.grid, problem.unknowns(a), dtype=dtype)
    result = conjugate_gradient(operator, b, preconditioner=M, rtol=rtol, max_iterations=100)
    assert np.linalg.norm(b - operator.apply(result.x)) <= 1.01 * rtol * np.linalg.norm(b)
    return len(result.residuals) - 1


GRIDS = {
    "nodes": (Grid.uniform((40, 33)), None),
    "cells": (Grid.uniform((40, 33), upper=(1.0, 0.7), centering="cell"), MIXED),
    "periodic": (Grid.uniform((32, 40), periodic=[True, False]), None),
    "closed": (Grid.uniform((41, 34)), CLOSED),
    "one dimension": (Grid.uniform(200), MIXED),
    "three dimensions": (Grid.uniform((20, 17, 18), centering="cell"), None),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_iterations_for_smooth_coefficients(name, dtype):
    grid, boundary = GRIDS[name]
    x = grid.coordinates()[0]
    source = np.cos(np.pi * x) if name == "closed" else 1.0
    problem = Darcy(grid, boundary, source)
    assert iterations(problem, smooth(grid, 0.3), dtype) <= 12


@pytest.mark.parametrize("name", GRIDS)
def test_is_the_inverse_for_a_constant_and_symmetric_for_any_coefficient(name):
    grid, boundary = GRIDS[name]
    problem, rng = Darcy(grid, boundary), np.random.default_rng(0)
    a = np.full(grid.shape, 7.0)
    operator = problem.operator({"permeability": a})
    M = ScaledFastPoisson(operator, grid, problem.unknowns(a))
    b = rng.standard_normal(operator.domain_shape)
    if operator.singular:
        b -= b.mean()
    np.testing.assert_allclose(operator.apply(M.apply(b)), b, atol=1e-10 * np.abs(b).max())
    rough = problem.unknowns(np.exp(3 * rng.standard_normal(grid.shape)))
    M = ScaledFastPoisson(operator, grid, rough)
    u, v = rng.standard_normal((2, *operator.domain_shape))
    assert np.vdot(u, M.apply(v)) == pytest.approx(np.vdot(M.adjoint(u), v), rel=1e-9)
    u -= u.mean() if operator.singular else 0.0
    assert np.vdot(u, M.apply(u)) > 0


def test_iterations_do_not_depend_on_contrast_alone_nor_on_the_grid():
    counts = []
    for n in (33, 65, 129):
        grid = Grid.uniform((n, n))
        x, y = grid.coordinates()
        counts.append(iterations(Darcy(grid), np.exp(7 * x + 2 * y)))  # contrast e^9
    assert max(counts) <= 14 and max(counts) - min(counts) <= 2


def test_a_reaction_enters():
    grid = Grid.uniform((33, 33), centering="cell")
    a = smooth(grid, 0.3)
    assert iterations(Darcy(grid, CLOSED, reaction=50.0), a) <= 12
    operator = Darcy(grid, CLOSED, reaction=50.0).operator({"permeability": a})
    M = ScaledFastPoisson(operator, grid, a)
    assert "positive definite" in M.properties


def test_float32_inside_keeps_the_range():
    grid = Grid.uniform((20, 20))
    problem, a = Darcy(grid), 1e60 * smooth(grid, 0.3)
    assert iterations(problem, a) <= 12
    single = problem.operator({"permeability": smooth(grid).astype(np.float32)})
    M = ScaledFastPoisson(single, grid, problem.unknowns(smooth(grid)))
    assert M.apply(np.ones(single.domain_shape, np.float32)).dtype == np.float32


def test_roughness_is_that_of_the_function_not_of_the_grid():
    values = [
        roughness(np.exp(np.sin(2 * x) + y), grid)
        for n in (65, 257)
        for centering in ("node", "cell")
        for grid in [Grid.uniform((n, n), upper=(1.0, 2.0), centering=centering)]
        for x, y in [grid.coordinates()]
    ]
    np.testing.assert_allclose(values, values[-1], rtol=1e-2)
    grid = Grid.uniform((30, 30))
    a = smooth(grid)
    assert roughness(5 * a, grid) == pytest.approx(roughness(a, grid))
    assert roughness(np.ones((30, 30)), grid) == 0.0


def test_roughness_sees_the_seam_of_a_periodic_axis():
    grid = Grid.periodic((400, 3))
    x, _ = grid.coordinates()
    # the mean of (2 pi cos)^2 is 2 pi^2; a step of 1 at the seam adds n
    assert roughness(np.exp(np.sin(2 * np.pi * x)), grid) == pytest.approx(1.0, rel=1e-3)
    assert roughness(np.exp(x), grid) == pytest.approx((400 / 2) ** 0.5 / np.pi, rel=1e-2)


@pytest.mark.parametrize(
    ("shape", "limit"), [((65, 65), 1.5), ((201, 91), 1.5), ((25, 25, 25), 0.75)]
)
def test_the_rule_tells_smooth_fields_from_rough_ones(shape, limit):
    grid = Grid.uniform(shape)
    for scale in (0.1, 0.4, 0.7, 1.0, 2.0):
        a = smooth(grid, scale)
        suits, reason = suits_scaled_transform(a, grid)
        assert suits is (roughness(a, grid) <= limit)
        if suits:
            assert iterations(Darcy(grid), a) <= 15 and "smooth" in reason
    jumps = np.where(smooth(grid) > 1, 12.0, 3.0)
    suits, reason = suits_scaled_transform(jumps, grid)
    assert not suits and "too rough" in reason
    assert iterations(Darcy(grid), jumps, rtol=1e-2) > 5


def test_the_rule_knows_what_transforms_cannot_do():
    bent = Grid.tensor([np.linspace(0, 1, 9) ** 2, np.linspace(0, 1, 9)])
    assert "uniform" in suits_scaled_transform(np.ones((9, 9)), bent)[1]
    grid = Grid.uniform((9, 9))
    assert suits_scaled_transform(np.ones((2, 9, 9)), grid)[0] is False
    assert suits_scaled_transform(np.ones((9, 9)), grid)[0] is True
    prime = Grid.uniform((421, 421), centering="cell")
    assert "length 421" in suits_scaled_transform(np.ones(prime.shape), prime)[1]
    large = Grid.uniform((641, 641))
    assert "multigrid is quicker" in suits_scaled_transform(np.ones(large.shape), large)[1]


def test_bad_coefficients():
    grid = Grid.uniform((9, 9))
    operator = Darcy(grid).reference_operator()
    with pytest.raises(InputError, match=r"shape \(7, 7\)"):
        ScaledFastPoisson(operator, grid, np.ones((9, 9)))
    with pytest.raises(InputError, match="numbers > 0"):
        ScaledFastPoisson(operator, grid, np.zeros((7, 7)))
    with pytest.raises(NonFiniteError):
        ScaledFastPoisson(operator, grid, np.full((7, 7), np.nan))
    with pytest.raises(InputError, match="dtype: expected float32 or float64"):
        ScaledFastPoisson(Darcy(Grid.uniform(9)).reference_operator(), Grid.uniform(9), dtype=int)
    with pytest.raises(InputError, match="DiffusionOperator"):
        ScaledFastPoisson(MatrixOperator(np.eye(49)), grid, np.ones((7, 7)))
