import numpy as np
import pytest
import scipy.fft

from nwidth.errors import InputError
from nwidth.solvers.spectral import cosine_transform, fast_cosine, sine_transform
from nwidth.solvers.spectral.fourier_libraries import installed

TRANSFORMS = {"dct": cosine_transform, "dst": sine_transform}


def sums(name, u, kind):
    """The sums as they are written down."""
    n = u.shape[-1]
    j, k = np.arange(n), np.arange(n)[:, None]
    if name == "dct":
        matrix = {
            1: 2 * np.cos(np.pi * j * k / max(n - 1, 1)),
            2: 2 * np.cos(np.pi * (2 * j + 1) * k / (2 * n)),
            3: 2 * np.cos(np.pi * j * (2 * k + 1) / (2 * n)),
        }[kind]
        if kind == 1:
            matrix[:, [0, -1]] /= 2
        elif kind == 3:
            matrix[:, 0] /= 2
    else:
        matrix = {
            1: 2 * np.sin(np.pi * (j + 1) * (k + 1) / (n + 1)),
            2: 2 * np.sin(np.pi * (2 * j + 1) * (k + 1) / (2 * n)),
            3: 2 * np.sin(np.pi * (j + 1) * (2 * k + 1) / (2 * n)),
        }[kind]
        if kind == 3:
            matrix[:, -1] /= 2
    return u @ matrix.T


@pytest.fixture(params=["scipy", "ducc", "fourier"])
def library(request, monkeypatch):
    if request.param == "scipy":
        monkeypatch.setattr(fast_cosine, "installed", lambda module: None)
    elif request.param == "ducc" and installed("ducc0") is None:
        pytest.skip("ducc0 is not installed")
    elif request.param == "fourier":  # what arrays of CuPy take
        monkeypatch.setattr(fast_cosine, "lives_on_gpu", lambda u: True)
    return request.param


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("n", [2, 3, 8, 15])
@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("name", ["dct", "dst"])
def test_sums_of_the_definition(library, name, kind, n, dtype):
    generator = np.random.default_rng(n)
    u = generator.normal(size=(2, n, 3))
    if np.dtype(dtype).kind == "c":
        u = u + 1j * generator.normal(size=u.shape)
    u = u.astype(dtype)
    kept = u.copy()
    v = TRANSFORMS[name](u, kind, axis=1)
    wanted = np.moveaxis(sums(name, np.moveaxis(u, 1, -1), kind), -1, 1)
    assert v.dtype == dtype and np.array_equal(u, kept)
    assert np.allclose(v, wanted, rtol=0, atol=30 * n * np.finfo(dtype).eps)


def test_inverses():
    u = np.random.default_rng(0).normal(size=9)
    for transform, rest in ((cosine_transform, 16), (sine_transform, 20)):
        assert np.allclose(transform(transform(u, 1), 1), rest * u, atol=1e-13)
        assert np.allclose(transform(transform(u, 2), 3), 18 * u, atol=1e-13)
    assert np.allclose(cosine_transform(u, 2), scipy.fft.dct(u, 2), atol=1e-14)


def test_empty_batches(library):
    assert cosine_transform(np.zeros((0, 4)), 2).shape == (0, 4)


def test_what_does_not_fit_is_refused():
    for transform in TRANSFORMS.values():
        with pytest.raises(InputError, match="kind 1 to 3"):
            transform(np.zeros(4), 4)
        with pytest.raises(InputError, match="kind"):
            transform(np.zeros(4), 0)
        with pytest.raises(InputError, match="shape"):
            transform(np.float64(3.0), 1)
        for axis in ("a", None, 1.0, 2):
            with pytest.raises(InputError, match="axis: expected"):
                transform(np.zeros(4), 1, axis)
    with pytest.raises(InputError, match="at least 2 numbers"):
        cosine_transform(np.zeros((4, 1)), 1)
