import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.stepping import DiagonalPart


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
