import numpy as np
import pytest
import scipy.linalg

from nwidth.rom.deim import deim
from nwidth.rom.qdeim import longest_columns, qdeim

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
@pytest.mark.parametrize(("r", "n"), [(1, 3), (20, 20), (37, 1500)])
def test_points_are_the_pivots_of_lapack(rough, r, n, dtype):
    U = rough(r, n, dtype)
    wanted = scipy.linalg.qr(U, mode="r", pivoting=True)[1][:r]
    found = qdeim(U)
    if n > r:
        assert found.points.tolist() == wanted.tolist()
    assert found.error_constant() == pytest.approx(
        1 / np.linalg.svd(U[:, wanted], compute_uv=False)[-1], rel=1e-4
    )


def test_pivots_of_a_matrix_of_falling_columns():
    """Every column but the last is nearly spanned by those before it."""
    matrix = np.triu(RNG.standard_normal((40, 700)) * 2.0 ** -np.arange(40)[:, None])
    wanted = scipy.linalg.qr(matrix, mode="r", pivoting=True)[1][:40]
    assert longest_columns(matrix, 40).tolist() == wanted.tolist()


def test_the_order_and_the_mixture_of_functions_do_not_matter(rough):
    U = rough(12, 300)
    turned = scipy.linalg.orth(RNG.standard_normal((12, 12))) @ U
    assert qdeim(turned).points.tolist() == qdeim(U).points.tolist()
    scaled = RNG.standard_normal((12, 12)) @ U
    assert qdeim(scaled).points.tolist() == qdeim(U).points.tolist()


def test_of_equal_columns_the_first_counts():
    U = np.zeros((2, 2000))
    U[0, ::2] = U[1, 1::2] = 1
    assert qdeim(U).points.tolist() == [0, 1]


def test_constant_is_below_the_published_bound(rough):
    for _ in range(5):
        found = qdeim(rough(10, 400)).error_constant()
        assert found <= np.sqrt(400 - 10 + 1) * np.sqrt(4**10 + 6 * 10 - 1) / 3


def test_constant_is_below_that_of_deim_for_modes_of_bumps():
    x, y = np.linspace(0, 1, 100)[:, None], np.linspace(0, 1, 2000)
    U = np.linalg.svd(np.exp(-(((x - y) / 0.05) ** 2)), full_matrices=False)[2][:40]
    assert qdeim(U).error_constant() < 0.7 * deim(U).error_constant()
