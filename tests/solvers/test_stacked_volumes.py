import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Poisson, Robin
from nwidth.solvers.stacked_volumes import check_item, sample_scales, stacked_volumes

RNG = np.random.default_rng(0)
SIDES = Boundary(
    {
        "x_lower": Dirichlet(np.linspace(0, 1, 6)),
        "x_upper": Robin(lambda x, y: 1 + y, 2.0),
        "y_upper": Neumann(0.3),
    }
)
LINES = [
    (Grid.uniform(7), Boundary({"x_lower": Robin(2.0, 1.0)})),
    (Grid.uniform(7, centering="cell"), Boundary({"x_upper": Neumann(1.0)})),
    (Grid((Axis.uniform(7, name="x", periodic=True),)), None),
]


def test_samples_come_first_and_have_the_sides_of_the_problem():
    problem = Darcy(Grid.uniform((7, 6)), SIDES, reaction=lambda x, y: 1 + x)
    volumes = stacked_volumes(problem, 3)
    assert volumes.shape == (3, *problem.volumes.shape)
    assert list(volumes.kinds[1:]) == list(problem.volumes.kinds)
    f, a = RNG.standard_normal((7, 6)), np.exp(RNG.standard_normal((7, 6)))
    many = volumes.right_hand_side(np.stack([f] * 3), np.stack([a] * 3))
    own = problem.volumes.right_hand_side(f, a)
    A, one = volumes.operator(np.stack([a] * 3)), problem.volumes.operator(a)
    for s in range(3):
        np.testing.assert_allclose(many[s], own, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(A.reaction[s], one.reaction, rtol=1e-13)
        for wide, single in zip(A.faces[1:], one.faces, strict=True):
            np.testing.assert_allclose(wide[s], single, rtol=1e-13)


@pytest.mark.parametrize(("grid", "boundary"), LINES)
def test_samples_may_come_last_on_a_line(grid, boundary):
    problem = Darcy(grid, boundary, source=1.0, reaction=1.0)
    volumes = stacked_volumes(problem, 4, last=True)
    assert volumes.shape == (*problem.volumes.shape, 4)
    a = np.exp(RNG.standard_normal((7, 4)))
    A = volumes.operator(a)
    for s in range(4):
        single = problem.volumes.operator(a[:, s])
        np.testing.assert_allclose(A.faces[0][:, s], single.faces[0], rtol=1e-13)
        np.testing.assert_allclose(A.reaction[:, s], single.reaction, rtol=1e-13)


def test_inputs_that_are_none_are_refused():
    grid = Grid.uniform(5)
    check_item(Darcy(grid), {"permeability": np.ones(5)})
    with pytest.raises(InputError, match="permeability: expected numbers > 0"):
        check_item(Darcy(grid), {"permeability": -np.ones(5)})
    with pytest.raises(InputError, match="source: expected finite"):
        check_item(Poisson(grid), {"source": np.full(5, np.nan)})


@pytest.mark.parametrize(("shape", "axis"), [((3, 4, 5), None), ((5, 3), 0)])
def test_scales_bring_the_largest_number_of_a_sample_near_one(shape, axis):
    sizes = np.array([1e-200, 3.0, 1e200])
    sizes = sizes if axis == 0 else sizes[:, None, None]
    parts = [RNG.random(shape) * sizes, 0.1 * RNG.random(shape) * sizes]
    scales = sample_scales(parts, axis)
    largest = (parts[0] * scales).max(axis=(1, 2) if axis is None else 0)
    assert ((largest >= 0.5) & (largest < 1)).all()
