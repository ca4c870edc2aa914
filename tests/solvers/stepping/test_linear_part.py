import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.stepping import DiagonalPart
from nwidth.solvers.stepping.linear_part import KEPT, require_linear_part


@pytest.mark.parametrize("symbol", [[-1.0, 2.0, 0.0], [1j, -2 + 1j, 0.5]])
def test_the_shifted_solve_undoes_the_shifted_product(symbol):
    L, b = DiagonalPart(symbol), np.arange(6.0).reshape(2, 3) + 1j
    x, product = np.empty_like(b), np.empty_like(b)
    L.shifted(0.3)(b, x)
    L.apply(x, product)
    assert np.allclose(x - 0.3 * product, b, rtol=1e-15)
    L.shifted(0.3)(b, b)  # in place
    assert np.array_equal(b, x)


def test_symbols_are_finite_numbers():
    with pytest.raises(NonFiniteError, match="symbol"):
        DiagonalPart([1.0, np.inf])
    with pytest.raises(InputError, match="symbol"):
        DiagonalPart(["a"])


def test_solves_of_a_few_shifts_are_kept():
    L = DiagonalPart([-1.0])
    solves = [L.kept_shifted(0.1 * k) for k in range(KEPT)]
    assert all(L.kept_shifted(0.1 * k) is solves[k] for k in range(KEPT))
    L.kept_shifted(5.0)
    assert L.kept_shifted(0.1) is solves[1] and L.kept_shifted(0.0) is not solves[0]


def test_complex_parts_want_complex_states():
    turning = DiagonalPart([1j])
    assert not turning.real and DiagonalPart([1.0]).real
    assert require_linear_part(turning, np.ones(1, complex), "method") is turning
    with pytest.raises(InputError, match="method: expected a complex state for a complex"):
        require_linear_part(turning, np.ones(1), "method")
