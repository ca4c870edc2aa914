import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers import Boundary, Dirichlet, Neumann
from nwidth.solvers.bsplines import Collocation

KNOTS = [KnotVector.uniform(10, 4), KnotVector.uniform_periodic(9, 3)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("boundary", [Boundary(), Boundary(default=Neumann(0.3))])
def test_elimination_and_iteration_agree(dtype, boundary):
    problem = Collocation(
        KNOTS, lambda x, y: 2 + np.sin(2 * np.pi * y), source=lambda x, y: x, boundary=boundary,
        dtype=dtype,
    )  # fmt: skip
    rtol = 1e-11 if dtype == "float64" else 1e-5
    found = [problem.solve(rtol, method=m).checked() for m in ("direct", "fgmres")]
    a, b = (s.coefficients for s in found)
    assert a.dtype == b.dtype == dtype
    assert abs(a - b).max() < 100 * rtol * abs(a).max()
    assert found[0].iterations == 0 < found[1].iterations < 16


def test_fluxes_out_of_balance_are_told_and_the_mean_is_zero():
    """u'' = 0 with unit influx at both ends: the source is 2 too small."""
    problem = Collocation(KnotVector.uniform(6, 3), boundary=Boundary(default=Neumann(1.0)))
    for method in ("direct", "fgmres"):
        solution = problem.solve(method=method).checked()
        assert abs(solution.imbalance - 2.0) < 1e-9
        assert abs((problem.space.integrals * solution.coefficients).sum()) < 1e-12
        assert np.allclose(solution([0.0, 0.5, 1.0], orders=[1]), [-1, 0, 1], atol=1e-9)


def test_one_dimension_is_banded_and_nothing_is_zero():
    solution = Collocation(KnotVector.uniform(200, 5)).solve()
    assert solution.method == "direct" and not solution.coefficients.any()


def test_resonances_are_told():
    """-u'' - k^2 u with the discrete eigenvalue as k^2 is singular."""
    laplace = Collocation(KnotVector.uniform(8, 4)).operator.to_dense()
    inside = Collocation(KnotVector.uniform(8, 4)).space.matrices[0][0][1:-1, 1:-1].toarray()
    k2 = np.linalg.eigvals(np.linalg.solve(inside, laplace)).real.min()
    solution = Collocation(KnotVector.uniform(8, 4), reaction=-k2, source=1.0).solve()
    assert solution.status.name in ("BREAKDOWN", "STAGNATED", "CONVERGED")
    assert solution.status.name != "CONVERGED" or abs(solution.coefficients).max() > 1e8


@pytest.mark.parametrize(
    ("options", "words"),
    [({"method": "lu"}, "method"), ({"rtol": -1}, "rtol"), ({"max_iterations": -1}, "max_iter")],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Collocation(KNOTS).solve(**options)


def test_elimination_ends_at_rounding():
    """2,000 intervals: the residual cannot be 1e-14 of the source, and an answer is not refused."""
    sides = Boundary(default=Dirichlet(np.exp))
    fine = Collocation(KnotVector.uniform(2000, 4), source=lambda x: -np.exp(x), boundary=sides)
    solution = fine.solve(1e-14).checked()
    assert 1e-14 < solution.residual < 1e-8 and solution.error(np.exp)[0] < 1e-10


def test_iteration_ends_at_rounding():
    """A contrast of 1e8 leaves no residual of 1e-10; iterations that fail are told all the same."""
    rough = Collocation(
        [KnotVector.uniform(40, 3)] * 2, lambda x, y: np.exp(9 * np.sin(7 * x * y)), source=1.0
    )
    found, exact = (rough.solve(method=m).checked() for m in ("fgmres", "direct"))
    assert 1e-10 < found.residual < 1e-7
    assert abs(found.coefficients - exact.coefficients).max() < 1e-7 * abs(exact.coefficients).max()
    windy = Collocation(KNOTS[:1] * 2, 1e-3, lambda x, y: [y - 0.5, 0.5 - x], source=1.0)
    assert windy.solve(method="fgmres", max_iterations=40).status.name == "MAX_ITERATIONS"
    single = Collocation(KNOTS[:1] * 2, 1e-3, [1.0, 0.5], source=1.0, dtype="float32")
    assert single.solve(1e-12, method="fgmres").status.name == "STAGNATED"


def test_small_spaces_and_large_numbers():
    """One inner point alone; data near the end of the range."""
    for method in ("direct", "fgmres"):
        walls = Boundary(default=Neumann())
        alone = Collocation([KnotVector.uniform(1, 2)] * 2, source=2.0, boundary=walls)
        solution = alone.solve(method=method)
        assert abs(solution.imbalance - 2.0) < 1e-12
        assert abs(solution.coefficients).max() < 1e-12
        large = Collocation([KnotVector.uniform(6, 3)] * 2, source=1e200).solve(method=method)
        small = Collocation([KnotVector.uniform(6, 3)] * 2, source=1.0).solve(method=method)
        assert np.allclose(large.checked().coefficients, 1e200 * small.coefficients, rtol=1e-9)


def test_elimination_takes_over_where_iteration_fails():
    knots = [KnotVector.uniform(40, 3)] * 2
    windy = Collocation(knots, 1e-2, lambda x, y: [y, -x], source=1.0)
    solution = windy.solve(max_iterations=3).checked()
    assert solution.method == "direct" and "GMRES ended as MAX_ITERATIONS" in solution.reason
    assert windy.solve(method="fgmres", max_iterations=3).status.name == "MAX_ITERATIONS"


@pytest.mark.parametrize("method", ["direct", "fgmres"])
@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200, 1e300])
@pytest.mark.filterwarnings("error")
def test_complex_data_near_the_ends_of_the_range(size, method):
    knots = [KnotVector.uniform(6, 3)] * 2
    found = Collocation(knots, source=1j * size).solve(method=method).checked()
    wanted = 1j * Collocation(knots, source=1.0).solve(method=method).coefficients
    assert np.allclose(found.coefficients / size, wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source": 1e200}, "source: expected numbers within the range of float32"),
        ({"source": 1.0, "diffusion": 1e200}, "coefficients: expected numbers within"),
        ({"boundary": Boundary(default=Neumann(1e200))}, "x_lower: expected numbers within"),
        ({"boundary": Boundary(default=Dirichlet(1e200))}, "expected numbers within"),
        ({"source": 1.0, "knots": [KnotVector.uniform(4, 3, 0, 1e-30)] * 2}, "knots, derivatives"),
        ({"boundary": Boundary(default=Neumann(lambda x, y: 1j * y))}, "expected real values"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_numbers_beyond_the_precision_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Collocation(
            **{"knots": [KnotVector.uniform(4, 3)] * 2, "dtype": "float32", **options}
        ).solve()
