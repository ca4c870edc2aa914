"""Two-phase fields."""

from dataclasses import replace

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField

GAUSSIAN = GaussianRandomField(Grid.uniform((33, 33)), 2.0, 3.0)


def test_thresholds_the_gaussian_sample_of_the_same_seed():
    g = GAUSSIAN.samples(4, 5)
    for threshold in (0.0, 0.2):
        a = TwoPhaseField(GAUSSIAN, 3, 12, threshold).samples(4, 5)
        np.testing.assert_array_equal(a, np.where(g >= threshold, 12.0, 3.0))


def test_a_point_on_the_threshold_is_high():
    flat = GaussianRandomField(Grid.uniform((5, 5)), 2.0, 3.0, boundary="dirichlet")
    assert np.all(TwoPhaseField(flat, 3.0, 12.0).samples(0, 1)[0][0] == 12.0)


def test_phases_are_equally_likely_at_threshold_zero():
    """P(g >= 0) = 1/2 at each point of a Neumann node grid; far points are nearly independent."""
    grid = Grid.uniform((5, 5))
    a = TwoPhaseField(GaussianRandomField(grid, 2.0, 3.0), -1.0, 1.0).samples(0, 4000)
    assert np.all(np.abs(a.mean(axis=0)) < 5 / np.sqrt(4000))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((GAUSSIAN, 12.0, 3.0), "low < high"),
        ((GAUSSIAN, 3.0, 3.0), "low < high"),
        ((GAUSSIAN, np.nan, 3.0), "low to be a finite"),
        ((GAUSSIAN, 3.0, np.inf), "high to be a finite"),
        ((GAUSSIAN, 3.0, "12"), "high to be a finite"),
        ((GAUSSIAN, 3.0, 12.0, None), "threshold to be a finite"),
        ((np.zeros((3, 3)), 3.0, 12.0), "expected a random field"),
    ],
)
def test_errors_say_what_to_do(arguments, words):
    with pytest.raises(InputError, match=words):
        TwoPhaseField(*arguments)


def test_the_grid_is_that_of_the_gaussian_field():
    field = TwoPhaseField(GAUSSIAN, 3.0, 12.0)
    assert field.grid is GAUSSIAN.grid
    finer = GAUSSIAN.on(Grid.uniform((65, 65)))
    assert replace(field, gaussian=finer).grid is finer.grid
    assert field == TwoPhaseField(GAUSSIAN, 3.0, 12.0) and "grid" not in field.describe()
