import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom import range_finder


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
@pytest.mark.parametrize("shape", [(300, 200), (150, 400)])
def test_range_and_its_error(decaying, shape, dtype):
    A = decaying(*shape, dtype, rate=0.9)
    rtol = 1e-3 if dtype == np.float32 else 1e-7
    Q, error = range_finder(A, rtol)
    assert Q.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(Q.conj().T @ Q, np.eye(Q.shape[1]), atol=100 * eps)
    true = np.linalg.norm(A - Q @ (Q.conj().T @ A)) / np.linalg.norm(A)
    assert error <= rtol
    assert 0.5 * true < error < 2 * true


def test_range_of_low_rank_and_of_nothing():
    low = np.outer(np.arange(1.0, 90), np.arange(1.0, 80))
    Q, error = range_finder(low, 1e-12)
    assert error < 1e-14
    assert Q.shape[1] <= 32
    assert range_finder(np.zeros((5, 4)))[0].shape == (5, 0)


def test_limit_of_the_rank_tells_the_error_it_leaves(decaying):
    A = decaying(200, 150, rate=0.97)
    Q, error = range_finder(A, 1e-10, max_rank=40)
    assert Q.shape[1] == 40
    true = np.linalg.norm(A - Q @ (Q.T @ A)) / np.linalg.norm(A)
    assert 0.5 * true < error < 2 * true


def test_full_rank_ends():
    A = np.random.default_rng(0).standard_normal((50, 45))
    Q, error = range_finder(A, 0.0)
    assert Q.shape[1] == 45
    assert error < 1e-13


def test_arguments_are_checked():
    with pytest.raises(InputError, match="rtol"):
        range_finder(np.eye(2), -1.0)
    with pytest.raises(InputError, match="max_rank"):
        range_finder(np.eye(2), 0.1, max_rank=0)
