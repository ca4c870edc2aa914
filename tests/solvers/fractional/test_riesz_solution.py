import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.fractional import RieszDiffusion, RieszRectangle


def test_solutions_have_values_on_the_grid_and_a_spline():
    """As those on rectangles have, whose first axis alone is the same problem."""
    problem = RieszDiffusion(40, 4, 1.4, -1.0, 2.0)
    found = problem.solve(lambda x: np.exp(x) + 1j)
    (x,) = problem.grid.points
    assert problem.grid.shape == found.u.shape == (44,)
    assert np.array_equal(x[1:-1], problem.points)
    assert (x[0], x[-1]) == (-1.0, 2.0)
    assert (found.u[[0, -1]] == 0).all()
    assert np.allclose(found(x), found.u, atol=1e-14)
    box = RieszRectangle(40, 4, 1.4, -1.0, 2.0).solve(lambda x: np.exp(x) + 1j)
    assert np.allclose(found.u, box.u, rtol=0, atol=1e-9)
    even = Grid.uniform((9,), -1.0, 2.0)
    assert np.allclose(found.on(even), box.on(even), rtol=0, atol=1e-9)
    assert np.allclose(found(0.5, orders=[2]), box(0.5, orders=[2]), atol=1e-7)
    assert np.allclose(problem.solve(np.exp(x) + 1j).u, found.u, rtol=0, atol=1e-12)
    with pytest.raises(InputError, match="coordinates: expected 1"):
        found(0.5, 0.5)
    with pytest.raises(InputError, match="orders"):
        found(0.5, orders=[1, 0])
    with pytest.raises(InputError, match="grid: expected one of 1 axes"):
        found.on(Grid.uniform((5, 5)))
    with pytest.raises(InputError, match="coordinates: expected 1"):
        box(0.5, 0.5)
