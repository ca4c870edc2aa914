import sys

import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import FastFourier, cosine_transform
from nwidth.solvers.spectral.fourier_libraries import PREFERRED, fourier_library, installed


@pytest.fixture
def bare(monkeypatch):
    """A machine with SciPy alone."""
    for module in ("ducc0", "ducc0.fft", "pyfftw", "mkl_fft"):
        monkeypatch.setitem(sys.modules, module, None)
    installed.cache_clear()
    yield
    monkeypatch.undo()
    installed.cache_clear()


def test_scipy_is_enough(bare):
    assert fourier_library("auto")[0] == "scipy"
    assert FastFourier(4).library == "scipy"
    assert cosine_transform([1.0, 1.0, 1.0], 1).tolist() == [4.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["ducc", "fftw", "mkl"])
def test_what_is_missing_is_told(bare, name):
    with pytest.raises(InputError, match="to be installed; pip install"):
        fourier_library(name)


def test_the_first_that_is_installed_is_taken():
    assert fourier_library("auto")[0] in PREFERRED
    if installed("ducc0") is not None:
        assert fourier_library("auto")[0] == "ducc"
    with pytest.raises(InputError, match="library"):
        fourier_library("fastest")
