import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.regression import GaussianProcess, gaussian_process
from nwidth.rom.regression.gaussian_process import KERNELS, LikelihoodStatus, _likelihood

RNG = np.random.default_rng(3)
X = RNG.uniform(-1, 1, (30, 2))


def smooth(x):
    return np.stack([np.sin(2 * x[:, 0] + x[:, 1]), 5 + 1e3 * np.exp(x[:, 0])], axis=1)


def plain(model, k, x):
    """Mean and deviation by the textbook's formulas (2.25) and (2.26), with full inverses."""
    jitter = 4 * len(model.points) * np.finfo(float).eps

    def covariance(a, b):
        square = (((a[:, None] - b[None]) / model.lengths[k]) ** 2).sum(-1)
        if model.kernel == "squared-exponential":
            return model.signal[k] ** 2 * np.exp(-square / 2)
        s = np.sqrt(5 * square)
        return model.signal[k] ** 2 * (1 + s + s**2 / 3) * np.exp(-s)

    K = covariance(model.points, model.points)
    K += (model.noise[k] ** 2 + jitter * model.signal[k] ** 2) * np.eye(len(K))
    c, inverse = covariance(x, model.points), np.linalg.inv(K)
    return c, inverse, model.signal[k] ** 2 - np.einsum("ia,ab,ib->i", c, inverse, c)


@pytest.fixture(scope="module", params=KERNELS)
def noisy(request):
    y = smooth(X) * [1, 1e-3] + 0.05 * np.random.default_rng(0).standard_normal((30, 2))
    return gaussian_process(X, y, kernel=request.param), y


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_gradient_is_that_of_the_likelihood(kernel):
    y = smooth(X)[:, 0]
    squares = np.stack([np.subtract.outer(a, a) ** 2 for a in X.T])
    theta = np.log([1.3, 0.8, 1.7, 0.1])
    gradient, _, _, _ = _likelihood(theta, y, squares, KERNELS[kernel])
    for k, slope in enumerate(gradient):
        h = 1e-5 * np.eye(4)[k]
        sides = [_likelihood(theta + s * h, y, squares, KERNELS[kernel])[1] for s in (1, -1)]
        assert slope == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-6, abs=1e-6)


def test_means_and_deviations_are_those_of_the_formulas(noisy):
    model, y = noisy
    x = RNG.uniform(-1, 1, (7, 2))
    for k in range(2):
        c, inverse, variance = plain(model, k, x)
        mean = model.mean[k] + c @ inverse @ (y[:, k] - model.mean[k])
        np.testing.assert_allclose(model.predict(x)[:, k], mean, rtol=1e-8)
        np.testing.assert_allclose(model.deviations(x)[:, k], np.sqrt(variance), rtol=1e-5)


def test_the_likelihood_is_that_of_the_normal_distribution(noisy):
    from scipy.stats import multivariate_normal

    model, y = noisy
    for k in range(2):
        _, inverse, _ = plain(model, k, X)
        normal = multivariate_normal(np.full(30, model.mean[k]), np.linalg.inv(inverse))
        assert model.likelihood[k] == pytest.approx(normal.logpdf(y[:, k]), rel=1e-6)
        assert model.status[k] is LikelihoodStatus.CONVERGED


def test_left_out_errors_are_those_of_models_without_the_sample(noisy):
    model, y = noisy
    for k in range(2):
        _, inverse, _ = plain(model, k, X)
        K = np.linalg.inv(inverse)
        for i in (0, 17, 29):
            rest = np.arange(30) != i
            without = np.linalg.solve(K[np.ix_(rest, rest)], (y[:, k] - model.mean[k])[rest])
            error = y[i, k] - model.mean[k] - K[i, rest] @ without
            assert model.left_out[i, k] == pytest.approx(error, rel=1e-6)


def test_smooth_functions_without_noise_are_found_to_many_digits():
    model = gaussian_process(X, smooth(X))
    x = RNG.uniform(-0.9, 0.9, (50, 2))
    errors = abs(model.predict(x) - smooth(x)).max(axis=0)
    assert (errors < [1e-2, 1]).all()
    assert (model.noise < 1e-4 * model.signal).all()


def test_the_noise_is_found():
    x = np.linspace(-1, 1, 200)[:, None]
    y = np.sin(3 * x) + 0.1 * np.random.default_rng(1).standard_normal(x.shape)
    model = gaussian_process(x, y, kernel="squared-exponential")
    assert model.noise[0] == pytest.approx(0.1, rel=0.15)
    inside = abs(model.predict(x) - np.sin(3 * x)) < 3 * model.deviations(x)
    assert inside.mean() > 0.95


def test_an_axis_that_does_not_matter_gets_a_long_length():
    y = np.sin(3 * X[:, :1])
    model = gaussian_process(X, y, kernel="squared-exponential")
    assert model.lengths[0, 1] > 10 * model.lengths[0, 0]


def test_rough_functions_choose_the_rough_kernel():
    x = np.linspace(-1, 1, 24)[:, None]
    assert gaussian_process(x, abs(x - 0.13)).kernel == "matern-5/2"
    assert gaussian_process(x, np.sin(3 * x)).kernel == "squared-exponential"


@pytest.mark.parametrize("factor", [1e-120, 1e120])
def test_units_do_not_matter(factor):
    model, other = (gaussian_process(X, f * smooth(X)) for f in (1.0, factor))
    x = RNG.uniform(-1, 1, (5, 2))
    np.testing.assert_allclose(other.predict(x) / factor, model.predict(x), rtol=1e-6)


def test_constants_are_constant_and_two_samples_are_enough():
    model = gaussian_process([[-1.0], [1.0]], [[2.0, 1.0], [2.0, 3.0]])
    assert model.predict([[0.3]])[0, 0] == pytest.approx(2.0)
    assert np.isfinite(model.deviations([[0.3]])).all()


def test_a_file_gives_the_model_back(noisy):
    model, _ = noisy
    again = GaussianProcess.from_archived(*model.archived())
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.deviations(X), model.deviations(X))


@pytest.mark.parametrize("name", ["weights", "lengths", "noise", "left_out", "points"])
def test_arrays_that_do_not_fit_are_refused(noisy, name):
    arrays, told = noisy[0].archived()
    for wrong in (arrays[name][:1], arrays[name][..., None], -1 - abs(arrays[name]) * np.nan):
        with pytest.raises(ValueError):
            GaussianProcess.from_archived({**arrays, name: wrong}, told)
    with pytest.raises(ValueError):
        GaussianProcess.from_archived({**arrays, "noise": -arrays["noise"]}, told)
    with pytest.raises((KeyError, ValueError)):
        GaussianProcess.from_archived(arrays, {**told, "kernel": "other"})


def test_wrong_samples_are_refused():
    y = smooth(X)
    with pytest.raises(InputError, match="second time in row 30"):
        gaussian_process(np.concatenate([X, X[:1]]), np.concatenate([y, y[:1]]))
    with pytest.raises(InputError, match="30 rows"):
        gaussian_process(X, y[:-1])
    with pytest.raises(InputError, match="at least two"):
        gaussian_process(X[:1], y[:1])
    with pytest.raises(InputError, match="rows"):
        gaussian_process(X[:, 0], y)
    with pytest.raises(NonFiniteError, match="values"):
        gaussian_process(X, np.where(y > 5, np.nan, y))
    with pytest.raises(InputError, match="kernel"):
        gaussian_process(X, y, kernel="rational")
    with pytest.raises(InputError, match=r"\(many, 2\)"):
        gaussian_process(X, y).predict([[0.0]])
