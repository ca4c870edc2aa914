import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import (
    ChebyshevBasis,
    GalerkinRecombination,
    LegendreBasis,
    SineBasis,
    TauMethod,
)

bases = pytest.mark.parametrize("kind", [ChebyshevBasis, LegendreBasis])


@bases
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_variable_coefficients(kind, dtype):
    """exp(x) u'' + x u' - u = f for u = sin(3 x), with mixed conditions."""
    basis = kind(24, -0.5, 1.0)
    x = basis.points
    method = TauMethod(basis, [-1.0, lambda x: x, np.exp], [("lower", 1), ("upper", 0)])
    f = -9 * np.exp(x) * np.sin(3 * x) + 3 * x * np.cos(3 * x) - np.sin(3 * x)
    turn = 1 + 2j if np.dtype(dtype).kind == "c" else 1.0
    right = basis.forward(turn * np.stack([f, 2 * f])).astype(dtype)
    values = turn * np.array([[1.0], [2.0]]) * [3 * np.cos(-1.5), np.sin(3.0)]
    v = method.solve(right, values.astype(dtype))
    assert v.dtype == dtype and v.shape == (2, 24)
    wanted = turn * np.array([[1.0], [2.0]]) * np.sin(3 * x)
    assert abs(basis.backward(v) - wanted).max() < 500 * np.finfo(dtype).eps


@bases
def test_polynomials_are_exact(kind):
    basis = kind(6, 0.0, 2.0)
    u = basis.forward(basis.points**4)
    f = basis.derivative(u, 3) + 2 * u
    method = TauMethod(basis, [2.0, 0.0, 0.0, 1.0], [("lower", 0), ("upper", 0), ("upper", 1)])
    assert np.allclose(method.solve(f, [0.0, 16.0, 32.0]), u, atol=1e-12)


def test_any_functional_is_a_condition():
    """u'' = 1 with u(0) = 0 and mean zero."""
    basis = ChebyshevBasis(8, 0.0, 1.0)
    method = TauMethod(basis, [0.0, 0.0, 1.0], [("lower", 0), basis.integrals])
    u = basis.backward(method.solve(basis.forward(np.ones(8))))
    assert np.allclose(u, basis.points**2 / 2 - basis.points / 3, atol=1e-15)


def test_recombination_solves_the_same_equations():
    basis = ChebyshevBasis(9, 0.0, 1.0)
    method = TauMethod(basis, [4.0, 0.0, -1.0], [("lower", 0), ("upper", 1)])
    f = np.random.default_rng(0).normal(size=9)
    wanted = (
        GalerkinRecombination(basis, "dirichlet", "neumann").helmholtz(4.0).solve(f, [1.0, 2.0])
    )
    assert np.allclose(method.solve(f, [1.0, 2.0]), wanted, atol=1e-14)


def test_what_does_not_fit_is_refused():
    basis, ends = ChebyshevBasis(6), [("lower", 0), ("upper", 0)]
    with pytest.raises(InputError, match="basis: expected a PolynomialBasis"):
        TauMethod(SineBasis(6), [1.0, 1.0], ends)
    for wrong in ([("left", 0)], [("lower", -1)], [("lower", True)], [np.ones(5)], ["lower"]):
        with pytest.raises(InputError, match="conditions: expected"):
            TauMethod(basis, [1.0, 1.0], wrong)
    for wrong in ([], "ab", 3.0):
        with pytest.raises(InputError, match="expected lists"):
            TauMethod(basis, wrong, ends)
    for wrong in (1j, "a", lambda x: x[:2], lambda x: [[1.0], [1.0, 2.0]]):
        with pytest.raises(InputError, match="coefficients: expected a number or a function"):
            TauMethod(basis, [wrong, 1.0], ends)
    with pytest.raises(InputError, match="singular"):
        TauMethod(basis, [0.0, 0.0, 1.0], [("lower", 1), ("upper", 1)])
    with pytest.raises(InputError, match="fewer than 6"):
        TauMethod(basis, [1.0, 1.0], [("lower", 0)] * 6)
    method = TauMethod(basis, [0.0, 0.0, 1.0], ends)
    with pytest.raises(InputError, match="f: expected shape"):
        method.solve(np.zeros(5))
    with pytest.raises(InputError, match="values: expected shape"):
        method.solve(np.zeros(6), [1.0])
    with pytest.raises(InputError, match="values: expected real"):
        method.solve(np.zeros(6), [1j, 0.0])
