import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Neumann
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.multigrid import coupling_jumps


@pytest.mark.parametrize("shape", [(7,), (6, 9), (4, 5, 6), (1, 8), (2, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_loops(shape, dtype):
    rng = np.random.default_rng(0)
    faces = []
    for k in range(len(shape)):
        size = [n + (j == k) for j, n in enumerate(shape)]
        faces.append(np.exp(rng.normal(0, 2, size)).astype(dtype))
    expected = []
    for k, T in enumerate(faces):
        for index in np.ndindex(*shape):
            if 0 < index[k] < shape[k] - 1:
                after = list(index)
                after[k] += 1
                pair = float(T[index]), float(T[tuple(after)])
                if max(pair) > 3 * min(pair):
                    expected.append(max(pair) / min(pair))
    found = coupling_jumps(DiffusionOperator(faces), 3.0)
    np.testing.assert_allclose(np.sort(found), np.sort(expected), rtol=1e-6)


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_walls_are_no_jumps(centering):
    grid = Grid.uniform((9, 8), centering=centering)
    for boundary in (None, Boundary({"x_lower": Neumann()})):
        A = Darcy(grid, boundary).operator({"permeability": np.ones(grid.shape)})
        assert coupling_jumps(A, 1.5).size == 0


@pytest.mark.filterwarnings("error")
def test_zero_and_extreme_couplings():
    assert coupling_jumps(DiffusionOperator((np.array([1.0, 1.0, 0.0, 1.0]),)), 2.0).tolist() == [
        np.inf
    ]
    assert coupling_jumps(DiffusionOperator((np.zeros(5),)), 2.0).size == 0
    assert coupling_jumps(DiffusionOperator((np.full(6, 1e308),)), 20.0).size == 0
