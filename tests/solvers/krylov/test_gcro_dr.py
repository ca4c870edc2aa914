import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import MatrixOperator, Status
from nwidth.solvers.krylov import RecycledSpace, fgmres, gcro_dr
from nwidth.solvers.krylov.gcro_dr import leading_subspace

KINDS = [np.float32, np.float64, np.complex64, np.complex128]


def random(kind, *shape, seed=0):
    rng = np.random.default_rng(seed)
    u = rng.standard_normal(shape)
    return (u + 1j * rng.standard_normal(shape) if np.dtype(kind).kind == "c" else u).astype(kind)


def system(n, kind=np.float64, seed=0, shift=1.2):
    matrix = random(kind, n, n, seed=seed) / np.sqrt(n) + shift * np.eye(n)
    return matrix.astype(kind), random(kind, n, seed=seed + 1000)


@given(st.integers(1, 40), st.integers(2, 20), st.sampled_from(KINDS), st.booleans())
@settings(max_examples=40, deadline=None)
def test_sequences_agree_with_dense_solutions(n, restart, kind, preconditioned):
    """Small cycles, small systems, spaces as large as the system, three systems in a row."""
    space = RecycledSpace(max(1, restart // 2))
    rtol = 1e-4 if np.finfo(kind).eps > 1e-10 else 1e-10
    for number in range(3):
        A, b = system(n, kind, seed=n, shift=4.0)
        A = (A + 0.01 * random(kind, n, n, seed=number)).astype(kind)
        M = np.diag(1 / np.diagonal(A)) if preconditioned else None
        result = gcro_dr(
            A, b, space=space, restart=restart, preconditioner=M, rtol=rtol, max_iterations=2000
        )
        assert result.status is Status.CONVERGED and result.x.dtype == kind
        assert np.linalg.norm(b - A @ result.x) <= 1.1 * rtol * np.linalg.norm(b)
        assert 1 <= space.dimension <= space.size + 1


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_minimal_residual_over_recycled_and_krylov_space(kind, preconditioned):
    n = 40
    A, b = system(n, kind)
    space = RecycledSpace(4)
    M = system(n, kind, seed=5, shift=2.0)[0] if preconditioned else np.eye(n)
    options = {"space": space, "restart": 12, "preconditioner": M if preconditioned else None}
    gcro_dr(A, b, max_iterations=20, **options)
    A = A + 0.05 * random(kind, n, n, seed=7)
    b = random(kind, n, seed=8)
    U = space.vectors.copy()
    k = space.dimension
    zero = np.zeros_like(b)
    result = gcro_dr(A, b, rtol=1e-12, max_iterations=12 - k, initial=zero, **options)
    C = np.linalg.qr(A @ U.T)[0]

    def projected(v):
        return v - C @ (C.conj().T @ v)

    krylov = [M @ projected(b)]
    for j in range(1, 12 - k):
        basis = np.concatenate([U, np.array(krylov)]).T
        basis /= np.linalg.norm(basis, axis=0)
        y = np.linalg.lstsq(A @ basis, b, rcond=None)[0]
        best = np.linalg.norm(b - A @ basis @ y) / np.linalg.norm(b)
        assert result.residuals[j] == pytest.approx(best, rel=1e-6)
        krylov.append(M @ projected(A @ krylov[-1]))


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_what_is_kept_are_harmonic_ritz_vectors(kind):
    """After one cycle of GMRES: H* H z = theta H_m* z, smallest values; and C = A U."""
    n, m, k = 50, 15, 4
    A, b = system(n, kind, seed=3, shift=1.0)
    space = RecycledSpace(k)
    gcro_dr(A, b, space=space, restart=m, max_iterations=m, rtol=1e-14)
    V = [b]
    for _ in range(m - 1):
        V = list(np.linalg.qr(np.array([*V, A @ V[-1]]).T)[0].T)
    V = np.array(V).T
    W = A @ V
    values, vectors = np.linalg.eig(np.linalg.solve(W.conj().T @ W, W.conj().T @ V))
    order = np.argsort(-abs(values))
    found = space.dimension
    span = np.linalg.qr(V @ vectors[:, order[:found]])[0]
    U = space.vectors.T
    np.testing.assert_allclose(U - span @ (span.conj().T @ U), 0, atol=1e-7 * abs(U).max())
    np.testing.assert_allclose(A @ U, space.images.T, atol=1e-10)
    np.testing.assert_allclose(space.images @ space.images.conj().T, np.eye(found), atol=1e-12)


def laplacian(n):
    T = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    return (sp.kron(T, sp.eye_array(n)) + sp.kron(sp.eye_array(n), T)).tocsr()


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_recycling_pays_on_a_slowly_varying_indefinite_sequence(kind):
    """Shifted Laplacians with 3 negative eigenvalues, of which GMRES(24) makes hard work."""
    n, rng, space = 16, np.random.default_rng(0), RecycledSpace(12)
    damping = 0.005j if kind is np.complex128 else 0.0
    field, counts = rng.standard_normal(n * n), []
    for _ in range(4):
        field += 0.05 * rng.standard_normal(n * n)
        A = (laplacian(n) + sp.diags_array(0.02 * field - 0.2 + damping)).tocsr()
        b = rng.standard_normal(n * n).astype(kind)
        result = gcro_dr(A, b, space=space, restart=24, max_iterations=5000)
        assert result.status is Status.CONVERGED
        counts.append(result.iterations)
        if len(counts) == 1:
            plain = fgmres(A, b, restart=24, max_iterations=2 * counts[0])
            assert plain.status is Status.MAX_ITERATIONS
    assert max(counts[1:]) < 0.8 * counts[0]

    assert counts[0] <= 95 and max(counts[1:]) <= 44


def test_many_right_hand_sides_of_one_operator_cost_no_products_of_the_space():
    A, products = system(60)[0], []

    class Counting(MatrixOperator):
        def _apply(self, u):
            products.append(1)
            return super()._apply(u)

    operator, space = Counting(A), RecycledSpace(10, solutions=0)
    for seed in range(3):
        products.clear()
        b = random(np.float64, 60, seed=seed)
        result = gcro_dr(operator, b, space=space, restart=25)
        assert result.status is Status.CONVERGED
        assert len(products) <= result.iterations + 1 + result.iterations // 12


def test_a_short_cycle_leaves_a_full_space_alone():
    A, b = system(80)
    operator, space = MatrixOperator(A), RecycledSpace(6)
    gcro_dr(operator, b, space=space, restart=20, rtol=1e-10)
    kept = space.vectors
    zero, other = np.zeros(80), random(np.float64, 80, seed=1)
    result = gcro_dr(operator, other, space=space, restart=20, initial=zero, rtol=0.3)
    assert 1 <= result.iterations < 7 and space.vectors is kept
    gcro_dr(operator, other, space=space, restart=20, initial=zero, rtol=1e-10)
    assert space.vectors is not kept


def test_preconditioners_that_change():
    n = 60
    A, b = system(n)
    inverse, rng = np.linalg.inv(A), np.random.default_rng(0)

    class Changing(MatrixOperator):
        def _apply(self, u):
            return inverse @ u + 0.1 * np.linalg.norm(u) * rng.standard_normal(n)

    result = gcro_dr(A, b, preconditioner=Changing(A), restart=10, rtol=1e-10)
    assert result.status is Status.CONVERGED
    assert np.linalg.norm(b - A @ result.x) <= 1e-10 * np.linalg.norm(b)


def test_a_space_of_dependent_vectors_is_cut():
    A, b = system(30)
    space = RecycledSpace(5)
    u = np.stack([b, 2 * b, A @ b, np.zeros(30)])
    space.keep(u, u, None, None)
    result = gcro_dr(A, b, space=space, restart=10, max_iterations=1)
    assert result.status is Status.MAX_ITERATIONS
    assert space.dimension <= 3
    assert gcro_dr(A, b, space=space, restart=10, max_iterations=500).status is Status.CONVERGED


def test_real_and_complex_systems_share_a_space():
    space, (A, b) = RecycledSpace(5), system(40, shift=2.0)
    for kind in (np.float64, np.complex128, np.float32, np.float64):
        result = gcro_dr(A.astype(kind), b.astype(kind), space=space, restart=15, rtol=1e-4)
        assert result.status is Status.CONVERGED and result.x.dtype == kind


def test_conjugate_pairs_stay_together():
    rotation = np.array([[0.0, -2.0], [2.0, 0.0]])
    K = np.zeros((5, 5))
    K[:2, :2], K[2, 2], K[3:, 3:] = rotation, 3.0, rotation / 4
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    K = Q @ K @ Q.T
    for k, kept in ((1, 1), (2, 1), (3, 3), (4, 3), (5, 5)):
        Y = leading_subspace(K, k)
        assert Y.shape == (5, kept)
        np.testing.assert_allclose(K @ Y, Y @ (Y.T @ K @ Y), atol=1e-12)
    assert leading_subspace(rotation, 1).shape == (2, 2)
    assert leading_subspace(rotation.astype(complex), 1).shape[0] == 2


def test_failures_are_statuses():
    shift, e = np.roll(np.eye(12), 1, axis=0), np.eye(12)[0]
    assert gcro_dr(shift, e, restart=6).status is Status.STAGNATED
    assert gcro_dr(np.diag([1.0, 2.0, 0.0]), np.ones(3)).status is Status.BREAKDOWN
    A, b = system(30)
    assert gcro_dr(A, b, max_iterations=3).status is Status.MAX_ITERATIONS
    assert gcro_dr(A, b, rtol=0.0, max_iterations=1000).status is Status.STAGNATED
    space = RecycledSpace(4)
    gcro_dr(A, b, space=space, restart=10)
    A[3, 3] = np.nan
    assert gcro_dr(A, b, space=space, restart=10).status is Status.NON_FINITE
    assert gcro_dr(A, b * np.nan, space=space, restart=10).status is Status.NON_FINITE
    A[3, 3] = 1.0
    assert gcro_dr(A, b, space=space, restart=10, max_iterations=500).status is Status.CONVERGED
    assert not gcro_dr(A, 0 * b, space=space, restart=10).x.any()


def test_stopping_rule_and_guess():
    A, b = system(50)
    space, asked = RecycledSpace(5), []
    gcro_dr(A, b, space=space, restart=15)

    def stop(x, residual):
        asked.append(np.linalg.norm(b - A @ x) / np.linalg.norm(b) - residual)
        return residual < 1e-3

    result = gcro_dr(A, b, space=space, restart=15, rtol=0.0, stop=stop, initial=np.ones(50))
    assert result.status is Status.CONVERGED and 1e-6 < result.residuals[-1] < 1e-3
    np.testing.assert_allclose(asked, 0, atol=1e-10)


@pytest.mark.parametrize(
    "options",
    [
        {"restart": 1},
        {"restart": 2.5},
        {"restart": 5, "space": RecycledSpace(5)},
        {"space": 5},
        {"rtol": -1.0},
    ],
)
def test_bad_options(options):
    with pytest.raises(InputError):
        gcro_dr(np.eye(3), np.ones(3), **options)


def test_other_lengths_are_refused():
    space = RecycledSpace(2)
    gcro_dr(*system(10), space=space, restart=5)
    with pytest.raises(InputError, match="another size"):
        gcro_dr(*system(11), space=space, restart=5)
