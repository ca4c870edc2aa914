import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from nwidth.errors import InputError
from nwidth.rom.regression import RadialBasisFunctions, radial_basis_functions
from nwidth.rom.regression.radial_basis_functions import KERNELS

RNG = np.random.default_rng(5)
X = RNG.uniform(-1, 1, (40, 2))
NEW = RNG.uniform(-1, 1, (9, 2))


def smooth(x):
    return np.stack([np.sin(2 * x[:, 0] + x[:, 1]), 3 + x[:, 0] * x[:, 1]], axis=1)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_interpolant_is_scipys(kernel):
    model = radial_basis_functions(X, smooth(X), kernel=kernel, shape=1.5)
    scipys = RBFInterpolator(
        X,
        smooth(X),
        kernel=kernel.replace("-", "_"),
        epsilon=1.5,
        degree=KERNELS[kernel][0],
    )
    np.testing.assert_allclose(model.predict(NEW), scipys(NEW), atol=1e-7)
    np.testing.assert_allclose(model.predict(X), smooth(X), atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_left_out_errors_are_those_of_interpolants_without_the_sample(kernel):
    y = smooth(X)
    model = radial_basis_functions(X, y, kernel=kernel, shape=2.0)
    for i in (0, 13, 39):
        rest = np.arange(40) != i
        without = radial_basis_functions(X[rest], y[rest], kernel=kernel, shape=2.0)
        error = y[i] - without.predict(X[i : i + 1])[0]
        np.testing.assert_allclose(model.left_out[i], error, atol=1e-7)


def test_the_width_is_the_one_of_the_least_error():
    y = smooth(X)
    best = radial_basis_functions(X, y, kernel="gaussian")
    for shape in (1.0, 2.0, 5.0):
        other = radial_basis_functions(X, y, kernel="gaussian", shape=shape)
        assert np.square(best.left_out).sum() <= 1.5 * np.square(other.left_out).sum()
    assert abs(best.predict(NEW) - smooth(NEW)).max() < 1e-2
    auto = radial_basis_functions(X, y)
    assert np.square(auto.left_out).sum() <= np.square(best.left_out).sum()


def test_rough_functions_choose_a_rough_kernel():
    x = np.linspace(-1, 1, 24)[:, None]
    assert radial_basis_functions(x, np.sign(x - 0.13)).kernel == "linear"


def test_a_file_gives_the_model_back():
    model = radial_basis_functions(X, smooth(X), kernel="cubic")
    arrays, told = model.archived()
    again = RadialBasisFunctions.from_archived(arrays, told)
    np.testing.assert_array_equal(again.predict(NEW), model.predict(NEW))
    for name in ("centres", "coefficients", "tail", "left_out"):
        for wrong in (arrays[name][:, :-1], arrays[name][None], np.inf + arrays[name]):
            with pytest.raises(ValueError):
                RadialBasisFunctions.from_archived({**arrays, name: wrong}, told)
    with pytest.raises(ValueError):
        RadialBasisFunctions.from_archived(arrays, {**told, "shape": -1.0})


def test_wrong_samples_are_refused():
    with pytest.raises(InputError, match="kernel"):
        radial_basis_functions(X, smooth(X), kernel="wavelet")
    with pytest.raises(InputError, match="shape"):
        radial_basis_functions(X, smooth(X), shape=0)
    with pytest.raises(InputError, match="too few"):
        radial_basis_functions(X[:3], smooth(X)[:3], kernel="cubic")
    line = np.stack([X[:, 0], 2 * X[:, 0]], axis=1)
    with pytest.raises(InputError, match="on a line"):
        radial_basis_functions(line, smooth(X), kernel="thin-plate-spline")
    with pytest.raises(InputError, match="second time"):
        radial_basis_functions(X[[0, 1, 0]], smooth(X)[:3])


def test_no_error_bars():
    assert radial_basis_functions(X, smooth(X)).deviations(NEW) is None
