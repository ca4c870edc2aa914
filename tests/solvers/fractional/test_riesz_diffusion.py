"""Orders of the method, variable coefficients, methods of solution, and what is refused."""

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.bsplines import Spline
from nwidth.solvers.fractional import PolynomialBump, RieszDiffusion
from nwidth.solvers.krylov import fgmres
from nwidth.solvers.solution import Status

X = np.linspace(0, 1, 1501)


def error(n, p, alpha):
    """The error where u is (4 x (1 - x))^4, whose largest value is one."""
    problem, u = RieszDiffusion(n, p, alpha), PolynomialBump(4)
    solution = problem.solve(-u.riesz([problem.points], 0, alpha), 1e-13)
    return np.abs(solution(X) - u(X)).max()


@pytest.mark.parametrize("p", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("alpha", [1.2, 1.5, 1.8])
def test_orders(p, alpha):
    """p + 2 - alpha for even p, p + 1 - alpha for odd p."""
    theory = p + 2 - alpha if p % 2 == 0 else p + 1 - alpha
    order = np.log2(error(64, p, alpha) / error(128, p, alpha))
    assert theory - 0.15 < order < theory + 0.15


#: The published table, errors relative to the largest value of (x (1 - x))^4, n = 128 and 256.
TABLE = {
    (1.2, 2): (3.9e-6, 5.6e-7),
    (1.2, 3): (3.0e-6, 4.2e-7),
    (1.2, 4): (4.4e-9, 1.7e-10),
    (1.2, 5): (1.4e-9, 5.1e-11),
    (1.5, 2): (1.2e-5, 2.1e-6),
    (1.5, 4): (1.5e-8, 6.9e-10),
    (1.8, 3): (5.5e-5, 1.2e-5),
    (1.8, 5): (1.9e-8, 1.0e-9),
}


@pytest.mark.parametrize("alpha, p", TABLE)
def test_errors_are_those_of_the_table(alpha, p):
    for n, expected in zip((128, 256), TABLE[alpha, p], strict=True):
        assert error(n, p, alpha) < 1.05 * expected


@pytest.mark.parametrize("alpha", [1.2, 1.5, 1.8])
def test_degree_six_goes_below_1e_11(alpha):
    assert error(256, 6, alpha) < 1e-12


def test_fine_meshes_lose_no_digits():
    """Where h^-alpha is 3e6, which elimination multiplies rounding by."""
    assert error(4096, 5, 1.8) < 5e-13


def test_far_from_zero_all_is_the_same():
    """Points of the matrix are known exactly, wherever the interval is."""
    near, far = (RieszDiffusion(2000, 5, 1.8, x, x + 1).solve(1.0, 1e-12) for x in (0.0, 1e8))
    assert far.status is Status.CONVERGED
    assert np.array_equal(far.spline.coefficients, near.spline.coefficients)


def test_the_torsion_function_has_its_singularity():
    """With f = 1, u = (x (1 - x))^{alpha/2} / Gamma(alpha + 1)."""
    from scipy.special import gamma

    for alpha in (1.2, 1.8):
        problem = RieszDiffusion(400, 3, alpha, lower=-1.0, upper=1.0)
        u = problem.solve(1.0).checked()
        x = np.linspace(-0.9, 0.9, 50)
        exact = (1 - x**2) ** (alpha / 2) / gamma(alpha + 1)
        assert np.abs(u(x) - exact).max() < 3e-3


@pytest.mark.parametrize("method", ["tau", "inverse", "multigrid", "none", "dense"])
def test_all_methods_agree(method):
    problem = RieszDiffusion(
        80, 4, 1.4, 0.0, 2.0, coefficient=lambda x: np.exp(2 * np.sin(5 * x)), reaction=3.0
    )
    source = problem.points**2 - 1j
    found = problem.solve(source, 1e-11, method=method)
    A = -problem.coefficient[:, None] * problem.matrix.dense()
    A = A + 3.0 * problem.basis.matrix(problem.points).toarray()[:, 1:-1]
    expected = np.linalg.solve(A, source)
    assert found.status is Status.CONVERGED
    names = {"none": "gmres", "dense": "dense"}
    assert found.method == names.get(method, f"gmres-{method}")
    assert np.allclose(
        found.spline.coefficients[1:-1], expected, rtol=0, atol=1e-9 * abs(expected).max()
    )
    assert (found.spline.coefficients[[0, -1]] == 0).all()


def test_coefficients_cost_no_iterations_and_reactions_few():
    """K varies by 10^4, c by 10^3 and 10^6."""
    counts = {}
    for name, options in {
        "constant": {},
        "K": {"coefficient": lambda x: 10.0 ** (4 * x)},
        "K jumps": {"coefficient": lambda x: np.where(x < 0.3, 1.0, 1e3)},
        "c": {"reaction": lambda x: 1e3 * x},
        "c jumps": {"reaction": lambda x: np.where(x < 0.3, 0.0, 1e6)},
    }.items():
        problem = RieszDiffusion(1000, 3, 1.5, **options)
        solution = problem.solve(lambda x: np.cos(x), 1e-9)
        assert solution.status is Status.CONVERGED
        counts[name] = solution.iterations
    assert counts["constant"] <= 9
    assert counts["K"] <= counts["constant"] + 2
    assert counts["K jumps"] <= counts["constant"] + 2
    assert counts["c"] <= counts["constant"] + 3
    assert counts["c jumps"] <= 15


@pytest.mark.parametrize("intervals", [50, 1000])
def test_reactions_vary_by_many_orders(intervals):
    for reaction in (
        lambda x: 10.0 ** (12 * x),
        lambda x: 10.0 ** (9 * x),
        lambda x: 1e8 * np.exp(-(((x - 0.5) / 0.05) ** 2)),
    ):
        problem = RieszDiffusion(intervals, 3, 1.5, reaction=reaction)
        solution = problem.solve(1.0, 1e-8)
        assert solution.status is Status.CONVERGED
        assert solution.iterations <= 16


def test_operator_and_adjoint():
    problem = RieszDiffusion(30, 3, 1.7, coefficient=lambda x: 1 + x, reaction=lambda x: x)
    A = problem.operator
    u, v = np.random.default_rng(0).standard_normal((2, A.shape[0]))
    assert np.allclose(A.apply(u), A.dense() @ u)
    assert np.isclose(A.apply(u) @ v, u @ A.adjoint(v))
    assert np.allclose(A.accurate(u, 0.5 * v), A.apply(u + 0.5 * v))


def test_a_solution_is_a_start():
    problem = RieszDiffusion(200, 3, 1.5)
    rough = problem.solve(1.0, 1e-4)
    assert problem.solve(1.0, 1e-3, initial=rough).iterations == 0
    assert problem.solve(1.0, 1e-3, initial=rough.spline).iterations == 0
    with pytest.raises(InputError, match="initial: expected a solution or Spline on the knots"):
        problem.solve(1.0, initial=Spline(RieszDiffusion(100, 3, 1.5).basis, np.zeros(103)))
    for wrong in (np.ones((203, 2)), 1j * np.ones(203)):
        with pytest.raises(InputError, match="initial: expected a Spline with one component"):
            problem.solve(1.0, initial=Spline(problem.basis, wrong))
    assert problem.solve(1j, initial=Spline(problem.basis, 1j * np.ones(203))).checked()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"alpha": 1.0}, r"alpha: expected a number in \(1, 2\]"),
        ({"degree": 1}, "degree: expected an integer >= 2"),
        ({"degree": 8}, "intervals: expected at least degree . 1 = 9, got 8"),
        ({"coefficient": 0.0}, "coefficient: expected numbers > 0, got 0"),
        ({"coefficient": lambda x: x - 0.5}, "coefficient: expected numbers > 0, got -"),
        ({"reaction": -1.0}, "reaction: expected numbers >= 0, got -1"),
        ({"reaction": np.ones(3)}, "reaction: expected a number, a function of x, or values at"),
    ],
)
def test_what_is_no_problem_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        RieszDiffusion(**{"intervals": 8, "degree": 3, "alpha": 1.5, **arguments})


@pytest.mark.parametrize("p, n", [(2, 3), (3, 7), (5, 6), (6, 25), (8, 100)])
def test_values_are_those_of_the_spline(p, n):
    problem = RieszDiffusion(n, p, 1.4, -1.0, 3.0)
    found = problem.solve(lambda x: np.exp(1j * x))
    expected = found.spline(problem.grid.points[0])
    assert np.allclose(found.u, expected, rtol=0, atol=4e-15 * np.abs(expected).max())


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize("method", ["tau", "none", "dense"])
def test_solutions_out_of_range_are_told(method):
    found = RieszDiffusion(20, 3, 1.5, upper=1e10).solve(1e300, method=method)
    assert found.status is Status.NON_FINITE


def test_bad_sources_and_options_are_refused():
    problem = RieszDiffusion(8, 3, 1.5)
    with pytest.raises(NonFiniteError, match="source"):
        problem.solve(lambda x: np.where(x < 0.5, np.nan, 1.0))
    with pytest.raises(InputError, match="source: expected a number"):
        problem.solve(np.ones(5))
    with pytest.raises(InputError, match="source: expected a callable of 1 coordinates"):
        problem.solve(lambda x, y: x + y)
    with pytest.raises(InputError, match="rtol: expected a number"):
        problem.solve(1.0, 0.0)
    with pytest.raises(InputError, match="method: expected one of"):
        problem.solve(1.0, method="lu")
    with pytest.raises(NonFiniteError, match="source / coefficient: expected finite"):
        RieszDiffusion(8, 3, 1.5, coefficient=1e-10).solve(1e300)
    with pytest.raises(NonFiniteError, match="reaction / coefficient: expected finite"):
        RieszDiffusion(8, 3, 1.5, coefficient=1e-10, reaction=1e300)
    assert problem.solve(0.0).status is Status.CONVERGED
    assert fgmres(problem.operator, np.ones(9)).status is Status.CONVERGED
