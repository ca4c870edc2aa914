import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import SymmetricBands
from nwidth.solvers.spectral.symmetric_bands import product, substituted

RNG = np.random.default_rng(0)


def matrices(n, fields=2, systems=3):
    """Return random bands, and the dense matrices (fields, systems, n, n)."""
    bands = RNG.uniform(-1, 1, (3, fields, n, systems))
    bands[0] = 5.0 + RNG.uniform(0, 1, (fields, n, systems))
    dense = np.zeros((fields, systems, n, n))
    for d, s in ((0, 0), (1, 2), (2, 4)):
        for i in range(n - s):
            dense[:, :, i, i + s] = dense[:, :, i + s, i] = bands[d, :, i]
    return bands, dense


@pytest.mark.parametrize("n", [5, 6, 9, 12])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize(
    ("dtype", "digits"), [("f4", 1e-5), ("f8", 1e-13), ("c8", 1e-5), ("c16", 1e-13)]
)
def test_agrees_with_dense_matrices(n, batch, dtype, digits):
    bands, dense = matrices(n)
    found = SymmetricBands(bands)
    x = RNG.standard_normal((*batch, 2, n, 3)).astype(dtype)
    if x.dtype.kind == "c":
        x += 1j * RNG.standard_normal(x.shape).astype(x.real.dtype)
    b = np.einsum("fkij,...fjk->...fik", dense, x).astype(dtype)
    assert found.multiply(x).dtype == found.solve(b).dtype == np.dtype(dtype)
    np.testing.assert_allclose(found.multiply(x), b, atol=20 * digits)
    np.testing.assert_allclose(found.solve(b), x, atol=20 * digits)
    slow, out = b.astype("c16"), np.empty_like(b)
    substituted(found.factors, slow)
    np.testing.assert_allclose(slow, x, atol=20 * digits)
    product(found.bands, x, out)
    np.testing.assert_allclose(out, b, atol=20 * digits)


def test_solves_in_place_and_leaves_the_right_hand_side_otherwise():
    bands, _ = matrices(7)
    found = SymmetricBands(bands)
    b = RNG.standard_normal((2, 7, 3))
    kept = b.copy()
    x = found.solve(b)
    np.testing.assert_array_equal(b, kept)
    assert found.solve(b, b) is b
    np.testing.assert_array_equal(b, x)


def test_what_does_not_fit():
    with pytest.raises(InputError, match="n >= 5"):
        SymmetricBands(np.ones((3, 1, 4, 1)))
    with pytest.raises(InputError, match="positive definite"):
        SymmetricBands(-np.ones((3, 1, 6, 1))).solve(np.ones((1, 6, 1)))
    with pytest.raises(InputError, match=r"ends with \(1, 6, 1\)"):
        SymmetricBands(np.ones((3, 1, 6, 1))).multiply(np.ones((6, 1)))
    with pytest.raises(InputError, match="bands"):
        SymmetricBands(np.full((3, 1, 6, 1), np.nan))
