import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Status
from nwidth.solvers.fractional import PolynomialBump, RieszRectangle


def solved(n, degree, alpha, coefficient=1.0, reaction=0.0, **options):
    problem = RieszRectangle(
        n, degree, alpha, coefficient=coefficient, reaction=reaction, **options
    )
    u = PolynomialBump(4, problem.lower, problem.upper)
    source = u.source(problem.points, problem.alpha, problem.coefficients)
    source += problem.reaction * u(*problem.points)
    found = problem.solve(source, rtol=1e-12).checked()
    error = np.abs(found.u - u(*problem.grid.coordinates())).max()
    return found, error


@pytest.mark.parametrize("degree", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("alpha", [(1.2, 1.8), (1.5, 1.5)])
def test_orders_are_those_of_the_paper(degree, alpha):
    n = (64, 128) if degree < 6 else (32, 64)
    errors = [solved(k, degree, alpha)[1] for k in n]
    order = np.log2(errors[0] / errors[1])
    assert order > degree + (2 if degree % 2 == 0 else 1) - max(alpha) - 0.2
    assert errors[-1] < {2: 4e-5, 3: 6e-5, 4: 5e-8, 5: 2e-8, 6: 1e-9}[degree]


def mixed(x, y):
    return np.exp(np.sin(3 * x + y) - np.cos(2 * x - 3 * y)) * (1 + x)


def test_iterations_do_not_depend_on_size_order_or_degree_where_coefficients_vary():
    counts = []
    for n, degree, alpha in [(24, 2, (1.2, 1.8)), (24, 6, (1.9, 1.1)), (72, 4, (1.5, 1.5))]:
        found, error = solved(n, degree, alpha, [mixed, lambda x, y: 1 + x * y], 2.0)
        counts.append(found.iterations)
        assert error < 3e-3
    assert max(counts) <= 30
    assert max(counts) - min(counts) <= 6


def test_separable_coefficients_take_one_iteration():
    problem = RieszRectangle(
        40,
        4,
        (1.3, 1.8),
        coefficient=[lambda x, y: (1 + x * y) * np.exp(x), lambda x, y: (1 + x * y) / (1 + y)],
        reaction=lambda x, y: 3 * (1 + x * y),
    )
    assert problem.separable
    assert problem.solve(1.0).checked().iterations <= 1
    assert not RieszRectangle(8, 2, (1.5, 1.5), coefficient=[mixed, 1.0]).separable


@pytest.mark.parametrize("alpha", [(1.001, 2.0), (1.999, 1.1)])
def test_high_degrees_and_orders_at_the_ends_have_real_modes(alpha):
    problem = RieszRectangle((40, 33), (16, 11), alpha)
    solution = problem.solve(1.0).checked()
    assert solution.iterations <= 1
    assert solution.u.min() > -1e-6


@pytest.mark.parametrize("alpha", [(1.5,), (1.3, 1.6, 2.0)])
def test_an_interval_and_a_box(alpha):
    found, error = solved(24, 4, alpha, reaction=1.0)
    assert found.u.ndim == len(alpha)
    assert error < 5e-5
    assert found.iterations <= 1


def test_other_lengths_scale_as_the_orders_say():
    small = RieszRectangle(16, 3, (1.4, 1.7))
    large = RieszRectangle(16, 3, (1.4, 1.7), (-1.0, 2.0), (1.0, 5.0),
                           coefficient=[2.0**1.4, 3.0**1.7])  # fmt: skip
    assert np.allclose(large.solve(1.0).u, small.solve(1.0).u, atol=1e-13)
    assert [axis.upper for axis in large.grid.axes] == [1.0, 5.0]
    assert repr(large) == (
        "RieszRectangle(16 x 16 intervals, degree 3, alpha 1.4/1.7, on [-1, 1] x [2, 5])"
    )


def test_order_two_is_the_laplacian():
    problem = RieszRectangle(40, 5, (2.0, 2.0))
    x, y = problem.points
    wave = np.sin(np.pi * x) * np.sin(2 * np.pi * y)
    u = problem.solve(5 * np.pi**2 * wave).u[1:-1, 1:-1]
    assert np.abs(u - wave).max() < 1e-6


def test_sources_complex_single_whole_and_a_start():
    problem = RieszRectangle(20, 3, (1.5, 1.8), coefficient=[mixed, 1.0])
    x, y = problem.points
    real, imaginary = problem.solve(x), problem.solve(np.exp(y))
    both = problem.solve(x + 1j * np.exp(y)).checked()
    assert np.allclose(both.u, real.u + 1j * imaginary.u, atol=1e-9)
    X, _ = problem.grid.coordinates()
    assert np.allclose(problem.solve(X.astype("f4")).u, real.u, atol=1e-6)
    assert problem.solve(lambda x, y: x, initial=real).iterations <= 1
    assert problem.solve(x + 1j * np.exp(y), initial=both).iterations <= 1
    with pytest.raises(InputError, match="initial: expected a real solution"):
        problem.solve(x, initial=both)
    assert problem.solve(x, max_iterations=2).status is Status.MAX_ITERATIONS


def test_between_the_points_the_solution_is_the_spline():
    found, _ = solved(32, 6, (1.5, 1.5))
    grid = Grid.uniform((50, 33))
    x, y = grid.coordinates()
    exact = PolynomialBump(4, (0, 0), (1, 1))(x, y)
    assert np.abs(found(x, y) - exact).max() < 1e-7
    assert np.abs(found.on(grid) - exact).max() < 1e-7
    slope = found(x, y, orders=[0, 1])
    wanted = 4 * (4 * y * (1 - y)) ** 3 * (4 - 8 * y) * (4 * x * (1 - x)) ** 4
    assert np.abs(slope - wanted).max() < 1e-5
    with pytest.raises(InputError, match="expected 2"):
        found(x)
    with pytest.raises(InputError, match="one shape"):
        found([0.1, 0.2], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="initial"):
        RieszRectangle(31, 6, (1.5, 1.5)).solve(1.0, initial=found)


@pytest.mark.parametrize(
    "arguments, options, words",
    [
        ((8, 3, (1.0, 1.5)), {}, "alpha"),
        ((8, 3, (1.5, 2.5)), {}, "alpha"),
        ((8, 1, 1.5), {}, "degree"),
        ((3, 4, 1.5), {}, "intervals"),
        (((8, 9), 3, (1.5, 1.5, 1.5)), {}, "lengths"),
        ((8, 3, (1.5,) * 4), {}, "lengths"),
        ((8, 3, 1.5, 1.0, 0.0), {}, "upper"),
        ((8, 3, (1.5, 1.5)), {"coefficient": 0.0}, "coefficient"),
        ((8, 3, (1.5, 1.5)), {"coefficient": [1.0]}, "list of 2"),
        ((8, 3, (1.5, 1.5)), {"reaction": -1.0}, "reaction"),
        ((8, 3, (1.5, 1.5)), {"reaction": np.ones(3)}, "shape"),
        ((8, 3, (1.5, 1.5)), {"reaction": 1j}, "reaction: expected numbers >= 0"),
        ((8, 3, 1.5), {"modes": "cosines"}, "modes"),
    ],
)
def test_bad_input(arguments, options, words):
    with pytest.raises(InputError, match=words):
        RieszRectangle(*arguments, **options)


@pytest.mark.parametrize(
    "reaction, most",
    [
        (lambda x, y: 30.0 * (x > 0.5), 12),
        (lambda x, y: 1e3 * (x > 0.5), 28),
        (lambda x, y: 1e6 * (x > 0.5), 70),
        (lambda x, y: 1e6 * x * y, 28),
        (lambda x, y: 10 ** (6 * x), 55),
        (lambda x, y: 1e4 * ((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.04), 45),
    ],
)
def test_reactions_that_vary_by_orders_of_magnitude(reaction, most):
    problem = RieszRectangle(48, 3, (1.5, 1.2), reaction=reaction)
    found = problem.solve(1.0, 1e-9).checked()
    assert found.iterations <= most
    system = problem.operator
    residual = system.apply(np.asarray(found.spline.coefficients)[1:-1, 1:-1]) - 1
    assert np.abs(residual).max() < 1e-5
    v = np.random.default_rng(0).standard_normal((2, *problem.shape))
    M = problem.inverse
    assert np.isclose((M.apply(v[0]) * v[1]).sum(), (v[0] * M.adjoint(v[1])).sum())


def test_exact_modes_of_long_axes_are_refused():
    with pytest.raises(InputError, match='modes: expected "auto" or "sines"'):
        RieszRectangle((5000, 8), 3, (1.5, 1.5), modes="exact").solve(1.0)


def test_orders_come_as_arrays_too():
    with pytest.raises(InputError, match="alpha: expected a number"):
        RieszRectangle(8, 3, np.array(1.5))
    assert RieszRectangle(8, 3, np.array([1.5, 1.2])).alpha == (1.5, 1.2)


def test_bad_sources():
    problem = RieszRectangle(8, 3, (1.5, 1.5))
    with pytest.raises(InputError, match="source"):
        problem.solve(np.ones((3, 3)))
    with pytest.raises(ValueError, match="source"):
        problem.solve(np.nan)
