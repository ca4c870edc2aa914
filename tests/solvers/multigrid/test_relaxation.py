import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.solvers import Darcy, DiffusionOperator
from nwidth.solvers.multigrid import Relaxation


@pytest.mark.parametrize("shape", [(9,), (8, 7), (5, 6, 4), (900, 640)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("periodic", [False, True])
def test_agrees_with_the_matrix(shape, dtype, periodic):
    rng = np.random.default_rng(0)
    grid = Grid.uniform(shape, periodic=periodic, centering="cell")
    a = np.exp(rng.standard_normal(shape)).astype(dtype)
    faces = Darcy(grid, source=0.0).operator({"permeability": a}).faces
    A = DiffusionOperator(faces, a, (periodic,) * len(shape))
    u, f = rng.standard_normal((2, *shape)).astype(dtype)
    out = np.full_like(u, np.nan)
    Relaxation(A).residual_into(out, f, u)
    expected = f.ravel() - A.to_sparse().astype(np.float64) @ u.ravel()
    tolerance = 30 * np.finfo(dtype).eps * float(A.diagonal.max()) * np.abs(u).max()
    np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)
