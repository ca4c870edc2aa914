import numpy as np
import pytest
from scipy.linalg import lu_factor

from nwidth.rom._affine_coefficients_numba import solve


@pytest.mark.parametrize("n", [1, 2, 7, 12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_solves_as_scipy_does(n, dtype):
    rng = np.random.default_rng(n)
    A = rng.standard_normal((n, n)).astype(dtype)
    A += 1j * rng.standard_normal((n, n)) if np.dtype(dtype).kind == "c" else 0
    z = rng.standard_normal(n).astype(dtype)
    lu, pivots = lu_factor(A)
    order = np.arange(n)
    for i, k in enumerate(pivots):
        order[[i, k]] = order[[k, i]]
    x = solve(np.ascontiguousarray(lu), order, z)
    assert x.dtype == dtype
    np.testing.assert_allclose(A @ x, z, atol=100 * np.finfo(dtype).eps * abs(x).max())
