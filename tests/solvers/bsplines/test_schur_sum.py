from functools import reduce

import numpy as np
import pytest

from nwidth.solvers.bsplines.schur_sum import SchurSum


def dense(matrices):
    """Return the sum of Kronecker products."""
    sizes = [len(L) for L in matrices]
    return sum(
        reduce(np.kron, [L if j == k else np.eye(n) for j, n in enumerate(sizes)])
        for k, L in enumerate(matrices)
    )


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("sizes", [(5,), (4, 6), (4, 3, 5)])
def test_solutions_are_those_of_the_dense_sum(sizes, kind):
    rng = np.random.default_rng(4)
    matrices = [
        np.tril(rng.standard_normal((n, n)), 1) + (3 + k) * np.eye(n) for k, n in enumerate(sizes)
    ]
    if kind is complex:
        matrices = [L + 1j * rng.standard_normal(L.shape) for L in matrices]
    whole, inverse = dense(matrices), SchurSum(matrices)
    g = rng.standard_normal(sizes)
    assert np.allclose(whole @ inverse.solve(g).ravel(), g.ravel(), atol=1e-11)
    assert np.allclose(whole.conj().T @ inverse.adjoint(g).ravel(), g.ravel(), atol=1e-11)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_one_eigenvector_alone_does_no_harm(d):
    """Jordan blocks, which have no basis of eigenvectors."""
    block = np.eye(7) + np.eye(7, k=1)
    g = np.random.default_rng(5).standard_normal((7,) * d)
    found = SchurSum([block] * d).solve(g)
    assert np.allclose(dense([block] * d) @ found.ravel(), g.ravel(), atol=1e-9)
