from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import (
    BatchSolver,
    Boundary,
    Darcy,
    Dirichlet,
    Helmholtz,
    Neumann,
    Robin,
    Status,
    solve,
)
from nwidth.solvers.batch_solver import UNEVEN
from nwidth.solvers.lane_group import LaneGroup

RNG = np.random.default_rng(0)


@pytest.fixture
def threads():
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


def test_the_same_numbers_in_any_batch_on_any_number_of_threads(threads):
    problem = Darcy(Grid.uniform((30, 41)))
    a = np.exp(RNG.standard_normal((17, 30, 41)))
    threads(1)
    whole = BatchSolver(problem).solve({"permeability": a}).checked()
    solver = BatchSolver(problem)
    threads(numba.config.NUMBA_NUM_THREADS)
    for first, stop in ((0, 1), (1, 4), (4, 17), (0, 17)):
        part = solver.solve({"permeability": a[first:stop]})
        np.testing.assert_array_equal(part.u, whole.u[first:stop])
        assert part.residuals == whole.residuals[first:stop]


def test_progress_is_told_group_by_group():
    problem, seen = Darcy(Grid.uniform((9, 9))), []
    a = np.ones((17, 9, 9))
    BatchSolver(problem).solve({"permeability": a}, progress=lambda *now: seen.append(now))
    assert seen == [(8, 17), (16, 17), (17, 17)]
    periodic = Darcy(Grid.periodic((8, 8)), source=0.0)
    seen.clear()
    alone = BatchSolver(periodic)
    alone.solve({"permeability": a[:2, :8, :8]}, progress=lambda *now: seen.append(now))
    assert alone.why is not None and seen == [(1, 2), (2, 2)]


def test_hard_samples_are_finished_by_solve():
    problem = Darcy(Grid.uniform((101, 101)))
    a = np.ones((3, 101, 101))
    a[1] = np.exp(4 * np.random.default_rng(0).standard_normal((101, 101)))
    found = BatchSolver(problem).solve({"permeability": a}).checked()
    assert found.methods[0] == found.methods[2] == LaneGroup.method != found.methods[1]
    assert "20 iterations, being slow" in found.reasons[1]
    assert found.iterations[1] > 20 and found.residual[1] <= 1e-8
    b = problem.source({"permeability": a[1]})
    rest = b - problem.operator({"permeability": a[1]}).apply(problem.unknowns(found.u[1]))
    assert np.linalg.norm(rest) <= 1.01e-8 * np.linalg.norm(b)


def test_hard_samples_in_space_leave_the_others_alone():
    problem = Darcy(Grid.uniform((25, 26, 27)))
    a = np.exp(0.5 * RNG.standard_normal((9, 25, 26, 27)))
    plain = BatchSolver(problem).solve({"permeability": a}).checked()
    a[3] = np.exp(5 * np.random.default_rng(0).standard_normal((25, 26, 27)))
    found = BatchSolver(problem).solve({"permeability": a}, 1e-8)
    others = [i for i in range(9) if i != 3]
    assert {found.methods[i] for i in others} == {LaneGroup.method}
    np.testing.assert_array_equal(found.u[others], plain.u[others])
    assert "20 iterations, being slow" in found.reasons[3] and found.residual[3] <= 1e-8


def test_uneven_couplings_are_left_to_solve():
    problem = Darcy(Grid.uniform((33, 33), upper=(1.0, 30.0)))
    a = np.exp(RNG.standard_normal((2, 33, 33)))
    found = BatchSolver(problem).solve({"permeability": a}).checked()
    assert all(reason.startswith(UNEVEN) for reason in found.reasons)
    for i in range(2):
        alone = solve(problem, {"permeability": a[i]})
        np.testing.assert_array_equal(found.u[i], alone.u)
        assert found.residuals[i] == alone.residuals


def test_what_is_left_of_the_limit_is_given_to_solve():
    problem = Darcy(Grid.uniform((101, 101)))
    a = np.exp(4 * np.random.default_rng(0).standard_normal((1, 101, 101)))
    found = BatchSolver(problem).solve({"permeability": a}, max_iterations=23)
    assert found.status == (Status.MAX_ITERATIONS,) and found.iterations == (23,)


def test_an_error_ends_all_and_leaves_the_solver_usable():
    problem = Darcy(Grid.uniform((9, 9)))
    solver, a = BatchSolver(problem), np.ones((40, 9, 9))
    a[21, 3, 3] = -1.0
    with pytest.raises(InputError, match=r"sample 21: permeability: expected numbers > 0"):
        solver.solve({"permeability": a})
    assert len(solver.solve({"permeability": a[:20]}).checked()) == 20


def test_several_threads_may_call_one_solver():
    a = np.exp(RNG.standard_normal((24, 65, 65)))
    solver = BatchSolver(Darcy(Grid.uniform((65, 65))))
    alone = [solver.solve({"permeability": part}).u for part in (a, a[::-1], 2 * a)]
    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            found = threads.map(
                lambda part: solver.solve({"permeability": part}).u, (a, a[::-1], 2 * a)
            )
            for u, wanted in zip(found, alone, strict=True):
                np.testing.assert_array_equal(u, wanted)


def test_an_interrupt_ends_the_batch_and_leaves_the_solver_usable():
    solver = BatchSolver(Darcy(Grid.uniform((9, 9))))
    done = []

    def interrupt(now, total):
        done.append(now)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solver.solve({"permeability": np.ones((80, 9, 9))}, progress=interrupt)
    assert done == [8]
    assert len(solver.solve({"permeability": np.ones((20, 9, 9))}).checked()) == 20


@pytest.mark.parametrize(
    "problem",
    [
        Darcy(Grid.uniform((20, 31)), Boundary({"x_lower": Dirichlet(3.0)}, default=Neumann())),
        Darcy(Grid.uniform((20, 31)), Boundary({"x_lower": Robin(2.0, 1.0)}), reaction=2.0),
        Darcy(Grid.uniform((20, 31)), Boundary(default=Neumann()), source=0.0),
        Darcy(Grid.uniform((20, 31), upper=(1.0, 60.0))),  # closed by `solve`
        Darcy(Grid.uniform((7, 9, 12)), Boundary({"x_lower": Dirichlet(3.0)}, default=Neumann())),
        Darcy(Grid.uniform((7, 9, 8), centering="cell"), Boundary(default=Neumann()), source=0.0),
        Darcy(Grid.periodic((20, 31)), source=0.0),  # one by one
        Darcy(Grid.uniform(33), Boundary({"x_lower": Dirichlet(3.0)})),
        Darcy(Grid.periodic(33), source=0.0),
    ],
)
def test_systems_with_other_right_hand_sides(problem):
    a = np.exp(RNG.standard_normal((9, *problem.grid.shape)))
    b = RNG.standard_normal((9, *problem.volumes.shape))
    b[4] = 0.0
    axes = tuple(range(1, b.ndim))
    if problem.volumes.singular:
        b -= b.mean(axis=axes, keepdims=True)
    found = BatchSolver(problem).solve_systems({"permeability": a}, b, 1e-10).checked()
    assert found.u.shape == b.shape and not found.u[4].any() and found.residual[4] == 0.0
    for i in range(9):
        rest = b[i] - problem.operator({"permeability": a[i]}).apply(found.u[i])
        assert np.linalg.norm(rest) <= 1.01e-10 * np.linalg.norm(b[i])
    if problem.volumes.singular:
        means = (problem.volumes.volumes * found.u).sum(axis=axes)
        assert np.abs(means).max() <= 1e-10 * np.abs(found.u).max()


def test_bad_right_hand_sides():
    solver, a = BatchSolver(Darcy(Grid.uniform((9, 9)))), {"permeability": np.ones((2, 9, 9))}
    bad = [np.ones((2, 9, 9)), np.ones((2, 7, 7), complex), np.full((2, 7, 7), np.nan)]
    for right in bad:
        with pytest.raises(InputError, match="right-hand side"):
            solver.solve_systems(a, right)
    with pytest.raises(InputError, match="expected a DiffusionProblem"):
        waves = BatchSolver(Helmholtz(Grid.uniform((9, 9))))
        waves.solve_systems({"wavenumber": np.ones((2, 9, 9))}, np.ones((2, 7, 7)))


def test_only_problems():
    with pytest.raises(InputError, match="problem: expected a LinearProblem, got 3"):
        BatchSolver(3)


@pytest.mark.parametrize("wrong", [np.ones((2, 9, 9), object), "a", [[1.0], [1.0, 2.0]]])
def test_what_is_no_array_of_numbers_is_told_once(wrong):
    with pytest.raises(InputError, match=r"^permeability: expected [^:]*(: setting .*)?$"):
        BatchSolver(Darcy(Grid.uniform((9, 9)))).solve({"permeability": wrong})
