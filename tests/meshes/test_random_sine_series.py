import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomSineSeries


def test_the_sum_is_that_of_the_formula():
    """Waves of half the length on sides with ends, whole ones on a torus."""
    x = np.linspace(0, 1, 5)
    series = RandomSineSeries(Grid.uniform((5, 7)), 3, 0.75, 2.0)
    torus = RandomSineSeries(Grid.periodic((8, 12), upper=2.0), 3, 0.75, 2.0)
    a = generator(4, 1).uniform(-1, 1, (3, 3))
    y, expected = np.linspace(0, 1, 7), 0
    for i in (1, 2, 3):
        for j in (1, 2, 3):
            shape = np.outer(np.sin(np.pi * i * x), np.sin(np.pi * j * y))
            expected = expected + 2 * a[i - 1, j - 1] * (i**2 + j**2) ** -0.75 * shape
    np.testing.assert_allclose(series.sample(generator(4, 1)), expected, atol=1e-14)
    u = torus.sample(generator(4, 1))
    np.testing.assert_allclose(u[:5, :7], expected, atol=1e-14)
    np.testing.assert_allclose(u[1:, 1:], u[:0:-1, :0:-1], atol=1e-14)
    np.testing.assert_allclose(u[1:], -u[:0:-1], atol=1e-14)


def test_amplitudes_are_uniform():
    a = 2 / 3 * np.fft.rfft(RandomSineSeries(Grid.periodic(3), 1).samples(0, 2000), axis=1).imag
    a = -a[:, 1]
    assert a.min() > -1 and a.max() < 1
    # The deviation of the mean of 2000 squares, of variance 4/45, is 0.0067.
    assert (a**2).mean() == pytest.approx(1 / 3, abs=5 * 0.0067)


@pytest.mark.parametrize("dimension", [1, 3])
def test_it_has_as_many_axes_as_the_grid(dimension):
    fine = RandomSineSeries(Grid.periodic((12,) * dimension), 4)
    coarse = fine.on(Grid.periodic((6,) * dimension))
    picked = fine.grid.restrict(fine.sample(generator(1, 2)), 2)
    np.testing.assert_allclose(coarse.sample(generator(1, 2)), picked, atol=1e-13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": None}, "expected a grid"),
        ({"modes": 0}, "modes"),
        ({"decay": -1.0}, "decay"),
        ({"amplitude": 0.0}, "amplitude"),
    ],
)
def test_bad_parameters(change, message):
    with pytest.raises(InputError, match=message):
        RandomSineSeries(**{"grid": Grid.periodic(8), **change})


def test_what_it_cannot_do():
    field = RandomSineSeries(Grid.periodic(8))
    with pytest.raises(InputError, match="Generator"):
        field.sample(3)
    with pytest.raises(InputError, match="same box"):
        field.on(Grid.periodic(8, upper=2.0))
