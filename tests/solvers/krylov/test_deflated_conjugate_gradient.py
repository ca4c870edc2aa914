import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import MatrixOperator, Status
from nwidth.solvers.krylov import (
    RecycledSpace,
    conjugate_gradient,
    deflated_conjugate_gradient,
    gcro_dr,
)
from nwidth.solvers.krylov.deflated_conjugate_gradient import smallest_pencil_vectors
from nwidth.solvers.stacked_operator import StackedOperator

KINDS = [np.float32, np.float64, np.complex64, np.complex128]


def random(kind, *shape, seed=0):
    rng = np.random.default_rng(seed)
    u = rng.standard_normal(shape)
    return (u + 1j * rng.standard_normal(shape) if np.dtype(kind).kind == "c" else u).astype(kind)


def definite(n, kind=np.float64, seed=0):
    B = random(kind, n, n, seed=seed)
    return (B @ B.conj().T / n + 0.5 * np.eye(n)).astype(kind)


@given(st.integers(1, 40), st.integers(1, 8), st.sampled_from(KINDS), st.booleans())
@settings(max_examples=40, deadline=None)
def test_sequences_agree_with_dense_solutions(n, size, kind, preconditioned):
    space, rtol = RecycledSpace(size), 1e-4 if np.finfo(kind).eps > 1e-10 else 1e-10
    for number in range(3):
        A = definite(n, kind, n) + (0.01 * definite(n, kind, number)).astype(kind)
        b = random(kind, n, seed=number)
        M = np.diag(1 / np.diagonal(A).real).astype(kind) if preconditioned else None
        result = deflated_conjugate_gradient(A, b, space=space, preconditioner=M, rtol=rtol)
        assert result.status is Status.CONVERGED and result.x.dtype == kind
        assert np.linalg.norm(b - A @ result.x) <= 1.1 * rtol * np.linalg.norm(b)
        assert 1 <= space.dimension <= size


@pytest.mark.parametrize("preconditioned", [False, True])
def test_without_a_space_these_are_conjugate_gradients(preconditioned):
    A, b = definite(50), random(np.float64, 50)
    M = np.diag(1 / np.diagonal(A)) if preconditioned else None
    plain = conjugate_gradient(A, b, preconditioner=M)
    same = deflated_conjugate_gradient(A, b, preconditioner=M)
    np.testing.assert_allclose(same.residuals, plain.residuals, rtol=1e-5)


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_exact_eigenvectors_are_left_out(kind):
    """With the 3 lowest eigenvectors the energy error is minimal over space and Krylov space."""
    n = 30
    A, b = definite(n, kind), random(kind, n, seed=1)
    W = np.linalg.eigh(A)[1][:, :3].T.conj().copy().conj()
    space = RecycledSpace(3)
    space.keep(W, W, None, None)
    result = deflated_conjugate_gradient(A, b, space=space, max_iterations=4, rtol=0.0)
    projected = b - A @ W.T @ np.linalg.solve(W.conj() @ A @ W.T, W.conj() @ b)
    krylov = [projected]
    for _ in range(3):
        krylov.append(A @ krylov[-1] / 3)
    basis = np.linalg.qr(np.concatenate([W, krylov]).T)[0]
    best = basis @ np.linalg.solve(basis.conj().T @ A @ basis, basis.conj().T @ b)
    np.testing.assert_allclose(result.x, best, atol=1e-8)


def laplacian(n):
    T = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    return (sp.kron(T, sp.eye_array(n)) + sp.kron(sp.eye_array(n), T)).tocsr()


@pytest.mark.parametrize("preconditioned", [False, True])
def test_recycling_pays_on_a_slowly_varying_sequence(preconditioned):
    rng, space, n = np.random.default_rng(0), RecycledSpace(12), 24
    field, counts, plain = 2 + rng.random(n * n), [], []
    for _ in range(4):
        field = field + 0.02 * rng.standard_normal(n * n)
        scale = sp.diags_array(np.sqrt(field))
        A, b = (scale @ laplacian(n) @ scale).tocsr(), rng.standard_normal(n * n)
        M = sp.diags_array(1 / A.diagonal()) if preconditioned else None
        options = {"preconditioner": M, "max_iterations": 500}
        counts.append(deflated_conjugate_gradient(A, b, space=space, **options).iterations)
        plain.append(conjugate_gradient(A, b, **options).iterations)
    assert abs(counts[0] - plain[0]) <= 1
    assert max(counts[2:]) <= 0.75 * min(plain[2:]) and counts[-1] <= 0.62 * plain[-1]


def test_many_right_hand_sides_need_no_products_of_the_space():
    products = []

    class Counting(MatrixOperator):
        def _apply(self, u):
            products.append(1)
            return super()._apply(u)

    A, space = Counting(definite(60), frozenset({"symmetric"})), RecycledSpace(8, solutions=0)
    for seed in range(3):
        products.clear()
        b = random(np.float64, 60, seed=seed)
        result = deflated_conjugate_gradient(A, b, space=space)
        assert result.status is Status.CONVERGED and len(products) <= result.iterations + 2


def test_a_space_goes_from_one_method_to_the_other():
    A, space = definite(60), RecycledSpace(6)
    operator = MatrixOperator(A, frozenset({"symmetric"}))
    for seed, method in enumerate([gcro_dr, deflated_conjugate_gradient, gcro_dr]):
        b = random(np.float64, 60, seed=seed)
        result = method(operator, b, space=space)
        assert result.status is Status.CONVERGED
        np.testing.assert_allclose(A @ result.x, b, atol=1e-7 * np.linalg.norm(b))


def test_failures_are_statuses():
    A, b = definite(30), np.ones(30)
    assert deflated_conjugate_gradient(A, b, max_iterations=3).status is Status.MAX_ITERATIONS
    stuck = deflated_conjugate_gradient(A, b, rtol=0.0, max_iterations=2000)
    assert stuck.status is Status.STAGNATED and stuck.residuals[-1] < 1e-13
    indefinite = np.diag([1.0, 2.0, -3.0])
    assert deflated_conjugate_gradient(indefinite, np.ones(3)).status is Status.BREAKDOWN
    bad = -np.eye(30)
    assert deflated_conjugate_gradient(A, b, preconditioner=bad).status is Status.BREAKDOWN
    space = RecycledSpace(4)
    deflated_conjugate_gradient(A, b, space=space)
    A[2, 2] = np.nan
    assert deflated_conjugate_gradient(A, b, space=space).status is Status.NON_FINITE
    negative = deflated_conjugate_gradient(-definite(30), np.arange(30.0), space=space)
    assert negative.status is Status.BREAKDOWN
    assert not deflated_conjugate_gradient(definite(30), 0 * b, space=space, initial=b).x.any()
    solved = deflated_conjugate_gradient(definite(30), b, space=space)
    assert solved.status is Status.CONVERGED


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex128])
def test_a_right_hand_side_out_of_the_range_breaks_down(kind):
    singular = np.diag([1.0, 2.0, 3.0, 4.0, 0.0]).astype(kind)
    b = np.array([1.0, 1.0, 1.0, 1.0, 1e-3], kind)
    result = deflated_conjugate_gradient(singular, b)
    assert result.status is Status.BREAKDOWN and np.abs(result.x).max() < 2
    assert result.residuals[-1] < 1e-3
    b[-1] = 0
    assert deflated_conjugate_gradient(singular, b, rtol=1e-5).status is Status.CONVERGED


@pytest.mark.parametrize(
    ("A", "options"),
    [
        (np.triu(np.ones((3, 3))), {}),
        (np.eye(3), {"directions": 0}),
        (np.eye(3), {"directions": 2.0}),
        (np.eye(3), {"space": 3}),
        (np.eye(3), {"rtol": 1.0}),
    ],
)
def test_bad_options(A, options):
    with pytest.raises(InputError):
        deflated_conjugate_gradient(A, np.ones(3), **options)


def test_batches_are_refused():
    with pytest.raises(InputError, match="batch"):
        deflated_conjugate_gradient(StackedOperator([np.eye(2)] * 2), np.ones((2, 2)))


def test_a_singular_pencil_gives_fewer_vectors():
    G = np.diag([1.0, 0.0, 2.0])
    Y = smallest_pencil_vectors(np.diag([1.0, 0.0, 1.0]), G, 3)
    assert Y.shape == (3, 2) and not Y[1].any()
    np.testing.assert_allclose(Y.T @ G @ Y, np.eye(2), atol=1e-14)
