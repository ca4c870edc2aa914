"""Inertia: counts as eigenvalues do, dense and sparse, and its error bounds the backward error."""

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.rom.stability.inertia import DENSE, inertia


def banded(n, dtype, shift):
    """A Hermitian band matrix of both signs."""
    rng = np.random.default_rng(n)
    off = rng.standard_normal(n - 1).astype(dtype)
    if np.issubdtype(dtype, np.complexfloating):
        off = off + 1j * rng.standard_normal(n - 1)
    far = rng.standard_normal(n - 9).astype(dtype)
    parts = [off.conj(), off, far, far, rng.standard_normal(n) + shift]
    return sp.csr_array(sp.diags_array(parts, offsets=[-1, 1, -9, 9, 0]).astype(dtype))


@pytest.mark.parametrize("n", [DENSE - 1, DENSE + 1, 250])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("shift", [-6.0, 0.0, 6.0])
def test_it_counts_what_eigenvalues_count(n, dtype, shift):
    S = banded(n, dtype, shift)
    weights = np.linspace(0.5, 2, n)
    found = inertia(S, weights)
    exact = np.linalg.eigvalsh(S.toarray())
    assert found.negative == (exact < 0).sum()
    assert 0 < found.error < 1e-9
    if n > DENSE:
        b = np.ones(n, dtype)
        assert np.allclose(S @ found.factors.solve(b), b, atol=1e-8)


@pytest.mark.parametrize("n", [DENSE - 1, DENSE + 51])
def test_the_error_covers_eigenvalues_that_are_nearly_zero(n):
    """A shift by the error on either side of an eigenvalue is always counted right."""
    S, weights = banded(n, np.float64, 0.0), np.ones(n)
    values = np.linalg.eigvalsh(S.toarray())
    for k in (0, n // 2, n - 1):
        error = inertia(S - values[k] * sp.eye_array(n), weights).error
        step = 4 * error + 1e-13  # the second is that of the eigenvalue itself
        below = inertia(S - (values[k] - step) * sp.eye_array(n), weights)
        above = inertia(S - (values[k] + step) * sp.eye_array(n), weights)
        assert below.negative <= k < above.negative


def test_a_singular_matrix_is_told():
    S = sp.csr_array(([1.0], ([0], [0])), shape=(300, 300))
    assert inertia(S, np.ones(300)).negative == -1
