"""The profile of absorbing layers."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.equations.absorbing_layer import absorbing_layer, layer_widths


@pytest.mark.parametrize("width", [0.1, 0.35])
def test_the_amplitude_that_is_left_is_the_residue(width):
    """exp(-1/c int zeta) over both layers; the sum over a torus is as exact as zeta is smooth."""
    grid = Grid.periodic(300, lower=-1.0, upper=1.0)
    zeta = absorbing_layer(grid, width, 3.0, 1e-4)[0]
    assert np.exp(-zeta.sum() * (2 / 300) / 3.0) == pytest.approx(1e-4, rel=2e-3)


def test_it_is_even_smooth_and_where_it_should_be():
    grid = Grid.periodic((64, 5), lower=(2.0, 0.0), upper=(4.0, 1.0))
    along, across = absorbing_layer(grid, [0.5, 0.0], 1.0, 1e-3)
    assert along.shape == (64, 1) and across.shape == (1, 5) and not across.any()
    zeta, x = along.ravel(), grid.axes[0].points
    np.testing.assert_allclose(zeta[1:], zeta[:0:-1], rtol=1e-12)
    inside = (x >= 2.5) & (x <= 3.5)
    assert (zeta[inside] == 0).all() and (zeta[~inside] > 0).all()
    assert zeta[0] == zeta.max() == pytest.approx(np.log(1e3) / 0.5)
    # Its second derivative is continuous, 2 pi zeta_0 sin(2 pi s) / w^2: third differences are h^3.
    thirds = []
    for n in (64, 128, 256):
        fine = absorbing_layer(Grid.periodic(n, upper=2.0), 0.5, 1.0, 1e-3)[0]
        thirds.append(np.abs(np.diff(fine, 3)).max())
    assert thirds[0] / thirds[1] > 6 and thirds[1] / thirds[2] > 7


def test_bad_parameters():
    grid = Grid.periodic((8, 8))
    for width in (0.5, -0.1, "wide", None, np.nan):
        with pytest.raises(InputError, match=r"layer: expected a number in \[0, 0.5\)"):
            layer_widths(grid, width)
    with pytest.raises(InputError, match="one width or 2"):
        layer_widths(grid, [0.1])
    with pytest.raises(InputError, match="speed"):
        absorbing_layer(grid, 0.1, 0.0, 0.1)
    with pytest.raises(InputError, match="residue"):
        absorbing_layer(grid, 0.1, 1.0, 1.0)
    with pytest.raises(InputError, match="grid"):
        absorbing_layer(None, 0.1, 1.0, 0.5)
