import json

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Dirichlet, Neumann, Robin

GRID = Grid.uniform((4, 5), upper=(1.0, 2.0))


def test_values_of_numbers_arrays_and_callables():
    boundary = Boundary(
        {
            "x_lower": Dirichlet(3.0),
            "x_upper": Neumann(np.arange(5.0)),
            "y_upper": Dirichlet(lambda x, y: x + 10 * y),
        }
    )
    np.testing.assert_array_equal(boundary.values(GRID, 0, "lower"), np.full(5, 3.0))
    np.testing.assert_array_equal(boundary.values(GRID, 0, "upper"), np.arange(5.0))
    np.testing.assert_allclose(boundary.values(GRID, 1, "upper"), GRID.points[0] + 20)
    np.testing.assert_array_equal(boundary.values(GRID, 1, "lower"), np.zeros(4))


def test_a_callable_sees_the_wall_of_a_cell_grid():
    grid = Grid.uniform((4, 5), upper=(1.0, 2.0), centering="cell")
    boundary = Boundary({"x_upper": Dirichlet(lambda x, y: x)})
    np.testing.assert_array_equal(boundary.values(grid, 0, "upper"), np.ones(5))


def test_one_dimension_has_points_as_sides():
    boundary = Boundary({"x_upper": Dirichlet(lambda x: 2 * x)})
    assert boundary.values(Grid.uniform(5), 0, "upper").shape == ()
    assert boundary.values(Grid.uniform(5), 0, "upper") == 2.0


def test_description_round_trip():
    boundary = Boundary(
        {
            "x_lower": Dirichlet(np.arange(5.0)),
            "y_upper": Neumann(2),
            "x_upper": Robin(np.arange(5.0), 3),
        },
        default=Neumann(),
    )
    text = json.dumps(boundary.describe())
    again = Boundary.from_description(json.loads(text))
    assert again.describe() == boundary.describe()
    np.testing.assert_array_equal(again.values(GRID, 0, "lower"), np.arange(5.0))


def test_callables_cannot_be_described():
    with pytest.raises(InputError, match="evaluate it on the side first"):
        Boundary({"x_lower": Dirichlet(lambda x, y: x)}).describe()


def test_moved_interpolates_arrays():
    boundary = Boundary({"x_lower": Dirichlet(np.linspace(0, 4, 5))})
    fine = Grid.uniform((7, 9), upper=(1.0, 2.0))
    values = boundary.moved(GRID, fine).values(fine, 0, "lower")
    np.testing.assert_allclose(values, np.linspace(0, 4, 9))


def test_moved_keeps_coefficients_from_turning_negative():
    grid, fine = (Grid.uniform((4, n), centering="cell") for n in (4, 12))
    alpha = np.array([0.0, 1.0, 1.0, 3.0])
    boundary = Boundary({"x_lower": Robin(alpha, 2 * alpha)}).moved(grid, fine)
    assert boundary.coefficients(fine, 0, "lower").min() == 0.0
    assert boundary.values(fine, 0, "lower").min() < 0.0


def test_robin_has_two_numbers_on_a_side():
    boundary = Boundary({"y_lower": Robin(lambda x, y: 1 + x, np.arange(4.0))})
    assert boundary.kind("y", "lower") == "robin" and boundary.kind("y", "upper") == "dirichlet"
    np.testing.assert_allclose(boundary.coefficients(GRID, 1, "lower"), 1 + GRID.points[0])
    np.testing.assert_array_equal(boundary.values(GRID, 1, "lower"), np.arange(4.0))
    with pytest.raises(InputError, match=r"y_upper: expected Robin"):
        boundary.coefficients(GRID, 1, "upper")


@pytest.mark.parametrize("coefficient", [-1.0, [1.0, -1e-3], 1e-40, 1e40])
def test_robin_coefficients_are_not_negative_and_in_range(coefficient):
    with pytest.raises(InputError, match="coefficient: expected 0 or numbers from 1e-30"):
        Robin(coefficient)
    side = Boundary({"x_lower": Robin(lambda x, y: np.min(coefficient) + 0 * y)})
    with pytest.raises(InputError, match="x_lower, coefficient: expected 0 or numbers"):
        side.coefficients(GRID, 0, "lower")


def test_robin_needs_real_numbers():
    with pytest.raises(InputError, match="Robin coefficient: expected a real number"):
        Robin("warm")
    with pytest.raises(NonFiniteError):
        Robin(1.0, np.inf)
    with pytest.raises(InputError, match="evaluate it on the side first"):
        Boundary({"x_lower": Robin(lambda x, y: x)}).describe()


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ({"x_lowr": Dirichlet()}, "did you mean x_lower"),
        ({"z_lower": Dirichlet()}, "expected sides among"),
    ],
)
def test_unknown_sides(sides, message):
    with pytest.raises(InputError, match=message):
        Boundary(sides).check(GRID)


def test_periodic_axes_have_no_sides():
    with pytest.raises(InputError, match="periodic"):
        Boundary({"x_lower": Dirichlet()}).check(Grid.periodic((4, 4)))


def test_bad_values():
    with pytest.raises(InputError, match="real number"):
        Dirichlet("warm")
    with pytest.raises(NonFiniteError):
        Neumann(np.nan)
    with pytest.raises(InputError, match="shape"):
        Boundary({"x_lower": Dirichlet(np.zeros(4))}).values(GRID, 0, "lower")
    with pytest.raises(NonFiniteError):
        Boundary({"x_lower": Dirichlet(lambda x, y: x + np.inf)}).values(GRID, 0, "lower")
    with pytest.raises(InputError, match="Dirichlet"):
        Boundary({"x_lower": 3.0})
    with pytest.raises(InputError, match="mapping"):
        Boundary([Dirichlet()])


@pytest.mark.parametrize(
    "description",
    [
        None,
        {},
        {"sides": {}, "default": {"type": "robin"}},
        {"sides": {}, "default": {"type": "robin", "coefficient": -1.0, "value": 0.0}},
        {"sides": {}, "default": {"type": "dirichlet", "flux": 1.0}},
        {"sides": {"x_lower": 1}, "default": {}},
    ],
)
def test_bad_descriptions(description):
    with pytest.raises(InputError, match=r"description|coefficient"):
        Boundary.from_description(description)


def test_callables_take_all_coordinates():
    side = Boundary({"x_lower": Dirichlet(lambda x: x)})
    with pytest.raises(InputError, match="x_lower: expected a callable of 2 coordinates, got"):
        side.values(GRID, 0, "lower")
    plain = Boundary({"x_lower": Dirichlet(np.hypot)})
    assert plain.values(GRID, 0, "lower").shape == GRID.shape[1:]

    def faulty(x, y):
        raise TypeError("their own")

    with pytest.raises(TypeError, match="their own"):
        Boundary({"x_lower": Dirichlet(faulty)}).values(GRID, 0, "lower")


def test_ragged_lists_are_refused():
    for condition in (Dirichlet, Neumann):
        with pytest.raises(InputError, match="real number, an array or a callable"):
            condition([[1.0], [1.0, 2.0]])


def test_descriptions_from_files_are_checked():
    for sides in ([], None, "x_lower"):
        with pytest.raises(InputError, match="keys sides and default"):
            Boundary.from_description({"sides": sides, "default": Neumann().describe()})
    with pytest.raises(InputError, match="sides among x_lower"):
        Boundary({3: Neumann()}).check(GRID)


def test_complex_values_of_a_callable_are_refused():
    boundary = Boundary({"x_lower": Dirichlet(lambda x, y: 1j * y)})
    with pytest.raises(InputError, match="x_lower: expected a number or an array of shape"):
        boundary.values(GRID, 0, "lower")
