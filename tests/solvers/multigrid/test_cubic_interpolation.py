import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers.multigrid import cubic_interpolation


def stretched(n, name="x"):
    t = np.linspace(0, 1, n)
    return Axis(t + 0.1 * np.sin(2 * np.pi * t), 0.0, 1.0, name)


def smooth(grid):
    return np.prod([np.sin(2 * np.pi * x + 0.4 * k) for k, x in enumerate(grid.coordinates())], 0)


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize(("sizes", "dtype"), [((9, 17), np.float64), ((8, 13), np.float32)])
def test_cubic_polynomials_are_reproduced_up_to_the_walls(centering, sizes, dtype):
    a, b = (Axis.uniform(n, centering=centering) for n in sizes)
    coarse, fine = (Grid((axis, stretched(n, "y"))) for axis, n in ((a, 9), (b, 20)))

    def cubic(grid):
        x, y = grid.coordinates()
        return ((1 - 2 * x + 3 * x**3) * (2 + y**2 - y**3)).astype(dtype)

    out = cubic_interpolation(cubic(coarse), coarse, fine)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, cubic(fine), atol=1e-13 if dtype == np.float64 else 2e-6)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("kind", ["node", "cell", "periodic", "stretched"])
def test_the_order_is_four(dimension, kind):
    sizes = (17, 33, 65) if dimension < 3 else (13, 25, 49)
    errors = []
    for n in sizes:
        if kind == "stretched":
            grids = [
                Grid(tuple(stretched(m, "xyz"[k]) for k in range(dimension)))
                for m in (n, 2 * n - 1)
            ]
        else:
            options = {"periodic": True} if kind == "periodic" else {"centering": kind}
            fine = 2 * n - 1 if kind == "node" else 2 * n
            grids = [Grid.uniform((m,) * dimension, **options) for m in (n, fine)]
        out = cubic_interpolation(smooth(grids[0]), *grids)
        errors.append(np.abs(out - smooth(grids[1])).max())
    assert np.log2(errors[-2] / errors[-1]) > 3.5


def test_the_kernel_agrees_with_the_formula_when_threaded():
    coarse, fine = Grid.uniform((370, 361)), Grid.uniform((740, 721))
    u = np.random.default_rng(0).standard_normal(coarse.shape)
    out = cubic_interpolation(u, coarse, fine)
    for i, j in [(0, 0), (1, 717), (738, 3), (400, 351)]:
        weights = []
        for X, x in ((coarse.points[0], fine.points[0][i]), (coarse.points[1], fine.points[1][j])):
            start = min(max(np.searchsorted(X, x, side="right") - 2, 0), len(X) - 4)
            w = np.zeros(len(X))
            for m in range(start, start + 4):
                others = [p for p in range(start, start + 4) if p != m]
                w[m] = np.prod([(x - X[p]) / (X[m] - X[p]) for p in others])
            weights.append(w)
        np.testing.assert_allclose(out[i, j], weights[0] @ u @ weights[1], atol=1e-12)


def test_few_points():
    coarse, fine = Grid.uniform(3), Grid.uniform(5)
    out = cubic_interpolation(coarse.points[0] ** 2, coarse, fine)
    np.testing.assert_allclose(out, fine.points[0] ** 2, atol=1e-15)
    ring, finer = Grid.uniform(4, periodic=True), Grid.uniform(8, periodic=True)
    out = cubic_interpolation(np.array([0.0, 1.0, 0.0, -1.0]), ring, finer)
    np.testing.assert_allclose(out[::2], [0, 1, 0, -1], atol=1e-15)
    np.testing.assert_allclose(out[1::2], np.array([1, 1, -1, -1]) * 0.625, atol=1e-15)


def test_bad_input():
    grid = Grid.uniform(9)
    with pytest.raises(InputError, match="one box"):
        cubic_interpolation(np.ones(9), grid, Grid.uniform(17, upper=2.0))
    with pytest.raises(InputError, match="shape"):
        cubic_interpolation(np.ones(8), grid, Grid.uniform(17))


def test_integers_are_interpolated_as_numbers():
    grid, fine = Grid.uniform(9), Grid.uniform(17)
    u = np.arange(9)
    np.testing.assert_allclose(cubic_interpolation(u, grid, fine), np.arange(17) / 2, atol=1e-12)
