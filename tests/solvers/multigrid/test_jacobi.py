import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Darcy, Multigrid
from nwidth.solvers.multigrid import Jacobi


def system(shape, dtype=np.float64):
    a = np.exp(np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    return Darcy(Grid.uniform(shape, centering="cell")).operator({"permeability": a})


@pytest.mark.parametrize("shape", [(9,), (7, 8), (4, 5, 6)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sweeps_agree_with_the_formula(shape, dtype):
    A = system(shape, dtype)
    smoother = Jacobi(A)
    assert smoother.omega == pytest.approx({1: 2 / 3, 2: 0.8, 3: 6 / 7}[len(shape)])
    matrix = A.to_sparse().astype(np.float64)
    rng = np.random.default_rng(1)
    u, f = rng.standard_normal((2, *shape)).astype(dtype)

    def formula(u):
        return u + smoother.omega * (f.ravel() - matrix @ u) / matrix.diagonal()

    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    out = u.copy()
    smoother.smooth(out, f, 2, adjoint=True)
    np.testing.assert_allclose(out.ravel(), formula(formula(u.ravel())), atol=tolerance)
    out = np.full_like(u, np.nan)
    smoother.smooth(out, f, 2, from_zero=True)
    np.testing.assert_allclose(out.ravel(), formula(formula(0 * u.ravel())), atol=tolerance)


@pytest.mark.parametrize(("shape", "rate"), [((63, 64), 0.35), ((17, 18, 19), 0.55)])
def test_cycles_converge_at_the_known_rate(shape, rate):
    A = Darcy(Grid.uniform(shape)).operator({"permeability": np.ones(shape)})
    M = Multigrid(A, smoother=Jacobi, sweeps=(1,))
    b = np.random.default_rng(0).standard_normal(A.domain_shape)
    residuals = M.iterate(b, rtol=1e-10).residuals
    assert (residuals[-1] / residuals[3]) ** (1 / (len(residuals) - 4)) < rate


@pytest.mark.parametrize("omega", [0.0, 1.0, -1.0, float("nan")])
def test_bad_input(omega):
    with pytest.raises(InputError, match="omega"):
        Jacobi(system((5,)), omega)
