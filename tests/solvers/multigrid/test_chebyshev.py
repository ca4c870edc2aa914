import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, DiffusionOperator, Multigrid, Neumann
from nwidth.solvers.multigrid import Chebyshev


def system(shape, dtype=np.float64, boundary=None):
    a = np.exp(np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    A = Darcy(Grid.uniform(shape, centering="cell"), boundary).operator({"permeability": a})
    return DiffusionOperator(A.faces, a)


def scaled(A):
    """D^-1/2 A D^-1/2, which has the eigenvalues of D^-1 A."""
    root = np.sqrt(A.diagonal.ravel().astype(np.float64))
    return A.to_sparse().toarray() / np.outer(root, root)


@pytest.mark.parametrize("shape", [(20,), (7, 8), (4, 5, 6)])
@pytest.mark.parametrize("boundary", [None, Boundary(default=Neumann())])
def test_the_bound_holds_and_is_close(shape, boundary):
    A = system(shape, boundary=boundary)
    largest = np.linalg.eigvalsh(scaled(A))[-1]
    assert largest <= Chebyshev(A).largest <= 2
    assert largest >= 0.75 * Chebyshev(A).largest


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("sweeps", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_error_is_multiplied_by_the_polynomial(degree, sweeps, dtype):
    A = system((6, 7), dtype)
    smoother = Chebyshev(A, degree, alpha=5.0)
    t, V = np.linalg.eigh(scaled(A))
    top, bottom = smoother.largest, smoother.largest / 5.0
    theta, delta = (top + bottom) / 2, (top - bottom) / 2
    T = np.polynomial.chebyshev.Chebyshev.basis(degree)
    p = (T((theta - t) / delta) / T(theta / delta)) ** sweeps
    root = np.sqrt(A.diagonal.ravel().astype(np.float64))
    polynomial = (V * p) @ V.T * root / root[:, None]
    rng = np.random.default_rng(1)
    exact = rng.standard_normal((6, 7)).astype(dtype)
    u = rng.standard_normal((6, 7)).astype(dtype)
    f = A.apply(exact)
    expected = exact.ravel() + polynomial @ (u - exact).ravel()
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    out = u.copy()
    smoother.smooth(out, f, sweeps)
    np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)
    out[...] = np.nan
    smoother.smooth(out, f, sweeps, from_zero=True, adjoint=True)
    expected = exact.ravel() - polynomial @ exact.ravel()
    np.testing.assert_allclose(out.ravel(), expected, atol=tolerance)


@pytest.mark.parametrize(("shape", "rate"), [((63, 64), 0.15), ((17, 18, 19), 0.19)])
def test_cycles_converge_at_the_known_rate(shape, rate):
    A = Darcy(Grid.uniform(shape)).operator({"permeability": np.ones(shape)})
    M = Multigrid(A, smoother=Chebyshev, sweeps=(1,))
    b = np.random.default_rng(0).standard_normal(A.domain_shape)
    residuals = M.iterate(b, rtol=1e-10).residuals
    assert (residuals[-1] / residuals[3]) ** (1 / (len(residuals) - 4)) < rate


@pytest.mark.parametrize("options", [{"degree": 0}, {"degree": 1.5}, {"alpha": 1.0}])
def test_bad_input(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Chebyshev(system((5,)), **options)
