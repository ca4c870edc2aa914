import numpy as np
import pytest
import scipy.linalg

from nwidth.errors import InputError
from nwidth.rom.deim import deim
from nwidth.rom.s_opt import s_opt


def optimality(A):
    """S(A) to the power r, from its definition."""
    gram = np.linalg.slogdet(A.conj().T @ A)[1] / 2
    return np.exp(gram - np.log(np.linalg.norm(A, axis=0)).sum())


def published(U, number):
    """Every candidate tried, every determinant computed anew; columns of U."""
    n, r = U.shape
    points = [int(np.abs(U[:, 0]).argmax())]
    while len(points) < number:
        k = min(len(points) + 1, r)
        free = [p for p in range(n) if p not in points]
        scores = [optimality(U[[*points, p], :k]) for p in free]
        points.append(free[int(np.argmax(scores))])
    return points


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("number", [5, 6, 11])
def test_points_are_those_of_the_definition(rough, number, dtype):
    U = rough(5, 60, dtype)
    assert s_opt(U, number).points.tolist() == published(U.T, number)


def test_more_functions_than_a_product_takes_at_once(rough):
    U = rough(19, 50)
    assert s_opt(U, 30).points.tolist() == published(U.T, 30)


def test_first_points_do_not_depend_on_how_many_follow(rough):
    U = rough(6, 80)
    many = s_opt(U, 30).points
    assert s_opt(U, 8).points.tolist() == many[:8].tolist()
    assert len(set(many.tolist())) == 30


def test_more_points_reconstruct_better_than_deim():
    y = np.linspace(-1, 1, 400)
    U = scipy.linalg.orth(np.polynomial.legendre.legvander(y, 9)).T
    assert s_opt(U, 20).error_constant() < deim(U).error_constant()


def test_all_points_may_be_chosen_and_no_more(rough):
    U = rough(3, 7)
    assert sorted(s_opt(U, 7).points.tolist()) == list(range(7))
    with pytest.raises(InputError, match="at most the 7 points"):
        s_opt(U, 8)
    with pytest.raises(InputError, match="number: expected an integer >= 3"):
        s_opt(U, 2)
