import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import AffineProblem
from nwidth.rom.full_solution import checked_solution, full_solution
from nwidth.solvers.linear_operator import MatrixOperator

MU = np.array([2.0])


def test_elimination_and_other_codes_agree():
    A = np.array([[2.0, 1.0], [0.0, 4.0]])
    problem = AffineProblem(lambda mu: mu, [A], lambda mu: [1.0], [[3.0, 4.0]])
    ours, theirs = full_solution(problem, None), full_solution(problem, problem.solve)
    np.testing.assert_allclose(ours(MU), [0.5, 0.5], rtol=1e-15)
    np.testing.assert_allclose(theirs(MU), [0.5, 0.5], rtol=1e-15)


def test_operators_need_a_code():
    acting = AffineProblem(
        lambda mu: mu, [MatrixOperator(np.eye(2))], lambda mu: [1.0], [[1.0, 1.0]]
    )
    with pytest.raises(InputError, match="any code"):
        full_solution(acting, None)


@pytest.mark.parametrize("values", [None, [1.0], "ab", [[1.0, 2.0]]])
def test_what_is_no_solution_names_the_parameter(values):
    with pytest.raises(InputError, match=r"solution at mu = \[2\.0\]: expected"):
        checked_solution(lambda mu: values, MU, (2,))


def test_errors_of_the_code_name_the_parameter():
    def refuse(mu):
        raise NonFiniteError("u: expected finite numbers")

    with pytest.raises(NonFiniteError, match=r"trajectory at mu = \[2\.0\]: u: expected finite"):
        checked_solution(refuse, MU, (2,), "trajectory")
    with pytest.raises(NonFiniteError, match="nan at index"):
        checked_solution(lambda mu: [np.nan, 1.0], MU, (2,))
