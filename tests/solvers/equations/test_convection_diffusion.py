import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField
from nwidth.solvers import Boundary, Dirichlet, LinearProblem, Neumann, Problem, Robin
from nwidth.solvers.equations import ConvectionDiffusion

GRID = Grid.uniform((9, 8), upper=(1.0, 2.0))
ONES = {"diffusivity": np.ones(GRID.shape)}


def direct(problem, inputs):
    A = problem.operator(inputs)
    x = spsolve(A.to_sparse().tocsc(), problem.source(inputs).ravel())
    return problem.field(x.reshape(A.domain_shape), inputs)


def errors(dimension, sizes, eps):
    """Errors for u = prod sin(1.3 x_k + 0.4 + 0.2 k) in a flow that varies in space."""

    def parts(x):
        return [np.sin(1.3 * t + 0.4 + 0.2 * k) for k, t in enumerate(x)]

    def slope(k, x):
        factors = parts(x)
        factors[k] = 1.3 * np.cos(1.3 * x[k] + 0.4 + 0.2 * k)
        return np.prod(factors, axis=0)

    def u(*x):
        return np.prod(parts(x), axis=0)

    def w(*x):
        return [1 + x[-1], *[-2 - t * x[0] for t in x[1:]]]

    def f(*x):
        convection = sum(v * slope(k, x) for k, v in enumerate(w(*x)))
        return eps * dimension * 1.3**2 * u(*x) + convection

    sides = Boundary({"x_upper": Neumann(lambda *x: eps * slope(0, x))}, Dirichlet(u))
    out = []
    for n in sizes:
        grid = Grid.uniform((n,) * dimension)
        problem = ConvectionDiffusion(grid, w, sides, f)
        found = direct(problem, {"diffusivity": np.full(grid.shape, eps)})
        out.append(np.abs(found - u(*grid.coordinates())).max())
    return np.array(out)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_second_order_where_diffusion_rules(dimension):
    e = errors(dimension, (9, 17, 33) if dimension < 3 else (7, 13), 0.5)
    np.testing.assert_allclose(np.log2(e[:-1] / e[1:]), 2.0, atol=0.2)


def test_first_order_where_convection_rules():
    e = errors(2, (17, 33, 65), 1e-8)
    np.testing.assert_allclose(np.log2(e[:-1] / e[1:]), 1.0, atol=0.1)


@pytest.mark.parametrize("eps", [1.0, 1e-3, 1e-9])
def test_no_false_extremes(eps):
    grid = Grid.uniform((20, 25))
    sides = Boundary({"x_lower": Dirichlet(lambda x, y: (y > 0.5).astype(float))}, Neumann())
    problem = ConvectionDiffusion(grid, [1.0, 0.7], sides, source=0.0)
    u = direct(problem, {"diffusivity": np.full(grid.shape, eps)})
    assert u.min() >= -1e-12 and u.max() <= 1 + 1e-12
    assert u.max() == pytest.approx(1.0, abs=0.2)


def test_constant_solution_and_boundary_layer():
    sides = Boundary(default=Dirichlet(2.0))
    problem = ConvectionDiffusion(GRID, [30.0, -5.0], sides, source=0.0)
    np.testing.assert_allclose(direct(problem, ONES), 2.0)


def test_on_a_line_the_scheme_is_exact_at_the_nodes():
    grid = Grid.uniform(11)
    sides = Boundary({"x_lower": Dirichlet(0.0), "x_upper": Dirichlet(1.0)})
    problem = ConvectionDiffusion(grid, [1.0], sides, source=0.0)
    u = direct(problem, {"diffusivity": np.full(11, 0.02)})
    x = grid.points[0]
    np.testing.assert_allclose(u, np.expm1(50 * x) / np.expm1(50), atol=1e-12)


def test_flows_through_faces_and_velocity_kinds():
    x, y = GRID.coordinates()
    by_callable = ConvectionDiffusion(GRID, lambda x, y: [y, -x])
    by_array = ConvectionDiffusion(GRID, np.stack([y, -x]))
    for one, other in zip(by_callable.flows, by_array.flows, strict=True):
        np.testing.assert_array_equal(one, other)
    # The rotation is free of sources: in every volume the flows cancel.
    q0, q1 = by_callable.flows
    np.testing.assert_allclose(np.diff(q0, axis=0) + np.diff(q1, axis=1), 0, atol=1e-14)
    assert [q.shape for q in (q0, q1)] == [(8, 6), (7, 7)]
    periodic = Grid.uniform((8, 6), periodic=(True, False))
    flows = ConvectionDiffusion(periodic, [1.0, 0.0]).flows
    np.testing.assert_array_equal(flows[0][0], flows[0][-1])
    assert ConvectionDiffusion(periodic, [1.0, 0.0]).operator(
        {"diffusivity": np.ones(periodic.shape)}
    ).domain_shape == (8, 4)


def test_single_precision_stays():
    inputs = {"diffusivity": np.ones(GRID.shape, np.float32)}
    problem = ConvectionDiffusion(GRID, [1.0, 2.0], Boundary(default=Dirichlet(1.0)))
    assert problem.operator(inputs).dtype == problem.source(inputs).dtype == np.float32


def test_nonsymmetric_problems_have_no_coercivity():
    problem = ConvectionDiffusion(GRID, [1.0, 2.0])
    assert isinstance(problem, LinearProblem) and not isinstance(problem, Problem)
    x = np.random.default_rng(0).standard_normal((7, 6))
    np.testing.assert_array_equal(problem.unknowns(problem.field(x, ONES)), x)
    with pytest.raises(InputError, match="concentration: expected shape"):
        problem.unknowns(x)


def test_on_another_grid_and_description():
    a = LogNormalField(GaussianRandomField(GRID, alpha=2, tau=3))
    velocity = np.stack(GRID.coordinates())
    problem = ConvectionDiffusion(GRID, velocity, None, velocity[0], a, unit="m2/s")
    fine = Grid.uniform((17, 15), upper=(1.0, 2.0))
    moved = problem.on(fine)
    np.testing.assert_allclose(moved.velocity, np.stack(fine.coordinates()))
    np.testing.assert_allclose(moved.source_term, fine.coordinates()[0])
    assert moved.inputs[0].sampler.grid == fine and moved.inputs[0].unit == "m2/s"
    assert ConvectionDiffusion(GRID, [1, 2]).describe()["velocity"] == [1.0, 2.0]
    with pytest.raises(InputError, match="velocity: expected a number"):
        ConvectionDiffusion(GRID, lambda x, y: (x, y)).describe()


@pytest.mark.parametrize(
    ("a", "error", "message"),
    [
        (np.zeros(GRID.shape), InputError, r"numbers > 0, .* got 0.0 at index \(0, 0\)"),
        (-np.ones(GRID.shape), InputError, "> 0"),
        (np.full(GRID.shape, np.nan), NonFiniteError, "diffusivity"),
        (np.full(GRID.shape, 1e200), InputError, "at most"),
        (np.ones((8, 9)), InputError, "shape"),
        (np.ones(GRID.shape, complex), InputError, "real"),
    ],
)
def test_bad_diffusivities_are_refused(a, error, message):
    with pytest.raises(error, match=message):
        ConvectionDiffusion(GRID, [1.0, 0.0]).operator({"diffusivity": a})


@pytest.mark.parametrize(
    "velocity", [[1.0], [1.0, 2.0, 3.0], np.ones((2, 8, 9)), 3.0, lambda x, y: x, ["a", "b"]]
)
def test_bad_velocities_are_refused(velocity):
    with pytest.raises(InputError, match="velocity: expected 2 numbers"):
        ConvectionDiffusion(GRID, velocity).operator(ONES)


def test_bad_problems_are_refused():
    with pytest.raises(InputError, match="Grid of nodes"):
        ConvectionDiffusion(Grid.uniform((4, 4), centering="cell"), [1.0, 1.0])
    with pytest.raises(InputError, match="at least one of them Dirichlet, got neumann"):
        ConvectionDiffusion(GRID, [1.0, 1.0], Boundary(default=Neumann()))
    with pytest.raises(InputError, match="expected Dirichlet and Neumann sides"):
        ConvectionDiffusion(GRID, [1.0, 1.0], Boundary({"x_lower": Robin(1.0)}))
    with pytest.raises(NonFiniteError, match="velocity"):
        ConvectionDiffusion(GRID, [np.nan, 0.0]).operator(ONES)
    with pytest.raises(InputError, match="2 coordinates"):
        ConvectionDiffusion(GRID, lambda x: x).operator(ONES)
