import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.fourier_basis import analysis_matrix, resolvable_modes, synthesis_matrix

KINDS = [
    {"periodic": True},
    {"centering": "node"},
    {"centering": "cell"},
]


@pytest.mark.parametrize("n", [8, 9, 30, 31])
def test_real_analysis_is_the_fft_of_a_periodic_axis(n):
    axis = Axis.uniform(n, 2.0, 5.0, periodic=True)
    v = np.random.default_rng(0).standard_normal(n)
    m = resolvable_modes(axis, n)
    c = (analysis_matrix(axis, m, real=True) @ v).reshape(m, 2)
    np.testing.assert_allclose(
        c[:, 0] + 1j * c[:, 1], np.fft.rfft(v, norm="forward")[:m], atol=1e-14
    )


@pytest.mark.parametrize("n", [8, 9])
def test_complex_analysis_is_the_fft(n):
    axis = Axis.uniform(n, periodic=True)
    rng = np.random.default_rng(1)
    v = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    c = analysis_matrix(axis, 3, real=False) @ np.concatenate([v.real, v.imag])
    expected = np.fft.fft(v, norm="forward")[[-2, -1, 0, 1, 2]]
    np.testing.assert_allclose(c.reshape(-1, 2) @ [1, 1j], expected, atol=1e-14)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [11, 12])
def test_synthesis_then_analysis_is_the_identity(real, kind, n):
    axis = Axis.uniform(n, -1.0, 1.0, **kind)
    m = resolvable_modes(axis, 99)
    product = analysis_matrix(axis, m, real=real) @ synthesis_matrix(axis, m, real=real)
    expected = np.eye(len(product))
    if real:
        expected[1, 1] = 0.0  # the imaginary part of the mean is no part of a real function
    np.testing.assert_allclose(product, expected, atol=1e-14)


@pytest.mark.parametrize(
    ("axis", "padding", "expected"),
    [
        (Axis.uniform(16, periodic=True), 0.0, 8),
        (Axis.uniform(17, periodic=True), 0.0, 9),
        (Axis.uniform(17), 0.0, 8),
        (Axis.uniform(16), 0.0, 8),
        (Axis.uniform(16, centering="cell"), 0.0, 8),
        (Axis.uniform(17), 1.0, 16),
        (Axis.uniform(421, 0.1, 0.7), 0.0, 210),
        (Axis(np.array([0.0, 0.1, 0.2, 0.5, 1.0]), 0.0, 1.0), 0.0, 1),
    ],
)
def test_frequencies_below_nyquist_are_resolved(axis, padding, expected):
    assert resolvable_modes(axis, 999, padding) == expected
    assert resolvable_modes(axis, expected - 1 or 1, padding) == (expected - 1 or 1)


def test_padded_analysis_is_second_order():
    errors, sizes = [], [21, 41, 81, 161]
    exact = np.array(
        [(1 - np.exp(-(1 + 1j * np.pi * k))) / (1 + 1j * np.pi * k) / 2 for k in range(3)]
    )
    for n in sizes:
        axis = Axis.uniform(n)
        c = analysis_matrix(axis, 3, 1.0, real=True) @ np.exp(-axis.points)
        errors.append(np.abs(c.reshape(-1, 2) @ [1, 1j] - exact).max())
    order = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(order - 2) < 0.1


def test_no_modes_is_an_error():
    with pytest.raises(InputError, match="at least one"):
        analysis_matrix(Axis.uniform(5), 0, real=True)
