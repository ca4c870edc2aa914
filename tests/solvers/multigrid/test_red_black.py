import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, DiffusionOperator, Neumann
from nwidth.solvers.multigrid import RedBlack


def problem(shape, periodic, dtype):
    grid = Grid.uniform(shape, periodic=periodic, centering="cell")
    sides = {
        f"{name}_upper": Neumann() for name, p in zip(grid.names, periodic, strict=True) if not p
    }
    a = np.exp(np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    return Darcy(grid, Boundary(sides)).operator({"permeability": a})


def colours_of(smoother):
    """The colour of each point, by the rule of the docstring."""
    total = 0
    for k, (n, odd) in enumerate(zip(smoother.shape, smoother.odd_cycles, strict=True)):
        index = np.arange(n) % 2
        if odd:
            index[-1] = 2
        total = total + np.expand_dims(index, tuple(j for j in range(3) if j != k))
    return (np.broadcast_to(total, smoother.shape) % smoother.colours).ravel()


def textbook_sweep(matrix, u, f, colours, order):
    """Gauss-Seidel, one colour after the other."""
    u, diagonal = u.ravel().copy(), matrix.diagonal()
    for colour in order:
        points = colours == colour
        u[points] += ((f.ravel() - matrix @ u) / diagonal)[points]
    return u


SHAPES = [(9,), (10,), (7, 8), (8, 7), (2, 2), (1, 7), (5, 6, 7), (6, 5, 4), (3, 1, 2)]
CASES = [
    (shape, tuple(bool(bits >> k & 1) and n > 1 for k, n in enumerate(shape)))
    for shape in SHAPES
    if min(shape) > 1
    for bits in range(2 ** len(shape))
]


@pytest.mark.parametrize("shape", [(1, 5, 4), (5, 1, 4), (5, 4, 1), (1, 5), (5, 1), (1, 5, 1)])
@pytest.mark.parametrize("all_periodic", [False, True])
def test_one_point_of_a_periodic_axis(shape, all_periodic):
    rng = np.random.default_rng(0)
    periodic = [all_periodic or n == 1 for n in shape]
    faces = []
    for k, wraps in enumerate(periodic):
        t = rng.random([n + (j == k) for j, n in enumerate(shape)]) + 0.1
        if wraps:
            np.moveaxis(t, k, 0)[-1] = np.moveaxis(t, k, 0)[0]
        faces.append(t)
    operator = DiffusionOperator(faces, rng.random(shape), periodic)
    smoother = RedBlack(operator)
    u, f = rng.standard_normal((2, *shape))
    order = range(smoother.colours)
    expected = textbook_sweep(operator.to_sparse(), u, f, colours_of(smoother), order)
    smoother.smooth(u, f)
    np.testing.assert_allclose(u.ravel(), expected, atol=1e-12)


@pytest.mark.parametrize(("shape", "periodic"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sweeps_agree_with_the_textbook(shape, periodic, dtype):
    operator = problem(shape, periodic, dtype)
    smoother = RedBlack(operator)
    matrix = operator.to_sparse().astype(np.float64)
    colours = colours_of(smoother)
    rows, columns = matrix.nonzero()
    off = rows != columns
    assert np.all(colours[rows[off]] != colours[columns[off]])  # neighbours differ

    rng = np.random.default_rng(1)
    u, f = rng.standard_normal((2, *shape)).astype(dtype)
    tolerance = 1e-11 if dtype == np.float64 else 2e-4
    order = [*range(smoother.colours)]
    expected = textbook_sweep(matrix, u, f, colours, order * 2)
    out = u.copy()
    smoother.smooth(out, f, 2)
    np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)

    expected = textbook_sweep(matrix, u, f, colours, order[::-1] * 2)
    out = u.copy()
    smoother.smooth(out, f, 2, adjoint=True)
    np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)

    expected = textbook_sweep(matrix, 0 * u, f, colours, order)
    out = np.full_like(u, np.nan)
    smoother.smooth(out, f, from_zero=True)
    np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)

    smoother.residual_into(out, f, u)
    residual = f.ravel() - matrix @ u.ravel()
    np.testing.assert_allclose(out.ravel(), residual, atol=50 * tolerance)


@pytest.mark.parametrize("shape", [(740, 721), (84, 80, 81)])
@pytest.mark.parametrize("wraps", [False, True])
def test_threaded_sweeps_agree_with_the_textbook(shape, wraps):
    operator = problem(shape, (wraps,) * len(shape), np.float64)
    smoother = RedBlack(operator)
    assert smoother.threaded
    rng = np.random.default_rng(1)
    u, f = rng.standard_normal((2, *shape))
    order = [*range(smoother.colours)]
    expected = textbook_sweep(operator.to_sparse(), u, f, colours_of(smoother), order)
    smoother.smooth(u, f)
    np.testing.assert_allclose(u.ravel(), expected, atol=1e-11)


def test_the_reverse_order_is_the_adjoint():
    operator = problem((6, 5), (False, False), np.float64)
    smoother, n = RedBlack(operator), 30

    def inverse_of_sweep(adjoint):
        columns = []
        for f in np.eye(n):
            u = np.zeros((6, 5))
            smoother.smooth(u, f.reshape(6, 5), adjoint=adjoint)
            columns.append(u.ravel())
        return np.stack(columns, axis=1)

    np.testing.assert_allclose(inverse_of_sweep(True), inverse_of_sweep(False).T, atol=1e-12)
