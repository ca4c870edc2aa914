import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.stepping import (
    ETD1,
    ETDRK2,
    ETDRK3,
    ETDRK4,
    DiagonalPart,
    FunctionSystem,
    evolve,
    phi_functions,
)
from nwidth.solvers.stepping.exponential_runge_kutta import KEPT

SYMBOL = np.array([-1.5, -40.0, 0.7])


def rest(t, v):
    return np.sin(v[::-1]) + t * v


def phi(k, z):
    values = np.exp(z)
    for j in range(k):
        values = (values - [1, 1, 1 / 2][j]) / z
    return values


def cox_matthews(order, t, h, v):
    """One step as the paper writes it; h |l| is large enough for its formulas."""
    z, N = h * SYMBOL, rest
    E, E2 = np.exp(z), np.exp(z / 2)
    if order == 2:
        a = E * v + h * phi(1, z) * N(t, v)
        return a + h * phi(2, z) * (N(t + h, a) - N(t, v))
    Q, n = h / 2 * phi(1, z / 2), N(t, v)
    a = E2 * v + Q * n
    na = N(t + h / 2, a)
    f1 = h * (-4 - z + E * (4 - 3 * z + z**2)) / z**3
    f2 = h * (2 + z + E * (z - 2)) / z**3
    f3 = h * (-4 - 3 * z - z**2 + E * (4 - z)) / z**3
    if order == 3:
        b = E * v + h * phi(1, z) * (2 * na - n)
        return E * v + f1 * n + 4 * f2 * na + f3 * N(t + h, b)
    b = E2 * v + Q * na
    nb = N(t + h / 2, b)
    c = E2 * a + Q * (2 * nb - n)
    return E * v + f1 * n + 2 * f2 * (na + nb) + f3 * N(t + h, c)


@pytest.mark.parametrize("method", [ETDRK2, ETDRK3, ETDRK4], ids=lambda m: m.name)
def test_steps_of_the_paper(method):
    system, v = FunctionSystem(rest, DiagonalPart(SYMBOL)), np.array([0.3, -1.0, 2.0])
    found = evolve(system, v, [0.8], method=method, dt=0.4).checked().states[0]
    wanted = cox_matthews(method.order, 0.4, 0.4, cox_matthews(method.order, 0.0, 0.4, v))
    assert np.allclose(found, wanted, rtol=1e-12)


def test_diagonal_parts_are_exact_without_the_rest():
    system = FunctionSystem(lambda t, v: 0 * v, DiagonalPart([-3.0, 2.0]))
    found = evolve(system, [1.0, 1.0], [0.7, 1.0], method=ETDRK2, dt=0.5).checked()
    assert np.allclose(found.states, np.exp([[-2.1, 1.4], [-3, 2]]), rtol=1e-14)


def test_coefficients_of_few_step_sizes_are_kept():
    system, v = FunctionSystem(rest, DiagonalPart(SYMBOL)), np.ones(3)
    stepper, out = ETDRK4.start(system, v), np.empty(3)
    for k in range(2 * KEPT):
        stepper.step(0.0, 0.1 / (k + 1), v, out)
    assert len(stepper.kept) == KEPT
    last = stepper.coefficients(0.1 / (2 * KEPT))
    assert stepper.coefficients(0.1 / (2 * KEPT)) is last


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coefficients_of_symbols_that_repeat_themselves(dtype):
    """As on grids, where -|k|^2 is that of many modes: distinct values are computed once."""
    symbol = -np.add.outer(np.arange(3.0) ** 2, np.arange(-2, 3) ** 2)
    system = FunctionSystem(rest, DiagonalPart(symbol))
    stepper = ETDRK4.start(system, np.ones(symbol.shape, dtype))
    assert len(stepper.points) == 6  # 0, 1, 2, 4, 5, 8
    sums, weight = stepper.coefficients(0.3)
    half, phi = phi_functions(0.15 * symbol, 1), phi_functions(0.3 * symbol, 3)
    wanted = [
        (sums[1].factor, half[0]),
        (sums[1].weights[0], 0.15 * half[1]),
        (sums[3].factor, phi[0]),
        (sums[3].weights[0], 0.3 * (phi[1] - 3 * phi[2] + 4 * phi[3])),
        (sums[3].weights[2], 0.3 * (2 * phi[2] - 4 * phi[3])),
        (weight, 0.3 * (4 * phi[3] - phi[2])),
    ]
    for found, exact in wanted:
        assert found.dtype == dtype and found.flags.c_contiguous
        np.testing.assert_allclose(found, exact, atol=4 * np.finfo(dtype).eps, rtol=0)


def test_exponential_methods_want_a_diagonal():
    with pytest.raises(InputError, match="ETDRK4: expected a system whose linear part is diagonal"):
        evolve(FunctionSystem(lambda t, v: -v), [1.0], [1.0], dt=0.1)


def test_complex_parts_of_real_states_are_refused():
    turning = FunctionSystem(lambda t, v: -v, DiagonalPart([1j]))
    with pytest.raises(InputError, match="ETDRK4: expected a complex state"):
        evolve(turning, [1.0], [1.0], dt=0.1)


@pytest.mark.parametrize("method", [ETD1, ETDRK2, ETDRK3, ETDRK4], ids=lambda m: m.name)
def test_modes_that_decay_fast_are_stable_at_any_step(method):
    """v' = (-a + i b) v + i held a v, h = 1."""
    a, b = np.geomspace(1e-2, 1e5, 80), np.geomspace(1e-2, 1e4, 30)
    a, b = (x.ravel() for x in np.meshgrid(a, np.concatenate([-b, [0.0], b])))
    for sign in (1, -1):
        speed = sign * method.held * 1j * a
        system = FunctionSystem(lambda t, v, c=speed: c * v, DiagonalPart(-a + 1j * b))
        v = np.ones(len(a), complex)
        method.start(system, v).step(0.0, 1.0, v, out := np.empty_like(v))
        assert abs(out).max() < 1
