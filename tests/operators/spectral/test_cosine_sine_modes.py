import numpy as np
import pytest
from scipy.fft import dct, dst

from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import _well_conditioned
from nwidth.operators.spectral.cosine_sine_modes import CosineModes, SineModes


@pytest.mark.parametrize("n", [8, 9])
def test_uniform_axes_have_the_discrete_cosine_and_sine_transforms(n):
    v = np.random.default_rng(0).standard_normal(n)
    node, cell = (Axis.uniform(n, 2.0, 3.0, centering=c) for c in ("node", "cell"))
    half, last = np.where(np.arange(n) == 0, 0.5, 1.0), np.where(np.arange(n) == n - 1, 0.5, 1.0)
    for basis, axis, expected in (
        (CosineModes(), node, dct(v, 1) / (n - 1) * half * last),
        (CosineModes(), cell, dct(v, 2) / n * half),
        (SineModes(), node, dst(v[1:-1], 1) / (n - 1)),
        (SineModes(), cell, dst(v, 2) / n * last),
    ):
        m = basis.resolved_modes(axis, 99)
        assert m == len(expected)
        np.testing.assert_allclose(basis.analysis_matrix(axis, m) @ v, expected, atol=1e-14)


def test_boundary_conditions_hold_exactly():
    axis = Axis.uniform(17, -1.0, 2.0)
    assert not SineModes().synthesis_matrix(axis, 12, [-1.0, 2.0]).any()
    # A cosine is even about both ends: its values at equal distances are the same, bit by bit.
    near = CosineModes()._functions(np.array([-0.125, 0.125, 0.875, 1.125]), 12)
    assert np.array_equal(near[0], near[1])
    assert np.array_equal(near[2], near[3])


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("basis", [CosineModes(), SineModes()])
def test_modes_known_without_a_factorization_are_those_found_by_one(basis, centering):
    for n in range(2, 12):
        axis = Axis.uniform(n, 1.0, 3.0, centering=centering)
        assert basis.resolved_modes(axis, 99) == _well_conditioned(basis, axis, n)
