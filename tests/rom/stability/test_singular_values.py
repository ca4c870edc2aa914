"""Extreme singular values between dual norms: proved from both sides."""

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import NotConvergedError
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.stability import singular_values as module
from nwidth.rom.stability.singular_values import largest_singular_value, smallest_singular_value


@pytest.mark.parametrize("n", [40, 210])
@pytest.mark.parametrize("k", [2.0, 9.0, 16.1])
@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_of_helmholtz(families, n, k, damping):
    (K, M, R), X = families.helmholtz(n)
    A = sp.csr_array(K - k**2 * M - 1j * damping * k * R) if damping else K - k**2 * M
    values = np.linalg.svd(families.whitened([A], X)[0], compute_uv=False)
    product = InnerProduct(X)
    for find, exact in ((smallest_singular_value, values[-1]), (largest_singular_value, values[0])):
        found = find(A, product)
        assert found.lower <= exact * (1 + 1e-9) and exact * (1 - 1e-9) <= found.upper
        # The largest one of many unknowns is within a cluster, and computed roughly.
        rough = 1e-7 if n < 200 else 1e-4 if find is smallest_singular_value else 1e-2
        assert found.upper - found.lower < rough * exact
        quotient = product.dual_norm(A @ found.vector) / product.norm(found.vector)
        assert abs(quotient - exact) < rough * exact


def test_close_to_a_resonance_small_constants_are_not_lost(families):
    """No square of the matrix is formed: 1e-9 is seen though its square is round-off."""
    (K, M, _), X = families.helmholtz(40)
    from scipy.linalg import eigh

    resonance = eigh(K.toarray(), M.toarray(), eigvals_only=True)[2]
    A = sp.csr_array(K - resonance * (1 + 1e-7) * M)
    exact = np.linalg.svd(families.whitened([A], X)[0], compute_uv=False)[-1]
    found = smallest_singular_value(A, InnerProduct(X))
    assert 1e-9 < found.lower <= exact * 1.01 and found.upper - found.lower < 0.1 * exact


def test_of_matrices_without_symmetry():
    rng = np.random.default_rng(3)
    A = rng.standard_normal((30, 30)) + 1j * rng.standard_normal((30, 30))
    F = rng.standard_normal((30, 30))
    X = F @ F.T + np.eye(30)
    L = np.linalg.inv(np.linalg.cholesky(X))
    values = np.linalg.svd(L @ A @ L.T, compute_uv=False)
    small, large = (
        f(A, InnerProduct(X)) for f in (smallest_singular_value, largest_singular_value)
    )
    assert small.lower <= values[-1] <= small.upper and large.lower <= values[0] <= large.upper
    assert small.upper - small.lower < 1e-9 and large.upper - large.lower < 1e-9


@pytest.mark.parametrize("n", [20, 300])
def test_singular_matrices_have_no_positive_bound(n):
    A = sp.csr_array(sp.diags_array(np.r_[0.0, np.ones(n - 1)]))
    found = smallest_singular_value(A, InnerProduct.euclidean(n))
    assert found.lower <= 0 and found.upper >= 0
    nothing = largest_singular_value(sp.csr_array((n, n)), InnerProduct.euclidean(n))
    assert nothing.upper == 0


def test_a_value_that_was_overlooked_is_found_out(families, monkeypatch):
    (K, M, _), X = families.helmholtz(60)
    exact = np.linalg.svd(families.whitened([K - 90 * M], X)[0], compute_uv=False)
    monkeypatch.setattr(module, "_vector", lambda A, product, smallest: np.ones(60))
    found = smallest_singular_value(K - 90 * M, InnerProduct(X))
    assert found.lower <= exact[-1] < found.upper
    found = largest_singular_value(K - 90 * M, InnerProduct(X))
    assert found.lower < exact[0] <= found.upper


def test_rounding_is_taken_off():
    product = InnerProduct.euclidean(3)
    assert 0.7499 < smallest_singular_value(np.eye(3), product, 0.25).lower < 0.75
    assert 1.25 < largest_singular_value(np.eye(3), product, 0.25).upper < 1.2501


def test_no_proof(monkeypatch):
    monkeypatch.setattr(module, "_counted", lambda A, product, t: (-1, 0.0))
    product = InnerProduct(np.eye(2))
    assert smallest_singular_value(np.diag([3.0, 2.0]), product).lower == 0
    with pytest.raises(NotConvergedError, match="no upper bound could be proved"):
        largest_singular_value(np.diag([3.0, 2.0]), product)
