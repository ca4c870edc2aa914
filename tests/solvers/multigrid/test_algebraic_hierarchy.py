import sys

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.multigrid import AlgebraicHierarchy, ruge_stueben


def poisson(n):
    one = sp.diags_array([[2.0] * n, [-1.0] * (n - 1), [-1.0] * (n - 1)], offsets=[0, 1, -1])
    return (sp.kron(one, sp.eye_array(n)) + sp.kron(sp.eye_array(n), one)).tocsr()


def check(hierarchy, A):
    np.testing.assert_array_equal(hierarchy.matrices[0].toarray(), A.toarray())
    assert len(hierarchy.matrices) == len(hierarchy.interpolations) + 1
    for fine, P, coarse in zip(
        hierarchy.matrices[:-1], hierarchy.interpolations, hierarchy.matrices[1:], strict=True
    ):
        assert coarse.shape[0] < fine.shape[0]
        gap = abs(P.T @ fine @ P - coarse).max()
        assert gap <= 1e-12 * abs(fine).max() * 10


def test_ours():
    A = poisson(20)
    hierarchy = AlgebraicHierarchy.from_matrix(A)
    check(hierarchy, A)
    assert hierarchy.matrices[-1].shape[0] <= 80
    P = hierarchy.interpolations[0]
    np.testing.assert_array_equal(P.toarray(), ruge_stueben(A).toarray())
    assert 1 < hierarchy.operator_complexity < 4


def test_small_matrices_have_one_level():
    assert AlgebraicHierarchy.from_matrix(poisson(5)).interpolations == ()


def test_coarsest_level_that_is_too_large_to_invert():
    pyamg = pytest.importorskip("pyamg", reason="PyAMG is not installed")
    with pytest.raises(InputError, match="at most 3000 unknowns on the coarsest level, got 4900"):
        AlgebraicHierarchy.of(pyamg.ruge_stuben_solver(poisson(70), max_coarse=5000))


@pytest.mark.parametrize("kind", ["ruge-stueben", "smoothed-aggregation"])
def test_levels_of_pyamg(kind):
    pyamg = pytest.importorskip("pyamg", reason="PyAMG is not installed")
    A = poisson(24)
    if kind == "ruge-stueben":
        check(AlgebraicHierarchy.of(pyamg.ruge_stuben_solver(A)), A)
    else:
        check(AlgebraicHierarchy.of(pyamg.smoothed_aggregation_solver(A)), A)
        check(AlgebraicHierarchy.from_matrix(A, kind), A)


def test_restriction_of_another_kind_is_refused():
    pyamg = pytest.importorskip("pyamg", reason="PyAMG is not installed")
    multilevel = pyamg.ruge_stuben_solver(poisson(20))
    multilevel.levels[0].R = 2 * multilevel.levels[0].R
    with pytest.raises(InputError, match="R = P\\^T on level 0"):
        AlgebraicHierarchy.of(multilevel)


def test_near_nullspace_of_elasticity():
    pyamg = pytest.importorskip("pyamg", reason="PyAMG is not installed")
    A, rigid = pyamg.gallery.linear_elasticity((12, 12))
    hierarchy = AlgebraicHierarchy.from_matrix(A, "smoothed-aggregation", rigid)
    assert hierarchy.interpolations[0].shape[1] % 3 == 0
    with pytest.raises(InputError, match="near_nullspace: expected shape"):
        AlgebraicHierarchy.from_matrix(A, "smoothed-aggregation", rigid[:-1])


def test_without_pyamg(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyamg", None)
    with pytest.raises(InputError, match="pip install"):
        AlgebraicHierarchy.from_matrix(poisson(4), "smoothed-aggregation")


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        ([[1.0, 2.0], [0.0, 1.0]], "symmetric"),
        ([[0.0, 1.0], [1.0, 0.0]], "positive diagonal, got 0 in row 0"),
        ([[1.0, 1.0]], "square"),
        ([[1j, 0.0], [0.0, 1.0]], "real"),
    ],
)
def test_matrices_that_cannot_be_used(matrix, told):
    with pytest.raises(InputError, match=told):
        AlgebraicHierarchy.from_matrix(np.array(matrix))


def test_other_bad_arguments():
    with pytest.raises(InputError, match="kind"):
        AlgebraicHierarchy.from_matrix(poisson(4), "magic")
    with pytest.raises(InputError, match="near_nullspace"):
        AlgebraicHierarchy.from_matrix(poisson(4), near_nullspace=np.ones((16, 1)))
    with pytest.raises(InputError, match="MultilevelSolver"):
        AlgebraicHierarchy.of(poisson(4))
    with pytest.raises(NonFiniteError):
        AlgebraicHierarchy.from_matrix(np.full((2, 2), np.inf))
