import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import FastFourier
from nwidth.solvers.spectral.fourier_libraries import installed

MODULES = {"scipy": "scipy", "ducc": "ducc0", "fftw": "pyfftw", "mkl": "mkl_fft"}


@pytest.fixture(params=MODULES)
def library(request):
    if installed(MODULES[request.param]) is None:
        pytest.skip(f"{MODULES[request.param]} is not installed")
    return request.param


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (7,), (8,), (5, 6), (4, 3, 10)])
@pytest.mark.parametrize("batch", [(), (3,), (2, 1), (0,)])
def test_sums_of_the_definition(library, real, dtype, shape, batch):
    generator = np.random.default_rng(3)
    transform = FastFourier(shape, real=real, dtype=dtype, library=library)
    u = generator.normal(size=(*batch, *shape))
    if not real:
        u = u + 1j * generator.normal(size=u.shape)
    u = u.astype(dtype if real else transform.complex)
    wanted = u.astype(complex)
    for a, n in enumerate(shape):
        jk = np.outer(np.arange(n), np.arange(n)) / n
        waves, axis = np.exp(-2j * np.pi * jk) / n, len(batch) + a
        wanted = np.moveaxis(np.tensordot(wanted, waves, axes=(axis, 0)), -1, axis)
    v, out = transform.forward(u), np.empty((*batch, *transform.modes), transform.complex)
    assert v.dtype == transform.complex
    assert np.allclose(v, wanted[..., : transform.modes[-1]], atol=10 * np.finfo(dtype).eps)
    assert transform.forward(u, out) is out and np.array_equal(out, v)
    back, kept = transform.backward(v), v.copy()
    assert back.dtype == u.dtype and np.allclose(back, u, atol=30 * np.finfo(dtype).eps)
    assert np.array_equal(v, kept)
    filled = np.empty_like(u)
    assert transform.backward(v, filled, destroy=True) is filled
    assert np.array_equal(filled, back)


def test_libraries_agree_to_round_off(library):
    u = np.random.default_rng(0).normal(size=(3, 36, 50))
    one, other = (FastFourier((36, 50), library=name) for name in ("scipy", library))
    assert one.library == "scipy" and other.library == library
    assert np.allclose(one.forward(u), other.forward(u), atol=1e-17)


def test_parts_of_larger_arrays_and_other_processes(library):
    """Strides of input and output change from call to call."""
    transform = pickle.loads(pickle.dumps(FastFourier((6, 5), library=library)))
    large = np.random.default_rng(1).normal(size=(2, 6, 10))
    for part in (large[..., 1::2], large[..., :5], large[:, ::-1, 5:]):
        wanted = np.fft.rfft2(part, norm="forward")
        out = np.zeros((2, 6, 7), complex)
        assert np.allclose(transform.forward(part, out[..., 2:5]), wanted, atol=1e-16)
        back = np.zeros((2, 6, 9))
        transform.backward(wanted, back[..., 3:8])
        assert np.allclose(back[..., 3:8], part, atol=1e-14)
        assert (out[..., :2] == 0).all() and (back[..., 8:] == 0).all()


def test_threads_share_a_transform(library):
    transform = FastFourier((16, 12), library=library)
    u = np.random.default_rng(2).normal(size=(200, 16, 12))
    with ThreadPoolExecutor(4) as pool:
        found = np.array(list(pool.map(transform.forward, u)))
    assert np.array_equal(found, [transform.forward(one) for one in u])


def test_what_does_not_fit_is_refused():
    transform = FastFourier((4, 6))
    with pytest.raises(InputError, match=r"u: expected float64 numbers of shape \(4, 6\)"):
        transform.forward(np.zeros((4, 5)))
    with pytest.raises(InputError, match=r"u: expected float64 numbers .* got complex128"):
        transform.forward(np.zeros((4, 6), complex))
    with pytest.raises(InputError, match=r"v: expected complex128 numbers of shape \(4, 4\)"):
        transform.backward(np.zeros((4, 6), complex))
    with pytest.raises(InputError, match="library"):
        FastFourier(4, library="fftw9")
    with pytest.raises(InputError, match="dtype"):
        FastFourier(4, dtype=np.int32)
    with pytest.raises(InputError, match="shape"):
        FastFourier(0)


@pytest.mark.parametrize("library", ["auto", "scipy"])
@pytest.mark.parametrize("real", [True, False])
def test_outputs_that_do_not_fit_are_refused(library, real):
    transform = FastFourier((4, 6), real=real, library=library)
    u = np.zeros((4, 6), np.float64 if real else complex)
    v = np.zeros(transform.modes, complex)
    for bad in (v[:, :-1].copy(), v.astype(np.complex64), np.zeros((2, *v.shape), complex), [0]):
        with pytest.raises(InputError, match="out: expected complex128 numbers"):
            transform.forward(u, bad)
    for bad in (u[:-1], u.astype(np.float32 if real else np.complex64), [0]):
        with pytest.raises(InputError, match="out: expected"):
            transform.backward(v, bad)
    for nothing in (None, [1.0, 2.0], "u", 1.0):
        with pytest.raises(InputError, match="u: expected"):
            transform.forward(nothing)
        with pytest.raises(InputError, match="v: expected complex128"):
            transform.backward(nothing)
