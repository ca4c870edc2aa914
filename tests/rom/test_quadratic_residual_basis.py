import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import InnerProduct
from nwidth.rom.quadratic_residual_basis import QuadraticResidualBasis


@pytest.fixture
def made(quadratic_problem):
    made = quadratic_problem("reaction", 40)
    product = InnerProduct(made.X)
    u = [made.problem.solve(mu).checked().u for mu in made.box.random(4, seed=0)]
    return made, product, product.orthonormalize(np.stack(u, axis=1))


def columns(problem, V):
    """The columns in their order, in extended precision."""
    L = np.longdouble
    found = [f.astype(L) for f in problem.linear.sources.matrices]
    for n, v in enumerate(V.T):
        found += [A.astype(L) @ v.astype(L) for A in problem.linear.matrices.matrices]
        for b in problem.forms:
            C, D, E = (M.astype(L) for M in (b.C, b.D, b.E))
            for u in V.T[: n + 1]:
                values = (D @ u.astype(L)) * (E @ v.astype(L))
                found.append(C.T @ ((values + (D @ v.astype(L)) * (E @ u.astype(L))) / 2))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("size", [0, 1, 3, 4])
def test_bounds_combinations_down_to_round_off(made, size):
    made, product, V = made
    residuals = QuadraticResidualBasis(made.problem, product)
    residuals.extend(V)
    R, a = residuals.truncated(size)
    C = columns(made.problem, V[:, :size])
    assert R.shape[1] == C.shape[1] == len(a)
    rng = np.random.default_rng(1)
    null = np.linalg.svd(C.astype(float), full_matrices=True)[2][-1]
    for z in [*rng.standard_normal((20, len(a))), null, *np.eye(len(a))]:
        exact = product.dual_norm((C @ z.astype(np.longdouble)).astype(float))
        found = np.linalg.norm(R @ z) + a @ np.abs(z)
        assert exact <= found <= exact * (1 + 1e-8) + 1e-9 * np.abs(z).sum()
    assert (a[a.shape[0] // 2 :] > 0).all()


def test_one_by_one_is_the_same_as_at_once(made):
    made, product, V = made
    whole, parts = (QuadraticResidualBasis(made.problem, product) for _ in range(2))
    whole.extend(V)
    for v in V.T:
        parts.extend(v)
    np.testing.assert_array_equal(whole.coefficients, parts.coefficients)
    np.testing.assert_array_equal(whole.allowance, parts.allowance)


def test_bad_input_is_told(made):
    made, product, V = made
    with pytest.raises(InputError, match="problem: expected a QuadraticProblem"):
        QuadraticResidualBasis(made.problem.linear, product)
    residuals = QuadraticResidualBasis(made.problem, product)
    with pytest.raises(InputError, match="V: expected shape"):
        residuals.extend(V[:3])
    with pytest.raises(NonFiniteError, match="V"):
        residuals.extend(V * np.nan)
    with pytest.raises(InputError, match="count: expected at most 0"):
        residuals.truncated(1)
    with pytest.raises(InputError, match="V: expected real numbers"):
        residuals.extend(1j * V)
