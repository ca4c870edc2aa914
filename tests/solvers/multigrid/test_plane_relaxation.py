from functools import partial

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, DiffusionOperator, Multigrid, Neumann
from nwidth.solvers.multigrid import PlaneRelaxation


def problem(shape, periodic, dtype=np.float64):
    grid = Grid.uniform(shape, periodic=periodic, centering="cell")
    a = np.exp(np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    A = Darcy(grid, source=0.0).operator({"permeability": a})
    return DiffusionOperator(A.faces, np.full(shape, 0.3, dtype), periodic)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("periodic", [(False,) * 3, (True,) * 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_planes_are_solved_exactly_colour_by_colour(axis, periodic, dtype):
    """Planes with few points are inverted, so a sweep is block Gauss-Seidel."""
    shape = [3, 3, 3]
    shape[axis] = 5
    A = problem(tuple(shape), periodic, dtype)
    matrix = A.to_sparse().toarray().astype(np.float64)
    number = np.broadcast_to(
        np.arange(5).reshape([-1 if k == axis else 1 for k in range(3)]), shape
    ).ravel()
    colours = [[0, 2], [1, 3], [4]] if periodic[0] else [[0, 2, 4], [1, 3]]
    rng = np.random.default_rng(1)
    u, f = rng.standard_normal((2, *shape)).astype(dtype)
    for adjoint in (False, True):
        expected = u.ravel().astype(np.float64)
        for planes in reversed(colours) if adjoint else colours:
            p = np.flatnonzero(np.isin(number, planes))
            rest = (f.ravel() - matrix @ expected)[p]
            expected[p] += np.linalg.solve(matrix[np.ix_(p, p)], rest)
        out = u.copy()
        PlaneRelaxation(A, axis).smooth(out, f, adjoint=adjoint)
        tolerance = 1e-12 if dtype == np.float64 else 1e-4
        np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)


def rate(A, **options):
    M = Multigrid(A, sweeps=(1,), **options)
    b = np.random.default_rng(0).standard_normal(A.domain_shape)
    residuals = M.iterate(b, rtol=1e-9, max_iterations=20).residuals
    first = min(2, len(residuals) - 2)
    return (residuals[-1] / residuals[first]) ** (1 / (len(residuals) - 1 - first))


@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 1e3, 1e3), (1, 1e3, 1), (1, 1e-3, 1e3)])
@pytest.mark.parametrize("axis", [0, 2])
def test_planes_of_strong_couplings_smooth_any_anisotropy(weights, axis):
    shape = (25, 24, 23)
    a = np.moveaxis(np.ones((*shape, 3)) * np.roll(weights, axis), -1, 0)
    A = Darcy(Grid.uniform(shape)).operator({"permeability": a})
    planes = partial(PlaneRelaxation, axis=axis)
    assert rate(A, smoother=planes, semi_coarsening=False) < 0.15
    assert rate(A) < 0.3  # so does semi-coarsening


def test_planes_with_a_strong_axis_that_varies():
    shape = (24, 25, 23)
    along_y = np.arange(25)[:, None] < 12
    a = np.ones((3, *shape))
    a[1], a[2] = np.where(along_y, 1e3, 1.0), np.where(along_y, 1.0, 1e3)
    A = Darcy(Grid.uniform(shape), Boundary({"z_upper": Neumann()})).operator({"permeability": a})
    from nwidth.solvers.multigrid import LineRelaxation

    assert rate(A, smoother=LineRelaxation, semi_coarsening=False) < 0.2
    assert rate(A) > 0.5


def test_bad_input():
    with pytest.raises(InputError, match="three dimensions"):
        PlaneRelaxation(DiffusionOperator((np.ones((4, 3)), np.ones((3, 4)))))
    with pytest.raises(InputError, match="axis"):
        PlaneRelaxation(problem((3, 3, 3), (False,) * 3), 3)
