import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.solvers import NewtonStatus, newton

RNG = np.random.default_rng(3)
A = RNG.standard_normal((6, 6)) + 8 * np.eye(6)
WANTED = RNG.standard_normal(6)


def cubic(u):
    return A @ (u - WANTED) + (u - WANTED) ** 3 + 3 * (u - WANTED) ** 2


def jacobian(u):
    return A + np.diag(3 * (u - WANTED) ** 2 + 6 * (u - WANTED))


def direction(u, F):
    return np.linalg.solve(jacobian(u), -F)


def test_convergence_is_quadratic():
    iterates = [WANTED + 0.3]
    errors = []
    for _ in range(4):
        u = iterates[-1]
        errors.append(np.linalg.norm(u - WANTED))
        iterates.append(u + direction(u, cubic(u)))
    orders = np.log(errors[2:]) / np.log(errors[1:-1])
    found = newton(cubic, direction, iterates[0], 1e-9)
    assert found.converged and found.iterations <= 6
    np.testing.assert_allclose(found.u, WANTED, rtol=1e-13)
    # e_{k+1} <= C e_k^2, seen in the exponents
    assert (orders > 1.7).all()
    last = np.array(found.steps)
    assert (last[1:] <= 2 * last[:-1] ** 2).all()


def test_line_search_reaches_what_full_steps_do_not():
    def step(u, F):
        return -F * (1 + u**2)

    u = np.array([3.0])
    for _ in range(4):
        u = u + step(u, np.arctan(u))
    assert abs(u[0]) > 1e6
    found = newton(np.arctan, step, [3.0])
    assert found.converged and abs(found.u[0]) < 1e-12
    assert (np.diff(found.residuals) < 0).all()


def test_float32_and_complex_stay():
    low = newton(lambda u: u**2 - 2, lambda u, F: -F / (2 * u), np.array([1.0], np.float32))
    assert low.u.dtype == np.float32 and low.converged
    high = newton(lambda u: u**2 + 1, lambda u, F: -F / (2 * u), np.array([0.5 + 0.5j]))
    np.testing.assert_allclose(high.u, [1j], atol=1e-14)


def test_failures_are_told():
    def none(u):
        return u**2 + 1

    def step(u, F):
        return -F / (2 * u)

    found = newton(none, step, [1.3])
    assert found.status in (NewtonStatus.STAGNATED, NewtonStatus.SINGULAR)
    with pytest.raises(NotConvergedError, match="newton"):
        found.checked()

    def singular(u, F):
        raise np.linalg.LinAlgError

    assert newton(none, singular, [1.0]).status is NewtonStatus.SINGULAR
    assert newton(lambda u: u**2 - 2, step, [9.0], max_iterations=1).status is (
        NewtonStatus.MAX_ITERATIONS
    )
    broken = newton(lambda u: u * np.nan, step, [1.0])
    assert broken.status is NewtonStatus.NON_FINITE
    with pytest.raises(NonFiniteError):
        broken.checked()


def test_a_solution_needs_no_step():
    found = newton(lambda u: u - 1, lambda u, F: -F, [1.0])
    assert found.converged and found.iterations == 0


@pytest.mark.parametrize(
    ("initial", "options", "message"),
    [
        (np.ones((2, 2)), {}, "initial: expected shape"),
        ([], {}, "initial: expected shape"),
        ([np.nan], {}, "initial"),
        ([1.0], {"rtol": 0.0}, "rtol"),
        ([1.0], {"max_iterations": 0}, "max_iterations"),
    ],
)
def test_bad_input_is_told(initial, options, message):
    with pytest.raises(InputError, match=message):
        newton(lambda u: u, lambda u, F: -F, initial, **options)
