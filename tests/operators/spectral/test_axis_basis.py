"""What every basis of one axis promises, whichever its functions are."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import MOST_AMPLIFIED, largest_block, unit_points
from nwidth.operators.spectral.chebyshev_modes import ChebyshevModes
from nwidth.operators.spectral.cosine_sine_modes import CosineModes, SineModes
from nwidth.operators.spectral.fourier_basis import FourierModes

WITH_ENDS = [
    *(Axis.uniform(n, 1.0, 4.0, centering=c) for n in (11, 16) for c in ("node", "cell")),
    Axis.chebyshev(11, 1.0, 4.0),
    Axis(1 + 3 * np.linspace(0, 1, 14) ** 1.1, 1.0, 4.0),
    Axis.cells(1 + 3 * np.linspace(0, 1, 14) ** 1.1),
]
CASES = [
    (basis, axis)
    for basis in (CosineModes(), SineModes(), ChebyshevModes(), FourierModes())
    for axis in WITH_ENDS
] + [(FourierModes(), Axis.uniform(n, 1.0, 4.0, periodic=True)) for n in (11, 16)]


@pytest.mark.parametrize(("basis", "axis"), CASES, ids=repr)
def test_functions_of_the_basis_are_analysed_exactly_from_any_points(basis, axis):
    m = min(basis.resolved_modes(axis, 99), 5)
    assert m >= 3
    c = np.random.default_rng(0).standard_normal(basis.coefficients(m))
    if basis.name == "fourier":
        c[1] = 0.0  # the imaginary part of the mean is no part of a real function
    v = basis.synthesis_matrix(axis, m) @ c
    np.testing.assert_allclose(basis.analysis_matrix(axis, m) @ v, c, atol=1e-13)
    fine = Axis.uniform(23, axis.lower, axis.upper, periodic=axis.periodic)
    between = basis.synthesis_matrix(axis, m, fine.points)
    np.testing.assert_allclose(between, basis.synthesis_matrix(fine, m), atol=1e-14)


@pytest.mark.parametrize(("basis", "axis"), CASES, ids=repr)
def test_analysis_amplifies_little_and_more_modes_are_refused(basis, axis):
    m = basis.resolved_modes(axis, 99)
    root = np.sqrt(axis.widths / axis.length)
    if basis.name != "chebyshev":  # whose measure is another
        assert np.linalg.norm(basis.analysis_matrix(axis, m) / root, 2) <= 1.5 * MOST_AMPLIFIED
    with pytest.raises(InputError, match=f"at most {m} modes of '{basis.name}'.*use {m} or "):
        basis.analysis_matrix(axis, m + 1)


@pytest.mark.parametrize(("basis", "axis"), CASES, ids=repr)
def test_few_modes_of_many_are_the_first_of_them(basis, axis):
    most = basis.resolved_modes(axis, 99)
    c = basis.analysis_matrix(axis, most)[: basis.coefficients(2)]
    np.testing.assert_allclose(basis.analysis_matrix(axis, 2), c, atol=1e-13)


@pytest.mark.parametrize(("basis", "axis"), CASES, ids=repr)
def test_the_constant_has_its_coefficient(basis, axis):
    c = basis.analysis_matrix(axis, 3) @ np.ones(axis.size)
    if basis.constant is not None:
        np.testing.assert_allclose(c, np.arange(len(c)) == basis.constant, atol=1e-14)


@pytest.mark.parametrize("basis", [CosineModes(), SineModes(), ChebyshevModes()], ids=repr)
def test_periodic_axes_have_no_ends(basis):
    for call in (basis.analysis_matrix, basis.synthesis_matrix, basis.resolved_modes):
        with pytest.raises(InputError, match=r"two ends.*use 'fourier'"):
            call(Axis.uniform(9, periodic=True), 3)


@pytest.mark.parametrize("points", [[0.5, 1.2], [[0.5]], ["a"], [np.nan], None])
def test_points_outside_are_refused(points):
    axis = Axis.uniform(5)
    if points is None:
        assert np.array_equal(unit_points(axis), axis.points)
    else:
        with pytest.raises(InputError, match="points"):
            unit_points(axis, points)


@pytest.mark.parametrize("size", [1, 2, 7, 20])
def test_the_largest_block_is_that_of_trying_all(size):
    rng = np.random.default_rng(size)
    for scale in (0.01, 0.3, 3.0):
        r = np.triu(np.eye(size) + scale * rng.standard_normal((size, size)))
        good = [k for k in range(1, size + 1) if np.linalg.cond(r[:k, :k]) <= MOST_AMPLIFIED]
        assert largest_block(r, range(1, size + 1)) == max(good, default=0)
    assert largest_block(np.zeros((size, size)), range(1, size + 1)) == 0
