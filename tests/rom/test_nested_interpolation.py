import numpy as np
import pytest

from nwidth.rom.nested_interpolation import NestedInterpolation

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_residuals_are_those_of_systems_solved_anew(dtype):
    U = RNG.standard_normal((6, 25)).astype(dtype)
    if dtype == np.complex128:
        U += 1j * RNG.standard_normal((6, 25))
    nested, points = NestedInterpolation(U), []
    for k, p in enumerate(RNG.permutation(25)[:6]):
        wanted = U[k]
        if k:
            wanted = U[k] - np.linalg.solve(U[:k, points].T, U[k, points]) @ U[:k]
        np.testing.assert_allclose(nested.residual(), wanted, atol=1e-10)
        assert (nested.residual()[points] == 0).all()
        nested.add(int(p))
        points.append(int(p))
    wanted = np.linalg.solve(U[:, points], U)
    np.testing.assert_allclose(nested.cardinal(), wanted, atol=1e-9)


def test_the_basis_is_left_alone():
    U = RNG.standard_normal((3, 8))
    before = U.copy()
    nested = NestedInterpolation(U)
    for p in (1, 4, 2):
        nested.add(p)
    np.testing.assert_array_equal(U, before)
