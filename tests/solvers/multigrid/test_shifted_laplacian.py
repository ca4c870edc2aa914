import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Darcy, Status
from nwidth.solvers.equations import Helmholtz
from nwidth.solvers.krylov.fgmres import fgmres
from nwidth.solvers.multigrid import ShiftedLaplacian


def iterations(shape, k, **options):
    """Iterations of full GMRES to 1e-7 for a point source."""
    grid = Grid.uniform(shape)
    f = np.zeros(grid.shape)
    f[tuple(n // 3 for n in grid.shape)] = 1.0
    problem = Helmholtz(grid, f)
    inputs = {"wavenumber": np.broadcast_to(k, grid.shape).astype(np.float64)}
    A, b = problem.operator(inputs), problem.source(inputs)
    M = ShiftedLaplacian(A, **options)
    result = fgmres(A, b, preconditioner=M, rtol=1e-7, restart=100, max_iterations=100)
    assert result.status is Status.CONVERGED
    assert np.linalg.norm(b - A.apply(result.x)) <= 1.01e-7 * np.linalg.norm(b)
    return len(result.residuals) - 1


def test_iterations_grow_like_k():
    counts = [iterations((n, n), k) for n, k in ((33, 10.0), (65, 20.0), (129, 40.0))]
    assert counts[0] <= 16
    assert counts[1] <= 2.2 * counts[0]
    assert counts[2] <= 2.2 * counts[1]
    assert counts[2] <= 48


def test_iterations_do_not_grow_with_the_grid():
    counts = [iterations((n, n), 20.0) for n in (49, 97, 193)]
    assert max(counts) <= 24
    assert counts[-1] <= counts[0] + 2


@pytest.mark.parametrize("options", [{"shift": (1.0, 1.0), "cycle": "V"}, {"dtype": np.complex64}])
def test_other_shift_and_single_precision(options):
    assert iterations((50, 61), 15.0, **options) <= 39


def test_in_three_dimensions_and_on_a_line():
    assert iterations((21, 20, 22), 8.0) <= 18
    assert iterations((200,), 30.0) <= 25


def test_varying_wavenumber():
    grid = Grid.uniform((64, 64))
    field = GaussianRandomField(grid, alpha=2.5, tau=7.0, boundary="periodic")
    k = 20.0 * np.exp(0.3 * field.sample(np.random.default_rng(0)))
    assert iterations((64, 64), k) <= 34


def test_bad_settings_are_refused():
    grid = Grid.uniform((9, 9))
    A = Helmholtz(grid).operator({"wavenumber": np.ones((9, 9))})
    with pytest.raises(InputError, match="expected a HelmholtzOperator"):
        ShiftedLaplacian(Darcy(grid).operator({"permeability": np.ones((9, 9))}))
    for shift in [(1.0,), (1.0, 0.0), (1.0, np.nan), 0.5]:
        with pytest.raises(InputError, match=r"shift(\[1\])?: expected"):
            ShiftedLaplacian(A, shift=shift)
    for damping in (0.0, 1.5, np.nan):
        with pytest.raises(InputError, match="damping"):
            ShiftedLaplacian(A, damping=damping)
    for sweeps in (0, 1.0, True):
        with pytest.raises(InputError, match="sweeps"):
            ShiftedLaplacian(A, sweeps=sweeps)
