"""The smallest eigenvalue: proved from below, whatever Lanczos' method has found."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import NotConvergedError
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.stability import smallest_eigenvalue as module
from nwidth.rom.stability.smallest_eigenvalue import smallest_eigenvalue


@pytest.mark.parametrize("n", [6, 10, 15])
def test_of_the_thermal_block(families, n):
    A = families.thermal_block(n)
    X = sp.csr_array(sum(A))
    product = InnerProduct(X)
    for theta in np.random.default_rng(n).uniform(0.1, 10, (5, 4)):
        S = sp.csr_array(sum(t * B for t, B in zip(theta, A, strict=True)))
        pair = smallest_eigenvalue(S, product)
        exact = families.coercivity(A, X, [theta])[0]
        assert pair.lower <= exact * (1 + 1e-13) and exact * (1 - 1e-13) <= pair.upper
        assert pair.upper - pair.lower < 1e-7 * exact
        assert abs(product.norm(pair.vector) - 1) < 1e-12


@pytest.mark.parametrize("n", [12, 16])
@pytest.mark.parametrize("sign", [1, -1])
def test_of_singular_and_indefinite_terms(families, n, sign):
    """Half of the eigenvalues of a block's term are zero: as clustered as can be."""
    A = families.thermal_block(n)
    X = sp.csr_array(sum(A))
    exact = np.linalg.eigvalsh(families.whitened([sign * A[0]], X)[0])[0]
    pair = smallest_eigenvalue(sign * A[0], InnerProduct(X))
    assert pair.lower <= exact + 1e-13 and exact - 1e-13 <= pair.upper
    assert pair.upper - pair.lower < 1e-7


@pytest.mark.parametrize("n", [3, 400])
def test_of_zero(n):
    """The Hermitian part of a damping term i M."""
    product = InnerProduct(sp.eye_array(n).tocsr() * 4)
    pair = smallest_eigenvalue(sp.csr_array((n, n)), product, 1e-3)
    assert (pair.lower, pair.upper) == (-1e-3, 1e-3)
    assert abs(product.norm(pair.vector) - 1) < 1e-12


@pytest.mark.parametrize("sign", [1, -1])
def test_of_clusters_in_which_iterations_stall(sign):
    """K + c M against K + d M, as a reaction among diffusion: all but a few modes are alike."""
    n = 400
    K = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    A = sp.csr_array(sign * (0.115 * (n + 1) * K + sp.eye_array(n)))
    X = sp.csr_array((n + 1) * K + 2.5 / (n + 1) * sp.eye_array(n))
    modes = 2 - 2 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1))
    values = sign * (0.115 * (n + 1) * modes + 1) / ((n + 1) * modes + 2.5 / (n + 1))
    exact, off = values.min(), 1e-13 * abs(values.min())
    pair = smallest_eigenvalue(A, InnerProduct(X))
    assert pair.lower <= exact + off and exact - off <= pair.upper
    assert pair.upper - pair.lower < 1e-8 * abs(exact)


def exactly_definite(A, X, s):
    """Return whether A - s X is definite, by elimination in rational numbers."""
    S = [
        [Fraction(float(a)) - Fraction(s) * Fraction(float(x)) for a, x in zip(*rows, strict=True)]
        for rows in zip(A, X, strict=True)
    ]
    for k, row in enumerate(S):
        if row[k] <= 0:
            return False
        for below in S[k + 1 :]:
            factor = below[k] / row[k]
            below[k:] = [b - factor * r for b, r in zip(below[k:], row[k:], strict=True)]
    return True


@pytest.mark.parametrize("convert", [np.array, sp.csr_array])
def test_of_near_multiples_of_a_nearly_singular_product(convert):
    """A - s X cancels here, and what rounds is s X, whose entries are far larger than its form."""
    rng = np.random.default_rng(1)
    for _ in range(40):
        n = int(rng.integers(2, 7))
        G = rng.standard_normal((n, n - 1))
        X = G @ G.T + 10.0 ** rng.uniform(-9, -5) * np.eye(n)
        A = rng.uniform(0.1, 9) * X
        A = (A + A.T) / 2
        pair = smallest_eigenvalue(convert(A), InnerProduct(convert(X)))
        assert exactly_definite(A, X, pair.lower)


def test_of_a_real_matrix_against_a_complex_product():
    A = sp.diags_array(np.arange(2.0, 302.0)).tocsr()
    pair = smallest_eigenvalue(A, InnerProduct(sp.eye_array(300, dtype=complex).tocsr()))
    assert pair.lower <= 2.0 <= pair.upper and pair.upper - pair.lower < 1e-10


@pytest.mark.parametrize("n", [60, 220])
def test_of_complex_and_indefinite_pencils(families, n):
    (K, M, R), X = families.helmholtz(n)
    skew = sp.diags_array([np.ones(n - 1), -np.ones(n - 1)], offsets=[-1, 1])
    S = sp.csr_array(K - 900 * M + 30j * skew + R)
    exact = np.linalg.eigvalsh(families.whitened([S], X)[0])[0]
    pair = smallest_eigenvalue(S, InnerProduct(X))
    assert exact < 0
    assert pair.lower <= exact + 1e-10 and exact - 1e-10 <= pair.upper
    assert pair.upper - pair.lower < 1e-5 * abs(exact)


def test_an_eigenvalue_that_was_overlooked_is_found_out(families, monkeypatch):
    A = families.thermal_block(16)
    X = sp.csr_array(sum(A))
    S = sp.csr_array(A[0] + 0.1 * A[1] + A[2] + A[3])
    v = np.ones(256)  # far from the eigenvector of 0.1
    monkeypatch.setattr(module, "_lanczos", lambda A, product: (1.0, v))
    pair = smallest_eigenvalue(S, InnerProduct(X))
    assert pair.lower <= 0.1 < 0.5 < pair.upper


def test_rounding_is_taken_off():
    pair = smallest_eigenvalue(np.eye(3), InnerProduct(np.eye(3)), 0.25)
    assert 0.7499 < pair.lower < 0.75 and pair.upper > 1.25


def test_no_proof_is_an_error(monkeypatch):
    from nwidth.rom.stability.inertia import Inertia

    monkeypatch.setattr(module, "inertia", lambda S, weights: Inertia(-1, np.inf, None))
    with pytest.raises(NotConvergedError, match="no lower bound could be proved"):
        smallest_eigenvalue(np.eye(2), InnerProduct(np.eye(2)))
