import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom.deim import deim
from nwidth.rom.gnat import gnat


def published(U, number):
    """Least squares solved anew for each function; columns of U."""
    r, points = U.shape[1], []
    for k in range(r):
        rho = U[:, k]
        if k:
            rho = rho - U[:, :k] @ np.linalg.lstsq(U[points, :k], U[points, k])[0]
        size = np.abs(rho)
        size[points] = -1
        share = number // r + (k < number % r)
        points += np.argsort(-size, kind="stable")[:share].tolist()
    return points


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32, np.complex64])
@pytest.mark.parametrize("number", [6, 7, 15])
def test_points_are_those_of_least_squares_solved_anew(rough, number, dtype):
    U = rough(6, 90, dtype)
    assert gnat(U, number).points.tolist() == published(U.T, number)


def test_with_as_many_points_as_functions_it_is_deim(rough):
    U = rough(12, 200)
    assert gnat(U, 12).points.tolist() == deim(U).points.tolist()


def test_more_points_bound_the_error_better(rough):
    U = rough(12, 400)
    assert len(gnat(U).points) == 24
    assert gnat(U).error_constant() < deim(U).error_constant()


def test_one_function_alone():
    assert gnat([[1.0, 3.0, 2.0]], 2).points.tolist() == [1, 2]


def test_number_of_points_is_checked(rough):
    U = rough(3, 7)
    assert sorted(gnat(U, 7).points.tolist()) == list(range(7))
    with pytest.raises(InputError, match="at most the 7 points"):
        gnat(U, 8)
    with pytest.raises(InputError, match="number: expected an integer >= 3"):
        gnat(U, 2.5)
