"""Pruned transforms against whole ones."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import PrunedFourier
from nwidth.solvers.spectral.fourier_libraries import installed

SHAPES = [(1, 1), (2, 3), (5, 7), (8, 6), (60, 601)]


@pytest.fixture(params=["scipy", "ducc"])
def library(request):
    if request.param == "ducc" and installed("ducc0") is None:
        pytest.skip("ducc0 is not installed")
    return request.param


def modes(pruned, seed):
    """Random coefficients in the columns that are kept."""
    generator = np.random.default_rng(seed)
    n0, n1 = pruned.shape
    m = np.fft.fftfreq(n1, 1 / n1).round()
    v = generator.normal(size=(n0, n1)) + 1j * generator.normal(size=(n0, n1))
    v *= 3 * abs(m) < n1
    z = pruned.zeros()
    z[:, :n1] = np.where(3 * abs(m) < n1, v, np.nan)  # the others are not looked at
    return z, v


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back(library, shape, dtype):
    pruned = PrunedFourier(shape, dtype=dtype, library=library)
    z, v = modes(pruned, 0)
    eps = 100 * np.finfo(dtype).eps
    pruned.backward(z)
    values = np.fft.ifft2(v, norm="forward")
    assert z.dtype == pruned.complex
    assert np.allclose(z[:, : shape[1]], values, atol=eps * abs(values).max())
    pruned.forward(z)
    kept = v != 0
    assert np.allclose(z[:, : shape[1]][kept], v[kept], atol=eps * abs(v).max())


@pytest.mark.parametrize("shape", SHAPES)
def test_products_block_by_block(library, shape):
    pruned = PrunedFourier(shape, library=library)
    assert (len(pruned.blocks) > 1) == (shape == (60, 601))
    z, v = modes(pruned, 1)
    visited = []
    pruned.through(z, lambda f: (visited.append(len(f)), np.multiply(f, f, out=f)))
    wanted = np.fft.fft2(np.fft.ifft2(v, norm="forward") ** 2, norm="forward")
    kept = (v != 0).any(axis=0)
    assert sum(visited) == shape[0]
    assert np.allclose(z[:, : shape[1]][:, kept], wanted[:, kept], atol=1e-13 * abs(wanted).max())


def test_rows_keep_their_distance():
    z = PrunedFourier((256, 256), dtype=np.float32).zeros()
    assert z.strides[0] % 128 == 64 and z.dtype == np.complex64 and not z.any()
    assert z.ctypes.data % 64 == 0 and z.flags.c_contiguous


def test_only_planes():
    with pytest.raises(InputError, match="shape: expected two numbers"):
        PrunedFourier((4, 4, 4))
    with pytest.raises(InputError, match="dtype: expected float32 or float64"):
        PrunedFourier((4, 4), dtype=int)
