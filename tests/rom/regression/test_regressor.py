import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import regression
from nwidth.rom.regression.regressor import asked_points, squared_distances, training_pairs

X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
FITS = ["gaussian_process", "radial_basis_functions", "polynomial_regression"]


@pytest.mark.parametrize("fit", FITS)
def test_regressors_follow_the_protocol(fit):
    y = X @ np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 0.0]]) + 4
    model = getattr(regression, fit)(X, y)
    assert isinstance(model, regression.Regressor)
    assert model.left_out.shape == (12, 3)
    assert model.predict(X[:5]).shape == (5, 3)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-4)
    arrays, told = model.archived()
    assert all(np.isfinite(a).all() for a in arrays.values()) and isinstance(told, dict)


@pytest.mark.parametrize("fit", FITS)
def test_single_precision_and_integers_are_taken(fit):
    y = X[:, :1]
    model = getattr(regression, fit)(X.astype(np.float32), np.round(10 * y).astype(int))
    assert model.predict(X.astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_numbers_whose_squares_leave_the_range_are_told(fit, size):
    with pytest.raises(InputError, match="values: expected numbers whose squares"):
        getattr(regression, fit)(X, size * X[:, :1])
    with pytest.raises(InputError, match="points: expected numbers whose squares"):
        getattr(regression, fit)(size * X, X[:, :1])
    getattr(regression, fit)(X, 0 * X[:, :1])


def test_distances_agree_with_the_plain_formula():
    plain = np.square(X[:5, None] - X[None]).sum(-1)
    np.testing.assert_allclose(squared_distances(X[:5], X), plain, rtol=1e-14)
    assert not np.diagonal(squared_distances(X, X)).any()


def test_pairs_and_points_are_checked():
    with pytest.raises(InputError, match="second time in row 3"):
        training_pairs(X[[0, 1, 2, 1]], X[:4])
    with pytest.raises(NonFiniteError, match="points"):
        training_pairs(X * np.inf, X)
    with pytest.raises(InputError, match="real"):
        training_pairs(X, X + 1j)
    with pytest.raises(InputError, match="rows"):
        training_pairs(X, X[:, 0])
    with pytest.raises(InputError, match="rows"):
        training_pairs(3.0, X)
    with pytest.raises(InputError, match="many, 2"):
        asked_points(X[:, :1], 2)
