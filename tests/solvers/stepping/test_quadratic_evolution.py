import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.spectral import FastFourier
from nwidth.solvers.stepping import (
    ETDRK4,
    EvolutionStatus,
    QuadraticSystem,
    evolve,
    quadratic_evolution,
)
from nwidth.solvers.stepping.exponential_runge_kutta import ExponentialStepper

LENGTH = 2 * np.pi


def burgers(n, nu=0.05, dtype="float64"):
    """u_t + (u^2 / 2)_x = nu u_xx."""
    return _system(n, lambda k: -nu * k**2, dtype)


def kuramoto(n, dtype="float64"):
    """u_t + (u^2 / 2)_x + u_xx + u_xxxx = 0 on a circle of length 32 pi."""
    return _system(n, lambda k: (k / 16) ** 2 - (k / 16) ** 4, dtype, 1 / 16)


def korteweg(n, dtype="float64"):
    """u_t + 3 (u^2)_x + u_xxx = 0, whose symbol is imaginary."""
    return _system(n, lambda k: np.where(2 * k == n, 0, 1j * k**3), dtype, 6.0)


def _system(n, symbol, dtype, scale=1.0):
    k = np.arange(n // 2 + 1.0)
    factor = np.where(3 * k < n, -0.5j * scale * k, 0)
    return QuadraticSystem(FastFourier(n, dtype=dtype), symbol(k), factor)


def random_states(system, count, seed=0):
    """Smooth fields of size one."""
    n = system.transform.shape[0]
    x, rng = LENGTH * np.arange(n) / n, np.random.default_rng(seed)
    u = sum(
        rng.standard_normal((count, 1)) / k * np.sin(k * x + rng.uniform(0, LENGTH, (count, 1)))
        for k in range(1, 6)
    )
    v = system.transform.forward(u.astype(system.transform.precision))
    v[:, 3 * np.arange(n // 2 + 1) >= n] = 0
    return v


KINDS = [burgers, kuramoto, korteweg]


@pytest.mark.parametrize("n", [128, 256, 384, 640])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_evolve(kind, n):
    system, times = kind(n), [0.0, 0.01, 0.03, 0.035]
    v = random_states(system, 3)
    found = quadratic_evolution(system, v, times, dt=0.0007).checked()
    assert found.compiled and found.states.shape == (3, 4, n // 2 + 1)
    for sample, states in zip(v, found.states, strict=True):
        expected = evolve(system, sample, times, method=ETDRK4, dt=0.0007).checked()
        assert found.steps == expected.counts.steps
        assert np.linalg.norm(states - expected.states) < 1e-14 * np.linalg.norm(expected.states)


@pytest.mark.parametrize("kind", KINDS)
def test_single_precision(kind):
    system, double = kind(256, dtype="float32"), kind(256)
    v = random_states(system, 2)
    found = quadratic_evolution(system, v, [0.02, 0.04], dt=0.001).checked()
    exact = quadratic_evolution(double, v.astype(complex), [0.02, 0.04], dt=0.001).checked()
    assert found.states.dtype == np.complex64
    assert np.linalg.norm(found.states - exact.states) < 3e-6 * np.linalg.norm(exact.states)


def test_modes_that_no_product_feeds_decay_exactly():
    system, v = burgers(128), np.zeros(65, complex)
    v[[50, 64]] = 1e-9
    found = quadratic_evolution(system, v, [0.01], dt=0.002).checked()
    expected = v[50:] * np.exp(system.linear.symbol[50:] * 0.01)
    assert abs(found.states[0, 50:] - expected).max() < 1e-15 * 1e-9 * 100


def test_modes_and_factors_of_any_kind():
    system = burgers(128)
    k = np.arange(65.0)
    system = QuadraticSystem(system.transform, 2j * k - k**2 / 9, (0.3 - 0.2j) * np.exp(-k / 9))
    v = random_states(system, 1)[0]
    v[[0, 64]] += 0.1 + 0.2j
    found = quadratic_evolution(system, v, [0.1, 0.2], dt=0.01).checked()
    expected = evolve(system, v, [0.1, 0.2], method=ETDRK4, dt=0.01).checked()
    assert abs(found.states - expected.states).max() < 1e-14


def test_fourth_order_against_a_closed_solution():
    # u = -2 nu w_x / w with w = 2 + e^(-nu t) cos x, by Cole and Hopf.
    nu, system = 0.2, burgers(128, 0.2)
    x = LENGTH * np.arange(128) / 128

    def exact(t):
        decay = np.exp(-nu * t)
        u = 2 * nu * decay * np.sin(x) / (2 + decay * np.cos(x))
        return system.transform.forward(u)

    v = exact(0.0)
    v[43:] = 0
    errors = [
        abs(quadratic_evolution(system, v, [4.0], dt=4 / n).checked().states[0] - exact(4.0)).max()
        for n in (16, 32, 64)
    ]
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    assert slopes[-1] == pytest.approx(4, abs=0.2), slopes
    last = quadratic_evolution(system, v, [4.0], dt=4 / 1024).checked()
    assert abs(last.states[0] - exact(4.0)).max() < 1e-14


def test_soliton():
    # u = 2 c^2 sech^2(c (x - 4 c^2 t)) of u_t + 6 u u_x + u_xxx = 0, far from its images.
    c, system = 3.0, korteweg(256)
    x = LENGTH * np.arange(256) / 256 - np.pi
    k, t = np.arange(129), 0.05
    v = system.transform.forward(2 * c**2 / np.cosh(c * x) ** 2)
    v[86:] = 0
    found = quadratic_evolution(system, v, [t], dt=1e-4).checked().states[0]
    assert abs(found - v * np.exp(-1j * k * 4 * c**2 * t))[:86].max() < 1e-6


def test_mean_and_energy():
    system, v = burgers(256, 0.0), random_states(burgers(256), 4)
    v[:, 0] = 0.25
    found = quadratic_evolution(system, v, [0.02, 0.05], dt=0.001).checked().states
    assert np.array_equal(found[..., 0], np.full((4, 2), 0.25))
    energy = (abs(found[..., 1:]) ** 2).sum(axis=-1)
    assert energy == pytest.approx((abs(v[:, 1:]) ** 2).sum(axis=-1)[:, None].repeat(2, 1), 1e-9)


def test_digits_do_not_depend_on_the_others_or_on_threads():
    system = kuramoto(256)
    v = random_states(system, 7)
    found = quadratic_evolution(system, v, [0.5, 1.0], dt=0.05, threads=1).checked()
    for threads in (2, 3, 16):
        other = quadratic_evolution(system, v, [0.5, 1.0], dt=0.05, threads=threads)
        assert np.array_equal(found.states, other.states)
    for i in (0, 6):
        alone = quadratic_evolution(system, v[i], [0.5, 1.0], dt=0.05)
        assert np.array_equal(found.states[i], alone.states)
        assert alone.blown.shape == ()


def test_axes_of_samples_are_kept():
    system = burgers(128)
    v = random_states(system, 6).reshape(2, 3, 65)
    found = quadratic_evolution(system, v, [0.1], dt=0.01)
    assert found.states.shape == (2, 3, 1, 65) and found.blown.shape == (2, 3)
    one = quadratic_evolution(system, v[1, 2], [0.1], dt=0.01)
    assert np.array_equal(one.states, found.states[1, 2])


@pytest.mark.parametrize("n", [96, 101, 128])
def test_other_sizes_and_blow_up(n):
    k = np.arange(n // 2 + 1)
    # u' = u^2 has the solution 1 / (1 / u_0 - t): without end for negative u_0.
    system = QuadraticSystem(FastFourier(n), np.zeros(len(k)), np.where(3 * k < n, 1.0, 0))
    v = np.zeros((3, len(k)), complex)
    v[:, 0] = -1.0, 1.0, -0.5
    system.undamped_rate = lambda t, v, held: 0.0
    found = quadratic_evolution(system, v, [0.5, 40.0], dt=0.01)
    assert found.compiled == (n == 128)
    assert found.blown.tolist()[::2] == [0, 0]
    assert found.states[[0, 2], 1, 0].real == pytest.approx([-1 / 41, -1 / 42], rel=1e-6)
    alone = evolve(system, v[1], [0.5, 40.0], method=ETDRK4, dt=0.01)
    assert alone.status is EvolutionStatus.BLOWN_UP
    assert abs(found.blown[1] - alone.counts.steps - 1) <= 1
    assert abs(found.states[1, 0, 0] - 2) < 1e-6 and np.isnan(found.states[1, 1]).all()
    with pytest.raises(NonFiniteError, match=rf"step {found.blown[1]} of sample 1 \(1 of 3"):
        found.checked()


def test_samples_after_one_that_blew_up_are_themselves():
    system = burgers(128)
    v = random_states(system, 3)
    found = quadratic_evolution(system, v, [0.2], dt=0.01, threads=1).states
    system.undamped_rate = lambda t, v, held: 0.0
    v[0] *= 1e8
    after = quadratic_evolution(system, v, [0.2], dt=0.01, threads=1)
    assert after.blown[0] > 0 and not after.blown[1:].any()
    assert np.array_equal(after.states[1:], found[1:])


def test_uniform_times_share_one_step_size(monkeypatch):
    system, made = burgers(128), []
    original = ExponentialStepper.coefficients
    monkeypatch.setattr(
        ExponentialStepper, "coefficients", lambda self, h: made.append(h) or original(self, h)
    )
    quadratic_evolution(system, random_states(system, 1), np.linspace(0.1, 1, 10), dt=0.03)
    assert len(made) == 1


def test_bad_input():
    system = burgers(128)
    v = random_states(system, 1)[0]
    with pytest.raises(InputError, match="Courant"):
        quadratic_evolution(system, 1e3 * v, [1.0], dt=0.1)
    with pytest.raises(InputError, match=r"v: expected shape \(\*samples, 65\)"):
        quadratic_evolution(system, v[:-1], [1.0], dt=0.01)
    with pytest.raises(InputError, match="v"):
        quadratic_evolution(system, np.empty((0, 65), complex), [1.0], dt=0.01)
    with pytest.raises(InputError, match="times"):
        quadratic_evolution(system, v, [1.0, 0.5], dt=0.01)
    with pytest.raises(InputError, match="dt"):
        quadratic_evolution(system, v, [1.0], dt=0.0)
    with pytest.raises(InputError, match="at most 100 steps"):
        quadratic_evolution(system, v, [1.0], dt=1e-3, max_steps=100)
    with pytest.raises(InputError, match=r"at most \d+ steps of a sample, got 1e.300"):
        quadratic_evolution(system, v, [1.0], dt=5e-324)
    with pytest.raises(InputError, match="threads"):
        quadratic_evolution(system, v, [1.0], dt=0.01, threads=0)
    with pytest.raises(NonFiniteError, match="v"):
        quadratic_evolution(system, np.full(65, np.nan), [1.0], dt=0.01)
    with pytest.raises(InputError, match="system"):
        quadratic_evolution(None, v, [1.0], dt=0.01)
