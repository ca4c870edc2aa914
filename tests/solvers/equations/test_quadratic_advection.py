import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.solvers.equations.quadratic_advection import QuadraticAdvection
from nwidth.solvers.spectral import FourierSpace
from nwidth.solvers.stepping import evolve, quadratic_evolution


def system_and_state(n, real=np.float64):
    space = FourierSpace(Grid.periodic(n, upper=3.0), dtype=real)
    v = space.transform.forward(np.random.default_rng(n).normal(size=n).astype(real))
    v *= space.kept
    return space, QuadraticAdvection(space, -space.squared, 0.7), v


@pytest.mark.parametrize("n", [12, 15, 31])
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_the_term_is_the_derivative_of_the_square_on_a_finer_grid(n, real):
    space, system, v = system_and_state(n, real)
    fine = FourierSpace(Grid.periodic(4 * n, upper=3.0))
    u = fine.transform.backward(space.resampled(v, fine).astype(complex))
    exact = fine.resampled(-0.7 * fine.derivative(fine.transform.forward(u * u)), space)
    system.nonlinear(0.0, v, out := np.empty_like(v))
    size = abs(exact).max()
    assert out.dtype == v.dtype
    assert np.allclose(out, exact * space.kept, atol=20 * np.finfo(real).eps * size)


def test_mean_and_energy_are_conserved():
    space, system, v = system_and_state(24)
    system.nonlinear(0.0, v, out := np.empty_like(v))
    size = np.sqrt(space.inner(v, v) * space.inner(out, out))
    assert out[0] == 0 and abs(space.inner(v, out)) < 1e-14 * size


def test_batches_are_like_one_by_one():
    _, system, v = system_and_state(24)
    both = np.stack([v, 2 * v])
    system.nonlinear(0.0, both, out := np.empty_like(both))
    system.nonlinear(0.0, v, one := np.empty_like(v))
    assert np.allclose(out, [one, 4 * one], rtol=1e-14, atol=1e-14)


def test_the_rate_is_that_of_waves_carried_along():
    space = FourierSpace(Grid.periodic(12, upper=2 * np.pi))
    system = QuadraticAdvection(space, -space.squared, 0.5)
    constant = np.zeros(7, complex)
    constant[0] = -3
    assert system.rate(0.0, constant) == pytest.approx(9)  # speed 3, wavenumber 3


def test_many_samples_in_one_call():
    space = FourierSpace(Grid.periodic(128, upper=2 * np.pi))
    system, x = QuadraticAdvection(space, -0.1 * space.squared, 0.5), space.grid.axes[0].points
    v = space.transform.forward(np.sin([x, 2 * x]))
    found = quadratic_evolution(system, v, [0.3], dt=0.01).checked()
    for sample, states in zip(v, found.states, strict=True):
        expected = evolve(system, sample, [0.3], dt=0.01).checked().states
        assert found.compiled and abs(states - expected).max() < 1e-15
