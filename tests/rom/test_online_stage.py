import numpy as np
import pytest

from nwidth.rom.device_online_stage import device_online_stage
from nwidth.rom.online_stage import OnlineStage, hermitian
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.stability import MinTheta
from nwidth.rom.stability.stability_bound import stability_of

EPS = np.finfo(float).eps
RNG = np.random.default_rng(3)


class Known:
    """A stability bound that gives one number whatever is asked."""

    name, constant, terms = "known", "inf-sup", 3

    def __init__(self, value=0.5):
        self.value = value

    def lower(self, theta):
        return np.full(len(theta), self.value)


def numbers(shape, is_complex):
    values = RNG.standard_normal(shape)
    return values + 1j * RNG.standard_normal(shape) if is_complex else values


def tables(N, is_complex, definite, Q=3, Qf=2):
    """Random matrices, sources, residual basis (rows begin where they may) and allowances."""
    matrices = numbers((Q, N, N), is_complex)
    if definite:
        matrices = matrices @ matrices.conj().swapaxes(1, 2) + np.eye(N)
    rows, columns = max(Qf + N * Q - N // 3, 1), Qf + N * Q
    R = np.triu(numbers((rows, columns), is_complex))
    return matrices, numbers((Qf, N), is_complex), R, RNG.uniform(0, 1e-3, columns)


def reference(tables, theta, phi, stability, least_squares):
    """x, bound and residual of one parameter by dense linear algebra."""
    matrices, sources, R, allowance = tables
    N, Qf = matrices.shape[1], len(sources)
    if least_squares:
        products = R[:, Qf:].reshape(len(R), N, len(theta))
        x = np.linalg.lstsq(products @ theta, R[:, :Qf] @ phi)[0]
    else:
        x = np.linalg.solve(np.tensordot(theta, matrices, 1), phi @ sources)
    z = np.concatenate([phi, -np.outer(x, theta).ravel()])
    residual = np.linalg.norm(R @ z) + np.abs(z) @ allowance
    return x, residual / stability, residual


def made(parts, stability=None, box=None, least_squares=False, real_theta=True):
    return OnlineStage(
        *parts, stability or Known(), box, least_squares=least_squares, real_theta=real_theta
    )


def split(stage, rows):
    x = np.ascontiguousarray(rows[:, : stage.unknowns])
    return (x.view(complex) if stage.is_complex else x), rows[:, stage.unknowns :]


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("kind", ["definite", "general", "least-squares"])
@pytest.mark.parametrize("N", [0, 1, 2, 7, 30])
def test_answers_are_those_of_dense_linear_algebra(N, kind, is_complex):
    parts = tables(N, is_complex, kind == "definite")
    theta = RNG.uniform(0.5, 2, (11, 3)).astype(complex if is_complex else float)
    if is_complex and kind != "definite":
        theta = theta + 1j * RNG.standard_normal(theta.shape)
    phi = numbers((11, 2), is_complex)
    options = {"least_squares": kind == "least-squares"}
    stage = made(parts, real_theta=kind == "definite", **options)
    mus = np.zeros((11, 2))
    x, behind = split(stage, stage(mus, theta, phi))
    one = [split(stage, stage(mus[:1], theta[j : j + 1].copy(), phi[j : j + 1].copy()))
           for j in range(11)]  # fmt: skip
    other = device_online_stage(
        theta, (theta, phi), parts, lambda theta: np.full(len(theta), 0.5), **options
    )
    assert x.shape == other[0].shape == (11, N)
    assert x.dtype == other[0].dtype == theta.dtype
    for j in range(11):
        wanted, bound, residual = reference(parts, theta[j], phi[j], 0.5, **options)
        for found in (x[j], one[j][0][0], other[0][j]):
            np.testing.assert_allclose(
                found, wanted, rtol=1e-9, atol=1e-9 * abs(wanted).max(initial=0)
            )
        for found in (behind[j, [0, 4]], one[j][1][0, [0, 4]], (other[1][j], other[4][j])):
            np.testing.assert_allclose(found, (bound, residual), rtol=1e-8)
        np.testing.assert_array_equal(one[j][1][0, 1:4], behind[j, 1:4])
    np.testing.assert_array_equal(behind[:, 1:4], [[0.5, 1, 0]] * 11)
    assert not other[3].any()


@pytest.mark.parametrize("kind", ["definite", "general", "least-squares"])
def test_digits_do_not_depend_on_neighbours(kind):
    parts = tables(6, False, kind == "definite")
    theta, phi = RNG.uniform(0.5, 2, (600, 3)), RNG.standard_normal((600, 2))
    stage = made(parts, least_squares=kind == "least-squares")
    mus = np.zeros((600, 1))
    together = stage(mus, theta, phi)  # in threads
    for j in (0, 7, 8, 598):
        two = stage(mus[:2], theta[j : j + 2].copy(), phi[j : j + 2].copy())
        np.testing.assert_array_equal(two, together[j : j + 2])
        alone = stage(mus[:1], theta[j : j + 1].copy(), phi[j : j + 1].copy())
        np.testing.assert_allclose(alone, two[:1], rtol=1e-10)
    assert stage(mus[:0], theta[:0], phi[:0]).shape == (0, 11)


def test_hermitian_matrices_that_are_indefinite_have_answers():
    matrices, sources, R, allowance = tables(5, False, True)
    matrices[1] = -matrices[1]
    theta = np.array([[1.0, 0.1, 1.0]] * 3 + [[1.0, 3.0, 1.0]] * 3)
    phi = RNG.standard_normal((6, 2))
    assert np.linalg.eigvalsh(np.tensordot(theta[5], matrices, 1)).min() < 0
    stage = made((matrices, sources, R, allowance))
    x, behind = split(stage, stage(np.zeros((6, 1)), theta, phi))
    for j in range(6):
        wanted = reference((matrices, sources, R, allowance), theta[j], phi[j], 0.5, False)
        np.testing.assert_allclose(x[j], wanted[0], rtol=1e-9)
        alone = stage(np.zeros((1, 1)), theta[j : j + 1].copy(), phi[j : j + 1].copy())
        np.testing.assert_allclose(split(stage, alone)[0][0], wanted[0], rtol=1e-9)
    assert not behind[:, 3].any()
    # The first three took Cholesky's factorization, as without the others.
    np.testing.assert_array_equal(
        x[:3], split(stage, stage(np.zeros((3, 1)), theta[:3], phi[:3]))[0]
    )


@pytest.mark.parametrize("kind", ["definite", "general", "least-squares"])
def test_singular_matrices_and_numbers_that_are_not_finite_are_marked(kind):
    matrices, sources, R, allowance = tables(4, False, kind == "definite")
    theta, phi = np.ones((4, 3)), np.ones((4, 2))
    theta[1] = 0
    theta[2, 1] = np.nan
    stage = made((matrices, sources, R, allowance), least_squares=kind == "least-squares")
    x, behind = split(stage, stage(np.zeros((4, 1)), theta, phi))
    assert behind[:, 3].tolist() == [0, 2, 3, 0]
    assert np.isnan(x).all(axis=1).tolist() == [False, True, True, False]
    for j in range(4):
        alone = stage(np.zeros((1, 1)), theta[j : j + 1].copy(), phi[j : j + 1].copy())
        assert split(stage, alone)[1][0, 3] == behind[j, 3]
        assert np.isinf(split(stage, alone)[1][0, 0]) == (j in (1, 2))
        assert np.isnan(split(stage, alone)[0]).all() == (j in (1, 2))
    assert np.isinf(behind[1:3, 0]).all()
    assert behind[0, 0] == behind[3, 0] > 0
    sound = [0, 1, 3]
    other = device_online_stage(
        theta,
        (theta[sound], phi[sound]),
        (matrices, sources, R, allowance),
        lambda theta: np.full(len(theta), 0.5),
        least_squares=kind == "least-squares",
    )
    assert other[3].tolist() == [0, 2, 0]
    assert np.isnan(other[0][1]).all()
    assert other[1][1] == np.inf


def test_matrices_of_lower_rank_are_singular():
    matrices, sources, R, allowance = tables(6, False, False)
    matrices[:, :, 4] = matrices[:, :, 1] + matrices[:, :, 2]
    theta, phi = RNG.uniform(1, 2, (9, 3)), RNG.standard_normal((9, 2))
    stage = made((matrices, sources, R, allowance))
    for m in (9, 1):
        rows = stage(np.zeros((m, 1)), theta[:m].copy(), phi[:m].copy())
        assert (split(stage, rows)[1][:, 3] == 2).all()


def test_min_theta_in_kernels_is_that_of_its_class():
    bound = MinTheta(
        RNG.uniform(0.5, 2, (4, 3)) * [1, 0, 1], RNG.uniform(0.1, 1, 4), [1e-9, 0.01, 0]
    )
    theta = RNG.uniform(-0.05, 2, (300, 3))
    stage = made(tables(3, False, True), bound)
    behind = split(stage, stage(np.zeros((300, 1)), theta, np.ones((300, 2))))[1]
    lower = bound.lower(theta)
    alone = stage(np.zeros((1, 1)), theta[:1].copy(), np.ones((1, 2)))
    assert split(stage, alone)[1][0, 1] == behind[0, 1]
    np.testing.assert_allclose(behind[:, 1], lower, rtol=4 * EPS)
    stable = lower > 0
    assert 0 < stable.sum() < 300
    np.testing.assert_array_equal(behind[:, 3] == 0, stable)
    np.testing.assert_array_equal(np.isinf(behind[:, 0]), ~stable)


def test_complex_problems_with_real_coefficients_take_real_bounds():
    stage = made(tables(3, True, True), MinTheta(np.ones((1, 3)), [0.5]))
    theta, phi = np.ones((2, 3), complex), np.ones((2, 2), complex)
    behind = split(stage, stage(np.zeros((2, 1)), theta, phi))[1]
    np.testing.assert_allclose(behind[:, 1], 0.5)
    assert stability_of(Known(), theta + 1j).tolist() == [0.5, 0.5]


def test_box_is_compared_with_its_ends():
    box = ParameterBox([0.0, 1.0], [1.0, 2.0])
    mus = np.array([[0.0, 2.0], [1.0, 1.0], [0.5, 2.5], [-1e-9, 1.5], [np.nan, 1.5]])
    stage = made(tables(2, False, True), box=box)
    behind = split(stage, stage(mus, np.ones((5, 3)), np.ones((5, 2))))[1]
    assert behind[:, 2].tolist() == [1, 1, 0, 0, 0]


def test_unstable_answers_have_no_bound():
    parts = tables(2, False, True)
    for value in (0.0, -1.0, np.nan, -np.inf):
        stage = made(parts, Known(value))
        x, behind = split(stage, stage(np.zeros((1, 1)), np.ones((1, 3)), np.ones((1, 2))))
        assert behind[0, 0] == np.inf
        assert behind[0, 3] == 1
        assert np.isfinite(x).all()


def test_a_bound_is_never_zero():
    matrices, sources, R, allowance = tables(2, False, True)
    stage = made((matrices, sources, R, 0 * allowance))
    behind = split(stage, stage(np.zeros((1, 1)), np.ones((1, 3)), np.zeros((1, 2))))[1]
    assert 0 < behind[0, 0] < 1e-140  # room for squares that underflow


def test_hermitian_to_rounding():
    A = RNG.standard_normal((2, 5, 5))
    A = A + A.swapaxes(1, 2)
    assert hermitian(A)
    A[1, 0, 3] *= 1 + EPS
    assert hermitian(A)
    A[1, 0, 3] *= 1 + 1e-9
    assert not hermitian(A)
    assert hermitian(np.zeros((2, 0, 0)))
