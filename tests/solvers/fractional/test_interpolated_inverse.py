"""Rows of inverses for the constants they have, and what that does for GMRES."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.fractional import RieszDiffusion, RieszMatrix, RieszPreconditioner
from nwidth.solvers.fractional.interpolated_inverse import InterpolatedInverse
from nwidth.solvers.krylov import fgmres


@pytest.mark.parametrize(
    "reaction", [lambda x: 1e4 * (x > 0.5), lambda x: 1e6 * x, lambda x: 10 ** (3 * np.sin(9 * x))]
)
@pytest.mark.parametrize("p, alpha", [(3, 1.2), (5, 1.8)])
def test_iterations_stay_few(reaction, p, alpha):
    problem = RieszDiffusion(1000, p, alpha, reaction=reaction)
    b = 1 + np.sin(3 * problem.points)
    M = InterpolatedInverse(problem.matrix, problem.reaction)
    assert 1 < len(M.constants) <= 6
    assert fgmres(problem.operator, b, preconditioner=M, rtol=1e-8).iterations <= 15
    mean = RieszPreconditioner(problem.matrix, stiffness=-1.0, mass=problem.reaction.mean())
    assert fgmres(problem.operator, b, preconditioner=mean, rtol=1e-8).iterations >= 18


def test_rows_have_the_inverse_of_their_constant():
    A = RieszMatrix(60, 3, 1.5)
    c = np.where(A.points < 0.5, 2.0, 4000.0)
    M, u = InterpolatedInverse(A, c), np.random.default_rng(0).standard_normal(A.size)
    for constant in (2.0, 4000.0):
        expected = RieszPreconditioner(A, stiffness=-1.0, mass=constant).apply(u)
        assert np.allclose(M.apply(u)[c == constant], expected[c == constant], rtol=1e-10)


def test_one_constant_is_enough_where_little_varies_or_all_jumps():
    A = RieszMatrix(300, 3, 1.5)
    noise = 10 ** (4 * np.random.default_rng(0).random(A.size))
    for c in (np.array(5.0), 50 + A.points, noise):
        M = InterpolatedInverse(A, c)
        assert np.allclose(M.constants, [c.mean()])
        u = np.ones(A.size)
        expected = RieszPreconditioner(A, stiffness=-1.0, mass=float(c.mean())).apply(u)
        assert np.allclose(M.apply(u), expected, rtol=1e-14)
    for wrong, told in ((np.ones(3), "shape"), (-1.0, "numbers >= 0"), ("a", "numbers, got")):
        with pytest.raises(InputError, match=f"reaction: expected {told}"):
            InterpolatedInverse(A, wrong)
