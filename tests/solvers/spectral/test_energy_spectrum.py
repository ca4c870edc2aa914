import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.spectral import FourierSpace, energy_spectrum, spectral_tail


def test_energy_is_counted_once():
    space = FourierSpace(Grid.periodic((10, 15), upper=(2.0, 3.0)))
    u = np.random.default_rng(6).normal(size=(3, 10, 15))
    k, energy = energy_spectrum(space, space.transform.forward(u))
    assert energy.shape == (3, len(k)) and k[1] == pytest.approx(2 * np.pi / 3)
    assert np.allclose(energy.sum(axis=1), 0.5 * (u**2).mean(axis=(1, 2)))


def test_tails_tell_what_is_not_periodic():
    tails = []
    for n in (64, 256):
        space = FourierSpace(Grid.periodic(n))
        x = space.grid.axes[0].points
        smooth, jump = np.exp(np.sin(2 * np.pi * x)), x
        tails.append(spectral_tail(space, space.transform.forward(np.stack([smooth, jump]))))
    assert tails[0][0] < 1e-12 and tails[1][0] < 1e-12
    assert tails[0][1] > 0.1 and tails[1][1] > 0.05


@pytest.mark.filterwarnings("error")
def test_tails_do_not_depend_on_units():
    space = FourierSpace(Grid.periodic(32))
    v = space.transform.forward(np.stack([space.grid.axes[0].points, np.zeros(32)]))
    for scale in (1e-200, 1e200):
        np.testing.assert_allclose(spectral_tail(space, scale * v), spectral_tail(space, v))


def test_tails_begin_at_two_thirds_of_the_modes_that_are_kept():
    space = FourierSpace(Grid.periodic(72))
    x = 2 * np.pi * space.grid.axes[0].points
    for degree, first in ((1, 24), (2, 16), (3, 12)):
        below, within = (
            spectral_tail(space, space.transform.forward(np.cos(m * x)), degree)
            for m in (first - 1, first)
        )
        assert below < 1e-14 and abs(within - 1) < 1e-14


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_off_of_a_mean_is_no_tail(dtype):
    space = FourierSpace(Grid.periodic((24, 15)), dtype=dtype)
    u = np.random.default_rng(0).normal(size=(24, 15))
    size = np.finfo(dtype).eps
    noise, waves = (
        spectral_tail(space, space.transform.forward((3 + s * size * u).astype(dtype)))
        for s in (1, 1e4)
    )
    assert noise == 0 and waves > 0.5


@pytest.mark.parametrize("measure", [energy_spectrum, spectral_tail])
def test_values_are_no_coefficients(measure):
    space = FourierSpace(Grid.periodic(8))
    for bad in (np.zeros(8), np.zeros(4, complex), [0.0], None):
        with pytest.raises(InputError, match="v: expected coefficients"):
            measure(space, bad)
    with pytest.raises(InputError, match="space: expected a FourierSpace"):
        measure(space.grid, np.zeros(5, complex))
    with pytest.raises(InputError, match="degree"):
        spectral_tail(space, np.zeros(5, complex), 0)
