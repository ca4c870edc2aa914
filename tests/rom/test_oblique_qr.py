import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.rom import oblique_qr
from nwidth.rom.inner_product import InnerProduct

RNG = np.random.default_rng(2)


def positive(n, power, dtype=float):
    """A matrix with eigenvalues from 1 to 10^power."""
    part = RNG.standard_normal((n, n))
    if dtype is complex:
        part = part + 1j * RNG.standard_normal((n, n))
    Q = np.linalg.qr(part)[0]
    X = (Q * 10 ** np.linspace(0, power, n)) @ Q.conj().T
    return (X + X.conj().T) / 2


@pytest.mark.parametrize("power", [0, 3, 8, 12])
@pytest.mark.parametrize("kind", [float, complex])
def test_factors(power, kind):
    X = InnerProduct(positive(60, power, kind))
    A = RNG.standard_normal((60, 20)) @ np.diag(0.1 ** np.arange(20.0))
    Q, R = oblique_qr(A, X)
    gram = Q.conj().T @ X.matrix @ Q
    rounding = 1e-15 * max(1.0, 10.0**power * np.linalg.norm(Q, 2) ** 2)
    np.testing.assert_allclose(gram, np.eye(20), atol=100 * rounding)
    np.testing.assert_allclose(Q @ R, A, atol=1e-12 * np.linalg.norm(Q, 2) * np.linalg.norm(R, 2))


def test_columns_that_depend_on_each_other():
    A = np.outer(np.arange(1.0, 31), [1.0, 2.0, 0.0])
    Q, R = oblique_qr(A, InnerProduct(sp.diags_array(np.arange(1.0, 31))))
    np.testing.assert_allclose(Q @ R, A, atol=1e-12)
    np.testing.assert_allclose(Q.T @ (np.arange(1.0, 31)[:, None] * Q), np.eye(3), atol=1e-13)
    np.testing.assert_allclose(np.linalg.svd(R)[1][1:], 0, atol=1e-12)


def test_more_columns_than_rows():
    A = RNG.standard_normal((4, 9))
    Q, R = oblique_qr(A, InnerProduct.euclidean(4))
    assert (Q.shape, R.shape) == ((4, 4), (4, 9))
    np.testing.assert_allclose(Q @ R, A, atol=1e-13)


def test_sizes_must_agree():
    with pytest.raises(InputError, match="expected shape"):
        oblique_qr(np.ones((3, 2)), InnerProduct.euclidean(4))
