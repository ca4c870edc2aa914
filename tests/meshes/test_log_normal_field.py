"""Log-normal fields."""

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField

GAUSSIAN = GaussianRandomField(Grid.uniform((17, 17)), 2.0, 3.0, mean=1.0)


def test_is_the_exponential_of_the_gaussian_sample_of_the_same_seed():
    g = GAUSSIAN.samples(4, 5)
    a = LogNormalField(GAUSSIAN, scale=1.5).samples(4, 5)
    np.testing.assert_allclose(a, np.exp(1.5 * g), rtol=1e-15)
    assert a.min() > 0


def test_mean_is_that_of_the_log_normal_distribution():
    """E exp(g) = exp(mean + var/2), pointwise."""
    field = LogNormalField(GaussianRandomField(Grid.uniform(9), 2.0, 3.0, sigma=2.0))
    noise = field.gaussian.noise_shape[0]
    variance = sum(field.gaussian.expand(e) ** 2 for e in np.eye(noise))
    a = field.samples(0, 20000)
    error = a.std(axis=0) / np.sqrt(20000)
    assert np.all(np.abs(a.mean(axis=0) - np.exp(variance / 2)) < 5 * error)


@pytest.mark.parametrize("scale", [0, -1.0, np.nan, "1", True])
def test_scale_must_be_positive(scale):
    with pytest.raises(InputError, match="scale to be a finite number > 0"):
        LogNormalField(GAUSSIAN, scale)


def test_other_errors():
    with pytest.raises(InputError, match="expected a random field"):
        LogNormalField(3.0)
    with pytest.raises(NonFiniteError, match="lower scale or sigma"):
        LogNormalField(GAUSSIAN, 1e6).samples(0, 1)
