import re

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField, TwoPhaseField
from nwidth.solvers import (
    Boundary,
    Darcy,
    Dirichlet,
    Neumann,
    Poisson,
    Status,
    solve,
    solve_batch,
)
from nwidth.solvers.problem import FieldInput, Problem

GRID = Grid.uniform((31, 28), upper=(1.0, 0.8))


def darcy(grid=GRID, boundary=None, **options):
    field = LogNormalField(GaussianRandomField(grid, alpha=2, tau=3), 3.0)
    return Darcy(grid, boundary, **options), field.sample(np.random.default_rng(0))


ITERATIVE = ["multigrid-cg", "multigrid", "fast-poisson", "scaled-fast-poisson"]


@pytest.mark.parametrize("method", [*ITERATIVE, "direct"])
@pytest.mark.parametrize("boundary", [None, Boundary({"x_lower": Dirichlet(1.0)}, Neumann(0.3))])
def test_all_methods_agree(method, boundary):
    problem, a = darcy(boundary=boundary)
    reference = solve(problem, {"permeability": a}, 1e-12, method="direct").checked()
    solution = solve(problem, {"permeability": a}, 1e-10, method=method).checked()
    np.testing.assert_allclose(solution.u, reference.u, atol=1e-8 * np.abs(reference.u).max())
    assert solution.method == method and solution.reason == "asked for"
    A, b = problem.operator({"permeability": a}), problem.source({"permeability": a})
    residual = np.linalg.norm(b - A.apply(problem.unknowns(solution.u))) / np.linalg.norm(b)
    assert residual <= 1e-10
    np.testing.assert_allclose(solution.residual, residual, rtol=1e-2, atol=1e-14)


@pytest.mark.parametrize("method", ["auto", *ITERATIVE, "direct"])
@pytest.mark.parametrize("periodic", [False, True])
def test_without_dirichlet_the_mean_is_zero(method, periodic):
    grid = Grid.uniform((25, 24), periodic=periodic)
    x, y = grid.coordinates()
    f = np.cos(2 * np.pi * x) * np.cos(2 * np.pi * y) + 0.5
    f -= grid.integrate(f) / grid.weights.sum()
    problem = Darcy(grid, Boundary(default=Neumann()), source=f)
    a = {"permeability": 2 + np.cos(2 * np.pi * x)}
    solution = solve(problem, a, 1e-10, method=method).checked()
    assert abs(grid.integrate(solution.u)) < 1e-12
    reference = solve(problem, a, 1e-12, method="direct").u
    np.testing.assert_allclose(solution.u, reference, atol=1e-9)


@pytest.fixture
def no_cholesky(monkeypatch):
    monkeypatch.setattr("nwidth.solvers.automatic_choice.has_cvxopt", lambda: False)


@pytest.mark.usefixtures("no_cholesky")
def test_auto_tells_its_reason():
    ones = {"permeability": np.full(GRID.shape, 2.0)}
    chosen = solve(Darcy(GRID), ones)
    assert chosen.method == "fast-poisson" and "constant" in chosen.reason
    problem, a = darcy()
    chosen = solve(problem, {"permeability": a})
    assert chosen.method == "scaled-fast-poisson" and "smooth" in chosen.reason
    chosen = solve(problem, {"permeability": np.where(a > 1, 12.0, 3.0)})
    assert chosen.method == "multigrid-cg" and "variable" in chosen.reason
    problem, a = darcy(Grid.uniform((8, 8)))
    chosen = solve(problem, {"permeability": a})
    assert chosen.method == "direct" and "unknowns" in chosen.reason
    line = Grid.uniform(2001)
    chosen = solve(Darcy(line), {"permeability": 1 + line.points[0]})
    assert chosen.method == "direct" and "one dimension" in chosen.reason


@pytest.mark.usefixtures("no_cholesky")
def test_a_stretched_grid_is_not_for_fast_transforms():
    grid = Grid.tensor([np.linspace(0, 1, 30) ** 2, np.linspace(0, 1, 30)])
    assert solve(Poisson(grid), {"source": np.ones((30, 30))}).checked().method == "multigrid-cg"
    with pytest.raises(InputError):
        solve(Poisson(grid), {"source": np.ones((30, 30))}, method="fast-poisson")


@pytest.mark.parametrize("method", ["multigrid-cg", "multigrid", "direct", "auto"])
def test_zero_right_hand_side(method):
    problem, a = darcy(source=0.0)
    solution = solve(problem, {"permeability": a}, method=method).checked()
    assert not solution.u.any() and solution.residual == 0.0 and solution.iterations == 0


def test_initial_guess_saves_iterations():
    problem, a = darcy()
    exact = solve(problem, {"permeability": a}, 1e-11).checked().u
    again = solve(problem, {"permeability": a}, 1e-8, initial=exact).checked()
    assert again.iterations == 0
    with pytest.raises(InputError, match="initial guess"):
        solve(problem, {"permeability": a}, initial=exact[:-1])
    exact[3, 4] = np.nan
    with pytest.raises(NonFiniteError, match="initial guess"):
        solve(problem, {"permeability": a}, initial=exact)


def test_extra_stopping_rule():
    problem, a = darcy()
    seen = []

    def stop(unknowns, residual):
        seen.append((unknowns.shape, residual))
        return residual < 1e-3

    for method in ("auto", *ITERATIVE):
        if method != "multigrid":
            solution = solve(problem, {"permeability": a}, 1e-12, stop=stop, method=method)
            assert 1e-12 < solution.checked().residual < 1e-3
    assert seen[0][0] == (29, 26)


def test_failures_are_told():
    problem, a = darcy()
    solution = solve(problem, {"permeability": a}, 1e-10, max_iterations=2)
    assert solution.status is Status.MAX_ITERATIONS and solution.iterations == 2
    with pytest.raises(NotConvergedError, match="raise max_iterations"):
        solution.checked()
    single = solve(problem, {"permeability": a.astype(np.float32)}, 1e-10)
    assert single.status is Status.STAGNATED and single.u.dtype == np.float32
    assert single.residual < 1e-4
    direct = solve(problem, {"permeability": a}, 0.0, method="direct")
    assert direct.status is Status.STAGNATED and direct.residual < 1e-13


@pytest.mark.parametrize("method", ["auto", *ITERATIVE, "direct"])
@pytest.mark.parametrize("boundary", [None, Boundary(default=Neumann())], ids=["walls", "closed"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_that_round_off_lets_be_had(method, boundary, dtype):
    """A tolerance of zero ends at round-off, is told so, and leaves no worse solution."""
    grid = Grid.uniform((33, 20))
    problem = Darcy(grid, boundary, source=lambda x, y: np.cos(np.pi * x))
    inputs = {"permeability": np.full(grid.shape, 2.0, dtype)}
    solution = solve(problem, inputs, 0.0, method=method)
    eps = float(np.finfo(dtype).eps)
    assert solution.status is Status.STAGNATED and solution.residual < 1e3 * eps
    exact = solve(problem, {"permeability": np.full(grid.shape, 2.0)}, 1e-12).checked().u
    np.testing.assert_allclose(solution.u, exact, atol=1e3 * eps * np.abs(exact).max())


def points(n, contrast):
    """One medium or the other in every point by chance, which no coarse grid resolves."""
    chosen = np.random.default_rng(0).random((n, n)) < 0.3
    return Darcy(Grid.uniform((n, n))), {"permeability": np.where(chosen, 1.0, contrast)}


def rough(n, contrast):
    """Inclusions down to single points."""
    grid = Grid.uniform((n, n))
    gaussian = GaussianRandomField(grid, alpha=1.5, tau=10)
    field = TwoPhaseField(gaussian, 1.0, contrast)
    return Darcy(grid), {"permeability": field.sample(np.random.default_rng(0))}


@pytest.mark.parametrize("contrast", [1e5, 1e6])
@pytest.mark.parametrize("method", ["auto", "multigrid-cg"])
def test_algebraic_multigrid_takes_over_where_multigrid_is_slow(contrast, method):
    problem, inputs = points(129, contrast)
    solution = solve(problem, inputs, method=method).checked()
    assert solution.iterations <= 45
    assert solution.method == "multigrid-cg"
    tried = re.search(r"algebraic multigrid after (\d+) iterations", solution.reason)
    assert tried is not None
    before = int(tried[1])
    A, b = problem.operator(inputs), problem.source(inputs)
    residual = np.linalg.norm(b - A.apply(problem.unknowns(solution.u))) / np.linalg.norm(b)
    np.testing.assert_allclose(solution.residual, residual, rtol=1e-2)
    first = solve(problem, inputs, max_iterations=before)
    assert first.status is Status.MAX_ITERATIONS and "algebraic" not in first.reason
    np.testing.assert_allclose(solution.residuals[:before], first.residuals[:before])
    more = solve(problem, inputs, max_iterations=before + 5)
    assert more.status is Status.MAX_ITERATIONS and more.iterations == before + 5
    again = solve(problem, inputs, 1e-7, initial=solution.u)
    assert again.iterations == 0 and "algebraic" not in again.reason


def test_the_extra_rule_survives_the_change_of_the_method():
    problem, inputs = points(129, 1e4)
    seen = []

    def stop(unknowns, residual):
        seen.append(residual)
        return residual < 1e-3

    solution = solve(problem, inputs, 1e-15, stop=stop).checked()
    assert "algebraic" in solution.reason and 1e-8 < solution.residual < 1e-3
    early = solve(problem, inputs, 1e-15, stop=lambda x, r: len(seen) > 0).checked()
    assert early.iterations == 0 and "algebraic" not in early.reason


def test_a_singular_problem_changes_the_method_too():
    problem, inputs = points(129, 1e4)
    x, y = problem.grid.coordinates()
    f = np.cos(np.pi * x) * np.cos(np.pi * y)
    problem = Darcy(problem.grid, Boundary(default=Neumann()), source=f)
    solution = solve(problem, inputs).checked()
    assert "algebraic" in solution.reason and solution.iterations <= 45
    assert abs(problem.grid.integrate(solution.u)) < 1e-10


def test_moderate_contrast_stays_with_multigrid():
    for contrast in (4.0, 100.0):
        solution = solve(*rough(129, contrast)).checked()
        assert "algebraic" not in solution.reason


@pytest.mark.parametrize("contrast", [1e4, 1e6])
@pytest.mark.parametrize("boundary", [None, Boundary(default=Neumann())], ids=["walls", "closed"])
def test_many_jumps_take_black_box_multigrid(contrast, boundary):
    problem, inputs = rough(129, contrast)
    problem = Darcy(problem.grid, boundary, source=lambda x, y: np.cos(np.pi * x))
    for method in ("auto", "multigrid-cg"):
        solution = solve(problem, inputs, 1e-7, method=method).checked()
        assert solution.reason.endswith("black-box multigrid, as many couplings jump")
        assert solution.iterations <= 25


def test_bad_arguments():
    problem, a = darcy()
    with pytest.raises(InputError, match="expected one of auto"):
        solve(problem, {"permeability": a}, method="magic")
    for rtol in (-1.0, np.nan, 1.0):
        with pytest.raises(InputError, match="rtol"):
            solve(problem, {"permeability": a}, rtol)


def test_times_are_recorded():
    problem, a = darcy()
    solution = solve(problem, {"permeability": a})
    assert solution.seconds > 0 and solution.cpu_seconds > 0
    assert solution.residuals[0] == pytest.approx(1.0)


class Foreign(Problem):
    """A problem whose operator is a plain matrix."""

    grid = GRID
    inputs = (FieldInput("a"),)
    output = "u"

    def operator(self, inputs):
        from nwidth.solvers import MatrixOperator

        return MatrixOperator(2 * np.eye(GRID.size), frozenset({"symmetric", "positive definite"}))

    def source(self, inputs):
        return np.ones(GRID.size)

    def reference_operator(self):
        return self.operator({})

    def coercivity(self, inputs):
        return 1.0

    def continuity(self, inputs):
        return 2.0

    def prescribed(self, operator):
        return np.zeros(GRID.size), 0.0

    def unknowns(self, field):
        return field.ravel()

    def field(self, unknowns, inputs):
        return unknowns.reshape(GRID.shape)

    def on(self, grid):
        return self

    def describe(self):
        return {}


@pytest.mark.parametrize("method", ["direct", "multigrid-cg", "multigrid"])
def test_operators_that_are_not_in_flux_form_are_refused(method):
    with pytest.raises(InputError, match="DiffusionOperator"):
        solve(Foreign(), {"a": np.ones(GRID.shape)}, method=method)


METHODS = ["auto", "multigrid-cg", "multigrid", "fast-poisson", "direct"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1e-290, 1e-161, 1e-80, 1e200])
def test_the_size_of_the_source_changes_no_digit(method, size):
    problem, a = darcy()
    size = 2.0 ** round(np.log2(size))
    plain = solve(problem, {"permeability": a}, method=method).checked()
    scaled = solve(darcy(source=size)[0], {"permeability": a}, method=method).checked()
    assert scaled.residuals == pytest.approx(plain.residuals, rel=1e-6, abs=1e-14)
    np.testing.assert_allclose(scaled.u / size, plain.u, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("source", "unit"), [(1e-20, 1.0), (1e-34, 1e-20), (1e15, 1e20)])
def test_single_precision_of_any_size(method, source, unit):
    problem, a = darcy(source=source)
    a = {"permeability": np.float32(unit) * a.astype(np.float32)}
    exact = solve(problem, {"permeability": a["permeability"].astype(float)}, method="direct").u
    solution = solve(problem, a, 1e-4, method=method).checked()
    assert solution.u.dtype == np.float32 and solution.u.any()
    assert np.linalg.norm(solution.u - exact) < 1e-2 * np.linalg.norm(exact)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [1e-24, 1e-20, 1e20])
def test_single_precision_flow_through_a_medium_of_any_unit(method, unit):
    flow = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(0.0)}, default=Neumann())
    problem = Darcy(GRID, flow, source=0.0)
    a = np.full(GRID.shape, unit, np.float32)
    solution = solve(problem, {"permeability": a}, 1e-5, method=method).checked()
    line = np.broadcast_to(np.linspace(1, 0, 31)[:, None], GRID.shape)
    np.testing.assert_allclose(solution.u, line, atol=1e-4)


def test_the_extra_rule_and_the_guess_are_in_the_units_of_the_problem():
    problem, a = darcy(source=1e-161)
    exact = solve(problem, {"permeability": a}, 1e-10).checked().u
    seen = []
    again = solve(
        problem,
        {"permeability": a},
        1e-14,
        initial=exact,
        stop=lambda x, residual: seen.append(x.copy()) or True,
    ).checked()
    assert again.iterations == 0
    np.testing.assert_allclose(seen[0], problem.unknowns(exact), rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [1e-320, 1e-310, 1e-200, 1e-29, 1e-16])
def test_a_tiny_permeability_is_refused_or_reported(method, value):
    """A pocket of high permeability, and a cell, that are as good as cut off."""
    for where in ((5, 5), (slice(10, 13), slice(None))):
        a = np.ones(GRID.shape)
        a[where] = value
        if value < 1e-30:
            with pytest.raises(InputError, match="below 1e-30 of the largest"):
                solve(Darcy(GRID), {"permeability": a}, method=method)
        else:
            assert isinstance(solve(Darcy(GRID), {"permeability": a}, method=method).status, Status)


@pytest.mark.parametrize("method", ["direct", "multigrid-cg", "multigrid"])
def test_a_pocket_that_round_off_cuts_off_is_no_crash(method):
    a = np.full(GRID.shape, 1e-25)
    a[8:20, 8:20] = 1.0
    solution = solve(Darcy(GRID), {"permeability": a}, method=method)
    assert isinstance(solution.status, Status)


@pytest.mark.parametrize("method", METHODS)
def test_arguments_are_checked_whatever_the_method(method):
    problem, a = darcy()
    for rtol in (-1.0, np.nan, np.inf, 1.0, "x", None):
        with pytest.raises(InputError, match="rtol"):
            solve(problem, {"permeability": a}, rtol, method=method)
    for limit in (-1, 1.5, "a", None, True):
        with pytest.raises(InputError, match="max_iterations"):
            solve(problem, {"permeability": a}, method=method, max_iterations=limit)
    for guess in (np.zeros(GRID.shape, complex), np.full(GRID.shape, "a")):
        with pytest.raises(InputError, match="initial guess"):
            solve(problem, {"permeability": a}, method=method, initial=guess)
    with pytest.raises(InputError, match="stop: expected a function"):
        solve(problem, {"permeability": a}, method=method, stop=3)
    with pytest.raises(InputError, match="expected a LinearProblem"):
        solve(3, {"permeability": a}, method=method)


@pytest.mark.parametrize("method", ["direct", "multigrid"])
def test_an_extra_rule_that_cannot_be_asked_is_refused(method):
    problem, a = darcy()
    with pytest.raises(InputError, match=r"stop: .*use 'multigrid-cg'"):
        solve(problem, {"permeability": a}, stop=lambda x, r: True, method=method)
    small, a = darcy(Grid.uniform((8, 8)))
    chosen = solve(small, {"permeability": a}, stop=lambda x, r: True)
    assert chosen.method == "multigrid-cg" and "stopping rule" in chosen.reason


@pytest.mark.parametrize("contrast", [1.0, 3.0])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_full_multigrid_stops_at_the_discretization_error(contrast, value):
    grid = Grid.uniform((65, 65))
    x, y = grid.coordinates()
    problem = Darcy(grid, Boundary(default=Dirichlet(value)), source=np.sin(3 * x + y))
    inputs = {"permeability": 1 + (contrast - 1) * x * y}
    found = solve(problem, inputs, method="full-multigrid").checked()
    exact = solve(problem, inputs, 1e-12).checked().u
    algebraic = grid.norm(found.u - exact) / grid.norm(exact)
    assert 0 < algebraic < 0.5 * found.discretization_error
    assert found.algebraic_error <= 0.2 * found.discretization_error < 1e-3
    with pytest.raises(InputError, match="extra rule"):
        solve(problem, inputs, method="full-multigrid", stop=lambda x, r: True)


@pytest.mark.parametrize("size", [5, 17])
@pytest.mark.parametrize("side", [Dirichlet(), Neumann()])
@pytest.mark.parametrize("limit", [20, np.int64(20)])
def test_full_multigrid_tells_the_residual_of_its_solution(size, side, limit):
    grid = Grid.uniform((size, size))
    x, y = grid.coordinates()
    problem = Darcy(grid, Boundary({"y_lower": Dirichlet(1.0)}, default=side))
    inputs = {"permeability": 1 + x * y}
    found = solve(problem, inputs, method="full-multigrid", max_iterations=limit).checked()
    A, b = problem.operator(inputs), problem.source(inputs)
    true = np.linalg.norm(b - A.apply(problem.unknowns(found.u))) / np.linalg.norm(b)
    assert found.residual == pytest.approx(true, rel=1e-6) and found.iterations >= 1
    with pytest.raises(InputError, match="max_iterations: expected >= 1"):
        solve(problem, inputs, method="full-multigrid", max_iterations=0)


@pytest.mark.parametrize(("unit", "dtype"), [(1e300, "f8"), (1e-300, "f8"), (1e30, "f4")])
def test_errors_of_full_multigrid_are_relative_whatever_the_unit(unit, dtype):
    grid = Grid.uniform((65, 65))
    x, y = grid.coordinates()
    f = np.sin(3 * x + y)
    plain = solve(Poisson(grid), {"source": f}, method="full-multigrid")
    scaled = solve(Poisson(grid), {"source": (unit * f).astype(dtype)}, method="full-multigrid")
    assert scaled.checked().discretization_error == pytest.approx(plain.discretization_error, 1e-3)


def test_full_tensors_go_to_black_box_multigrid():
    from nwidth.solvers import AnisotropicDarcy

    grid = Grid.uniform((40, 33))
    K = np.array([[3.0, 1.0], [1.0, 2.0]])[:, :, None, None] * np.ones(grid.shape)
    problem = AnisotropicDarcy(grid)
    chosen = solve(problem, {"permeability": K}).checked()
    assert chosen.method == "multigrid-cg" and "nine-point" in chosen.reason
    for method in ("multigrid", "direct"):
        other = solve(problem, {"permeability": K}, 1e-10, method=method).checked()
        np.testing.assert_allclose(other.u, chosen.u, atol=1e-7 * abs(chosen.u).max())
    with pytest.raises(InputError, match="expected a DiffusionOperator"):
        solve(problem, {"permeability": K}, method="fast-poisson")


@pytest.mark.parametrize("contrast", [1e6, 1e9])
@pytest.mark.parametrize("method", ["direct", "multigrid-cg", "multigrid"])
def test_the_residual_of_a_mean_of_zero_is_told(method, contrast):
    """Elimination fixes one unknown where coefficients are large; the shift to mean zero costs."""
    grid = Grid.uniform((65, 65))
    a = np.where(grid.points[0][:, None] < 0.4, 1.0, contrast) * np.ones(grid.shape)
    problem = Darcy(grid, Boundary(default=Neumann()), source=lambda x, y: np.cos(np.pi * x))
    solution = solve(problem, {"permeability": a}, method=method)
    A, b = problem.operator({"permeability": a}), problem.source({"permeability": a})
    residual = np.linalg.norm(b - A.apply(problem.unknowns(solution.u))) / np.linalg.norm(b)
    assert solution.residual == pytest.approx(residual, rel=1e-3)
    assert (solution.status is Status.CONVERGED) == (residual <= 1e-8)
    assert abs(grid.integrate(solution.u)) < 1e-12 * abs(solution.u).max()


@pytest.mark.parametrize("method", ["direct", "full-multigrid", "auto"])
def test_a_guess_is_a_hint_that_is_checked(method):
    problem, a = darcy()
    inputs = {"permeability": a}
    plain = solve(problem, inputs, method=method)
    guess = np.ones(problem.grid.shape)
    np.testing.assert_allclose(
        solve(problem, inputs, method=method, initial=guess).u, plain.u, atol=1e-8
    )
    for bad in (guess[1:], np.full(guess.shape, np.nan), guess.astype(str)):
        with pytest.raises(InputError, match="initial guess"):
            solve(problem, inputs, method=method, initial=bad)


@pytest.mark.parametrize("method", ["multigrid", "multigrid-cg", "direct", "full-multigrid"])
@pytest.mark.parametrize(("a", "f"), [(1e20, 1e-30), (1e-20, 1e25)])
@pytest.mark.parametrize("constant", [True, False])
def test_solutions_that_leave_the_range_of_float32_are_not_called_converged(method, a, f, constant):
    grid = Grid.uniform((33, 33))
    field = np.full(grid.shape, a, np.float32)
    if not constant:
        field *= np.random.default_rng(0).uniform(1, 3, grid.shape).astype(np.float32)
    problem = Darcy(grid, source=f)
    assert solve(problem, {"permeability": field}, 1e-4, method=method).status is Status.NON_FINITE
    batch = solve_batch(problem, {"permeability": np.stack([field, field])}, 1e-4)
    assert set(batch.status) == {Status.NON_FINITE}
    wide = field.astype(np.float64)
    assert solve(problem, {"permeability": wide}, 1e-4, method=method).status is Status.CONVERGED
