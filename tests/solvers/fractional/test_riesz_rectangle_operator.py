import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.fractional import RieszMatrix, RieszRectangleOperator
from nwidth.solvers.fractional import riesz_rectangle_operator as module


def operator(rng, shape=(7, 9)):
    matrices = [RieszMatrix(shape[0] - 1, 3, 1.3), RieszMatrix(shape[1] - 2, 4, 1.8, -1.0, 2.0)]
    return RieszRectangleOperator(
        matrices, [1 + rng.random(shape), 2 + rng.random(shape)], rng.random(shape)
    )


@pytest.mark.parametrize("dense", [0, 512])
def test_is_the_sum_of_kronecker_products_and_has_an_adjoint(monkeypatch, dense):
    monkeypatch.setattr(module, "DENSE", dense)
    rng = np.random.default_rng(0)
    A = operator(rng)
    (R, S), (B, C) = [M.dense() for M in A.matrices], [M.matrix.toarray() for M in A.masses]
    K, L = A.coefficients
    matrix = -K.reshape(-1, 1) * np.kron(R, C) - L.reshape(-1, 1) * np.kron(B, S)
    matrix += A.reaction.reshape(-1, 1) * np.kron(B, C)
    assert np.allclose(A.to_dense(), matrix, rtol=0, atol=1e-12 * abs(matrix).max())
    c, v = (rng.standard_normal(A.domain_shape) + 1j * rng.random(A.domain_shape) for _ in "ab")
    assert np.vdot(v, A.apply(c)) == pytest.approx(np.vdot(A.adjoint(v), c), rel=1e-12)


def test_values_and_coefficients_are_inverse_to_each_other():
    A = operator(np.random.default_rng(1))
    c = np.random.default_rng(2).standard_normal(A.domain_shape)
    assert np.allclose(A.coefficients_of(A.values(c)), c, atol=1e-12)


def test_three_directions():
    rng = np.random.default_rng(3)
    matrices = [RieszMatrix(n, 2, a) for n, a in ((4, 1.2), (5, 1.5), (6, 2.0))]
    A = RieszRectangleOperator(matrices, [1.0, 2.0, 3.0])
    one, two, three = (R.dense() for R in matrices)
    B = [M.matrix.toarray() for M in A.masses]
    c = rng.standard_normal(A.domain_shape)
    wanted = -np.einsum("ai,bj,ck,ijk->abc", one, B[1], B[2], c)
    wanted -= 2 * np.einsum("ai,bj,ck,ijk->abc", B[0], two, B[2], c)
    wanted -= 3 * np.einsum("ai,bj,ck,ijk->abc", B[0], B[1], three, c)
    assert np.allclose(A.apply(c), wanted, atol=1e-11)


def test_bad_input():
    R = RieszMatrix(8, 3, 1.5)
    with pytest.raises(InputError, match="as many as matrices"):
        RieszRectangleOperator([R, R], [1.0])
    with pytest.raises(InputError, match="shape"):
        RieszRectangleOperator([R, R], [1.0, np.ones(3)])
