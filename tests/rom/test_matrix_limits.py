from math import comb

import numpy as np
import pytest
import scipy.linalg as la
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import matrix_limits, polynomial_tail
from nwidth.solvers.linear_operator import MatrixOperator

RNG = np.random.default_rng(0)
N = 120


def random_spd():
    Q, _ = np.linalg.qr(RNG.standard_normal((N, N)))
    return Q @ np.diag(RNG.uniform(0, 1, N)) @ Q.T


B = [random_spd(), random_spd()]
TRAINING, UNSEEN = RNG.uniform(0, 0.8, (300, 2)), RNG.uniform(0, 0.8, (50, 2))
INTERVAL = (1.0, 1 + 0.8 * sum(np.linalg.eigvalsh(b)[-1] for b in B))


def matrix(mu):
    return np.eye(N) + mu[0] * B[0] + mu[1] * B[1]


def log_determinant(mu):
    return np.linalg.slogdet(matrix(mu))[1]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Matrices are too small for threads, which wait for each other on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def exact(one_thread):
    """Inverses and log-determinants at the unseen parameters."""
    matrices = np.stack([matrix(mu) for mu in UNSEEN])
    return np.linalg.inv(matrices), np.linalg.slogdet(matrices)[1]


def at_unseen(limits):
    """Inverses and log-determinants from the snapshots of the chosen parameters."""
    matrices = np.stack([matrix(mu) for mu in limits.parameters])
    weights = limits.weights(UNSEEN)
    inverses = np.tensordot(weights, np.linalg.inv(matrices), 1)
    return inverses, weights @ np.linalg.slogdet(matrices)[1]


# The reference's figures for these matrices: 2.9e-8 and 1.5e-8 with 66 snapshots.
@pytest.mark.parametrize(
    ("degree", "inverse", "logarithm"),
    [(4, 8e-4, 2e-3), (6, 4e-5, 4e-5), (8, 2e-6, 1e-6), (10, 3e-8, 2e-8)],
)
def test_inverse_and_log_determinant_of_the_reference(degree, inverse, logarithm, exact):
    limits = matrix_limits(TRAINING, degree)
    assert limits.rank == comb(degree + 2, 2)
    inverses, logs = at_unseen(limits)
    errors = la.norm(inverses - exact[0], axis=(1, 2)) / la.norm(exact[0], axis=(1, 2))
    assert inverse / 100 < errors.max() < inverse
    assert (np.abs(logs - exact[1]) / np.abs(exact[1])).max() < logarithm
    assert limits.lebesgue(UNSEEN).max() < 19.5
    assert limits.defect(UNSEEN) < 1e-10
    one = limits.evaluate([log_determinant(mu) for mu in limits.parameters], UNSEEN[7])
    assert one == pytest.approx(logs[7])


@pytest.mark.parametrize("degree", [2, 5, 8])
def test_bounds_hold(degree, exact):
    limits = matrix_limits(TRAINING, degree)
    inverses, logs = at_unseen(limits)
    bounds = limits.bound(UNSEEN, polynomial_tail(lambda x: 1 / x, degree, INTERVAL))
    errors = np.linalg.norm(inverses - exact[0], 2, axis=(1, 2))
    assert (errors <= bounds).all()
    assert (bounds < 1e4 * errors).all()
    bounds = limits.bound(UNSEEN, N * polynomial_tail(np.log, degree, INTERVAL))
    assert (np.abs(logs - exact[1]) <= bounds).all()


@pytest.mark.parametrize("degree", [14, 18, 24])
def test_bounds_hold_down_to_round_off(degree):
    limits = matrix_limits(np.random.default_rng(7).uniform(0, 0.8, (600, 2)), degree)
    terms = [b[:20, :20] for b in B]  # their spectra lie within those of B
    A = [np.eye(20) + a * terms[0] + b * terms[1] for a, b in limits.parameters]
    bounds = limits.bound(UNSEEN, polynomial_tail(lambda x: 1 / x, degree, INTERVAL))
    found = np.tensordot(limits.weights(UNSEEN), np.linalg.inv(A), 1)
    exact = np.linalg.inv([np.eye(20) + a * terms[0] + b * terms[1] for a, b in UNSEEN])
    errors = np.linalg.norm(found - exact, 2, axis=(1, 2))
    assert (errors <= bounds).all()
    assert errors.max() < 1e-9


def test_polynomials_are_exact():
    limits = matrix_limits(TRAINING, 4)

    def p(mu):
        A = matrix(mu)
        return A @ A @ A @ A - 3 * A @ A + A

    found = limits.evaluate([p(mu) for mu in limits.parameters], UNSEEN[0])
    np.testing.assert_allclose(found, p(UNSEEN[0]), atol=1e-10)


@pytest.mark.parametrize("function", [la.expm, la.sqrtm, lambda A: np.trace(la.logm(A))])
def test_other_functions_share_the_weights(function):
    limits = matrix_limits(TRAINING, 6)
    small = lambda mu: matrix(mu)[:20, :20]  # noqa: E731
    found = limits.evaluate([function(small(mu)) for mu in limits.parameters], UNSEEN[1])
    exact = function(small(UNSEEN[1]))
    assert la.norm(np.atleast_2d(found - exact)) < 2e-5 * la.norm(np.atleast_2d(exact))


def test_gradient_of_the_log_determinant():
    limits = matrix_limits(TRAINING, 10)
    logs = np.array([log_determinant(mu) for mu in limits.parameters])
    for mu in UNSEEN[:10]:
        exact = [np.trace(np.linalg.solve(matrix(mu), b)) for b in B]
        np.testing.assert_allclose(limits.gradient(logs, mu), exact, rtol=2e-5)


def test_gradient_by_the_chain_rule():
    def theta(mu):
        return np.array([np.exp(mu[0]), mu[0] * mu[1]])

    def jacobian(mu):
        return np.array([[np.exp(mu[0]), 0.0], [mu[1], mu[0]]])

    training = np.random.default_rng(3).uniform(-1, 1, (200, 2))
    limits = matrix_limits(training, 6, theta, jacobian)
    values = np.array([theta(mu)[0] ** 3 * theta(mu)[1] ** 2 for mu in limits.parameters])
    a, b = mu = np.array([0.3, -0.4])
    assert limits.evaluate(values, mu) == pytest.approx(np.exp(3 * a) * (a * b) ** 2)
    wanted = np.exp(3 * a) * np.array([3 * (a * b) ** 2 + 2 * a * b**2, 2 * a**2 * b])
    np.testing.assert_allclose(limits.gradient(values, mu), wanted, rtol=1e-9)


def test_gradients_agree_with_differences_of_weights():
    limits, mu, h = matrix_limits(TRAINING, 5), UNSEEN[2], 1e-6
    for j in range(2):
        step = h * np.eye(2)[j]
        slope = (limits.weights(mu + step) - limits.weights(mu - step)) / (2 * h)
        np.testing.assert_allclose(limits.weight_gradients(mu)[j], slope, rtol=1e-5, atol=1e-6)


def test_coefficients_that_depend_on_each_other_need_fewer_snapshots():
    limits = matrix_limits(np.linspace(0.1, 1, 80), 4, lambda mu: [mu, mu**2])
    assert limits.rank == 9  # powers up to 8 of one number, not 15
    assert limits.defect(0.456) < 1e-12


def test_solvers_as_snapshots():
    limits = matrix_limits(TRAINING, 6)
    snapshots = [MatrixOperator(np.linalg.inv(matrix(mu))) for mu in limits.parameters]
    b, mu = np.ones(N), UNSEEN[0]
    np.testing.assert_allclose(limits.evaluate(snapshots, mu) @ b,
                               np.linalg.solve(matrix(mu), b), atol=1e-4)  # fmt: skip
    with pytest.raises(InputError, match="dense"):
        limits.gradient(snapshots, mu)
    diagonals = [sp.diags_array(1 / np.diag(matrix(mu))) for mu in limits.parameters]
    assert sp.issparse(limits.evaluate(diagonals, mu))


def test_nonsymmetric_matrices_and_their_bound():
    E = np.random.default_rng(1).standard_normal((2, 9, 9))
    E *= 0.2 / np.linalg.norm(E, 2, axis=(1, 2))[:, None, None]
    A = lambda mu: np.eye(9) + mu[0] * E[0] + mu[1] * E[1]  # noqa: E731
    limits = matrix_limits(np.random.default_rng(2).uniform(-1, 1, (200, 2)), 5)
    tail = polynomial_tail(lambda x: 1 / x, 5, (0.6, 1.4), hermitian=False)
    snapshots = [np.linalg.inv(A(mu)) for mu in limits.parameters]
    for mu in np.random.default_rng(4).uniform(-0.9, 0.9, (10, 2)):
        error = la.norm(limits.evaluate(snapshots, mu) - np.linalg.inv(A(mu)), 2)
        assert error <= limits.bound(mu, tail)


def test_bad_input_is_told():
    with pytest.raises(InputError, match="at least 66 for degree 10"):
        matrix_limits(TRAINING[:60], 10)
    with pytest.raises(InputError, match="at least 646646"):
        matrix_limits(np.random.default_rng(0).random((50, 12)), 10)
    with pytest.raises(InputError, match="theta: expected a function of mu"):
        matrix_limits(TRAINING, 2, theta=3.0)
    with pytest.raises(InputError, match="a second time"):
        matrix_limits([1.0, 1.0, 2.0], 1)
    with pytest.raises(InputError, match="degree"):
        matrix_limits(TRAINING, 0)
    with pytest.raises(NonFiniteError, match="theta"):
        matrix_limits([1.0, 2.0, 3.0], 1, lambda mu: np.nan if mu == 2 else mu)
    with pytest.raises(InputError, match="theta: expected a function that always"):
        matrix_limits([1.0, 2.0, 3.0], 1, lambda mu: [mu] * int(mu))
    limits = matrix_limits(TRAINING, 2)
    with pytest.raises(InputError, match="expected the 6 of the chosen"):
        limits.evaluate(np.zeros(5), UNSEEN[0])
    with pytest.raises(InputError, match="square"):
        limits.evaluate(np.zeros((6, 3, 2)), UNSEEN[0])
    bad = np.zeros((6, 3, 3))
    bad[4, 1, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"\(4, 1, 2\)"):
        limits.evaluate(bad, UNSEEN[0])
    with pytest.raises(InputError, match="one parameter for a gradient"):
        limits.weight_gradients(UNSEEN)
    with pytest.warns(UserWarning, match="outside"):
        limits.weights([0.9, 0.1])
    squares = matrix_limits([1.0, 2.0, 3.0], 1, lambda mu: mu**2)
    with pytest.raises(InputError, match="jacobian: expected d theta"):
        squares.weight_gradients(2.0)
    with pytest.raises(InputError, match=r"jacobian: expected shape \(1, 1\)"):
        matrix_limits([1.0, 2.0], 1, lambda mu: mu, lambda mu: [1.0, 2.0]).weight_gradients(1.5)


@pytest.mark.parametrize("tail", [-1.0, np.nan, "a"])
def test_tails_are_bounds(tail):
    limits = matrix_limits(np.linspace(0, 1, 20), 3)
    with pytest.raises(InputError, match="tail: expected a number"):
        limits.bound(0.5, tail)
