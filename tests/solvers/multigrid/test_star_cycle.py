"""The cycle, seen through the shifted Laplacian, which adds only relaxation."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.equations import Helmholtz
from nwidth.solvers.multigrid import ShiftedLaplacian

GRID = Grid.uniform((26, 31))


def operator(k=5.0, dtype=np.float64):
    return Helmholtz(GRID, walls=["y_lower"]).operator(
        {"wavenumber": np.full(GRID.shape, k, dtype)}
    )


def convergence_factor(cycle, **options):
    """The factor by which cycles for the damped operator reduce the residual."""
    M = ShiftedLaplacian(operator(**options), cycle=cycle)
    A = M.operator.shifted(*M.shift)
    b = np.random.default_rng(0).standard_normal(A.domain_shape)
    x, norms = np.zeros(A.domain_shape, A.dtype), []
    for _ in range(8):
        r = b - A.apply(x)
        norms.append(np.linalg.norm(r))
        x += M.apply(r)
    return (norms[-1] / norms[2]) ** 0.2


def test_cycles_converge_and_larger_ones_faster():
    factors = {cycle: convergence_factor(cycle) for cycle in "VFW"}
    # Two steps with omega = 0.8 smooth by 0.6 each.
    assert 0.3 < factors["F"] < 0.45
    assert abs(factors["W"] - factors["F"]) < 0.02
    assert factors["V"] < 0.45


@pytest.mark.parametrize("cycle", ["V", "W"])
def test_symmetric_cycles_have_symmetric_matrices(cycle):
    M = ShiftedLaplacian(operator(), cycle=cycle).to_dense()
    np.testing.assert_allclose(M, M.T, atol=1e-12 * np.abs(M).max())


def test_every_call_starts_afresh():
    M = ShiftedLaplacian(operator())
    r = np.random.default_rng(1).standard_normal(M.domain_shape)
    first = M.apply(r)
    M.adjoint(1e3 * r)
    np.testing.assert_array_equal(M.apply(r), first)
    first[...] = 0
    assert M.apply(r).any()


def test_small_operators_are_inverted():
    A = Helmholtz(Grid.uniform((5, 6))).operator({"wavenumber": np.full((5, 6), 3.0)})
    M = ShiftedLaplacian(A)
    assert not M.levels
    np.testing.assert_allclose(
        M.to_dense() @ A.shifted(1.0, 0.5).to_dense(), np.eye(30), atol=1e-12
    )


def test_single_precision_cycles_and_scaled_data():
    A = operator()
    double, single = ShiftedLaplacian(A), ShiftedLaplacian(A, dtype=np.complex64)
    r = 1e200 * np.random.default_rng(2).standard_normal(A.domain_shape)
    wanted = double.apply(r)
    assert single.apply(r).dtype == np.complex128
    np.testing.assert_allclose(single.apply(r), wanted, atol=1e-5 * np.abs(wanted).max())
    assert not double.apply(np.zeros(A.domain_shape)).any()
    assert ShiftedLaplacian(operator(dtype=np.float32)).apply(r * 1e-200).dtype == np.complex64


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="cycle: expected one of V, W, F"):
        ShiftedLaplacian(operator(), cycle="X")
    for dtype in (np.float64, np.float32):
        with pytest.raises(InputError, match="dtype: expected complex128 or complex64, got"):
            ShiftedLaplacian(operator(), dtype=dtype)
    with pytest.raises(InputError, match="dtype: expected complex64, got"):
        ShiftedLaplacian(operator(dtype=np.float32), dtype=np.complex128)
