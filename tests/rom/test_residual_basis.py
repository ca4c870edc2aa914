import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.rom import AffineProblem, InnerProduct, ResidualBasis
from nwidth.solvers.equations.thermal_block import ThermalBlock
from nwidth.solvers.linear_operator import as_operator

Long, CLong = np.longdouble, np.clongdouble


def long(A):
    """A matrix or vector in extended precision."""
    kind = CLong if A.dtype.kind == "c" else Long
    return A.astype(kind)


def exact_solution(problem, theta, phi):
    """The solution of an affine problem in extended precision, to about 1e-18."""
    theta, phi = np.asarray(theta), np.asarray(phi)
    A = sum(long(Aq) * long(t) for Aq, t in zip(problem.matrices.matrices, theta, strict=True))
    f = sum(long(fq) * long(p) for fq, p in zip(problem.sources.matrices, phi, strict=True))
    kind = complex if A.dtype.kind == "c" else float
    lu = spla.splu(sp.csc_array(A.astype(kind)))
    u = np.zeros(problem.size, Long if kind is float else CLong)
    for _ in range(5):
        u = u + lu.solve((f - A @ u).astype(kind))
    return u


def energy_norm(X, v):
    return float(np.sqrt((v.conj() @ (long(sp.csr_array(X)) @ v)).real))


def thermal(cells):
    block = ThermalBlock(Grid.uniform((cells + 1, cells + 1)), (2, 2))
    problem = AffineProblem(lambda mu: mu, block.matrices, lambda mu: [1.0], block.sources)
    return problem, InnerProduct(block.energy_matrix)


def snapshots(problem, product, count, seed=0):
    """An orthonormal basis of solutions for random conductivities in [0.1, 1]."""
    rng = np.random.default_rng(seed)
    basis = np.zeros((problem.size, 0))
    for mu in rng.uniform(0.1, 1, (count, len(problem.matrices))):
        u = spla.spsolve(problem.matrix(mu).tocsc(), problem.source(mu))
        basis = np.column_stack([basis, product.orthonormalize(u, basis, rtol=1e-16)])
    return basis


def galerkin(problem, basis, theta):
    small = problem.reduce(basis)
    A = np.tensordot(theta, np.stack(small.matrices.matrices), 1)
    return np.linalg.solve(A, small.sources.matrices[0])


def coefficients(theta, phi, x):
    return np.concatenate([phi, -np.outer(x, theta).ravel()])


def random_problem(seed, n, terms, sources, complex_terms=False, kind="sparse"):
    """Terms and sources without symmetry, and a Hermitian inner product."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        a = rng.standard_normal(shape)
        return a + 1j * rng.standard_normal(shape) if complex_terms else a

    matrices = [draw(n, n) * (rng.random((n, n)) < 0.3) for _ in range(terms)]
    X = draw(n, n)
    X = X @ X.conj().T / n + np.eye(n)
    if kind == "sparse":
        matrices = [sp.csr_array(A) for A in matrices]
    elif kind == "operator":
        matrices = [as_operator(A) for A in matrices]
    f = draw(sources, n)
    problem = AffineProblem(lambda mu: mu, matrices, lambda mu: mu[:sources], f)
    return problem, InnerProduct((X + X.conj().T) / 2), draw(n, 4)


def exact_dual_norm(product, columns, z):
    """||sum_k c_k z_k||' in extended precision, columns given in that."""
    X = product.matrix
    X = X.toarray() if sp.issparse(X) else X
    r = columns @ z
    w = np.zeros_like(r)
    kind = complex if r.dtype == CLong else float
    for _ in range(5):
        w = w + np.linalg.solve(X, (r - long(X) @ w).astype(kind))
    return float(np.sqrt((r.conj() @ w).real))


def columns_of(problem, basis, dense):
    out = [long(f) for f in problem.sources.matrices]
    for v in basis.T:
        out += [long(A) @ long(v) for A in dense]
    return np.stack(out, axis=1)


@pytest.mark.parametrize("complex_terms", [False, True])
@pytest.mark.parametrize("kind", ["sparse", "dense", "operator"])
def test_the_bound_encloses_the_exact_dual_norm_of_any_combination(kind, complex_terms):
    problem, product, V = random_problem(1, 40, 3, 2, complex_terms, kind)
    dense, *_ = random_problem(1, 40, 3, 2, complex_terms, "dense")
    V = product.orthonormalize(V)
    residuals = ResidualBasis(problem, product, V)
    assert residuals.coefficients.shape == (14, 14) and residuals.size == 4
    columns = columns_of(problem, V, dense.matrices.matrices)
    rng = np.random.default_rng(0)
    for _ in range(20):
        z = rng.standard_normal(14)
        z = z + 1j * rng.standard_normal(14) if complex_terms else z
        truth = exact_dual_norm(product, columns, z)
        bound = residuals.dual_norm(z)
        assert truth <= bound <= truth * (1 + 1e-6) + 1e-11


def test_what_cancels_is_bounded_too_and_never_certified_as_zero():
    problem, product = thermal(12)
    theta = np.array([0.1, 1.0, 0.5, 0.3])
    u = exact_solution(problem, theta, [1.0]).astype(float)
    residuals = ResidualBasis(problem, product, u / product.norm(u))
    z = coefficients(theta, [1.0], [product.norm(u)])
    A = [A.toarray() for A in problem.matrices.matrices]
    columns = columns_of(problem, u[:, None] / product.norm(u), A)
    truth = exact_dual_norm(product, columns, z)
    assert 0 < truth < 1e-15
    assert truth <= residuals.dual_norm(z) <= 1e-12


@pytest.mark.parametrize("complex_terms", [False, True])
def test_vectors_one_by_one_and_truncation_agree_with_all_at_once(complex_terms):
    problem, product, V = random_problem(2, 60, 2, 1, complex_terms)
    whole = ResidualBasis(problem, product, V)
    grown = ResidualBasis(problem, product)
    for v in V.T:
        grown.extend(v)
    np.testing.assert_allclose(grown.coefficients, whole.coefficients, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(grown.allowance, whole.allowance, rtol=0.5)
    assert grown.row_counts == whole.row_counts == [1, 3, 5, 7, 9]
    for count in range(5):
        R, a = whole.truncated(count)
        assert R.shape == (1 + 2 * count, 1 + 2 * count) and a.shape == (1 + 2 * count,)
        np.testing.assert_allclose(R, whole.coefficients[: len(R), : len(a)], rtol=1e-8, atol=1e-13)
        assert (a <= whole.allowance[: len(a)]).all() and (a > 0).all()
        assert not np.tril(np.abs(R), -1).any()


def test_the_number_of_vectors_is_at_most_what_there_is():
    problem, product, V = random_problem(2, 9, 2, 1)
    residuals = ResidualBasis(problem, product, V[:, :3])
    with pytest.raises(InputError, match="at most 3"):
        residuals.truncated(4)
    # Seven columns for nine unknowns, and more of the same: no new directions.
    before = residuals.rows
    residuals.extend(V[:, 0])
    assert residuals.rows == before and residuals.columns == 9
    z = np.zeros(9)
    z[1], z[7] = 1.0, -1.0  # A_1 v_1 - A_1 v_1
    assert 0 < residuals.dual_norm(z) < 1e-11


def test_terms_and_sources_that_vanish_take_no_room():
    A = [sp.csr_array((5, 5)), sp.eye_array(5, format="csr")]
    problem = AffineProblem(lambda mu: mu, A, lambda mu: [1.0], np.zeros((1, 5)))
    residuals = ResidualBasis(problem, None, np.eye(5)[:, :1])
    assert residuals.coefficients.shape == (1, 3)
    assert residuals.dual_norm([1.0, 1.0, 0.0]) < 1e-14
    assert residuals.dual_norm([0.0, 0.0, 2.0]) == pytest.approx(2.0)


def test_allowances_are_some_units_of_the_last_place():
    problem, product = thermal(20)
    basis = snapshots(problem, product, 6)
    residuals = ResidualBasis(problem, product, basis)
    assert (residuals.allowance < 2e-13).all()
    R = residuals.coefficients
    sizes = [product.dual_norm(A @ basis[:, 2]) for A in problem.matrices.matrices]
    np.testing.assert_allclose(np.linalg.norm(R[:, 9:13], axis=0), sizes, rtol=1e-6)


def coverage(cells, vectors, parameters, sizes):
    """Return errors and bounds of reduced solutions, (parameters, sizes)."""
    problem, product = thermal(cells)
    basis = snapshots(problem, product, vectors)
    residuals = ResidualBasis(problem, product, basis)
    found = []
    rng = np.random.default_rng(5)
    for theta in rng.uniform(0.1, 1, (parameters, 4)):
        u = exact_solution(problem, theta, [1.0])
        for count in sizes:
            R, a = residuals.truncated(count)
            x = galerkin(problem, basis[:, :count], theta)
            z = coefficients(theta, [1.0], x)
            bound = (np.linalg.norm(R @ z) + a @ np.abs(z)) / theta.min()
            # The computed lift, not V x.
            found.append((energy_norm(product.matrix, u - basis[:, :count] @ x), bound))
    return np.array(found).reshape(parameters, len(sizes), 2).transpose(2, 0, 1)


def test_bounds_hold_for_all_sizes_down_to_round_off():
    error, bound = coverage(16, 28, 40, range(1, 28))
    assert (bound >= error).all()
    assert error.min() < 1e-13
    # At most 1 / min(theta), the ratio of continuity and coercivity, plus round-off.
    assert (bound[error > 1e-11] <= 10 * error[error > 1e-11]).all()
    assert np.median(bound[error > 1e-11] / error[error > 1e-11]) < 3


@pytest.mark.slow
def test_bounds_hold_on_a_finer_grid():
    error, bound = coverage(72, 30, 100, range(1, 31))
    assert (bound >= error).all() and error.min() < 1e-13


def test_any_x_is_certified_not_only_the_reduced_solution():
    problem, product = thermal(12)
    basis = snapshots(problem, product, 4)
    residuals = ResidualBasis(problem, product, basis)
    rng = np.random.default_rng(0)
    for theta in rng.uniform(0.1, 1, (10, 4)):
        x = rng.standard_normal(4)
        error = energy_norm(product.matrix, exact_solution(problem, theta, [1.0]) - basis @ x)
        assert error <= residuals.dual_norm(coefficients(theta, [1.0], x)) / theta.min()


def test_complex_problems_that_are_inf_sup_stable_are_bounded():
    n = 60
    T = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    K, M = sp.csr_array(T * n), sp.eye_array(n, format="csr") / n
    problem = AffineProblem(
        lambda k: [1.0, -(k**2) * (1 + 0.1j)], [K, M], lambda k: [1.0], np.ones((1, n)) / n
    )
    product = InnerProduct(K + M)
    rng = np.random.default_rng(0)
    basis = np.stack(
        [exact_solution(problem, problem.theta(k), [1.0]).astype(complex) for k in (1, 3, 5, 8)], 1
    )
    basis = product.orthonormalize(basis)
    residuals = ResidualBasis(problem, product, basis)
    assert residuals.coefficients.dtype == complex
    root = np.linalg.cholesky(product.matrix.toarray())
    for k in rng.uniform(1, 8, 20):
        theta = np.array(problem.theta(k))
        A = problem.matrix(k).toarray()
        inverse = np.linalg.inv(root)
        beta = np.linalg.svd(inverse @ A @ inverse.T, compute_uv=False)[-1] * (1 - 1e-10)
        x = galerkin(problem, basis, theta)
        error = energy_norm(product.matrix, exact_solution(problem, theta, [1.0]) - basis @ x)
        bound = residuals.dual_norm(coefficients(theta, [1.0], x)) / beta
        assert error <= bound <= error * 100 + 1e-10


def test_complex_vectors_of_a_real_problem_are_taken_at_any_time():
    problem, product, V = random_problem(4, 30, 2, 1)
    W = V[:, :2] + 1j * V[:, 2:]
    residuals = ResidualBasis(problem, product, V[:, :2])
    real = residuals.coefficients
    residuals.extend(W)
    np.testing.assert_allclose(residuals.truncated(2)[0], real, rtol=1e-9)
    A = [A.toarray() for A in problem.matrices.matrices]
    columns = columns_of(problem, np.column_stack([V[:, :2], W]), A)
    rng = np.random.default_rng(0)
    z = rng.standard_normal((2, 9)) @ np.eye(9) * [[1], [1j]]
    truth = exact_dual_norm(product, columns, z.sum(axis=0))
    assert truth <= residuals.dual_norm(z.sum(axis=0)) <= truth * (1 + 1e-6) + 1e-11


def test_units_of_the_vectors_change_no_bound():
    problem, product = thermal(12)
    basis = snapshots(problem, product, 4)
    theta, units = np.array([0.2, 0.4, 0.9, 0.5]), np.array([1e-6, 1e3, 1e-2, 1.0])
    x = galerkin(problem, basis, theta)
    bounds = [
        ResidualBasis(problem, product, V).dual_norm(coefficients(theta, [1.0], y))
        for V, y in ((basis, x), (basis * units, x / units))
    ]
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-9)
    # Allowances of the lift are in units of the vectors, whatever their first one is.
    allowances = [ResidualBasis(problem, product, V).allowance for V in (basis, basis * units)]
    np.testing.assert_allclose(
        allowances[1][1:].reshape(4, 4), allowances[0][1:].reshape(4, 4) * units[:, None], rtol=0.5
    )


@pytest.mark.parametrize("unit", [1e-170, 1e170])
def test_units_in_which_squares_are_lost_are_refused(unit):
    problem, product = thermal(12)
    other = AffineProblem(
        problem.theta, problem.matrices, problem.phi, np.ones((1, problem.size)) * unit
    )
    with pytest.raises(InputError, match="in the range of numbers"):
        ResidualBasis(other, product)
    small = ResidualBasis(
        AffineProblem(problem.theta, problem.matrices, problem.phi, [np.full(121, 1e-120)]), product
    )
    assert small.dual_norm([1.0]) > 0


def test_what_does_not_fit_is_refused():
    problem, product, V = random_problem(3, 8, 2, 1)
    residuals = ResidualBasis(problem, product, V)
    with pytest.raises(InputError, match="inner product: expected size 8, got 3"):
        ResidualBasis(problem, np.eye(3))
    with pytest.raises(InputError, match="problem"):
        ResidualBasis(None)
    with pytest.raises(InputError, match="shape"):
        residuals.extend(np.ones(7))
    with pytest.raises(InputError, match="V: expected vectors that are not zero, number 1 is"):
        residuals.extend(np.eye(8)[:, :2] * [1, 0])
    with pytest.raises(NonFiniteError, match="V"):
        residuals.extend(np.full(8, np.inf))
    with pytest.raises(InputError, match="expected 9 numbers"):
        residuals.dual_norm(np.ones(8))
    with pytest.raises(NonFiniteError, match="z"):
        residuals.dual_norm(np.full(9, np.nan))
    with pytest.raises(InputError, match="product_error"):
        ResidualBasis(problem, product, product_error=-1.0)


def test_norms_whose_squares_underflow_are_bounded():
    problem = AffineProblem(lambda mu: [1.0], [np.eye(2)], lambda mu: [1.0], [[3.0, 4.0]])
    residuals = ResidualBasis(problem)
    for unit in (1e-170, 1e-200, 1e-300):
        assert residuals.dual_norm([unit]) >= 5 * unit
