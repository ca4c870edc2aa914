"""Pruned transforms in space against whole ones."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.spectral import FastFourier, FourierSpace, PrunedRealFourier
from nwidth.solvers.spectral import pruned_real_fourier as module

SHAPES = [(4, 4, 4), (5, 7, 6), (12, 9, 11), (6, 15, 16)]


@pytest.fixture(params=["scipy", "ducc"])
def library(request):
    if request.param == "ducc" and module._in_place("auto") != "ducc":
        pytest.skip("ducc0 is not installed")
    return request.param


def functions(shape, dtype, count, seed=0):
    """Random functions of the kept modes: their coefficients, and their values."""
    space = FourierSpace(Grid.periodic(shape), dtype=dtype)
    u = np.random.default_rng(seed).normal(size=(count, *shape)).astype(dtype)
    v = space.transform.forward(u) * space.kept
    kept = np.ascontiguousarray(space.resampled(v, space.kept_space))
    return space, kept.astype(v.dtype), space.transform.backward(v)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_products(library, shape, dtype, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 2 * shape[1] * shape[2] * np.dtype(dtype).itemsize)
    fourier = PrunedRealFourier(shape, dtype=dtype, library=library)
    assert [block.stop - block.start for block in fourier.blocks[:-1]] == [2] * (
        len(fourier.blocks) - 1
    )
    space, v, u = functions(shape, dtype, 2)
    assert fourier.modes == v.shape[1:] and fourier.library == library
    eps = 30 * np.finfo(dtype).eps
    for _ in range(2):  # work space is used again
        visited = np.zeros(shape[0])
        for block, values in fourier.values(v):
            visited[block] += 1
            assert values.dtype == dtype
            assert np.allclose(values, u[:, block], atol=eps * abs(u).max())
        assert (visited == 1).all()
        out = np.full((3, *fourier.modes), np.nan, v.dtype)

        def rule(u, p):
            p[0], p[1], p[2] = u[0] * u[1], u[0] ** 2, u[1]

        fourier.through(v, out, rule)
        products = np.stack([u[0] * u[1], u[0] ** 2, u[1]])
        wanted = space.resampled(space.transform.forward(products), space.kept_space)
        assert np.allclose(out, wanted, atol=eps * abs(wanted).max())


def test_what_cannot_be_transformed():
    with pytest.raises(InputError, match="shape: expected three numbers of points"):
        PrunedRealFourier((8, 8))
    with pytest.raises(InputError, match="library: expected"):
        PrunedRealFourier((8, 8, 8), library="fftw")


def test_auto_takes_ducc_where_it_is():
    try:
        FastFourier(1, library="ducc")
    except InputError:
        assert PrunedRealFourier((4, 4, 4)).library == "scipy"
    else:
        assert PrunedRealFourier((4, 4, 4)).library == "ducc"
