import sys

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.meshes import Grid
from nwidth.rom import CertificateStatus, certify, certify_fields
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Robin, Solution, Status

GRID = Grid.uniform((33, 33))
PROBLEM = Darcy(GRID)


def permeabilities(count, grid=GRID, seed=0):
    rng = np.random.default_rng(seed)
    index = np.ix_(*[np.arange(n) * 5 // n for n in grid.shape])
    coarse = rng.standard_normal((count, *[5] * grid.dimension))
    return np.stack([np.where(c[index] >= 0, 12.0, 3.0) for c in coarse])


class Perturbed:
    """A surrogate that knows the solutions and errs by a chosen relative size."""

    def __init__(self, problem, exact, size):
        self.problem, self.exact, self.size = problem, exact, size

    def predict(self, inputs):
        a = inputs["permeability"]
        rng = np.random.default_rng(7)
        fields = np.stack([self.exact(self.problem, {"permeability": k}).field for k in a])
        noise = rng.standard_normal(fields.shape)
        return fields + self.size * noise * np.abs(fields).max()


@pytest.mark.parametrize("rtol", [3e-2, 1e-2, 1e-4, 1e-8])
@pytest.mark.parametrize("size", [1e-3, 1e-1, 10.0])
def test_polishing_meets_the_tolerance_and_the_true_error_agrees(exact, size, rtol):
    a = permeabilities(3)
    certified = certify(Perturbed(PROBLEM, exact, size), PROBLEM)
    answer = certified.predict({"permeability": a}, rtol=rtol).checked()
    assert np.all(answer.bound <= rtol)
    assert np.array_equal(answer.polished, answer.bound_before > rtol)
    assert np.array_equal(answer.iterations > 0, answer.polished)
    assert np.array_equal(answer.effectivity_limit, [2.0] * 3)
    for i in range(3):
        solution = exact(PROBLEM, {"permeability": a[i]})
        error = solution.error(PROBLEM.unknowns(answer.u[i]))
        assert error <= answer.absolute_bound[i]
        assert error / solution.size() <= answer.bound[i] <= rtol
        relative = GRID.norm(answer.u[i] - solution.field) / GRID.norm(solution.field)
        assert relative <= answer.l2_bound[i]


COOLED = Boundary({"x_lower": Robin(3.0, 30.0), "x_upper": Robin(0.5, 10.0)}, default=Neumann())


@pytest.mark.parametrize(
    "problem",
    [
        Darcy(GRID, COOLED),
        Darcy(Grid.uniform((20, 21), centering="cell"), COOLED, reaction=lambda x, y: 1 + x),
        Darcy(GRID, Boundary({"x_lower": Robin(lambda x, y: 1 + y)}), reaction=2.0),
    ],
    ids=["robin", "robin and reaction, cells", "robin that varies"],
)
def test_robin_sides_and_reactions_are_certified(exact, problem):
    a = permeabilities(2, problem.grid)
    answer = certify(Perturbed(problem, exact, 1e-2), problem).predict(
        {"permeability": a}, rtol=1e-6
    )
    answer.checked()
    assert np.all(answer.polished) and np.array_equal(answer.effectivity_limit, [12**0.5] * 2)
    for i in range(2):
        solution = exact(problem, {"permeability": a[i]})
        error = solution.error(problem.unknowns(answer.u[i]))
        assert 0 < error <= answer.absolute_bound[i]
        assert error / solution.size() <= answer.bound[i] <= 1e-6


def test_only_what_is_too_large_is_polished_and_the_rest_is_returned_as_it_came(exact):
    a = permeabilities(4)
    u = Perturbed(PROBLEM, exact, 1e-6).predict({"permeability": a})
    u[2] += 0.1 * np.random.default_rng(0).standard_normal(u[2].shape)
    answer = certify_fields(PROBLEM, {"permeability": a}, u, rtol=1e-2)
    assert answer.polished.tolist() == [False, False, True, False]
    for i in (0, 1, 3):
        assert np.array_equal(answer.u[i][1:-1, 1:-1], u[i][1:-1, 1:-1])
        assert answer.bound[i] == answer.bound_before[i]
    told = certify_fields(PROBLEM, {"permeability": a}, u, rtol=1e-2, polish=False)
    assert told.status[2] is CertificateStatus.TOO_LARGE
    assert np.array_equal(told.bound, answer.bound_before) and not told.polished.any()
    with pytest.raises(NotConvergedError, match=r"1 of 4 samples.*rtol = 0.01; sample 2.*polish"):
        told.checked()
    bare = certify_fields(PROBLEM, {"permeability": a}, u)
    assert bare.checked() is bare and np.array_equal(bare.bound, answer.bound_before)


def test_prescribed_values_are_imposed_first(exact):
    sides = {"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(lambda x, y: y)}
    problem = Darcy(GRID, Boundary(sides, default=Neumann()))
    a = permeabilities(1)
    field = exact(problem, {"permeability": a[0]}).field
    spoiled = field.copy()
    spoiled[0], spoiled[-1] = 77.0, -5.0
    answer = certify_fields(problem, {"permeability": a}, spoiled[None])
    assert np.array_equal(answer.u[0], field) and answer.bound[0] < 1e-9


def test_without_a_dirichlet_side_the_mean_is_removed(exact):
    problem = Darcy(GRID, Boundary(default=Neumann()), source=lambda x, y: np.cos(np.pi * x))
    a = permeabilities(1)
    solution = exact(problem, {"permeability": a[0]})
    answer = certify_fields(problem, {"permeability": a}, solution.field[None] + 3.0)
    np.testing.assert_allclose(answer.u[0], solution.field, atol=1e-12)
    assert answer.l2_bound[0] < 1e-8
    bad = np.zeros((1, 33, 33)) + 1.0
    polished = certify_fields(problem, {"permeability": a}, bad, rtol=1e-6).checked()
    np.testing.assert_allclose(polished.u[0], solution.field, atol=1e-6)


@pytest.mark.parametrize("grid", [Grid.uniform((9, 8, 7)), Grid.uniform((11, 9), centering="cell")])
def test_three_dimensions_and_cells(exact, grid):
    problem = Darcy(grid, Boundary({"x_lower": Dirichlet(1.0)}, default=Neumann(0.2)))
    a = permeabilities(2, grid)
    answer = certify_fields(problem, {"permeability": a}, np.zeros(a.shape), rtol=1e-5).checked()
    for i in range(2):
        solution = exact(problem, {"permeability": a[i]})
        assert solution.error(problem.unknowns(answer.u[i])) <= 1e-5 * solution.size()


def test_tensor_coefficients_and_float32_predictions(exact):
    a = np.stack([permeabilities(2, seed=1), permeabilities(2, seed=2)], axis=1)
    assert a.shape == (2, 2, 33, 33)
    inputs = {"permeability": a.astype(np.float32)}
    u = np.stack([exact(PROBLEM, {"permeability": k}).field for k in a]).astype(np.float32)
    answer = certify_fields(PROBLEM, inputs, u)
    assert answer.u.dtype == np.float64
    assert np.all(answer.bound < 1e-4) and np.all(answer.bound > 1e-8)


def test_round_off_and_iteration_limits_are_told_not_hidden(exact):
    a = permeabilities(1)
    u = np.zeros((1, 33, 33))
    answer = certify_fields(PROBLEM, {"permeability": a}, u, rtol=1e-16)
    assert answer.status[0] is CertificateStatus.ROUND_OFF
    assert 1e-16 < answer.bound[0] < 1e-10
    with pytest.raises(NotConvergedError, match="round-off allowance: loosen rtol"):
        answer.checked()
    answer = certify_fields(PROBLEM, {"permeability": a}, u, rtol=1e-8, max_iterations=2)
    assert answer.status[0] is CertificateStatus.MAX_ITERATIONS
    assert answer.iterations[0] == 2 and 1e-8 < answer.bound[0] < answer.bound_before[0]
    error = exact(PROBLEM, {"permeability": a[0]}).error(PROBLEM.unknowns(answer.u[0]))
    assert error <= answer.absolute_bound[0]


def test_a_prediction_worse_than_none_is_dropped(exact):
    a = permeabilities(1)
    wild = 1e8 * np.random.default_rng(0).standard_normal((1, 33, 33))
    answer = certify_fields(PROBLEM, {"permeability": a}, wild, rtol=1e-6).checked()
    none = certify_fields(PROBLEM, {"permeability": a}, 0 * wild, rtol=1e-6).checked()
    assert answer.iterations[0] == none.iterations[0] and answer.bound_before[0] > 1e6


def test_zero_data_has_the_zero_solution():
    problem = Darcy(GRID, source=0.0)
    a = permeabilities(1)
    answer = certify_fields(problem, {"permeability": a}, np.ones((1, 33, 33)), rtol=1e-3)
    assert np.all(answer.u == 0) and answer.bound[0] == 0 and answer.polished[0]
    answer.checked()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_prediction_that_is_not_finite_is_rejected_by_number(value):
    u = np.zeros((3, 33, 33))
    u[1, 4, 5] = value
    with pytest.raises(NonFiniteError, match=r"prediction of sample 1: .* at index \(4, 5\)"):
        certify_fields(PROBLEM, {"permeability": permeabilities(3)}, u)


def test_bad_input_is_refused_in_one_sentence():
    a = permeabilities(2)
    u = np.zeros((2, 33, 33))
    inputs = {"permeability": a}
    for bad in (u[:, :-1], u[0], u[..., None], u.astype(complex), np.full((2, 33, 33), "a")):
        with pytest.raises(InputError, match="predict on this grid"):
            certify_fields(PROBLEM, inputs, bad)
    with pytest.raises(InputError, match="add permeability"):
        certify_fields(PROBLEM, {"conductivity": a}, u)
    with pytest.raises(InputError, match="expected 2 samples"):
        certify_fields(PROBLEM, {"permeability": a[:1]}, u)
    with pytest.raises(InputError, match="expected 2 samples"):
        certify_fields(PROBLEM, {"permeability": 3.0}, u)
    for rtol in (0.0, -1.0, np.nan, np.inf, "x"):
        with pytest.raises(InputError, match="rtol"):
            certify_fields(PROBLEM, inputs, u, rtol)
    for value, words in ((-1.0, "> 0"), (0.0, "> 0"), (np.nan, "finite")):
        broken = a.copy()
        broken[1, 3, 3] = value
        with pytest.raises(InputError, match=f"sample 1: permeability: .*{words}"):
            certify_fields(PROBLEM, {"permeability": broken}, u)
    with pytest.raises(InputError, match="expected a mapping"):
        certify_fields(PROBLEM, a, u)
    with pytest.raises(InputError, match="expected a Problem"):
        certify(Perturbed(None, None, 0.0), "darcy")
    with pytest.raises(InputError, match="predict method"):
        certify(object(), PROBLEM)


def test_discretization_error_is_reported_beside_the_bound():
    a = permeabilities(2)
    u = np.zeros((2, 33, 33))
    answer = certify_fields(PROBLEM, {"permeability": a}, u, 1e-3, discretization=True)
    assert answer.discretization.shape == (2,) and np.all(answer.discretization > 1e-3)
    assert "the error of the grid itself is about" in repr(answer)
    assert answer.scalars(0)["discretization"] == answer.discretization[0]


def test_a_grid_that_cannot_be_coarsened_is_told_before_the_work(monkeypatch):
    problem = Darcy(Grid.uniform((12, 33)))
    monkeypatch.setattr("nwidth.rom.certificate.DualNorm", lambda problem: pytest.fail("worked"))
    with pytest.raises(InputError, match=r"axis x: .* to coarsen"):
        certify_fields(
            problem,
            {"permeability": np.ones((1, 12, 33))},
            np.zeros((1, 12, 33)),
            discretization=True,
        )


@pytest.mark.parametrize(("rtol", "solves"), [(1e-8, 1), (1e-2, 2)])
def test_a_field_that_is_solved_is_not_solved_again(monkeypatch, rtol, solves):
    from nwidth.solvers import discretization_error

    a, calls = permeabilities(1), []
    inputs = {"permeability": a[0]}
    alone = discretization_error(PROBLEM, inputs)
    start = certify_fields(PROBLEM, {"permeability": a}, np.zeros((1, 33, 33)), rtol).u
    plain = sys.modules["nwidth.solvers.solve"].solve

    def counted(*arguments, **options):
        calls.append(arguments[0].grid.shape)
        return plain(*arguments, **options)

    for name in ("solve", "discretization_error"):  # functions hide modules of the same name
        monkeypatch.setattr(sys.modules[f"nwidth.solvers.{name}"], "solve", counted)
    answer = certify_fields(PROBLEM, {"permeability": a}, start, discretization=True)
    assert len(calls) == solves and calls.count((33, 33)) == solves - 1
    assert answer.discretization[0] == pytest.approx(alone, rel=1e-4)


def test_data_near_underflow_is_certified_by_its_relative_error():
    problem, a = Darcy(GRID, source=1e-161), permeabilities(1)
    zeros = np.zeros((1, 33, 33))
    told = certify_fields(problem, {"permeability": a}, zeros, rtol=1e-3, polish=False)
    assert told.status[0] is CertificateStatus.TOO_LARGE and told.bound[0] >= 1
    answer = certify_fields(problem, {"permeability": a}, zeros, rtol=1e-6).checked()
    plain = certify_fields(PROBLEM, {"permeability": a}, zeros, rtol=1e-6)
    np.testing.assert_allclose(answer.u[0], 1e-161 * plain.u[0], rtol=1e-4)


@pytest.mark.parametrize("ended", [Status.CONVERGED, Status.STAGNATED, Status.BREAKDOWN])
def test_a_solver_that_gives_up_early_is_not_blamed_on_round_off(monkeypatch, ended):
    def solve(problem, inputs, rtol, *, initial, **options):
        return Solution(initial, ended, (1.0, 0.5), "none")

    monkeypatch.setattr(sys.modules["nwidth.solvers.solve"], "solve", solve)
    answer = certify_fields(
        PROBLEM, {"permeability": permeabilities(1)}, np.zeros((1, 33, 33)), rtol=1e-3
    )
    assert answer.status[0] is CertificateStatus.FAILED and answer.bound[0] >= 1
