import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers import Boundary, Dirichlet, Neumann, Robin
from nwidth.solvers.bsplines import (
    Collocation,
    CollocationEvolution,
    collocation_evolution,
    quarter_annulus,
)
from nwidth.solvers.stepping import ARK436L2SA, SBDF2, evolve


def u(t, x, y):
    """A polynomial in space that degrees 3 and 2 hold exactly."""
    return np.cos(2 * t) * (x**3 - x * y**2) + np.sin(t) * y


def heated():
    """Return u_t = 2 u_xx + u_yy - u_x + f with all kinds of data changing in time."""

    def source(t, x, y):
        rate = -2 * np.sin(2 * t) * (x**3 - x * y**2) + np.cos(t) * y
        return rate - np.cos(2 * t) * (12 * x - 2 * x - (3 * x**2 - y**2))

    def boundary(t):
        return Boundary(
            {
                "x_lower": Dirichlet(lambda x, y: u(t, x, y)),
                "x_upper": Neumann(lambda x, y: 2 * np.cos(2 * t) * (3 * x**2 - y**2)),
                "y_lower": Neumann(lambda x, y: -np.sin(t) + 0 * x),
                "y_upper": Robin(
                    2.0, lambda x, y: 2 * u(t, x, y) - 2 * np.cos(2 * t) * x * y + np.sin(t)
                ),
            }
        )

    knots = [KnotVector.uniform(5, 3), KnotVector.uniform(4, 2)]
    problem = Collocation(knots, [2.0, 1.0], [1.0, 0.0], boundary=boundary(0.0))
    return CollocationEvolution(problem, source, boundary)


def error(system, method, dt, end=0.5):
    v = system.state(lambda x, y: u(0.0, x, y))
    found = evolve(system, v, [end], method=method, dt=dt).checked()
    solution = system.at(end, found.states[0])
    return solution.error(lambda x, y: u(end, x, y))[0]


def test_order_in_time_with_data_that_change():
    system = heated()
    errors = [error(system, SBDF2, dt) for dt in (0.02, 0.01)]
    assert 1.8 < np.log2(errors[0] / errors[1]) < 2.2
    assert error(system, ARK436L2SA, 0.025) < 1e-5


def test_iterated_steps_are_those_of_elimination(monkeypatch):
    direct = error(heated(), SBDF2, 0.05)
    monkeypatch.setattr(collocation_evolution, "PLANE", 0)
    assert abs(error(heated(), SBDF2, 0.05) - direct) < 1e-9 * direct


def test_coefficients_of_values_and_conditions_are_found_by_iteration_too(monkeypatch):
    system = heated()
    data = np.random.default_rng(3).standard_normal(system.linear.inside.shape)
    wanted = system.linear.coefficients(data)
    monkeypatch.setattr(collocation_evolution, "PLANE", 0)
    found = heated().linear.coefficients(data)
    assert abs(found - wanted).max() < 1e-9 * abs(wanted).max()


def test_steady_states_are_those_of_the_elliptic_problem():
    knots = KnotVector.uniform(10, 4)
    problem = Collocation(knots, lambda x: 1 + x, source=1.0,
                          boundary=Boundary({"x_lower": Dirichlet(2.0)}, Neumann(0.3)))  # fmt: skip
    system = CollocationEvolution(problem)
    found = evolve(system, system.state(0.0), [60.0], method=SBDF2, dt=0.5).checked()
    late, steady = system.at(60.0, found.states[0]), problem.solve()
    assert abs(late.coefficients - steady.coefficients).max() < 1e-10


def test_reactions_are_taken_pointwise():
    """u' = u (1 - u) without fluxes keeps a constant constant in space."""
    problem = Collocation(KnotVector.uniform(6, 3), boundary=Boundary(default=Neumann()))
    system = CollocationEvolution(problem, reaction=lambda t, u: u * (1 - u))
    found = evolve(system, system.state(0.1), [2.0], method=ARK436L2SA, dt=0.05).checked()
    assert np.allclose(found.states[0], 1 / (1 + 9 * np.exp(-2.0)), atol=1e-8)


def test_wrong_arguments_are_refused():
    system, problem = heated(), Collocation(KnotVector.uniform(6, 3))
    cases = (
        (lambda: CollocationEvolution(None), "problem"),
        (lambda: CollocationEvolution(problem, 3.0), "source"),
        (lambda: CollocationEvolution(problem, boundary=Boundary()), "boundary"),
        (lambda: system.state(np.ones(3)), "state"),
        (lambda: system.at(0.0, np.ones(3)), "inner collocation points"),
        (lambda: system.at(np.nan, np.ones(system.linear.shape)), "t: expected"),
        (lambda: system.linear.apply(np.ones(3), np.ones(3)), "inner collocation points"),
    )
    for call, words in cases:
        with pytest.raises(InputError, match=words):
            call()
    other = CollocationEvolution(problem, boundary=lambda t: Boundary(default=Neumann()))
    with pytest.raises(InputError, match="x_lower"):
        other.at(0.0, np.zeros(7))


def test_states_that_blow_up_are_told():
    system = CollocationEvolution(Collocation(KnotVector.uniform(6, 3)), reaction=lambda t, u: u**3)
    found = evolve(system, system.state(50.0), [1.0], method=SBDF2, dt=0.05)
    assert found.status.name == "BLOWN_UP"


def test_complex_sources_of_real_equations_are_refused():
    system = CollocationEvolution(Collocation(KnotVector.uniform(6, 3)), lambda t, x: 1j * x)
    with pytest.raises(InputError, match="source: expected real values"):
        evolve(system, system.state(0.0), [1.0], method=SBDF2, dt=0.05)


@pytest.mark.parametrize("kinds", ["dddd", "nnnn", "rrrr", "dnrd", "rdnn"])
def test_data_that_change_on_all_sides_of_a_mapped_domain(kinds):
    """u = sin(x + 2 t) exp(y / 2) in a quarter of an annulus; the map is evaluated once."""
    u = lambda t, x, y: np.sin(x + 2 * t) * np.exp(y / 2)  # noqa: E731
    ux = lambda t, x, y: np.cos(x + 2 * t) * np.exp(y / 2)  # noqa: E731

    def flux(k, t, x, y):
        slopes, sign = (ux(t, x, y), u(t, x, y) / 2), (-1, 1, -1, -1)[k]
        radial = (slopes[0] * x + slopes[1] * y) / np.hypot(x, y)
        return sign * (radial, radial, slopes[1], slopes[0])[k]

    def boundary(t):
        sides = {}
        for k, side in enumerate(("x_lower", "x_upper", "y_lower", "y_upper")):
            q = lambda x, y, k=k: flux(k, t, x, y)  # noqa: E731
            sides[side] = {
                "d": Dirichlet(lambda x, y: u(t, x, y)),
                "n": Neumann(q),
                "r": Robin(1.5, lambda x, y, q=q: q(x, y) + 1.5 * u(t, x, y)),
            }[kinds[k]]
        return Boundary(sides)

    source = lambda t, x, y: 2 * ux(t, x, y) + 0.75 * u(t, x, y)  # noqa: E731
    problem = Collocation(
        [KnotVector.uniform(6, 6)] * 2, boundary=boundary(0.0), geometry=quarter_annulus()
    )
    system = CollocationEvolution(problem, source, boundary)
    errors = []
    for dt in (0.05, 0.025):
        v = system.state(lambda x, y: u(0.0, x, y))
        found = evolve(system, v, [0.5], method=SBDF2, dt=dt).checked()
        errors.append(system.at(0.5, found.states[0]).error(lambda x, y: u(0.5, x, y))[0])
    assert errors[1] < 1e-3 and 1.7 < np.log2(errors[0] / errors[1]) < 2.5
