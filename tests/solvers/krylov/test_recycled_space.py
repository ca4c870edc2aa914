import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.krylov.recycled_space import RecycledSpace, orthonormal_combinations


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex64, np.complex128])
def test_orthonormal_combinations_of_badly_scaled_rows(kind):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((6, 40)) + 1j * rng.standard_normal((6, 40))
    rows = rows if np.dtype(kind).kind == "c" else rows.real
    rows = (rows * np.geomspace(1, 1e6, 6)[:, None]).astype(kind)
    T, Q = orthonormal_combinations(rows)
    eps = np.finfo(kind).eps
    assert Q.shape == (6, 40) and Q.dtype == kind
    np.testing.assert_allclose(Q @ Q.conj().T, np.eye(6), atol=50 * eps)
    np.testing.assert_allclose(T @ rows, Q, atol=500 * eps)


def test_dependent_rows_are_dropped():
    rows = np.random.default_rng(0).standard_normal((3, 20))
    rows = np.stack([rows[0], rows[1], rows[0] - 2 * rows[1], np.zeros(20), rows[2]])
    T, Q = orthonormal_combinations(rows)
    assert Q.shape == (3, 20)
    np.testing.assert_allclose(Q @ Q.T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(T @ rows, Q, atol=1e-7)


def test_vectors_change_precision_but_not_length():
    space = RecycledSpace(2)
    space.suit(5, np.float32)
    u = np.ones((2, 5)) * (1 + 1j)
    space.keep(u, u, u, "operator")
    space.suit(5, np.complex128)
    assert space.images is u
    space.suit(5, np.float32)
    assert space.vectors.dtype == np.float32 and space.images is None and space.operator is None
    with pytest.raises(InputError, match="another size"):
        space.suit(6, np.float32)
    space.forget()
    assert space.dimension == 0


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None])
def test_bad_sizes(size):
    with pytest.raises(InputError, match="size"):
        RecycledSpace(size)
