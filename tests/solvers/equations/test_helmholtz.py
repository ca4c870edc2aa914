import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField
from nwidth.solvers import LinearProblem, Problem
from nwidth.solvers.equations import Helmholtz

GRID = Grid.uniform((9, 8), upper=(1.0, 2.0))
OUTWARD = {"x_lower": (0, -1), "x_upper": (0, 1), "y_lower": (1, -1), "y_upper": (1, 1)}


def direct(problem, inputs):
    A, b = problem.operator(inputs), problem.source(inputs)
    x = spsolve(A.to_sparse().tocsc(), b.ravel(), permc_spec="MMD_AT_PLUS_A")
    return problem.field(x.reshape(A.domain_shape), inputs)


def plane_wave(k, angle):
    """A wave and what it brings in through each side."""
    direction = k * np.array([np.cos(angle), np.sin(angle)])

    def wave(x, y):
        return np.exp(1j * (direction[0] * x + direction[1] * y))

    incoming = {
        side: lambda x, y, axis=axis, sign=sign: 1j * (sign * direction[axis] - k) * wave(x, y)
        for side, (axis, sign) in OUTWARD.items()
    }
    return wave, incoming


def order(errors):
    return np.log2(np.array(errors[:-1]) / errors[1:])


def test_plane_wave_passes_absorbing_sides_second_order():
    wave, incoming = plane_wave(8.0, 0.6)
    errors = []
    for n in (17, 33, 65):
        grid = Grid.uniform((n, n))
        problem = Helmholtz(grid, 0.0, incoming=incoming)
        u = direct(problem, {"wavenumber": np.full(grid.shape, 8.0)})
        errors.append(np.abs(u - wave(*grid.coordinates())).max())
    assert errors[-1] < 5e-3
    np.testing.assert_allclose(order(errors), 2.0, atol=0.15)


def test_error_is_bounded_at_fixed_k3_h2():
    # The error of the phase grows like k^3 h^2 over the box: quadruple n when k grows 2.52 times.
    errors = []
    for n, k in ((21, 4.0), (41, 4.0 * 2 ** (2 / 3)), (81, 4.0 * 2 ** (4 / 3))):
        wave, incoming = plane_wave(k, 0.3)
        grid = Grid.uniform((n, n))
        u = direct(Helmholtz(grid, 0.0, incoming=incoming), {"wavenumber": np.full(grid.shape, k)})
        errors.append(np.abs(u - wave(*grid.coordinates())).max())
    np.testing.assert_allclose(errors, errors[0], rtol=0.25)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_manufactured_solution_in_a_varying_medium(dimension):
    def u(*x):
        return np.prod([np.sin(np.pi * t) for t in x], axis=0) * np.exp(1j * x[0])

    def k(*x):
        return 3.0 + x[0] + 0.5 * np.sin(2.0 * x[-1])

    def f(*x):
        # -(u_xx + ...) with u = s(x) exp(i x) in the first axis
        waves = np.exp(1j * x[0]) * np.prod([np.sin(np.pi * t) for t in x[1:]], axis=0)
        s, ds = np.sin(np.pi * x[0]), np.pi * np.cos(np.pi * x[0])
        laplacian = waves * (-(np.pi**2) * s + 2j * ds - s) - (dimension - 1) * np.pi**2 * u(*x)
        return -laplacian - k(*x) ** 2 * u(*x)

    walls = [f"{name}_{end}" for name in "xyz"[:dimension] for end in ("lower", "upper")]
    errors = []
    for n in (9, 17, 33) if dimension < 3 else (7, 13):
        grid = Grid.uniform((n,) * dimension)
        points = grid.coordinates()
        wave = direct(Helmholtz(grid, f, walls=walls), {"wavenumber": k(*points)})
        errors.append(np.abs(wave - u(*points)).max())
    np.testing.assert_allclose(order(errors), 2.0, atol=0.25)


def test_absorbing_sides_on_a_line_are_exact_for_outgoing_waves():
    # A point source radiates exp(i k |x - x0|) i / (2 k); nothing comes back from the ends.
    grid, k = Grid.uniform(401, lower=-1.0), 10.0
    f = np.zeros(401)
    f[200] = 1.0 / grid.axes[0].widths[200]
    u = direct(Helmholtz(grid, f), {"wavenumber": np.full(401, k)})
    exact = 1j / (2 * k) * np.exp(1j * k * np.abs(grid.points[0]))
    assert np.abs(u - exact).max() < 0.01 * np.abs(exact).max()


def test_mixed_walls_and_a_periodic_axis():
    grid = Grid.uniform((9, 8), periodic=(False, True))
    problem = Helmholtz(grid, walls=["x_lower"])
    inputs = {"wavenumber": np.full(grid.shape, 2.0)}
    A = problem.operator(inputs)
    assert A.domain_shape == (8, 8)
    assert (A.damping[-1] > 0).all() and not A.damping[:-1].any()
    assert not direct(problem, inputs)[0].any()


def test_single_precision_stays():
    inputs = {"wavenumber": np.ones(GRID.shape, np.float32)}
    problem = Helmholtz(GRID)
    assert problem.operator(inputs).dtype == problem.source(inputs).dtype == np.complex64


def test_unknowns_and_field_are_inverse():
    problem = Helmholtz(GRID, walls=["y_upper"])
    inputs = {"wavenumber": np.ones(GRID.shape)}
    x = np.random.default_rng(0).standard_normal((9, 7)) + 1j
    np.testing.assert_array_equal(problem.unknowns(problem.field(x, inputs)), x)
    with pytest.raises(InputError, match="wave: expected shape"):
        problem.unknowns(np.ones((9, 7)))


def test_indefinite_problems_have_no_coercivity():
    problem = Helmholtz(GRID)
    assert isinstance(problem, LinearProblem) and not isinstance(problem, Problem)
    assert not hasattr(problem, "coercivity")


def test_samples_on_another_grid_and_description():
    k = LogNormalField(GaussianRandomField(GRID, alpha=2, tau=3))
    source = np.arange(72.0).reshape(9, 8) + 1j
    problem = Helmholtz(GRID, source, k, walls=["x_lower"], incoming={"x_upper": 1 - 2j})
    assert (problem.sample(np.random.default_rng(0))["wavenumber"] > 0).all()
    fine = Grid.uniform((17, 15), upper=(1.0, 2.0))
    moved = problem.on(fine)
    assert moved.grid == fine == moved.inputs[0].sampler.grid
    np.testing.assert_allclose(moved.source_term[::2, ::2], source)
    facts = problem.describe()
    assert facts["incoming"] == {"x_upper": [1.0, -2.0]} and facts["walls"] == ["x_lower"]
    assert facts["source"][0][1] == [1.0, 1.0]
    with pytest.raises(InputError, match="got a callable"):
        Helmholtz(GRID, lambda x, y: x).describe()
    with pytest.raises(InputError, match="got an array"):
        Helmholtz(GRID, incoming={"x_lower": np.ones(8)}).on(fine)


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (np.zeros(GRID.shape), InputError, r"expected numbers > 0, got 0.0 at index \(0, 0\)"),
        (-np.ones(GRID.shape), InputError, "> 0"),
        (np.full(GRID.shape, np.nan), NonFiniteError, "wavenumber"),
        (np.full(GRID.shape, 1e200), InputError, "unit of length"),
        (np.ones((8, 9)), InputError, "shape"),
        (np.ones(GRID.shape, complex), InputError, "real"),
    ],
)
def test_bad_wavenumbers_are_refused(k, error, message):
    with pytest.raises(error, match=message):
        Helmholtz(GRID).operator({"wavenumber": k})


def test_bad_problems_are_refused():
    ones = {"wavenumber": np.ones(GRID.shape)}
    with pytest.raises(InputError, match="Grid of nodes"):
        Helmholtz(Grid.uniform((4, 4), centering="cell"))
    for walls in ("x_lower", 3, None, [3]):
        with pytest.raises(InputError, match="expected a list of sides"):
            Helmholtz(GRID, walls=walls)
    with pytest.raises(InputError, match="expected a mapping of sides"):
        Helmholtz(GRID, incoming=["x_lower"])
    with pytest.raises(InputError, match="did you mean x_lower"):
        Helmholtz(GRID, walls=["x_low"])
    with pytest.raises(InputError, match="expected sides among"):
        Helmholtz(GRID, incoming={"z_lower": 1.0})
    with pytest.raises(InputError, match="incoming: expected absorbing sides"):
        Helmholtz(GRID, walls=["x_lower"], incoming={"x_lower": 1.0})
    with pytest.raises(InputError, match="source: expected a complex number"):
        Helmholtz(GRID, np.ones(3)).source(ones)
    with pytest.raises(NonFiniteError, match="incoming x_lower"):
        Helmholtz(GRID, incoming={"x_lower": np.nan}).source(ones)
    with pytest.raises(InputError, match="2 coordinates"):
        Helmholtz(GRID, lambda x: x).source(ones)
