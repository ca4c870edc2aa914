import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import FastFourier
from nwidth.solvers.spectral.fast_fourier import _ducc

LIBRARIES = ["scipy", "ducc"]


@pytest.fixture(params=LIBRARIES)
def library(request):
    if request.param == "ducc" and _ducc() is None:
        pytest.skip("ducc0 is not installed")
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


def test_libraries_agree_to_round_off():
    if _ducc() is None:
        pytest.skip("ducc0 is not installed")
    u = np.random.default_rng(0).normal(size=(3, 36, 50))
    one, other = (FastFourier((36, 50), library=name) for name in LIBRARIES)
    assert one.library == "scipy" and other.library == "ducc"
    assert np.allclose(one.forward(u), other.forward(u), atol=1e-17)


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
