import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import numpy as np  # noqa: E402

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators.spectral.spectral_norm import spectral_norm  # noqa: E402

GRIDS = {
    "nodes": Grid.uniform((8, 5)),
    "cells": Grid.uniform((7, 4), centering="cell"),
    "periodic": Grid.uniform((8, 5), periodic=True),
    "mixed": Grid((Axis.uniform(6, 1.0, 3.0, periodic=True), Axis.uniform(5, 0.0, 2.0, name="y"))),
}


@pytest.mark.parametrize("name", [*GRIDS])
def test_order_zero_is_the_norm_of_the_grid(name):
    grid = GRIDS[name]
    v = np.random.default_rng(0).standard_normal((3, 2, *grid.shape))
    found = spectral_norm(torch.tensor(v), grid.axes, 0.0)
    # Units of the box: the quadrature of the grid is that of lengths.
    wanted = np.sqrt((grid.norm(v) ** 2).sum(axis=1))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(("periodic", "kappa"), [(True, 4 * np.pi), (False, 2 * np.pi)])
@pytest.mark.parametrize("order", [-1.0, 0.5, 1.0, 2.0])
def test_one_wave_has_its_own_weight(periodic, kappa, order):
    axes = (Axis.uniform(16, 0.0, 3.0, periodic=periodic),)
    wave = torch.tensor(np.cos(kappa * axes[0].points / 3))[None, None]
    found = spectral_norm(wave, axes, order)
    assert found.item() == pytest.approx((1 + kappa**2) ** (order / 2) * np.sqrt(1.5), rel=1e-12)


def test_order_one_is_the_norm_of_derivatives():
    axes = (Axis.uniform(32, periodic=True),)
    x = 2 * np.pi * axes[0].points
    u, du = np.sin(x) + np.cos(3 * x), 2 * np.pi * (np.cos(x) - 3 * np.sin(3 * x))
    wanted = np.sqrt(np.mean(u**2) + np.mean(du**2))
    assert spectral_norm(torch.tensor(u)[None, None], axes, 1.0).item() == pytest.approx(wanted)


def test_weights_by_wavenumber():
    axes = Grid.uniform((8, 8), periodic=True).axes
    x, y = (2 * np.pi * a.points for a in axes)
    one, three = np.cos(x)[:, None] * np.ones(8), np.cos(3 * x)[:, None] * np.ones(8)
    slanted = np.cos(x[:, None] + y)  # wavenumber sqrt(2), nearest to 1
    fields = torch.tensor(np.stack([one, three, slanted, np.ones((8, 8))]))[:, None]
    squares = spectral_norm(fields, axes, 0.0, (2.0, 4.0, 0.0)) ** 2
    np.testing.assert_allclose(squares, [2.0, 0.0, 2.0, 2.0], atol=1e-12)


def test_bent_axes_are_refused():
    axes = Grid.tensor([np.linspace(0, 1, 9) ** 1.5]).axes
    with pytest.raises(InputError, match="expected uniform axes"):
        spectral_norm(torch.ones(1, 1, 9), axes, 0.0)
