import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import AffineProblem, ParabolicProblem
from nwidth.solvers.linear_operator import MatrixOperator

N = 12
RNG = np.random.default_rng(3)


def banded(middle, below, above):
    """A tridiagonal Toeplitz matrix."""
    diagonals = [np.full(N - abs(k), float(a)) for k, a in ((0, middle), (-1, below), (1, above))]
    return sp.csr_array(sp.diags_array(diagonals, offsets=[0, -1, 1]))


STIFFNESS, WIND, MASS = banded(2, -1, -1), banded(0, -1, 1), banded(4, 1, 1) / 6
FIRST, SECOND = RNG.standard_normal((2, N))
TIMES = np.linspace(0.5, 2.0, 7)


def wrapped(matrices, kind, dtype=float):
    matrices = [sp.csr_array(A, dtype=dtype) for A in matrices]
    return matrices if kind == "sparse" else [A.toarray() for A in matrices]


def exact(t):
    """The solution that the sources below are made for."""
    return np.sin(3 * t) * FIRST + np.exp(-t) * SECOND


def forced(scheme, steps, kind, wind=0.7):
    """M u' + (mu K + wind W) u = f whose solution is `exact`; M counts twice, half each."""
    A, M = mu_sum(wind), MASS
    sources = np.stack([M @ FIRST, M @ SECOND, A @ FIRST, A @ SECOND])
    problem = AffineProblem(
        lambda mu: [mu[0], wind],
        wrapped([STIFFNESS, WIND], kind, type(wind)),
        lambda mu: [3.0, -1.0, 1.0, 1.0],
        sources,
    )
    return ParabolicProblem(
        problem,
        wrapped([MASS, 0.5 * MASS], kind),
        np.linspace(0.2, 1.2, steps + 1),
        lambda t: [np.cos(3 * t), np.exp(-t), np.sin(3 * t), np.exp(-t)],
        np.stack([exact(0.2) - FIRST, FIRST]),
        scheme,
        lambda mu: [0.5, 1.0],
        lambda mu: [1.0, mu[0] / 1.5],
    )


def mu_sum(wind):
    return (1.5 * STIFFNESS + wind * WIND).toarray()


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("wind", [0.7, 0.7j], ids=["real", "complex"])
@pytest.mark.parametrize(("scheme", "order"), [("implicit-euler", 1), ("crank-nicolson", 2)])
def test_order_of_the_steppers(scheme, order, kind, wind):
    errors = []
    for steps in (40, 80, 160):
        problem = forced(scheme, steps, kind, wind)
        u = problem.trajectory([1.5])
        errors.append(abs(u - np.stack([exact(t) for t in problem.times])).max())
    rates = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (abs(rates - order) < 0.08).all(), rates
    assert errors[-1] < {1: 2e-2, 2: 1e-4}[order]


def test_steps_satisfy_their_equation():
    problem = forced("crank-nicolson", 9, "sparse")
    u, A, dt = problem.trajectory([1.5]), mu_sum(0.7), problem.dt
    f = (np.array([3.0, -1.0, 1.0, 1.0])[:, None] * problem.loads).T @ np.stack(
        problem.problem.sources.matrices
    )
    residual = np.diff(u, axis=0) @ MASS.toarray() / dt + (u[1:] + u[:-1]) / 2 @ A.T - f
    assert abs(residual).max() < 1e-12
    np.testing.assert_allclose(u[0], exact(0.2), rtol=1e-14)


def simple(**changes):
    """A small problem that is fine, but for the changes."""
    told = {"mass": MASS, "times": TIMES} | changes
    elliptic = AffineProblem(lambda mu: mu, [STIFFNESS], lambda mu: [1.0], np.ones((1, N)))
    return ParabolicProblem(told.pop("problem", elliptic), **told)


def test_defaults_are_constant_sources_and_zero_initial_values():
    problem = simple()
    assert problem.signals.shape == (1, 7) and (problem.signals == 1).all()
    u = problem.trajectory([1.0])
    assert u.shape == (7, N) and not u[0].any()
    assert (problem.steps, problem.size, problem.weight) == (6, N, 1.0)
    assert problem.dt == pytest.approx(0.25)


def test_the_stationary_solution_is_approached():
    u = simple(times=np.linspace(0, 1000, 11)).trajectory([2.0])
    still = np.linalg.solve(2 * STIFFNESS.toarray(), np.ones(N))
    np.testing.assert_allclose(u[-1], still, rtol=1e-6)


def test_coefficients_of_many_parameters():
    problem = forced("implicit-euler", 3, "dense")
    theta, phi, masses, c = problem.coefficients([[1.5], [3.0]])
    np.testing.assert_allclose(theta, [[1.5, 0.7], [3.0, 0.7]])
    assert phi.shape == (2, 4)
    np.testing.assert_allclose(masses, [[0.5, 1.0]] * 2)
    np.testing.assert_allclose(c, [[1.0, 1.0], [1.0, 2.0]])


def test_single_precision_stays():
    matrices = [STIFFNESS.toarray().astype(np.float32)]
    elliptic = AffineProblem(lambda mu: mu, matrices, lambda mu: [1.0], np.ones((1, N), np.float32))
    problem = ParabolicProblem(
        elliptic, MASS.toarray().astype(np.float32), TIMES, initial=np.zeros(N, np.float32)
    )
    assert problem.trajectory(np.array([1.0], np.float32)).shape == (7, N)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"times": TIMES[::-1]}, "increasing"),
        ({"times": [0.0, 0.1, 0.3]}, "even steps"),
        ({"times": [0.0]}, "at least one step"),
        ({"times": 0.1}, "at least one step"),
        ({"times": []}, "at least one step"),
        ({"times": TIMES * 1j}, "real"),
        ({"signals": np.ones((1, 6))}, r"shape \(1, 7\)"),
        ({"signals": np.ones((2, 7))}, r"shape \(1, 7\)"),
        ({"signals": lambda t: [t, t]}, "one per source"),
        ({"initial": np.ones(N + 1)}, "initial"),
        ({"initial": np.ones((0, N))}, "initial"),
        ({"initial": np.ones((2, N))}, "initial_coefficients"),
        ({"mass": [MASS, MASS]}, "mass_coefficients"),
        ({"mass": np.eye(N - 1)}, "mass"),
        ({"mass": -MASS}, "positive definite"),
        ({"mass": sp.diags_array(np.r_[np.ones(N - 1), 0])}, "positive definite"),
        ({"mass": MASS + WIND}, "Hermitian"),
        ({"mass": MatrixOperator(MASS)}, "operator"),
        ({"mass": [3 * MASS, -MASS], "mass_coefficients": lambda mu: [1, 1]}, r"mass\[1\]"),
        ({"scheme": "leapfrog"}, "implicit-euler"),
        ({"problem": None}, "AffineProblem"),
    ],
)
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        simple(**changes)


@pytest.mark.parametrize("name", ["times", "signals", "initial", "mass"])
def test_nan_is_refused(name):
    value = {
        "times": np.where(np.arange(7) == 3, np.nan, TIMES),
        "signals": np.full((1, 7), np.nan),
        "initial": np.full(N, np.inf),
        "mass": np.diag(np.full(N, np.nan)),
    }[name]
    with pytest.raises(NonFiniteError):
        simple(**{name: value})


def test_mass_coefficients_are_positive():
    problem = simple(mass_coefficients=lambda mu: mu - 2)
    with pytest.raises(InputError, match=r"positive numbers.*-1"):
        problem.trajectory([1.0])


def test_operators_have_no_trajectory_here():
    elliptic = AffineProblem(lambda mu: mu, [MatrixOperator(STIFFNESS)], lambda mu: [1.0],
                             np.ones((1, N)))  # fmt: skip
    with pytest.raises(InputError, match="your own code"):
        simple(problem=elliptic).trajectory([1.0])


def test_singular_steps_are_told():
    elliptic = AffineProblem(
        lambda mu: mu, [sp.csr_array(-4 * MASS)], lambda mu: [1.0], np.ones((1, N))
    )
    with pytest.raises(InputError, match=r"singular|regular"):
        simple(problem=elliptic).trajectory([1.0])
