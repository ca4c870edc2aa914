import numpy as np
import pytest

from nwidth.errors import InputError, NotConvergedError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid, KnotVector
from nwidth.solvers import Boundary, Dirichlet
from nwidth.solvers.bsplines import Collocation, quarter_annulus


def solved(**options):
    """Return the spline of u = x^2 y, which degree 2 holds exactly."""
    return Collocation(
        [KnotVector.uniform(4, 2), KnotVector.uniform(5, 3)],
        source=lambda x, y: -2 * y,
        boundary=Boundary(default=Dirichlet(lambda x, y: x**2 * y)),
    ).solve(**options)


def test_values_slopes_and_errors_of_a_polynomial():
    solution = solved().checked()
    x, y = np.random.default_rng(0).random((2, 3, 4))
    assert np.allclose(solution(x, y), x**2 * y, atol=1e-13)
    assert solution(0.5, 0.25).shape == () and solution(0.5, [0.25, 0.5]).shape == (2,)
    assert np.allclose(solution(x, y, orders=[1, 1]), 2 * x, atol=1e-12)
    x, y = solution.space.coordinates
    assert solution.u.shape == solution.space.shape == x.shape
    assert np.allclose(solution.u, x**2 * y, atol=1e-13)
    slopes = solution.gradient([0.5], [0.1, 1.0])
    assert np.allclose(slopes[:, 0], [[0.1, 1.0], [0.25, 0.25]], atol=1e-13)
    errors = solution.error(lambda x, y: x**2 * y, lambda x, y: [2 * x * y, x**2])
    assert max(errors) < 1e-13
    twice = solution.with_coefficients(2 * solution.coefficients)
    assert np.allclose(twice(x, y), 2 * x**2 * y, atol=1e-13)
    assert np.isclose(solution.spline.integral(), 1 / 6)


def test_fields_go_into_data_files(tmp_path):
    grid, solution = Grid.uniform((7, 5)), solved()
    field = solution.on(grid)
    assert field.shape == grid.shape
    with FieldDataset.create(tmp_path / "u.h5", grid, {"u": "1"}) as data:
        data.append({"u": field})
    with FieldDataset.open(tmp_path / "u.h5") as data:
        assert np.array_equal(np.asarray(data["u"][0]).reshape(grid.shape), field)


def test_what_did_not_converge_raises_with_its_remedy():
    with pytest.raises(NotConvergedError, match="raise max_iterations"):
        solved(method="fgmres", max_iterations=0).checked()


def test_wrong_points_and_orders_are_refused():
    solution = solved()
    for call in (
        lambda: solution([0.5]),
        lambda: solution([2.0], [0.5]),
        lambda: solution([0.1, 0.2], [0.1, 0.2, 0.3]),
        lambda: solution([0.5], [0.5], orders=[1]),
        lambda: solution([0.5], [0.5], orders=[1, -1]),
        lambda: solution.on(Grid.uniform(4)),
    ):
        with pytest.raises(InputError):
            call()


def test_values_at_points_of_a_mapped_domain():
    sides = Boundary(default=Dirichlet(lambda x, y: x * y))
    knots = [KnotVector.uniform(10, 5)] * 2
    solution = Collocation(knots, boundary=sides, geometry=quarter_annulus()).solve()
    r, t = np.random.default_rng(2).random((2, 4, 3))
    x, y = (1 + r) * np.cos(t * np.pi / 2), (1 + r) * np.sin(t * np.pi / 2)
    assert np.allclose(solution.at(x, y), x * y, atol=1e-4)
    assert np.allclose(solved().at(r, t), r**2 * t, atol=1e-12)
    polar = lambda s, t: [s + 1, t * 2]  # noqa: E731
    bent = Collocation(knots, boundary=sides, geometry=polar).solve()
    for wrong, words in (
        (lambda: solution.at([0.1], [0.1]), "away from it"),
        (lambda: solution.at([0.1]), "2 axes"),
        (lambda: solution.at([0.1, 0.2], [0.1, 0.2, 0.3]), "one shape"),
        (lambda: bent.at([1.5], [0.5]), "callable"),
    ):
        with pytest.raises(InputError, match=words):
            wrong()


def test_points_far_beyond_a_mapped_domain_are_refused():
    knots = [KnotVector.uniform(6, 3)] * 2
    solution = Collocation(knots, source=1.0, geometry=quarter_annulus()).solve()
    for far in (1e200, -1e200, 2.1):
        with pytest.raises(InputError, match="away from it"):
            solution.at([1.2, far], [0.4, 0.0])
    assert solution.at([], []).shape == (0,) and solution.at(1.0, 0.8).shape == ()
