import numpy as np
import pytest

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, load, store
from nwidth.solvers.spectral._lane_shuffles_numba import reverse, transpose


@njit(error_model="numpy")
def _reversed(a, out):
    store(out, 0, reverse(load(a, 0)))


@njit(error_model="numpy")
def _transposed(a, out):
    columns = transpose(
        load(a, 0), load(a, 8), load(a, 16), load(a, 24),
        load(a, 32), load(a, 40), load(a, 48), load(a, 56),
    )  # fmt: skip
    for i in range(8):
        store(out, 8 * i, columns[i])


def test_eight_lanes_make_a_square():
    assert LANES == 8


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_order(dtype):
    a = np.arange(64, dtype=dtype)
    out = np.zeros(8, dtype)
    _reversed(a, out)
    assert np.array_equal(out, a[7::-1])
    out = np.zeros(64, dtype)
    _transposed(a, out)
    assert np.array_equal(out.reshape(8, 8), a.reshape(8, 8).T)
