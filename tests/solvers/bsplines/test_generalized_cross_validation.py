import numpy as np
import pytest
import scipy.interpolate
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.bsplines.generalized_cross_validation import generalized_cross_validation
from nwidth.solvers.bsplines.interpolation import least_squares, penalty_matrix

RNG = np.random.default_rng(12)


def data(m=80, noise=0.2):
    x = np.sort(RNG.uniform(0, 1, m))
    return x, np.sin(2 * np.pi * x) + noise * RNG.standard_normal(m)


def test_the_score_is_that_of_dense_matrices():
    x, y = data(40)
    w = RNG.uniform(0.5, 2, 40)
    basis = BSplineBasis(KnotVector.uniform(12, 3))
    B, P = basis.matrix(x), penalty_matrix(basis, "differences", 2)

    def score(strength):
        D = B.toarray()
        H = D @ np.linalg.solve(D.T * w @ D + strength * P.toarray(), D.T * w)
        return 40 * np.sum(w * (y - H @ y) ** 2) / (40 - np.trace(H)) ** 2

    found = generalized_cross_validation(B, w, P, y[:, None])
    others = found * 10.0 ** np.linspace(-6, 6, 61)
    assert score(found) <= min(score(s) for s in others) * (1 + 1e-9)


def test_smoothing_splines_are_those_of_scipy():
    x, y = data()
    peer = scipy.interpolate.make_smoothing_spline(x, y)
    s = least_squares(KnotVector.open(x, 3), x, y, smoothing="gcv")
    np.testing.assert_allclose(s(x), peer(x), atol=1e-3)


@pytest.mark.parametrize("penalty", ["derivative", "differences"])
def test_what_is_found_is_nearly_the_best(penalty):
    x, y = data(400, 0.3)
    knots, fine = KnotVector.uniform(40, 3), np.linspace(0, 1, 201)

    def error(smoothing):
        s = least_squares(knots, x, y, smoothing=smoothing, penalty=penalty)
        return np.sqrt(np.mean((s(fine) - np.sin(2 * np.pi * fine)) ** 2))

    least = min(error(10.0**k) for k in range(-9, 5))
    assert error("gcv") < min(1.5 * least, 0.6 * error(0.0))


def test_components_share_one_strength_and_complex_data_are_two_of_them():
    x, y = data()
    z = y + 1j * data()[1]
    knots = KnotVector.uniform(20, 3)
    one = least_squares(knots, x, z, smoothing="gcv")
    two = least_squares(knots, x, np.stack([z.real, z.imag], axis=1), smoothing="gcv")
    np.testing.assert_allclose(one.coefficients, two.coefficients @ [1, 1j], atol=1e-9)


def test_data_without_noise_are_not_smoothed():
    x = np.linspace(0, 1, 60)
    s = least_squares(KnotVector.uniform(15, 5), x, np.exp(x), smoothing="gcv")
    assert abs(s(x) - np.exp(x)).max() < 1e-9


def test_units_of_the_data_change_nothing():
    x, y = data()
    one, huge = (
        least_squares(KnotVector.uniform(15, 3), x, unit * y, smoothing="gcv")
        for unit in (1.0, 2.0**700)
    )
    np.testing.assert_allclose(huge.coefficients / 2.0**700, one.coefficients, rtol=1e-12)


def test_what_cannot_be_done_is_told():
    x, y = data()
    with pytest.raises(InputError, match="number >= 0 or 'gcv'"):
        least_squares(KnotVector.uniform(5, 3), x, y, smoothing="best")
    with pytest.raises(InputError, match="up to 2048"):
        least_squares(KnotVector.uniform(3000, 3), x, y, smoothing="gcv")
    with pytest.raises(InputError, match="too few"):
        one = sp.csr_array(np.array([[1.0, 0.0, 0.0]]))
        curved = sp.csr_array(np.outer([1, -2, 1], [1.0, -2, 1]))
        generalized_cross_validation(one, np.ones(1), curved, np.ones((1, 1)))
