import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomSines, random_field


def test_samples_have_the_frequencies_and_no_others():
    field = RandomSines(Grid.periodic(32, 1.0, 5.0), lowest=2, highest=4)
    size = abs(np.fft.rfft(field.samples(3, 400), axis=1)).max(axis=0) / 16
    assert (size[2:5] > 0.5).all() and size[:2].max() < 1e-13 and size[5:].max() < 1e-13


def test_the_variance_is_that_of_the_formula():
    """E u^2 = waves (amplitude^2 / 3) / 2 at each point."""
    u = RandomSines(Grid.periodic(7), waves=4, amplitude=1.5).samples(0, 4000)
    expected = 4 * 1.5**2 / 6
    # The variance of u^2 is below 2 expected^2, so five deviations of the mean are 11 %.
    np.testing.assert_allclose((u**2).mean(axis=0), expected, rtol=5 * (2 / 4000) ** 0.5)


def test_one_seed_is_one_function_on_every_grid():
    fine = RandomSines(Grid.periodic(48, 0.0, 2.0))
    coarse = fine.on(Grid.periodic(16, 0.0, 2.0))
    np.testing.assert_allclose(
        fine.sample(generator(1, 2))[::3], coarse.sample(generator(1, 2)), atol=1e-13
    )
    with pytest.raises(InputError, match="same box"):
        fine.on(Grid.periodic(16))


def test_the_description_rebuilds_it():
    field = RandomSines(Grid.periodic(8), 3, 0.1, 0, 5)
    assert random_field(field.describe(), field.grid) == field


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": Grid.uniform(5)}, "periodic axis"),
        ({"grid": Grid.periodic((4, 4))}, "periodic axis"),
        ({"waves": 0}, "waves"),
        ({"amplitude": -1.0}, "amplitude"),
        ({"lowest": -1}, "lowest"),
        ({"lowest": 3, "highest": 2}, "highest"),
    ],
)
def test_bad_parameters(change, message):
    with pytest.raises(InputError, match=message):
        RandomSines(**{"grid": Grid.periodic(8), **change})
    with pytest.raises(InputError, match="Generator"):
        RandomSines(Grid.periodic(8)).sample(0)
