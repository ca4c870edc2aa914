"""The coordinates of waves of one speed."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.equations.travelling_waves import TravellingWaves, TravellingWaveSystem
from nwidth.solvers.spectral import FourierSpace


@pytest.mark.parametrize("shape", [(9,), (8, 5), (4, 3, 6)])
@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-15), ("float32", 1e-6)])
def test_they_make_the_wave_equation_diagonal(shape, dtype, digits):
    space = FourierSpace(Grid.periodic(shape), dtype=dtype)
    waves = TravellingWaves(space, 1.5)
    u = np.random.default_rng(0).normal(size=(2, 2, *shape)).astype(dtype)
    v = space.transform.forward(u)  # two samples of (u, u_t)
    a = waves.to_modes(v)
    assert a.dtype == v.dtype and np.abs(waves.to_fields(a) - v).max() < 8 * digits
    size, energy = (abs(a) ** 2).sum(axis=1), abs(v[:, 1]) ** 2
    energy = energy + 1.5**2 * space.squared * abs(v[:, 0]) ** 2
    energy.reshape(2, -1)[:, 0] += abs(v[:, 0].reshape(2, -1)[:, 0]) ** 2
    np.testing.assert_allclose(size, energy, rtol=1e-5, atol=8 * digits)
    system, rates, out = TravellingWaveSystem(waves, u), np.empty_like(v), np.empty_like(a)
    rates[:, 0], rates[:, 1] = v[:, 1], -(1.5**2) * space.squared * v[:, 0]
    system.full(0.0, a, out, np.empty_like(a))
    assert np.abs(waves.to_fields(out) - rates).max() < 8 * digits * np.abs(rates).max()
    assert system.rate(0.0, a) == 0


def test_what_makes_no_waves():
    space = FourierSpace(Grid.periodic(4))
    with pytest.raises(InputError, match="speed"):
        TravellingWaves(space, 0.0)
    with pytest.raises(InputError, match="space"):
        TravellingWaves(None, 1.0)


@pytest.mark.parametrize("shape", [(9,), (8, 5)])
def test_none_of_many_are_none(shape):
    """As where a simulation ends before its first output."""
    waves = TravellingWaves(FourierSpace(Grid.periodic(shape)), 1.5)
    v = np.empty((0, 2, *waves.frequency.shape), complex)
    assert waves.to_modes(v).shape == waves.to_fields(v).shape == v.shape
