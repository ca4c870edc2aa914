import numpy as np
import pytest
from scipy.linalg import eigh

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import InnerProduct
from nwidth.rom.jacobian_stability import JacobianStability, jacobian_coercivity, term_ranges

NAMES = ("thetas", "psis", "states", "tails", "constants", "lows", "highs", "continuity")


def exact_coercivity(problem, mu, u, X):
    J = problem.jacobian(u, mu).toarray()
    return eigh((J + J.T) / 2, X.toarray(), eigvals_only=True)[0]


@pytest.mark.parametrize("kind", ["burgers", "reaction"])
def test_constants_are_proved_and_sharp(quadratic_problem, kind):
    made = quadratic_problem(kind, 230)  # sparse proofs
    for mu in ([0.9, 1.0], [0.6, -0.7]):
        u = made.problem.solve(mu).checked().u
        found = jacobian_coercivity(made.problem, mu, u, made.X)
        wanted = exact_coercivity(made.problem, mu, u, made.X)
        assert wanted - 1e-6 <= found <= wanted + 1e-10


def test_ranges_hold_the_eigenvalues(quadratic_problem):
    made = quadratic_problem("reaction", 40)
    lows, highs = term_ranges(made.problem, InnerProduct(made.X))
    values = eigh(made.elements.mass.toarray(), made.X.toarray(), eigvals_only=True)
    assert lows[0] <= 1 <= highs[0] and highs[0] - lows[0] < 1e-6
    assert lows[1] <= values[0] and values[-1] <= highs[1] <= values[-1] * (1 + 1e-6)


@pytest.mark.parametrize("kind", ["burgers", "reaction"])
def test_lower_bounds_lie_below_exact_constants(quadratic_problem, kind):
    from nwidth.rom.growing_quadratic_basis import GrowingQuadraticBasis

    made = quadratic_problem(kind, 40)
    growing = GrowingQuadraticBasis(made.problem, made.X)
    training = made.box.random(8, seed=1)
    for mu in training:
        growing.extend(mu, made.problem.solve(mu).checked().u)
    for size in (8, 3):
        model = growing.model().truncated(size)
        rng, gaps = np.random.default_rng(5), []
        mus = made.box.random(60, seed=6)
        theta, _, psi = made.problem.coefficients(mus)
        x = model.stability.states[rng.integers(8, size=60)] + 0.1 * rng.standard_normal((60, size))
        lower = model.stability.lower(theta, psi, x)
        exact = np.array(
            [exact_coercivity(made.problem, mu, model.basis @ c, made.X)
             for mu, c in zip(mus, x, strict=True)]
        )  # fmt: skip
        assert (lower <= exact).all()
        gaps.append(lower / exact)
        assert np.median(gaps) > 0.3
    theta, _, psi = made.problem.coefficients(training)
    table = growing.model().stability
    np.testing.assert_allclose(table.lower(theta, psi, table.states), table.constants, rtol=1e-6)


def plain(theta, psi, x, t):
    best = -np.inf
    for k in range(len(t.thetas)):
        scales = [1.0, *(theta / t.thetas[k]), *(psi / t.psis[k])]
        for s in scales:
            if s > 0:
                delta = theta - s * t.thetas[k]
                distance = [
                    np.hypot(np.linalg.norm(p * x - s * q * t.states[k]), s * q * t.tails[k])
                    for p, q in zip(psi, t.psis[k], strict=True)
                ]
                best = max(best, s * t.constants[k] + np.minimum(delta * t.lows, delta * t.highs)
                           .sum() - 2 * t.continuity @ distance)  # fmt: skip
    return best


def table(K=3, Q=2, P=2, N=5, seed=0):
    rng = np.random.default_rng(seed)
    lows = rng.uniform(-1, 0.5, Q)
    return JacobianStability(
        rng.uniform(0.5, 2, (K, Q)), rng.uniform(0.5, 2, (K, P)), rng.standard_normal((K, N)),
        rng.uniform(0, 0.1, K), rng.uniform(0.5, 1, K), lows, lows + rng.uniform(0, 1, Q),
        rng.uniform(0, 0.1, P),
    )  # fmt: skip


@pytest.mark.parametrize(("Q", "P", "N"), [(1, 1, 1), (2, 2, 5), (3, 1, 8)])
def test_kernel_agrees_with_a_plain_reference(Q, P, N):
    t, rng = table(Q=Q, P=P, N=N), np.random.default_rng(1)
    theta, psi = rng.uniform(0.5, 2, (7, Q)), rng.uniform(0.5, 2, (7, P))
    x = rng.standard_normal((7, N))
    wanted = [plain(*row, t) for row in zip(theta, psi, x, strict=True)]
    np.testing.assert_allclose(t.lower(theta, psi, x), wanted, rtol=1e-12, atol=1e-12)


def test_truncation_moves_coefficients_to_the_tails():
    t = table()
    x = np.array([[0.3, 0.1, 0.0, 0.0, 0.0]])
    whole = t.lower(np.ones((1, 2)), np.ones((1, 2)), x)
    cut = t.truncated(2).lower(np.ones((1, 2)), np.ones((1, 2)), x[:, :2])
    np.testing.assert_allclose(cut, whole, rtol=1e-12)


def test_bad_input_is_told():
    good = dict(zip(NAMES, table().tables, strict=True))
    for name, value, message in [
        ("thetas", np.ones(3), "expected shape"),
        ("states", np.ones((2, 5)), "states: expected shape"),
        ("tails", -np.ones(3), "tails >= 0"),
        ("lows", np.full(2, 9.0), "lows <= highs"),
        ("constants", np.ones(3) * 1j, "constants: expected real"),
    ]:
        with pytest.raises(InputError, match=message):
            JacobianStability(**(good | {name: value}))
    with pytest.raises(NonFiniteError, match="psis"):
        JacobianStability(**(good | {"psis": np.full((3, 2), np.nan)}))
    with pytest.raises(InputError, match=r"x: expected shape \(m, 5\)"):
        table().lower(np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 4)))
