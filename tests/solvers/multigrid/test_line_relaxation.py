from functools import partial

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers import Boundary, Darcy, DiffusionOperator, Multigrid, Neumann
from nwidth.solvers.multigrid import LineRelaxation

CASES = [
    ((7,), (False,)),
    ((8,), (True,)),
    ((6, 7), (False, True)),
    ((7, 6), (True, False)),
    ((20, 9), (True, True)),
    ((5, 6, 4), (False, False, False)),
    ((5, 6, 7), (True, False, True)),
    ((3, 2, 5), (False, True, False)),
]


def problem(shape, periodic, dtype, reaction=0.3):
    grid = Grid.uniform(shape, periodic=periodic, centering="cell")
    a = np.exp(np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    A = Darcy(grid, source=0.0).operator({"permeability": a})
    return DiffusionOperator(A.faces, np.full(shape, reaction, dtype), periodic)


def lines_of(shape, axis, periodic):
    """The points of each line along an axis, and the lines' colours."""
    numbers = np.moveaxis(np.arange(np.prod(shape)).reshape(shape), axis, -1)
    others = [k for k in range(len(shape)) if k != axis]
    odd = {k: periodic[k] and shape[k] % 2 == 1 and shape[k] > 1 for k in others}
    for index in np.ndindex(*numbers.shape[:-1]):
        parts = [
            2 if odd[k] and i == shape[k] - 1 else i % 2 for k, i in zip(others, index, strict=True)
        ]
        yield numbers[index], sum(parts) % (3 if any(odd.values()) else 2)


def textbook_sweep(matrix, u, f, shape, axis, periodic, adjoint):
    u = u.ravel().copy()
    order = [0, 1, 2]
    for colour in reversed(order) if adjoint else order:
        rest = f.ravel() - matrix @ u
        for points, own in lines_of(shape, axis, periodic):
            if own == colour:
                u[points] += np.linalg.solve(matrix[np.ix_(points, points)], rest[points])
    return u


@pytest.mark.parametrize(("shape", "periodic"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sweeps_agree_with_the_textbook(shape, periodic, dtype):
    A = problem(shape, periodic, dtype)
    matrix = A.to_sparse().toarray().astype(np.float64)
    rng = np.random.default_rng(1)
    u, f = rng.standard_normal((2, *shape)).astype(dtype)
    tolerance = 1e-12 if dtype == np.float64 else 5e-5
    for axis in range(len(shape)):
        for adjoint in (False, True):
            out = u.copy()
            LineRelaxation(A, [axis]).smooth(out, f, adjoint=adjoint)
            expected = textbook_sweep(matrix, u, f, shape, axis, periodic, adjoint)
            np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)
    both = LineRelaxation(A)
    expected = u
    for axis in range(len(shape)):
        expected = textbook_sweep(matrix, expected, f, shape, axis, periodic, False)
    out = u.copy()
    both.smooth(out, f)
    np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)
    start = np.full_like(u, np.nan)
    both.smooth(start, f, from_zero=True)
    zero = np.zeros_like(u)
    both.smooth(zero, f)
    np.testing.assert_array_equal(start, zero)


@pytest.mark.parametrize("shape", [(1100, 500), (90, 85, 80)])
def test_threaded_sweeps_agree_with_single_ones(shape):
    A = problem(shape, (False,) * len(shape), np.float64)
    rng = np.random.default_rng(1)
    u, f = rng.standard_normal((2, *shape))
    smoother, serial = LineRelaxation(A), LineRelaxation(A)
    assert smoother.threaded
    serial.threaded = False
    out, expected = u.copy(), u.copy()
    smoother.smooth(out, f)
    serial.smooth(expected, f)
    np.testing.assert_array_equal(out, expected)


def test_lines_without_walls_or_neighbours_keep_their_last_point():
    A = DiffusionOperator((np.array([0.0, 1.0, 1.0, 0.0]),))
    u = np.zeros(3)
    LineRelaxation(A).smooth(u, np.array([1.0, 0.0, -1.0]))
    np.testing.assert_allclose(A.apply(u), [1.0, 0.0, -1.0], atol=1e-14)


def rate(A, **options):
    M = Multigrid(A, sweeps=(1,), semi_coarsening=False, **options)
    b = np.random.default_rng(0).standard_normal(A.domain_shape)
    residuals = M.iterate(b, rtol=1e-10, max_iterations=30).residuals
    first = min(3, len(residuals) - 2)
    return (residuals[-1] / residuals[first]) ** (1 / (len(residuals) - 1 - first))


@pytest.mark.parametrize("anisotropy", [1e-3, 1e-1, 1.0, 10.0, 1e3])
def test_lines_along_the_strong_axis_smooth_any_anisotropy(anisotropy):
    a = np.ones((2, 96, 81))
    a[1] *= anisotropy
    A = Darcy(Grid.uniform((96, 81))).operator({"permeability": a})
    alternating = partial(LineRelaxation, axes=(0, 1))
    assert rate(A, smoother=alternating) < 0.1
    strong = 1 if anisotropy > 1 else 0
    assert rate(A, smoother=partial(LineRelaxation, axes=[strong])) < 0.1
    if abs(np.log10(anisotropy)) > 2:
        assert rate(A, smoother=partial(LineRelaxation, axes=[1 - strong])) > 0.5


@pytest.mark.parametrize(
    ("boundary", "limit"),
    [
        (Boundary(), 0.1),
        (Boundary({"y_lower": Neumann()}), 0.1),
        (Boundary({"x_lower": Neumann()}), 0.35),  # the left half hangs on weak couplings alone
    ],
)
def test_alternating_lines_follow_a_strong_axis_that_varies(boundary, limit):
    """Left of the middle flow is easy along x, right of it along y."""
    shape = (81, 96)
    easy_along_x = np.arange(81)[:, None] < 40
    a = np.stack([np.where(easy_along_x, 1e3, 1.0) * np.ones(shape)] * 2)
    a[1] = 1e3 / a[0]
    A = Darcy(Grid.uniform(shape), boundary, 0.0).operator({"permeability": a})
    assert rate(A, smoother=LineRelaxation) < limit
    assert rate(A) > 0.5  # points alone do not


def test_alternating_lines_on_a_stretched_grid():
    x = np.linspace(0, 1, 97) ** 3
    grid = Grid((Axis(x, 0.0, 1.0, "x"), Axis(x, 0.0, 1.0, "y")))
    A = Darcy(grid).operator({"permeability": np.ones(grid.shape)})
    assert rate(A, smoother=LineRelaxation) < 0.1
    assert rate(A) > 0.5


@pytest.mark.parametrize("axes", [(), (2,), (-1,)])
def test_bad_input(axes):
    with pytest.raises(InputError, match="axes"):
        LineRelaxation(problem((4, 5), (False, False), np.float64), axes)
