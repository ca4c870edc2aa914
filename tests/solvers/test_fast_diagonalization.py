from itertools import product

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers import Boundary, Dirichlet, FastDiagonalization, FastPoisson, Neumann, Robin
from nwidth.solvers.finite_volume import FiniteVolume

CONDITIONS = {"d": Dirichlet(), "n": Neumann(), "r": Robin(2.5), "R": Robin(0.01)}
PAIRS = ["dd", "nn", "rr", "dr", "Rn", "rd", "periodic"]


def axis(n, centering, periodic, name):
    edges = np.linspace(0, 1, n + (centering == "cell")) ** 1.5 * 1.7
    if periodic:
        return Axis.uniform(n, 0.0, 1.7, name=name, periodic=True, centering=centering)
    grid = Grid.tensor([edges], names=[name], centering=centering)
    return grid.axes[0]


def volumes(sizes, pairs, centering="node", reaction=None):
    names = "xyz"[: len(sizes)]
    axes = [
        axis(n, centering, pair == "periodic", name)
        for n, pair, name in zip(sizes, pairs, names, strict=True)
    ]
    sides = {
        f"{name}_{end}": CONDITIONS[kind]
        for name, pair in zip(names, pairs, strict=True)
        if pair != "periodic"
        for end, kind in zip(("lower", "upper"), pair, strict=True)
    }
    grid = Grid(tuple(axes))
    c = None if reaction is None else np.full(grid.shape, reaction)
    return FiniteVolume(grid, Boundary(sides), c)


def check(fv, dtype=np.float64):
    operator = fv.operator(np.ones(fv.grid.shape))
    fast = FastDiagonalization.of(operator, fv.widths)
    assert fast.singular is fv.singular is operator.singular
    np.testing.assert_allclose(fast.weights, fv.volumes)
    np.testing.assert_allclose(fast.spectral_bounds(operator), 1.0, rtol=1e-9)
    assert fast.accuracy < 1e-10
    x = np.random.default_rng(0).standard_normal(fv.shape)
    if fast.singular:
        x -= np.sum(fast.weights * x) / fast.weights.sum()
    b = operator.apply(x).astype(dtype)
    eps = np.finfo(dtype).eps
    values = np.linalg.eigvalsh(operator.to_dense() / np.sqrt(np.outer(fv.volumes, fv.volumes)))
    assert fast.smallest_eigenvalue == pytest.approx(values[int(fast.singular)], rel=1e-9)
    tolerance = 20 * eps * values[-1] / fast.smallest_eigenvalue
    u = fast.apply(b)
    assert u.dtype == dtype
    np.testing.assert_allclose(u, x, atol=tolerance)
    np.testing.assert_allclose(fast.energy(b), operator.energy(x), rtol=tolerance)
    stack = np.stack([b, 2 * b])
    np.testing.assert_allclose(fast.solve(stack)[1], 2 * x, atol=2 * tolerance)
    np.testing.assert_allclose(fast.energy(stack)[1], 4 * operator.energy(x), rtol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("reaction", [None, 3.0])
def test_one_dimension(pair, centering, dtype, reaction):
    check(volumes([9], [pair], centering, reaction), dtype)


@pytest.mark.parametrize(("first", "second"), list(product(PAIRS, PAIRS)))
def test_two_dimensions_every_pair_of_axes(first, second):
    check(volumes([6, 7], [first, second]))
    check(volumes([5, 4], [first, second], "cell"))


@pytest.mark.parametrize("offset", range(len(PAIRS)))
def test_three_dimensions(offset):
    pairs = [PAIRS[(offset + 2 * k) % len(PAIRS)] for k in range(3)]
    check(volumes([5, 6, 4], pairs), np.float64)
    check(volumes([5, 6, 4], pairs, "cell", 0.3), np.float32)


def test_agrees_with_fast_transforms():
    fv = FiniteVolume(Grid.uniform((40, 33)), Boundary({"x_lower": Neumann()}))
    operator = fv.operator(np.ones((40, 33)))
    slow, fast = FastDiagonalization.of(operator, fv.widths), FastPoisson.of(operator, fv.grid)
    b = np.random.default_rng(1).standard_normal(fv.shape)
    np.testing.assert_allclose(slow.solve(b), fast.solve(b), atol=1e-11)
    np.testing.assert_allclose(slow.energy(b), fast.energy(b), rtol=1e-11)


def test_is_the_largest_separable_operator_below():
    grid = Grid.uniform((9, 8))
    alpha = np.linspace(1, 4, 8)
    boundary = Boundary({"x_lower": Robin(alpha), "y_upper": Dirichlet()}, default=Neumann())
    fv = FiniteVolume(grid, boundary, np.random.default_rng(0).uniform(1, 3, grid.shape))
    operator = fv.operator(np.random.default_rng(1).uniform(2, 5, grid.shape))
    fast = FastDiagonalization.of(operator, fv.widths)
    lower, upper = fast.spectral_bounds(operator)
    assert lower == pytest.approx(1.0) and 1 < upper <= 4 * (1 + 1e-9)
    inverse = fast.to_dense()
    values = np.linalg.eigvals(inverse @ operator.to_dense()).real
    assert lower <= values.min() and values.max() <= upper


@pytest.mark.parametrize(("n", "power"), [(200, 1.0), (60, 4.0), (400, 2.0)])
def test_accuracy_covers_what_the_eigenpairs_miss(n, power):
    points = np.linspace(0, 1, n) ** power
    fv = FiniteVolume(Grid.tensor([points]), Boundary({"x_lower": Robin(1e-3)}, default=Neumann()))
    operator = fv.operator(np.ones(n))
    fast = FastDiagonalization.of(operator, fv.widths)
    # u = x . K^-1 b against the solution in extended precision by elimination along the line
    x = np.random.default_rng(0).standard_normal(n).astype(np.longdouble)
    t = operator.faces[0].astype(np.longdouble)
    b = np.zeros(n, np.longdouble)
    jumps = t[1:-1] * np.diff(x)
    b[0] += t[0] * x[0]
    b[:-1] -= jumps
    b[1:] += jumps
    energy = t[0] * x[0] ** 2 + np.sum(jumps * np.diff(x))
    slack = fast.transform_error * np.sqrt(float(np.sum(b * b / fv.volumes)))
    slack /= np.sqrt(fast.smallest_eigenvalue)
    computed = np.sqrt(fast.energy(b.astype(np.float64)))
    assert abs(computed - np.sqrt(energy)) <= slack + fast.accuracy * np.sqrt(energy)
    assert fast.accuracy < 1e-3


def test_singular_problems_ignore_the_total():
    fv = volumes([7, 6], ["nn", "periodic"])
    fast = FastDiagonalization.of(fv.operator(np.ones(fv.grid.shape)), fv.widths)
    b = np.random.default_rng(2).standard_normal(fv.shape)
    u = fast.apply(b)
    assert abs(np.sum(u * fast.weights)) < 1e-13
    np.testing.assert_allclose(fast.apply(b + 3 * fast.weights), u, atol=1e-12)
    assert fast.properties == {"symmetric", "positive semidefinite"}


def test_rejects_what_it_cannot_invert():
    t, w = np.ones(4), np.ones(3)
    for bad, message in [
        (([t], [w, w]), "as many transmissibilities"),
        (([], []), "as many transmissibilities"),
        (([t], [np.ones(4)]), "n widths and n \\+ 1"),
        (([-t], [w]), "transmissibilities >= 0"),
        (([t], [0 * w]), "widths > 0"),
        (([t * np.nan], [w]), "finite"),
        (([np.array([1.0, 0.0, 1.0, 1.0])], [w]), "transmissibility 0"),
        (([np.ones(4098)], [np.ones(4097)]), "at most 4096"),
    ]:
        with pytest.raises(InputError, match=message):
            FastDiagonalization(*bad)
    with pytest.raises(InputError, match="reaction"):
        FastDiagonalization([t], [w], reaction=-1.0)
    fast = FastDiagonalization([t], [w])
    for wrong in (np.zeros(4), np.zeros((3, 2)), np.zeros(3, dtype=complex)):
        with pytest.raises(InputError, match="right-hand side"):
            fast.solve(wrong)
    fv = volumes([7, 6], ["dd", "dd"])
    with pytest.raises(InputError, match="widths: expected"):
        FastDiagonalization.of(fv.operator(np.ones((7, 6))), [np.ones(7), np.ones(6)])
