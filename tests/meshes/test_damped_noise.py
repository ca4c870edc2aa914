import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.meshes import DampedNoise, Grid

LAYER = {"lower": (0.0, 1.0), "upper": (4.0, 3.0), "periodic": (True, False)}


def test_variance_is_that_of_white_noise_damped():
    grid = Grid.chebyshev((16, 9), **LAYER)
    b = DampedNoise(grid, scale=0.1, lower=2.0, upper=-1.0, modes=(9, 16)).samples(0, 4000)
    s = (grid.axes[1].points - 1) / 2
    np.testing.assert_allclose(b.mean(axis=0), np.broadcast_to(2 - 3 * s, (16, 9)), atol=3e-3)
    variance = b.var(axis=(0, 1))
    # e has variance 1 + (1 - 1/m) ... across: cosines add up to the same within a factor of two.
    damped = (0.1 * s * (1 - s)) ** 2
    squares = np.cos(np.pi * np.outer(np.arange(16), s)) ** 2 * np.array([1, *[2] * 15])[:, None]
    np.testing.assert_allclose(variance, damped * squares.mean(axis=0), rtol=0.03, atol=1e-20)
    assert abs(squares.mean(axis=0)[2:-2] - 1).max() < 0.2
    # Points half a wave apart of as many as there are waves do not know of each other.
    apart = (b[:, 0, 4] - b[:, 0, 4].mean()) * (b[:, 8, 4] - b[:, 8, 4].mean())
    assert abs(apart.mean() / variance[4]) < 0.2


def test_all_waves_are_as_strong():
    grid = Grid.chebyshev((32, 9), **LAYER)
    b = DampedNoise(grid, modes=(16, 4)).samples(1, 2000)[:, :, 4]
    waves = (abs(np.fft.rfft(b - b.mean(axis=1, keepdims=True), axis=1)) ** 2).mean(axis=0)
    assert waves[1:8].max() / waves[1:8].min() < 1.25
    assert waves[8:].max() < 1e-12 * waves[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": 0.0}, "scale"),
        ({"lower": np.nan}, "lower"),
        ({"modes": 3}, "pair of integers"),
        ({"modes": (3, 0)}, "modes"),
        ({"modes": (3, 1.5)}, "modes"),
    ],
)
def test_what_does_not_fit(options, words):
    with pytest.raises(InputError, match=words):
        DampedNoise(Grid.chebyshev((8, 9), **LAYER), **options)


def test_other_grids_are_refused():
    for grid in (Grid.chebyshev((8, 9)), Grid.periodic((8, 9)), Grid.periodic(8), None):
        with pytest.raises(InputError, match="a periodic axis and one that is not"):
            DampedNoise(grid)
    field = DampedNoise(Grid.chebyshev((8, 9), **LAYER))
    with pytest.raises(InputError, match="same box"):
        field.on(Grid.chebyshev((8, 9), periodic=(True, False)))
    with pytest.raises(InputError, match="numpy Generator"):
        field.sample(0)
    assert field.sample(generator(0, 0)).shape == (8, 9)
