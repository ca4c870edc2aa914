"""Modes of rotating shallow water: unitary, and eigenvectors of the linear equations."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.equations.inertia_gravity_modes import InertiaGravityModes
from nwidth.solvers.spectral import FourierSpace

GRAVITY, DEPTH = 2.5, 0.4


def random_coefficients(space, seed=0):
    u = np.random.default_rng(seed).normal(size=(3, *space.shape))
    v = space.transform.forward(u.astype(space.transform.precision))
    return v * space.kept


@pytest.mark.parametrize("coriolis", [0.0, 1.7, -1.7])
@pytest.mark.parametrize("shape", [(8, 9), (9, 8)])
def test_they_uncouple_the_linear_equations(coriolis, shape):
    space = FourierSpace(Grid.periodic(shape, upper=(3.0, 5.0)))
    modes = InertiaGravityModes(space, coriolis, GRAVITY, DEPTH)
    v = random_coefficients(space)
    kx, ky = space.wavenumbers
    rates = np.stack(
        [
            coriolis * v[1] - 1j * GRAVITY * kx * v[2],
            -coriolis * v[0] - 1j * GRAVITY * ky * v[2],
            -1j * DEPTH * (kx * v[0] + ky * v[1]),
        ]
    )
    a, omega = modes.to_modes(v), modes.frequency
    expected = np.stack([0 * a[0], 1j * omega * a[1], -1j * omega * a[2]])
    assert np.abs(modes.to_modes(rates) - expected).max() < 1e-14 * omega.max()
    np.testing.assert_allclose(
        omega, np.sqrt(coriolis**2 + GRAVITY * DEPTH * (kx**2 + ky**2)), rtol=1e-15
    )


@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-15), ("float32", 1e-6)])
@pytest.mark.parametrize("coriolis", [0.0, -3.0])
def test_the_change_is_unitary_and_has_a_way_back(coriolis, dtype, digits):
    space = FourierSpace(Grid.periodic((7, 10)), dtype=dtype)
    modes = InertiaGravityModes(space, coriolis, GRAVITY, DEPTH)
    v = np.stack([random_coefficients(space, seed) for seed in (1, 2)])
    a = modes.to_modes(v)
    assert a.dtype == v.dtype and np.abs(modes.to_fields(a) - v).max() < 4 * digits
    energy = abs(v[:, 0]) ** 2 + abs(v[:, 1]) ** 2 + GRAVITY / DEPTH * abs(v[:, 2]) ** 2
    np.testing.assert_allclose((abs(a) ** 2).sum(axis=1), energy, rtol=1e-5, atol=4 * digits)


def test_what_makes_no_modes():
    space = FourierSpace(Grid.periodic((4, 4)))
    for name, values in {"gravity": (0.0, 0.0, 1.0), "depth": (0.0, 1.0, -1.0)}.items():
        with pytest.raises(InputError, match=name):
            InertiaGravityModes(space, *values)
    with pytest.raises(InputError, match="coriolis"):
        InertiaGravityModes(space, np.nan, 1.0, 1.0)
    with pytest.raises(InputError, match="two axes, got 1"):
        InertiaGravityModes(FourierSpace(Grid.periodic(4)), 1.0, 1.0, 1.0)
