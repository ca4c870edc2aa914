"""Waves of vectors: those with names against their formulas, and descriptions."""

import json

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import VelocityWaves

GRID = Grid.periodic((6, 5, 8), lower=(0.5, 0, -1), upper=2 * np.pi * np.ones(3) + (0.5, 0, -1))


def coordinates():
    return np.meshgrid(*(axis.points - axis.lower for axis in GRID.axes), indexing="ij")


def test_taylor_green():
    x, y, z = coordinates()
    u = 0.7 * np.sin(x) * np.cos(y) * np.cos(z)
    v = -0.7 * np.cos(x) * np.sin(y) * np.cos(z)
    found = VelocityWaves.taylor_green(0.7).field(GRID)
    assert np.allclose(found, [u, v, np.zeros_like(u)], atol=1e-15)


@pytest.mark.parametrize("n", [1, 2])
def test_abc(n):
    a, b, c = 1.0, -0.4, 0.3
    x, y, z = (n * coordinate for coordinate in coordinates())
    wanted = (
        a * np.sin(z) + c * np.cos(y),
        b * np.sin(x) + a * np.cos(z),
        c * np.sin(y) + b * np.cos(x),
    )
    assert np.allclose(VelocityWaves.abc(a, b, c, n).field(GRID), wanted, atol=1e-14)


def test_kolmogorov():
    found = VelocityWaves.kolmogorov(2, 0.3).field(GRID)
    assert np.allclose(found[0], 0.3 * np.sin(2 * coordinates()[1]), atol=1e-15)
    assert not found[1:].any()


def test_descriptions_lead_back():
    waves = VelocityWaves(((1, -2, 0, [1, 2.5, 0], np.array([0.0, 0.0, -1.0])),))
    described = json.loads(json.dumps(waves.describe()))
    assert VelocityWaves.from_description(described) == waves
    with pytest.raises(InputError, match="forcing: expected a mapping with waves"):
        VelocityWaves.from_description({"waves": [], "wind": 1})


@pytest.mark.parametrize(
    ("waves", "words"),
    [
        (3, r"waves: expected \(m_x, m_y, m_z, a, b\)"),
        (((1, 0, 0, (1, 0, 0)),), r"waves: expected \(m_x, m_y, m_z, a, b\)"),
        (((1, 0, 0.5, (1, 0, 0), (1, 0, 0)),), "m_z: expected an integer"),
        (((1, 0, 0, (1, 0), (1, 0, 0)),), "a: expected three numbers"),
        (((1, 0, 0, (1, 0, 0), 2.0),), "b: expected three numbers"),
        (((1, 0, 0, (1, 0, 0), (np.nan, 0, 0)),), "b: expected a number"),
    ],
)
def test_what_is_no_wave(waves, words):
    with pytest.raises(InputError, match=words):
        VelocityWaves(waves)


def test_waves_need_space():
    with pytest.raises(InputError, match="grid: expected 3 dimensions, got 2"):
        VelocityWaves.abc().field(Grid.periodic((4, 4)))
