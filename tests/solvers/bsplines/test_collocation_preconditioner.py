import numpy as np
import pytest

from nwidth.meshes import KnotVector
from nwidth.solvers import Boundary, Dirichlet, Neumann, Robin
from nwidth.solvers.bsplines import Collocation
from nwidth.solvers.bsplines.collocation_preconditioner import separated

FLUXES = Boundary(
    {"x_lower": Neumann(), "y_upper": Robin(2.0), "z_lower": Robin(1.5), "x_upper": Robin(0.5)}
)
EVERYWHERE = Boundary(default=Robin(1.5))


def knots(d, n=6, p=3):
    return [KnotVector.uniform(n + k, p) for k in range(d)]


@pytest.mark.parametrize("kind", ["greville", "superconvergent"])
@pytest.mark.parametrize(
    ("d", "boundary"), [(1, Boundary()), (2, FLUXES), (2, EVERYWHERE), (3, EVERYWHERE)]
)
def test_separable_equations_are_inverted_with_all_their_edges(d, boundary, kind):
    """a_k(xi_k), b_k(xi_k), Robin sides: one application is the solution, corners included.

    But for what corners hear of those at the other end, which fades exponentially with n.
    """
    if d < 3:
        boundary = Boundary(
            {k: v for k, v in boundary.sides.items() if k[0] in "xyz"[:d]}, boundary.default
        )
    A = lambda *x: [1 + (k + 1) * t for k, t in enumerate(x)]  # noqa: E731
    problem = Collocation(
        knots(d, 18 if d < 3 else 10),
        A,
        lambda *x: [np.cos(t) for t in x],
        0.5,
        boundary=boundary,
        points=kind,
    )
    P = problem.preconditioner()
    c = np.random.default_rng(1).standard_normal(problem.operator.domain_shape)
    assert np.allclose(P.apply(problem.operator.apply(c)), c, atol=1e-8 if d < 3 else 1e-5)


def test_scalar_coefficients_before_laplace_and_polar_ones_are_separable():
    x, y = np.meshgrid(np.linspace(1, 2, 6), np.linspace(0, 1, 5), indexing="ij")
    for logs in (
        [np.log(1 + x * y)] * 2,
        [0 * x, -2 * np.log(x)],  # u_rr + u_tt / r^2
        [np.log((1 + x * y) * x), np.log((1 + x * y) * np.exp(y))],
    ):
        s, profiles = separated(logs)
        assert np.allclose(s + logs[0], profiles[0][:, None], atol=1e-3)
        assert np.allclose(s + logs[1], profiles[1][None], atol=1e-3)


@pytest.mark.parametrize("points", ["greville", "superconvergent"])
def test_iterations_do_not_grow_with_size_or_degree(points):
    """Full tensor, convection, four kinds of sides: 11 to 16 steps to 1e-10."""
    boundary = Boundary({"x_lower": Neumann(1.0), "y_lower": Robin(lambda x, y: 1 + x, 1.0)})
    tensor = lambda x, y: [[1 + x * y, 0.3], [0.3, 2 + np.sin(x)]]  # noqa: E731
    counts = [
        Collocation(
            [KnotVector.uniform(n, p)] * 2, tensor, lambda x, y: [x, -2.0], 1.0,
            lambda x, y: np.exp(x - y), boundary, points=points,
        )
        .solve(1e-10, method="fgmres").checked().iterations
        for p in (2, 3, 4, 5, 6)
        for n in (8, 16, 40)
    ]  # fmt: skip
    assert max(counts) <= 15 and max(counts) - min(counts) <= 4


@pytest.mark.parametrize("points", ["greville", "superconvergent"])
@pytest.mark.parametrize(("d", "strength"), [(2, 1e-1), (2, 1e-2), (2, 1e-3), (3, 1e-2)])
def test_winds_along_axes_are_inverted_however_strong_they_are(d, strength, points):
    """Each depends on its own coordinate."""
    wind = lambda *x: [1 + x[k] / (k + 1) for k in range(d)]  # noqa: E731
    sides = Boundary({"x_upper": Neumann(), "y_lower": Robin(1.0, 2.0)})
    for n in (16, 40) if d == 2 else (12,):
        problem = Collocation(
            [KnotVector.uniform(n, 3)] * d, strength, wind, source=1.0, boundary=sides,
            points=points,
        )  # fmt: skip
        assert problem.solve(method="fgmres").checked().iterations <= 3


def test_convection_without_a_held_side_is_left_out_where_eigenvectors_fail():
    walls = Boundary(default=Neumann())
    problem = Collocation(knots(2, 20, 4), 1e-2, [1.0, 0.0], boundary=walls)
    P = problem.preconditioner()
    assert problem.singular and P.schur is None and P.condition < 1e10


@pytest.mark.parametrize(("d", "n"), [(1, 40), (2, 40), (3, 14)])
def test_parallel_eigenvectors_give_way_to_schur_forms(d, n):
    """Conditions reach 1e20 and more; flow in and out through sides of all kinds."""
    sides = Boundary({"x_upper": Neumann(), "y_upper": Robin(2.0)}, default=Dirichlet())
    sides = Boundary({k: v for k, v in sides.sides.items() if k[0] in "xyz"[:d]}, sides.default)
    problem = Collocation(knots(d, n), 1e-2, [1.0, -0.8, 0.9][:d], source=1.0, boundary=sides)
    P = problem.preconditioner()
    assert P.schur is not None and P.condition > 1e4
    assert problem.solve(method="fgmres").checked().iterations <= 2
    u, v = np.random.default_rng(6).standard_normal((2, *P.domain_shape))
    assert np.isclose(np.vdot(P.apply(u), v), np.vdot(u, P.adjoint(v)), rtol=1e-8)


def test_shear_flows_take_few_steps():
    """Poiseuille's profile, Peclet number 100: 26 steps."""
    problem = Collocation(
        [KnotVector.uniform(40, 3)] * 2, 1e-2, lambda x, y: [4 * y * (1 - y), 0 * x],
        source=lambda x, y: np.cos(3 * x - y),
    )  # fmt: skip
    assert problem.solve(method="fgmres").checked().iterations <= 28


def test_intervals_that_are_strongly_graded_are_inverted():
    """Eigenvalues from 20 to 3e13: the small ones are no resonances."""
    graded = [KnotVector.open(np.r_[0, np.logspace(-6, 0, 30)], 3)] * 2
    found = Collocation(graded, source=1.0).solve(method="fgmres").checked()
    assert found.iterations <= 3
