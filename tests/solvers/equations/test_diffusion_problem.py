import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet
from nwidth.solvers.equations.diffusion_problem import source_on_grid

GRID = Grid.uniform((5, 6))


def test_unknowns_and_field_are_inverse_to_each_other():
    problem = Darcy(GRID, Boundary({"x_lower": Dirichlet(2.0)}))
    stack = np.random.default_rng(0).random((3, *GRID.shape))
    assert problem.unknowns(stack).shape == (3, 3, 4)
    inner = problem.unknowns(stack[0])
    field = problem.field(inner, {})
    np.testing.assert_array_equal(problem.unknowns(field), inner)
    assert np.all(field[0] == 2.0) and not field[-1].any()
    with pytest.raises(InputError, match="pressure"):
        problem.unknowns(np.ones((4, 4)))


def test_source_on_grid():
    x, y = GRID.coordinates()
    np.testing.assert_array_equal(source_on_grid(lambda x, y: x - y, GRID), x - y)
    assert source_on_grid(3, GRID).shape == GRID.shape
    with pytest.raises(InputError, match="source"):
        source_on_grid("hot", GRID)


def test_reference_operator_is_made_once():
    problem = Darcy(GRID)
    assert problem.reference_operator() is problem.reference_operator()


def test_sources_take_all_coordinates():
    with pytest.raises(InputError, match="source: expected a callable of 2 coordinates"):
        source_on_grid(lambda x: x, GRID)


def test_permeability_may_be_a_tensor_of_torch():
    torch = pytest.importorskip("torch")
    problem, a = Darcy(Grid.uniform((5, 5))), np.linspace(1.0, 2.0, 25).reshape(5, 5)
    for kind in (np.float32, np.float64):
        plain = problem.input_field({"permeability": a.astype(kind)}, "permeability")
        given = problem.input_field({"permeability": torch.tensor(a.astype(kind))}, "permeability")
        assert isinstance(given, np.ndarray) and given.dtype == kind
        assert np.array_equal(given, plain)


@pytest.mark.parametrize("wrong", [[[1.0], [1.0, 2.0]], "a", None])
def test_what_is_no_array_is_refused(wrong):
    with pytest.raises(InputError, match="permeability: expected"):
        Darcy(Grid.uniform((5, 5))).input_field({"permeability": wrong}, "permeability")
