import numpy as np
import pytest
import scipy.special

from nwidth.errors import InputError
from nwidth.solvers.spectral import ChebyshevBasis, LegendreBasis, TauMethod, Ultraspherical
from nwidth.solvers.spectral.ultraspherical import conversion, differentiation, multiplication

ENDS = [("lower", 0), ("upper", 0)]


def gegenbauer(size, order, x):
    """The polynomials C_k^(m) at points, for m = 0 those of Chebyshev."""
    k = np.arange(size)
    if order == 0:
        return scipy.special.eval_chebyt(k, x[:, None])
    return scipy.special.eval_gegenbauer(k, order, x[:, None])


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_matrices_do_what_they_are_for(order):
    n, x = 12, np.linspace(-1, 1, 9)
    v = np.random.default_rng(order).normal(size=n)
    basis = ChebyshevBasis(n)
    here, next_one = gegenbauer(n, order, x), gegenbauer(n, order + 1, x)
    slope = basis.evaluate(basis.derivative(v, order), x)
    assert np.allclose(here @ (differentiation(n, order) @ v), slope, rtol=1e-12, atol=1e-9)
    assert np.allclose(next_one @ (conversion(n, order) @ v), here @ v, atol=1e-11)
    a = np.array([0.5, -1.0, 2.0, 0.25])
    w = np.concatenate([v[:8], np.zeros(4)])  # the product has degree 10
    product = here @ (multiplication(n, order, a) @ w)
    exact = np.polynomial.chebyshev.chebval(x, a) * (here @ w)
    assert np.allclose(product, exact, atol=1e-11 * abs(exact).max())


@pytest.mark.parametrize(("eps", "n"), [(1e-2, 100), (1e-3, 300), (1e-4, 1000)])
def test_boundary_layers(eps, n):
    """eps u'' + u' = 0 from one to zero."""
    basis = ChebyshevBasis(n, 0.0, 1.0)
    u = basis.backward(Ultraspherical(basis, [0.0, 1.0, eps], ENDS).solve(np.zeros(n), [1.0, 0.0]))
    assert abs(u - np.exp(-basis.points / eps)).max() < 1e-11


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_airy_functions(dtype):
    """1e-4 u'' = x u: waves on one side, decay on the other."""
    eps, n = 1e-4, 160
    basis = ChebyshevBasis(n)
    method = Ultraspherical(basis, [lambda x: -x, 0.0, eps], ENDS)
    exact = scipy.special.airy(basis.points / eps ** (1 / 3))[0]
    turn = 1 - 1j if np.dtype(dtype).kind == "c" else 1.0
    values = (turn * exact[[0, -1]]).astype(dtype)
    u = basis.backward(method.solve(np.zeros((2, n), dtype), values))
    assert u.dtype == dtype and u.shape == (2, n)
    assert abs(u - turn * exact).max() < 2000 * np.finfo(dtype).eps


def test_first_and_fourth_order():
    basis = ChebyshevBasis(40, -1.0, 2.0)
    x = basis.points
    u = Ultraspherical(basis, [lambda x: x**3, 1.0], [("lower", 0)]).solve(
        np.zeros(40), [np.exp(-0.25)]
    )
    assert abs(basis.backward(u) - np.exp(-(x**4) / 4)).max() < 1e-9
    beam = Ultraspherical(
        basis,
        [np.cos, 0.0, lambda x: x, 0.0, 1.0],
        [("lower", 0), ("lower", 1), ("upper", 0), ("upper", 1)],
    )
    f = basis.forward(16 * np.sin(2 * x) - 4 * x * np.sin(2 * x) + np.cos(x) * np.sin(2 * x))
    ends = [np.sin(-2.0), 2 * np.cos(-2.0), np.sin(4.0), 2 * np.cos(4.0)]
    assert abs(basis.backward(beam.solve(f, ends)) - np.sin(2 * x)).max() < 1e-13


def test_the_tau_method_agrees():
    basis = ChebyshevBasis(32, 0.0, 1.0)
    equation = [np.exp, lambda x: np.sin(3 * x), lambda x: 1 + x**2]
    conditions = [basis.integrals, ("upper", 1)]
    f = basis.forward(np.cos(5 * basis.points))
    one, other = (
        kind(basis, equation, conditions).solve(f, [0.2, -1.0])
        for kind in (TauMethod, Ultraspherical)
    )
    assert abs(one - other).max() < 1e-12


def test_condition_and_cost():
    """Bounded condition with scaled columns, numbers in proportion to n."""
    conditions, counts = [], []
    for n in (128, 256, 512):
        method = Ultraspherical(ChebyshevBasis(n), [lambda x: 1 + x**2, 1.0, 1.0], ENDS)
        k = np.maximum(np.arange(n), 1.0)
        dense = np.vstack([method.rows, method.matrix.toarray()])
        conditions.append(np.linalg.cond(dense / k))
        counts.append(method.factors.nonzeros)
    assert max(conditions) < 1.1 * min(conditions) < 30
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0]) and counts[2] < 40 * 512


def test_what_does_not_fit_is_refused():
    basis = ChebyshevBasis(8)
    with pytest.raises(InputError, match="basis: expected a ChebyshevBasis"):
        Ultraspherical(LegendreBasis(8), [1.0, 1.0], ENDS)
    with pytest.raises(InputError, match="coefficients: expected those of the orders"):
        Ultraspherical(basis, [1.0], ENDS)
    for wrong in (3.0, None):
        with pytest.raises(InputError, match="expected lists"):
            Ultraspherical(basis, wrong, ENDS)
    with pytest.raises(InputError, match="conditions: expected"):
        Ultraspherical(basis, [1.0, 1.0], [("middle", 0)])
    with pytest.raises(InputError, match="finite"):
        Ultraspherical(basis, [np.nan, 1.0], ENDS)
    method = Ultraspherical(basis, [0.0, 0.0, 1.0], ENDS)
    with pytest.raises(InputError, match="f: expected shape"):
        method.solve(np.zeros(9))
    with pytest.raises(InputError, match="values: expected shape"):
        method.solve(np.zeros(8), [1.0, 2.0, 3.0])
