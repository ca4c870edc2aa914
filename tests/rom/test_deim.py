import numpy as np
import pytest
import scipy.linalg

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.deim import deim

RNG = np.random.default_rng(3)


def published(U):
    """Algorithm 1 of Chaturantabut & Sorensen, a system for each function; columns of U."""
    points = [int(np.abs(U[:, 0]).argmax())]
    for k in range(1, U.shape[1]):
        c = np.linalg.solve(U[points, :k], U[points, k])
        points.append(int(np.abs(U[:, k] - U[:, :k] @ c).argmax()))
    return points


def space(r, n, dtype=np.float64):
    x, y = np.linspace(1, 9, 60)[:, None], np.linspace(0, 2, n)
    f = np.exp(1j * x * y) if dtype == np.complex128 else np.exp(-x * y) + np.sin(x * y**2)
    return np.linalg.svd(f, full_matrices=False)[2][:r].astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_points_are_those_of_the_published_algorithm(dtype):
    U = space(12, 301, dtype)
    assert deim(U).points.tolist() == published(U.T)


def test_points_are_the_pivots_of_an_lu_decomposition():
    U = space(15, 500)
    order = scipy.linalg.lu(U.T, p_indices=True)[0]
    assert deim(U).points.tolist() == np.argsort(order)[:15].tolist()


def test_scales_and_nested_combinations_do_not_matter():
    U = space(9, 200)
    mixed = np.tril(RNG.standard_normal((9, 9)) + 5 * np.eye(9)) @ U * 1e3
    assert deim(mixed).points.tolist() == deim(U).points.tolist()


def test_of_equal_values_the_first_counts():
    y = np.linspace(-1, 1, 11)
    assert deim(np.stack([y**2, np.ones(11)])).points.tolist() == [0, 5]


def test_error_constant_is_below_the_bound_of_sorensen_and_embree():
    U = space(14, 400)
    n, r = 400, 14
    assert deim(U).error_constant() < np.sqrt(n * r / 3) * 2**r
    assert deim(U).error_constant() < 100  # what is found in practice


def test_bad_bases_are_told():
    with pytest.raises(NonFiniteError, match="basis"):
        deim([[1.0, np.inf]])
    with pytest.raises(InputError, match="field 1 is a combination"):
        deim(np.ones((2, 5)))
    with pytest.raises(InputError, match="expected numbers"):
        deim([["a", "b"]])
