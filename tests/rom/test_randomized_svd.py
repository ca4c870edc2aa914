import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom import randomized_svd


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_singular_values_and_vectors(decaying, dtype):
    A = decaying(120, 300, dtype)
    U, sigma, Vh, error = randomized_svd(A, 1e-4)
    k = len(Vh)
    exact = np.linalg.svd(A, compute_uv=False)
    assert k == (exact > 1e-4 * exact[0]).sum()
    np.testing.assert_allclose(sigma[:k], exact[:k], rtol=1e-3)
    np.testing.assert_allclose(sigma[: k - 4], exact[: k - 4], rtol=1e-4)
    true = np.linalg.norm(A - (U * sigma[:k]) @ Vh) / np.linalg.norm(A)
    assert true == pytest.approx(error, rel=0.05)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
def test_the_error_bounds_the_true_one(decaying, dtype, rate):
    A = decaying(90, 140, dtype, rate)
    size = np.linalg.norm(A)
    for seed in range(8):
        for rtol, rank in ((1e-1, None), (1e-3, None), (1e-4, 1), (1e-4, 30)):
            U, sigma, Vh, error = randomized_svd(A, rtol, max_rank=rank, seed=seed)
            true = np.linalg.norm(A - (U * sigma[: len(Vh)]) @ Vh) / size
            assert true <= error <= 5 * true + 50 * np.finfo(dtype).eps


def test_same_seed_same_answer(decaying):
    A = decaying(80, 70)
    one, two = (randomized_svd(A, 1e-6, seed=3)[1] for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_arguments_are_checked():
    with pytest.raises(InputError, match="rtol"):
        randomized_svd(np.eye(2), -1.0)
    with pytest.raises(InputError, match="max_rank"):
        randomized_svd(np.eye(2), 0.1, max_rank=0)
