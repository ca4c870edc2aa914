import numpy as np
import pytest

from nwidth.rom import eim, lebesgue_constants


def test_each_one_is_that_of_a_shorter_choice():
    x, y = np.linspace(0, 1, 30)[:, None], np.linspace(0, 1, 40)
    data = np.exp(1j * 5 * x * y) / (1 + x)
    found = lebesgue_constants(eim(data, max_rank=6))
    shorter = [eim(data, max_rank=k).lebesgue_constant() for k in range(1, 7)]
    np.testing.assert_allclose(found, shorter)
    assert (found >= 1 - 1e-12).all()


def test_polynomials_on_magic_points():
    """Of quadratic interpolation on -1, 0, 1 it is 5/4."""
    y = np.linspace(-1, 1, 101)
    data = np.array([np.ones_like(y), y, y**2])
    chosen = eim(data)
    assert sorted(y[chosen.points]) == pytest.approx([-1, 0, 1])
    assert lebesgue_constants(chosen)[-1] == pytest.approx(1.25)


def test_of_nothing_there_are_none():
    assert lebesgue_constants(eim(np.zeros((2, 3)))).size == 0
