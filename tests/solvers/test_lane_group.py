import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Poisson, Status
from nwidth.solvers.lane_group import LaneGroup, sample_named, unsuited


def test_which_problems_are_suited():
    assert unsuited(Darcy(Grid.uniform((5, 5)))) is None
    assert unsuited(Poisson(Grid.tensor([[0, 1, 3, 4], [0, 1, 2, 3]]))) is None
    assert unsuited(Poisson(Grid.uniform(9))) is None and unsuited(Darcy(Grid.periodic(9))) is None
    assert "too much memory" in unsuited(Darcy(Grid.uniform(2**20 + 3)))
    assert unsuited(Darcy(Grid.uniform((5, 6, 7)))) is None
    assert "axis of few points" in unsuited(Darcy(Grid.uniform((5, 65, 65))))
    assert "periodic" in unsuited(Darcy(Grid.periodic((5, 5)), source=0.0))
    assert "too much memory" in unsuited(Darcy(Grid.uniform((1100, 1100))))
    assert "constant coefficients" in unsuited(Poisson(Grid.uniform((5, 5))))


@pytest.mark.parametrize(
    "problem",
    [
        Darcy(Grid.uniform((12, 13)), Boundary({"x_upper": Dirichlet(3.0), "y_lower": Neumann(2)})),
        Darcy(Grid.uniform((12, 13), centering="cell"), Boundary(default=Dirichlet(1e-3))),
        Darcy(Grid.uniform((12, 13)), reaction=4.0),
        Poisson(Grid.tensor([np.linspace(0, 1, 12) ** 1.2, np.linspace(0, 1, 13)])),
        Darcy(
            Grid.uniform((6, 7, 8)), Boundary({"y_upper": Dirichlet(3.0), "z_lower": Neumann(2)})
        ),
        Darcy(Grid.uniform((6, 7, 8), centering="cell"), reaction=4.0),
    ],
)
@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_right_hand_sides_and_scales(problem, size):
    name = problem.inputs[0].name
    shape = (3, *problem.grid.shape)
    inputs = {name: size * (1 + np.random.default_rng(0).random(shape))}
    group, fields = LaneGroup(problem), np.empty(shape)
    results = group.solve(0, inputs, None, 1e-12, 100, fields)
    A, u = group.operator, problem.unknowns(fields)
    for s in range(3):
        item = {name: inputs[name][s]}
        np.testing.assert_array_equal(fields[s], problem.field(u[s], item))
        b, operator = problem.source(item), problem.operator(item)
        assert results[s].status is Status.CONVERGED
        assert np.abs(b - operator.apply(u[s])).max() <= 1e-10 * np.abs(b).max()
        packed = A.fields(group.iteration.right, 3)[s]
        np.testing.assert_allclose(packed / np.abs(packed).max(), b / np.abs(b).max(), atol=1e-15)
        assert 0.1 < np.abs(packed).max() < 2


def test_a_group_can_be_used_again():
    problem = Darcy(Grid.uniform((20, 20)))
    first, second = np.exp(np.random.default_rng(0).standard_normal((2, 8, 20, 20)))
    group = LaneGroup(problem)
    u, again, fresh = np.empty((8, 20, 20)), np.empty((3, 20, 20)), np.empty((8, 20, 20))
    group.solve(0, {"permeability": first}, None, 1e-8, 100, u)
    group.solve(8, {"permeability": second[:3]}, None, 1e-8, 100, again)
    LaneGroup(problem).solve(0, {"permeability": second}, None, 1e-8, 100, fresh)
    np.testing.assert_array_equal(again, fresh[:3])


def test_errors_name_the_sample():
    group = LaneGroup(Darcy(Grid.uniform((9, 9))))
    a = np.ones((2, 9, 9))
    a[1, 0, 0] = np.nan
    with pytest.raises(NonFiniteError, match=r"sample 5: permeability.*\(0, 0\)"):
        group.solve(4, {"permeability": a}, None, 1e-8, 100, np.empty_like(a))
    with pytest.raises(InputError, match="sample 3: no"), sample_named(3):
        raise InputError("no")
