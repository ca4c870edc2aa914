import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import AffineProblem, ExpandedResidual, ResidualBasis
from nwidth.solvers.linear_operator import as_operator


def random_problem(kind, seed=0, n=20):
    rng = np.random.default_rng(seed)
    A = [rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n)) for _ in range(2)]
    if kind == "real":
        A = [a.real for a in A]
    f = rng.standard_normal((2, n))
    made = {"sparse": sp.csr_array, "operator": as_operator}.get(kind, np.asarray)
    problem = AffineProblem(lambda mu: mu, [made(a) for a in A], lambda mu: mu, f)
    X = rng.standard_normal((n, n))
    return problem, A, f, X @ X.T + np.eye(n), rng.standard_normal((n, 3))


@pytest.mark.parametrize("kind", ["real", "complex", "sparse", "operator"])
def test_it_is_the_dual_norm_while_nothing_cancels(kind):
    problem, A, f, X, V = random_problem(kind)
    expanded = ExpandedResidual(problem, X, V)
    columns = np.column_stack([*f, *(a @ v for v in V.T for a in A)])
    rng = np.random.default_rng(1)
    z = rng.standard_normal((8, 5)) + (0 if kind == "real" else 1j * rng.standard_normal((8, 5)))
    r = columns @ z
    square = np.sum(r.conj() * np.linalg.solve(X, r), axis=0).real
    np.testing.assert_allclose(expanded.square(z), square, rtol=1e-9)
    np.testing.assert_allclose(expanded.dual_norm(z) ** 2, square, rtol=1e-9)
    assert expanded.dual_norm(z[:, 2]) == pytest.approx(expanded.dual_norm(z)[2], rel=1e-12)
    np.testing.assert_allclose(
        ResidualBasis(problem, X, V).dual_norm(z), np.sqrt(square), rtol=1e-9
    )


def test_the_floor_is_the_square_root_of_eps(reaction_diffusion):
    """Reference P5, one parameter: at N = 14 the expansion is off by 150 (median, of noise)."""
    p = reaction_diffusion(14)
    z = p.coefficients(p.unseen)
    truth = np.array([p.residual_norm(mu) for mu in p.unseen])
    source = p.product.dual_norm(p.problem.sources.matrices[0])
    square = ExpandedResidual(p.problem, p.product, p.basis).square(z)
    expanded = np.sign(square) * np.sqrt(np.abs(square))
    assert truth.max() < 1e-8 * source
    floor = np.abs(expanded - truth).max() / source
    assert 1e-9 < floor < 1e-6
    assert np.median(np.abs(expanded - truth) / truth) > 10
    # What the residual basis says of the same residuals.
    found = ResidualBasis(p.problem, p.product, p.basis).dual_norm(z)
    assert (found >= truth * (1 - 1e-6)).all() and np.median(found / truth) < 1.05


def test_negative_squares_are_shown_and_no_error_of_zero_is_certified(reaction_diffusion):
    p = reaction_diffusion(14)
    expanded = ExpandedResidual(p.problem, p.product, p.basis)
    z = p.coefficients(p.training)
    square, norm = expanded.square(z), expanded.dual_norm(z)
    assert (square < 0).any()
    assert np.array_equal(np.isnan(norm), square < 0)
    assert np.isfinite(ResidualBasis(p.problem, p.product, p.basis).dual_norm(z)).all()


def test_what_does_not_fit_is_refused():
    problem, _, _, X, V = random_problem("real")
    expanded = ExpandedResidual(problem, X, V)
    with pytest.raises(InputError, match="expected 8 numbers"):
        expanded.square(np.ones(7))
    with pytest.raises(NonFiniteError, match="z"):
        expanded.dual_norm(np.full(8, np.nan))
    with pytest.raises(InputError, match="basis"):
        ExpandedResidual(problem, X, V[:5])
    with pytest.raises(NonFiniteError, match="basis"):
        ExpandedResidual(problem, X, V * np.nan)
    with pytest.raises(InputError, match="size 20, got 3"):
        ExpandedResidual(problem, np.eye(3), V)
