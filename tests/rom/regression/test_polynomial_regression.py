import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom.regression import PolynomialRegression, polynomial_regression

RNG = np.random.default_rng(6)
X = RNG.uniform(-1, 1, (60, 3))


def cubic(x):
    return np.stack([x[:, 0] ** 3 - x[:, 1] * x[:, 2], 2 + x.sum(axis=1)], axis=1)


def test_polynomials_are_found_exactly():
    model = polynomial_regression(X, cubic(X))
    new = RNG.uniform(-1, 1, (9, 3))
    assert model.degree == 3 and model.exponents.shape == (20, 3)
    np.testing.assert_allclose(model.predict(new), cubic(new), atol=1e-12)
    assert abs(model.left_out).max() < 1e-12


def test_products_are_orthonormal_on_the_box():
    nodes, weights = np.polynomial.legendre.leggauss(6)
    x = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    w = np.multiply.outer(weights, weights).ravel() / 4
    model = polynomial_regression(x, x, degree=4)
    unit = [
        PolynomialRegression(model.exponents, row[:, None], model.left_out, 1.0).predict(x)[:, 0]
        for row in np.eye(len(model.exponents))
    ]
    np.testing.assert_allclose((unit * w) @ np.transpose(unit), np.eye(len(unit)), atol=1e-13)


def test_left_out_errors_are_those_of_fits_without_the_sample():
    y = np.exp(X @ [[1.0], [0.5], [-1.0]])
    model = polynomial_regression(X, y, degree=2)
    for i in (0, 31, 59):
        rest = np.arange(60) != i
        without = polynomial_regression(X[rest], y[rest], degree=2)
        assert model.left_out[i, 0] == pytest.approx((y[i] - without.predict(X[i : i + 1]))[0, 0])


def test_the_degree_is_the_one_of_the_least_error():
    x = np.linspace(-1, 1, 30)[:, None]
    y = np.sin(3 * x)
    totals = {d: np.square(polynomial_regression(x, y, degree=d).left_out).sum() for d in range(12)}
    best = polynomial_regression(x, y)
    assert best.degree > 8
    assert np.square(best.left_out).sum() <= min(totals.values())


def test_noise_is_not_fitted():
    x = np.linspace(-1, 1, 60)[:, None]
    noise = 0.3 * np.random.default_rng(0).standard_normal((60, 1))
    assert polynomial_regression(x, 1 + x + noise).degree < 5


def test_a_file_gives_the_model_back():
    model = polynomial_regression(X, cubic(X))
    arrays, told = model.archived()
    again = PolynomialRegression.from_archived(arrays, told)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    wrong = {
        "exponents": [arrays["exponents"] - 1, arrays["exponents"] + 1000, 1.0 * X],
        "coefficients": [arrays["coefficients"][:-1], np.nan * arrays["coefficients"]],
        "left_out": [arrays["left_out"][:, :1]],
    }
    for name, candidates in wrong.items():
        for array in candidates:
            with pytest.raises(ValueError):
                PolynomialRegression.from_archived({**arrays, name: array}, told)


def test_wrong_samples_are_refused():
    with pytest.raises(InputError, match="20 coefficients of degree 3"):
        polynomial_regression(X[:20], cubic(X)[:20], degree=3)
    with pytest.raises(InputError, match="degree"):
        polynomial_regression(X, cubic(X), degree=-1)
    flat = X * [1, 1, 0]
    with pytest.raises(InputError, match="spread over the box"):
        polynomial_regression(flat, cubic(X), degree=2)
    assert polynomial_regression(X[:2], cubic(X)[:2]).degree == 0


def test_no_error_bars():
    assert polynomial_regression(X, cubic(X)).deviations(X) is None
