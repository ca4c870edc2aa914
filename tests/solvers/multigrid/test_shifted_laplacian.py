import numpy as np
import pytest
from scipy.sparse.linalg import gmres

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Darcy
from nwidth.solvers.equations import Helmholtz
from nwidth.solvers.multigrid import ShiftedLaplacian


def iterations(shape, k, **options):
    """Iterations of full GMRES to 1e-7 for a point source, residual checked."""
    grid = Grid.uniform(shape)
    f = np.zeros(grid.shape)
    f[tuple(n // 3 for n in grid.shape)] = 1.0
    problem = Helmholtz(grid, f)
    inputs = {"wavenumber": np.broadcast_to(k, grid.shape).astype(np.float64)}
    A, b = problem.operator(inputs), problem.source(inputs).ravel()
    M = ShiftedLaplacian(A, **options)
    # Right preconditioning: the residual that GMRES reports is that of A.
    product = (A @ M).to_scipy()
    steps = []
    y, info = gmres(
        product, b, rtol=1e-7, restart=200, callback=steps.append, callback_type="pr_norm"
    )
    assert info == 0
    assert np.linalg.norm(b - A.apply(M.apply(y))) <= 2e-7 * np.linalg.norm(b)
    return len(steps)


def test_iterations_grow_like_k():
    counts = [iterations((65, 65), k) for k in (10.0, 20.0, 40.0)]
    assert counts[0] <= 13
    assert counts[1] <= 2.2 * counts[0]
    assert counts[2] <= 2.8 * counts[1]  # ten points per wavelength: coarse grids disperse
    assert counts[2] <= 60


def test_iterations_do_not_grow_with_the_grid():
    counts = [iterations((n, n), 20.0) for n in (49, 97, 193)]
    assert max(counts) <= 24
    assert counts[-1] <= counts[0]


@pytest.mark.parametrize("options", [{"shift": (1.0, 1.0), "cycle": "V"}, {"dtype": np.complex64}])
def test_other_shift_and_single_precision(options):
    assert iterations((50, 61), 15.0, **options) <= 27


def test_in_three_dimensions_and_on_a_line():
    assert iterations((21, 20, 22), 8.0) <= 16
    assert iterations((200,), 30.0) <= 45


def test_varying_wavenumber():
    grid = Grid.uniform((64, 64))
    field = GaussianRandomField(grid, alpha=2.5, tau=7.0, boundary="periodic")
    k = 20.0 * np.exp(0.3 * field.sample(np.random.default_rng(0)))
    assert iterations((64, 64), k) <= 40


def test_bad_settings_are_refused():
    grid = Grid.uniform((9, 9))
    A = Helmholtz(grid).operator({"wavenumber": np.ones((9, 9))})
    with pytest.raises(InputError, match="expected a HelmholtzOperator"):
        ShiftedLaplacian(Darcy(grid).operator({"permeability": np.ones((9, 9))}))
    for shift in [(1.0,), (1.0, 0.0), (1.0, np.nan), 0.5]:
        with pytest.raises(InputError, match="shift: expected two numbers"):
            ShiftedLaplacian(A, shift=shift)
    for damping in (0.0, 1.5, np.nan):
        with pytest.raises(InputError, match="damping"):
            ShiftedLaplacian(A, damping=damping)
    for sweeps in (0, 1.0, True):
        with pytest.raises(InputError, match="sweeps"):
            ShiftedLaplacian(A, sweeps=sweeps)
