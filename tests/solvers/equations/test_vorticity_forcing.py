"""Forces of vorticity against their formulas."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import VorticityForcing


def test_diagonal_force_of_the_data_sets():
    grid = Grid.periodic((6, 9))
    x, y = np.meshgrid(*grid.points, indexing="ij")
    angle = 2 * np.pi * (x + y)
    wanted = 0.1 * (np.sin(angle) + np.cos(angle))
    assert np.allclose(VorticityForcing.diagonal().field(grid), wanted, atol=1e-15)


def test_kolmogorov_force_is_a_curl():
    grid = Grid.periodic((4, 24), lower=-1.0, upper=2 * np.pi - 1)
    y = grid.points[1] + 1
    forcing = VorticityForcing.kolmogorov(3, 0.5)
    assert np.allclose(forcing.field(grid), -1.5 * np.cos(3 * y), atol=1e-14)


def test_descriptions_lead_back():
    forcing = VorticityForcing(((1, -2, 0.5, 0.0), (0, 3, 0.0, 1.0)))
    assert VorticityForcing.from_description(forcing.describe()) == forcing


@pytest.mark.parametrize(
    ("waves", "words"),
    [
        (3, "waves: expected"),
        (((1, 2, 3.0),), "waves: expected"),
        (((1.5, 2, 3.0, 1.0),), "m_x: expected an integer"),
        (((1, 2, np.inf, 1.0),), "a: expected a number"),
    ],
)
def test_what_is_no_wave(waves, words):
    with pytest.raises(InputError, match=words):
        VorticityForcing(waves)


def test_what_is_no_description():
    with pytest.raises(InputError, match="forcing: expected a mapping"):
        VorticityForcing.from_description({"kind": "none"})
    with pytest.raises(InputError, match="wavenumber: expected an integer"):
        VorticityForcing.kolmogorov(0)
