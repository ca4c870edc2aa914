import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import CollocationOperator, CollocationSpace
from nwidth.solvers.bsplines.collocation_operator import along

RNG = np.random.default_rng(7)


def test_products_are_those_of_the_matrix_and_sums_of_kronecker_products():
    space = CollocationSpace([KnotVector.uniform(n, p) for n, p in ((4, 3), (3, 2), (5, 4))])
    terms = {(0, 0, 0): 2.0, (1, 0, 1): RNG.random(space.shape), (0, 2, 0): RNG.random(space.shape)}
    A = CollocationOperator(space.matrices, terms)
    u = RNG.standard_normal(space.shape)
    whole = 0
    for orders, w in terms.items():
        D = [of[m].toarray() for of, m in zip(space.matrices, orders, strict=True)]
        whole = whole + w * np.einsum("ai,bj,ck,ijk->abc", *D, u)
    assert np.allclose(A.apply(u), whole, rtol=0, atol=1e-11 * abs(whole).max())
    assert np.allclose(A.to_sparse() @ u.ravel(), whole.ravel(), atol=1e-11 * abs(whole).max())


def test_terms_of_zero_cost_nothing_and_precision_is_kept():
    D = [sp.eye_array(3, format="csr", dtype=np.float32)]
    A = CollocationOperator([D], {(0,): np.float32(3)})
    assert A.apply(np.ones(3, np.float32)).dtype == np.float32
    assert CollocationOperator([D, D], {(0, 0): np.zeros((3, 3))}).terms == {}


def test_wrong_shapes_are_refused():
    D = [sp.eye_array(3, format="csr")]
    for factors, terms, words in (
        ([D], {(0, 0): 1.0}, "one order for each"),
        ([D], {(1,): 1.0}, "one order for each"),
        ([D], {(0,): np.ones(4)}, "shape"),
        ([[*D, sp.eye_array(2)]], {(0,): 1.0}, "factors"),
    ):
        with pytest.raises(InputError, match=words):
            CollocationOperator(factors, terms)


def test_along_takes_any_axis():
    m, u = RNG.random((2, 4)), RNG.random((3, 4, 5))
    assert np.allclose(along(sp.csr_array(m), u, 1), np.einsum("ab,ibj->iaj", m, u))
