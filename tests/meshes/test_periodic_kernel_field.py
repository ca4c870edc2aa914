import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid, PeriodicKernelField, random_field


def test_covariance_is_the_periodic_kernel():
    """Of the series before it is scaled: K(x, 0) is the sum of the variances times cos."""
    field = PeriodicKernelField(Grid.periodic(16, upper=3.0), length=0.5, modes=40)
    x = field.grid.axes[0].points / 3.0
    variances = field.deviations[[0, *range(1, 79, 2)]] ** 2
    series = np.cos(2 * np.pi * np.outer(x, np.arange(40))) @ variances
    np.testing.assert_allclose(series, np.exp(-2 * np.sin(np.pi * x) ** 2 / 0.25), atol=1e-14)


def test_one_seed_is_one_function_within_its_bounds():
    coarse = PeriodicKernelField(Grid.periodic(32), lower=-1.0, upper=2.0)
    fine = coarse.on(Grid.periodic(1024))
    u, w = coarse.samples(3, 5), fine.samples(3, 5)
    np.testing.assert_allclose(u, w[:, ::32], atol=1e-12)
    assert w.min() >= -1 and w.max() <= 2
    np.testing.assert_allclose(w.min(axis=1), -1, atol=1e-3)
    np.testing.assert_allclose(w.max(axis=1), 2, atol=1e-3)
    assert random_field(coarse.describe(), coarse.grid) == coarse


def test_what_does_not_fit():
    for grid in (Grid.uniform(9), Grid.periodic((8, 8)), None):
        with pytest.raises(InputError, match="one periodic axis"):
            PeriodicKernelField(grid)
    for options in ({"length": 0.0}, {"modes": 1}, {"upper": -1.0}, {"lower": np.nan}):
        with pytest.raises(InputError, match=next(iter(options))):
            PeriodicKernelField(Grid.periodic(8), **options)
    with pytest.raises(InputError, match="numpy Generator"):
        PeriodicKernelField(Grid.periodic(8)).sample(0)
