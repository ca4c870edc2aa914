"""Grids: orders of quadrature and interpolation, restriction, round trips, errors."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid

KINDS = ["node", "cell", "graded node", "graded cell"]


def slope(h, errors):
    return np.polyfit(np.log(h), np.log(errors), 1)[0]


def grid_of(kind: str, n: int, dimension: int) -> Grid:
    """A grid of [0.2, 1.5]^d, graded smoothly if asked."""
    if kind in ("node", "cell"):
        return Grid.uniform((n,) * dimension, 0.2, 1.5, centering=kind)
    s = np.linspace(0, 1, n if kind == "graded node" else n + 1)
    points = 0.2 + 1.3 * (s + 0.12 * np.sin(2 * np.pi * s))
    points[0], points[-1] = 0.2, 1.5
    return Grid.tensor([points] * dimension, centering=kind.split()[1])


def smooth(grid: Grid) -> np.ndarray:
    return np.exp(sum((k + 1) * x for k, x in enumerate(grid.coordinates(sparse=True))))


def integral(dimension: int) -> float:
    return np.prod([(np.exp(1.5 * k) - np.exp(0.2 * k)) / k for k in range(1, dimension + 1)])


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_quadrature_is_of_second_order(kind, dimension):
    sizes = [9, 17, 33] if dimension == 3 else [16, 33, 64, 129]
    errors = [
        abs(g.integrate(smooth(g)) - integral(dimension))
        for g in (grid_of(kind, n, dimension) for n in sizes)
    ]
    assert slope(1 / (np.array(sizes) - ("node" in kind)), errors) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_periodic_quadrature_is_exact_for_trigonometric_polynomials(centering):
    grid = Grid.periodic((7, 6), (0.0, -1.0), (2.0, 4.0), centering=centering)
    x, y = grid.coordinates()
    u = 1 + np.cos(3 * np.pi * x) + np.sin(4 * np.pi / 5 * y + 0.3)
    assert grid.integrate(u) == pytest.approx(10.0, rel=1e-14)
    assert grid.norm(u - 1) == pytest.approx(np.sqrt(10.0), rel=1e-14)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_interpolation_is_of_second_order(kind, dimension):
    sizes = [16, 33, 64, 97] if dimension == 3 else [32, 65, 128, 257]
    target = grid_of("node", 23, dimension)
    errors = [
        target.norm(g.interpolate(smooth(g), target) - smooth(target))
        for g in (grid_of(kind, n, dimension) for n in sizes)
    ]
    # Where targets fall within the intervals varies with n, hence the wider band.
    assert slope(1 / (np.array(sizes) - ("node" in kind)), errors) == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_periodic_interpolation_wraps(centering):
    errors, sizes = [], np.array([16, 32, 64, 128])
    target = Grid.periodic((53, 31), -1.0, 1.0)
    for n in sizes:
        grid = Grid.periodic((n, n + 1), -1.0, 1.0, centering=centering)
        values = [
            np.sin(np.pi * x + 0.4) * np.cos(np.pi * y)
            for x, y in (grid.coordinates(), target.coordinates())
        ]
        errors.append(np.max(np.abs(grid.interpolate(values[0], target) - values[1])))
    assert slope(1 / sizes, errors) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_interpolation_is_exact_for_multilinear_fields_and_shared_points(kind):
    rng = np.random.default_rng(0)
    grid, target = grid_of(kind, 8, 2), grid_of("node", 11, 2)
    x, y = grid.coordinates()
    u, v = target.coordinates()
    linear = grid.interpolate(1 + 2 * x - y + 3 * x * y, target)
    np.testing.assert_allclose(linear, 1 + 2 * u - v + 3 * u * v, rtol=0, atol=1e-14)
    field = rng.standard_normal((2, *grid.shape))
    np.testing.assert_array_equal(grid.interpolate(field, grid), field)


def test_constant_edges_add_no_extremes():
    grid, fine = Grid.uniform((4, 3), centering="cell"), Grid.uniform((31, 17))
    field = np.random.default_rng(3).uniform(1e-3, 1.0, grid.shape)
    held = grid.interpolate(field, fine, edge="constant")
    assert field.min() <= held.min() <= held.max() <= field.max()
    assert grid.interpolate(field, fine).min() < field.min()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_dtype_follows_the_field(dtype):
    grid = Grid.uniform((6, 4), centering="cell")
    field = np.ones((3, 6, 4), dtype=dtype)
    real = np.empty(0, dtype).real.dtype
    assert grid.integrate(field).dtype == dtype
    assert grid.norm(field).dtype == real
    assert grid.restrict(field, 2).dtype == dtype
    assert grid.interpolate(field, Grid.uniform((5, 5))).dtype == dtype
    assert Grid.uniform((6, 4)).restrict(field, (5, 3)).dtype == dtype


def test_inner_product_is_conjugate_linear_and_batched():
    grid = Grid.uniform((5, 4), upper=(2.0, 3.0))
    rng = np.random.default_rng(1)
    u, v = rng.standard_normal((2, 7, 5, 4)) + 1j * rng.standard_normal((2, 7, 5, 4))
    expected = np.einsum("bij,bij,ij->b", u.conj(), v, grid.weights)
    np.testing.assert_allclose(grid.inner(u, v), expected, rtol=1e-13)
    np.testing.assert_allclose(grid.norm(u) ** 2, grid.inner(u, u).real, rtol=1e-13)
    assert grid.weights.sum() == pytest.approx(6.0)


def test_restriction_of_nodes_is_injection_of_any_dtype():
    grid = Grid.uniform((7, 9))
    mask = np.random.default_rng(0).random((2, 7, 9)) > 0.5
    coarse = grid.restrict(mask, (3, 4))
    np.testing.assert_array_equal(coarse, mask[:, ::3, ::4])
    assert coarse.base is None
    assert not np.shares_memory(grid.restrict(mask, 1), mask)


@pytest.mark.parametrize("factor", [2, (2, 3), (1, 3)])
def test_restriction_of_cells_keeps_integrals(factor):
    faces = [np.geomspace(1.0, 5.0, 5), np.linspace(0, 1, 7) ** 2]
    for grid in (Grid.tensor(faces, centering="cell"), Grid.uniform((4, 12), centering="cell")):
        field = np.random.default_rng(2).standard_normal((3, *grid.shape))
        coarse = grid.coarsen(factor)
        np.testing.assert_allclose(
            coarse.integrate(grid.restrict(field, factor)), grid.integrate(field), atol=1e-13
        )
        ones = grid.restrict(np.ones(grid.shape), factor)
        np.testing.assert_allclose(ones, 1.0, rtol=1e-14)


def test_mixed_axes_restrict_each_in_its_way():
    grid = Grid.uniform(
        (5, 4, 6), centering=("node", "cell", "node"), periodic=(False, False, True)
    )
    field = np.random.default_rng(4).standard_normal(grid.shape)
    expected = field.reshape(5, 2, 2, 6).mean(axis=2)[::2, :, ::3]
    np.testing.assert_allclose(grid.restrict(field, (2, 2, 3)), expected, rtol=1e-14)


@given(
    st.lists(
        st.tuples(
            st.integers(2, 9),
            st.floats(-5, 5),
            st.floats(1e-2, 5),
            st.booleans(),
            st.sampled_from(["node", "cell"]),
        ),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=25, deadline=None)
def test_round_trips_are_exact(axes):
    n, lower, length, periodic, centering = zip(*axes, strict=True)
    upper = [a + b for a, b in zip(lower, length, strict=True)]
    grid = Grid.uniform(n, lower, upper, periodic=periodic, centering=centering, units="m")
    described = json.loads(json.dumps(grid.describe()))
    for again in (Grid.from_description(described), pickle.loads(pickle.dumps(grid))):
        assert again == grid
        assert hash(again) == hash(grid)
        assert all(map(np.array_equal, again.points, grid.points))


def test_grids_tell_each_other_apart():
    grid = Grid.uniform((4, 4))
    others = [
        Grid.uniform((4, 5)),
        Grid.uniform(4),
        Grid.uniform((4, 4), upper=2.0),
        Grid.uniform((4, 4), names=("x", "t")),
        Grid.uniform((4, 4), units=("m", "s")),
        Grid.uniform((4, 4), centering="cell"),
        Grid.periodic((4, 4)),
    ]
    assert len({grid, *others}) == 8
    assert grid.same_box(Grid.uniform((7, 9), centering="cell"))
    assert not grid.same_box(Grid.periodic((4, 4)))


def test_coordinates_run_first_axis_slowest():
    grid = Grid.uniform((2, 3), (0.0, 5.0), (1.0, 7.0))
    x, y = grid.coordinates()
    assert x[:, 0].tolist() == [0.0, 1.0]
    assert y[0].tolist() == [5.0, 6.0, 7.0]
    assert [c.shape for c in grid.coordinates(sparse=True)] == [(2, 1), (1, 3)]
    assert grid.size == 6
    assert grid.dimension == 2
    with pytest.raises(ValueError, match="read-only"):
        grid.weights[0, 0] = 1.0


GRID = Grid.uniform((4, 5))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Grid(()), "one to three axes"),
        (lambda: Grid(tuple(Axis.uniform(2, name=c) for c in "abcd")), "one to three axes"),
        (lambda: Grid((Axis.uniform(3), Axis.uniform(3))), "different name"),
        (lambda: Grid([1.0, 2.0]), "one to three axes"),
        (lambda: Grid.uniform((2, 2, 2, 2)), "one to three axes|each of 4 axes"),
        (lambda: Grid.uniform((2, 3), lower=(0.0, 0.0, 0.0)), "each of 2 axes"),
        (lambda: Grid.uniform((2, 3), names=("x",)), "each of 2 axes"),
        (lambda: Grid.uniform((2, 1)), "at least 2 points"),
        (lambda: Grid.tensor([]), "one to three axes"),
        (lambda: Grid.tensor([[], [0.0, 1.0]]), "at least 2 points"),
        (lambda: GRID.integrate(np.ones((5, 4))), r"expected shape \(..., 4, 5\), got \(5, 4\)"),
        (lambda: GRID.integrate(np.ones(5)), "expected shape"),
        (lambda: GRID.norm(np.array([["a"] * 5] * 4)), "expected numbers"),
        (lambda: GRID.inner(np.ones((4, 5)), np.ones((4, 4))), "expected shape"),
        (lambda: GRID.coarsen((1, 2, 3)), "each of 2 axes"),
        (lambda: GRID.coarsen(2), "axis x: expected a factor that divides its 3 intervals"),
        (lambda: GRID.restrict(np.ones((4, 5)), 2), "divides its 3 intervals"),
        (lambda: GRID.interpolate(np.ones((4, 5)), Grid.uniform(3)), "same box"),
        (lambda: GRID.interpolate(np.ones((4, 5)), Grid.periodic((4, 5))), "same box"),
        (lambda: GRID.interpolate(np.ones((4, 5)), GRID, edge="cubic"), "edge 'linear'"),
        (lambda: Grid.from_description({}), "one key 'axes'"),
        (lambda: Grid.from_description({"axes": 3}), "list of axes"),
        (lambda: Grid.from_description("grid"), "one key 'axes'"),
    ],
)
def test_errors_say_what_to_do(build, words):
    with pytest.raises(InputError, match=words):
        build()


@pytest.mark.parametrize("points", [None, 3, iter([[0.0, 1.0]])])
def test_a_tensor_grid_needs_a_list_of_points(points):
    with pytest.raises(InputError, match="expected a list of the points of each axis"):
        Grid.tensor(points)


def test_layers_have_chebyshev_points_across_and_equal_ones_along():
    grid = Grid.chebyshev((6, 5), (0.0, -1.0), (3.0, 2.0), names="xz", periodic=(True, False))
    assert grid.axes[0] == Axis.uniform(6, 0.0, 3.0, periodic=True)
    assert grid.axes[1] == Axis.chebyshev(5, -1.0, 2.0, name="z")
    assert Grid.from_description(grid.describe()) == grid
    assert Grid.chebyshev(9).coarsen(2) == Grid.chebyshev(5)
    with pytest.raises(InputError, match="periodic: expected one value"):
        Grid.chebyshev((6, 5), periodic=(True,))
