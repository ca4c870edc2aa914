from functools import cached_property

import numpy as np
import pytest

from nwidth.solvers import DiffusionOperator
from nwidth.solvers.multigrid import SubspaceCorrection


class TwoParts(SubspaceCorrection):
    """The first three unknowns and the last four, one of them in both, solved for exactly."""

    @cached_property
    def corrections(self):
        return [self.solver(slice(0, 3)), self.solver(slice(2, 6))]

    def solver(self, part):
        inverse = np.linalg.inv(self.operator.to_sparse().toarray()[part, part])

        def correct(u, r):
            u[part] += inverse @ r[part]

        return correct


A = DiffusionOperator((np.array([1.0, 2.0, 5.0, 1.0, 3.0, 1.0, 2.0]),))


def matrix(adjoint=False, sweeps=1):
    """The matrix that takes f to the unknowns relaxed from zero."""
    columns = []
    for f in np.eye(6):
        u = np.full(6, np.nan)
        TwoParts(A).smooth(u, f, sweeps, adjoint=adjoint, from_zero=True)
        columns.append(u)
    return np.transpose(columns)


def test_the_opposite_order_is_the_adjoint():
    for sweeps in (1, 2):
        np.testing.assert_allclose(matrix(True, sweeps), matrix(False, sweeps).T, atol=1e-14)


def test_a_part_is_solved_for_exactly():
    rng = np.random.default_rng(0)
    u, f, r = (*rng.standard_normal((2, 6)), np.empty(6))
    TwoParts(A).smooth(u, f)
    TwoParts(A).residual_into(r, f, u)
    np.testing.assert_allclose(r[2:], 0, atol=1e-13)
    assert abs(r[:2]).max() > 1e-3


def test_sweeps_converge_to_the_solution():
    f = np.random.default_rng(1).standard_normal(6)
    u = np.zeros(6)
    TwoParts(A).smooth(u, f, 200)
    np.testing.assert_allclose(A.apply(u), f, atol=1e-12)


def test_parts_have_to_be_said():
    with pytest.raises(TypeError, match="corrections"):
        SubspaceCorrection(A)
