import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.spectral.fourier_basis import FourierModes, resolvable_modes

KINDS = [
    {"periodic": True},
    {"centering": "node"},
    {"centering": "cell"},
]


def uneven(n, periodic=True):
    s = np.linspace(0, 1, n + periodic)[: n if periodic else None]
    return Axis(s + 0.04 * np.sin(2 * np.pi * s), 0.0, 1.0, periodic=periodic)


@pytest.mark.parametrize("n", [8, 9, 30, 31])
def test_real_analysis_is_the_fft_of_a_periodic_axis(n):
    axis = Axis.uniform(n, 2.0, 5.0, periodic=True)
    v = np.random.default_rng(0).standard_normal(n)
    m = resolvable_modes(axis, n)
    c = (FourierModes().analysis_matrix(axis, m) @ v).reshape(m, 2)
    np.testing.assert_allclose(
        c[:, 0] + 1j * c[:, 1], np.fft.rfft(v, norm="forward")[:m], atol=1e-14
    )


@pytest.mark.parametrize("n", [8, 9])
def test_complex_analysis_is_the_fft(n):
    axis = Axis.uniform(n, periodic=True)
    rng = np.random.default_rng(1)
    v = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    c = FourierModes().complex_analysis_matrix(axis, 3) @ np.concatenate([v.real, v.imag])
    expected = np.fft.fft(v, norm="forward")[[-2, -1, 0, 1, 2]]
    np.testing.assert_allclose(c.reshape(-1, 2) @ [1, 1j], expected, atol=1e-14)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize(
    "axis",
    [
        *(Axis.uniform(n, -1.0, 1.0, **kind) for kind in KINDS for n in (11, 12)),
        uneven(17),
        uneven(18, periodic=False),
        Axis.cells(np.linspace(0, 1, 14) ** 1.2),
    ],
    ids=repr,
)
def test_synthesis_then_analysis_is_the_identity(real, axis):
    basis, m = FourierModes(), resolvable_modes(axis, 99)
    assert m >= 4
    if real:
        product = basis.analysis_matrix(axis, m) @ basis.synthesis_matrix(axis, m)
    else:
        product = basis.complex_analysis_matrix(axis, m) @ basis.complex_synthesis_matrix(axis, m)
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
    with pytest.raises(InputError, match=f"at most {expected} modes.*use {expected} or"):
        FourierModes(padding).analysis_matrix(axis, expected + 1)


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("order", [2, 4, 6])
def test_padded_analysis_has_the_order_of_its_weights(centering, order):
    errors, sizes = [], [21, 41, 81]
    exact = np.array(
        [(1 - np.exp(-(1 + 1j * np.pi * k))) / (1 + 1j * np.pi * k) / 2 for k in range(3)]
    )
    for n in sizes:
        axis = Axis.uniform(n, centering=centering)
        c = FourierModes(1.0, order).analysis_matrix(axis, 3) @ np.exp(-axis.points)
        errors.append(np.abs(c.reshape(-1, 2) @ [1, 1j] - exact).max())
    slope = -np.polyfit(np.log(np.array(sizes) - (centering == "node")), np.log(errors), 1)[0]
    assert abs(slope - order) < 0.3


def test_synthesis_at_any_points():
    axis, x = Axis.uniform(9, 1.0, 3.0, periodic=True), [1.0, 2.9, 3.5]
    c = FourierModes().analysis_matrix(axis, 3) @ np.cos(2 * np.pi * axis.points)
    u = FourierModes().synthesis_matrix(axis, 3, x) @ c
    np.testing.assert_allclose(u, np.cos(2 * np.pi * np.array(x)), atol=1e-14)
    with pytest.raises(InputError, match="within"):
        FourierModes().synthesis_matrix(Axis.uniform(9), 3, [0.5, 1.5])


def test_no_modes_is_an_error():
    with pytest.raises(InputError, match="modes"):
        FourierModes().analysis_matrix(Axis.uniform(5), 0)
    with pytest.raises(InputError, match="padding"):
        FourierModes(-1.0)
