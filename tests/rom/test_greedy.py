import importlib

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.rom._rounding_numba import LOST
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.full_solution import full_solution
from nwidth.rom.greedy import GreedyStatus, excess, greedy
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.stability import MinTheta
from nwidth.solvers.linear_operator import MatrixOperator

# The package has the function under this name.
module = importlib.import_module("nwidth.rom.greedy")


def small(case, training, rtol, **options):
    options = {"stability": case.stability, "inner_product": case.X} | options
    return greedy(case.problem, training, rtol, **options)


def line(cells=60):
    """-(k u')' = 1 in two halves of conductivities 1 and mu, exact in three vectors."""
    D = sp.diags_array(
        [np.ones(cells), -np.ones(cells - 1)], offsets=[0, -1], shape=(cells, cells - 1)
    )
    D = sp.csr_array(D) * cells
    left = (np.arange(cells) < cells // 2).astype(float)
    terms = [sp.csr_array(D.T @ sp.diags_array(k / cells) @ D) for k in (left, 1 - left)]
    problem = AffineProblem(
        lambda mu: (1.0, mu[0]), terms, lambda mu: (1.0,), np.full((1, cells - 1), 1 / cells)
    )
    return problem, terms[0] + terms[1], MinTheta([[1.0, 1.0]], [1.0])


@pytest.fixture(scope="module")
def thermal(block_problem):
    return block_problem("thermal", 12)


def test_worst_bounds_decay_exponentially(block_problem):
    case = block_problem("thermal", 12)
    result = small(case, case.box.grid(3), 1e-7, max_size=60).checked()
    sizes = np.arange(len(result.bounds))
    later = slice(5, None)
    rate = np.polyfit(sizes[later], np.log(result.bounds[later]), 1)[0]
    assert rate < -0.25
    assert result.history[-1].excess <= 1 < result.history[-2].excess
    assert result.model.size == len(result.parameters) == result.history[-1].size


def test_bounds_hold_and_the_tolerance_is_met_at_every_training_parameter(thermal):
    training = thermal.box.sobol(40, 1)
    result = small(thermal, training, 1e-3).checked()
    product, solution = InnerProduct(thermal.X), full_solution(thermal.problem, None)
    answers = result.model.solve_many(training)
    for mu, x, bound in zip(training, answers.x, answers.bound, strict=True):
        u = solution(mu)
        error = product.norm(u - result.model.lift(x))
        assert error <= bound <= 1e-3 * np.linalg.norm(x)
        assert error <= 1e-3 / (1 - 1e-3) * product.norm(u)


def test_snapshots_are_chosen_where_the_bound_is_largest(thermal):
    training = thermal.box.random(30, 2)
    result = small(thermal, training, 1e-3, max_size=6)
    for k, step in enumerate(result.history[1:-1], start=1):
        answers = result.model.truncated(k).solve_many(training)
        ratio = answers.bound / np.linalg.norm(answers.x, axis=1)
        i = int(np.argmax(ratio))
        assert step.parameter.tolist() == training[i].tolist()
        assert step.relative == pytest.approx(ratio[i], rel=1e-6)
        assert step.bound == pytest.approx(answers.bound[i], rel=1e-6)
        assert step.excess == pytest.approx(ratio[i] / 1e-3, rel=1e-6)
    first = 1 / training.min(axis=1)  # ||f||' / alpha
    assert result.history[0].parameter.tolist() == training[np.argmax(first)].tolist()


def test_the_same_again_whatever_the_order_of_calls(thermal):
    training = thermal.box.sobol(50)
    one, two = (small(thermal, training, 1e-2) for _ in range(2))
    assert np.array_equal(one.parameters, two.parameters)
    assert np.array_equal(one.bounds, two.bounds)
    assert np.array_equal(one.model.basis, two.model.basis)


@pytest.mark.parametrize("test", ["galerkin", "least-squares"])
def test_lazy_evaluation_chooses_the_same(thermal, monkeypatch, test):
    monkeypatch.setattr(module, "TOGETHER", 8)
    training = thermal.box.sobol(200, 3)
    options = {"test": test, "max_size": 25}
    # sqrt(gamma / alpha) of X = sum A_q and conductivities in [0.1, 1].
    lazy = small(thermal, training, 3e-2, saturation=10**0.5, **options)
    if test == "least-squares":
        lazy = small(thermal, training, 3e-2, **options)
    monkeypatch.setattr(module, "TOGETHER", 10**6)
    full = small(thermal, training, 3e-2, saturation=1e300, **options)
    assert np.array_equal(lazy.parameters, full.parameters)
    assert np.array_equal(lazy.bounds, full.bounds)
    assert {step.evaluated for step in full.history} == {200}
    counts = [step.evaluated for step in lazy.history[2:-1]]
    assert np.mean(counts) < (150 if test == "least-squares" else 190)
    assert lazy.status is full.status


def test_before_the_tolerance_counts_as_reached_everything_is_evaluated(thermal, monkeypatch):
    monkeypatch.setattr(module, "TOGETHER", 8)
    training = thermal.box.sobol(100, 3)
    result = small(thermal, training, 0.2, test="least-squares").checked()
    assert result.history[-1].evaluated == 100
    assert excess(result.model, training, 0.2, 0.0)[0].max() == result.history[-1].excess


def test_going_on_gives_what_one_search_gives(thermal):
    training = thermal.box.sobol(60)
    whole = small(thermal, training, 1e-2, max_size=12)
    part = small(thermal, training, 1e-2, max_size=5)
    assert part.status is GreedyStatus.MAX_SIZE and part.model.size == 5
    rest = small(thermal, training, 1e-2, max_size=12, start=part)
    assert np.array_equal(rest.parameters, whole.parameters)
    assert np.allclose(rest.bounds, whole.bounds, rtol=1e-9)
    assert rest.history[-1].seconds >= part.history[-1].seconds
    with pytest.raises(InputError, match="latest result"):
        small(thermal, training, 1e-3, start=part)
    same = small(thermal, training, 0.9, start=rest)
    assert same.status is GreedyStatus.CONVERGED and same.model.size == 12


def test_progress_sees_each_step_and_may_stop(thermal):
    sizes = []

    def progress(step, model):
        assert model.size == step.size
        sizes.append(step.size)
        return step.size == 4

    result = small(thermal, thermal.box.sobol(30), 1e-6, progress=progress)
    assert result.status is GreedyStatus.STOPPED and sizes == [1, 2, 3, 4]
    with pytest.raises(NotConvergedError, match="progress asked to stop"):
        result.checked()


def test_round_off_is_told():
    problem, X, stability = line()
    result = greedy(problem, np.linspace(0.5, 4, 20), 1e-16, stability=stability, inner_product=X)
    assert result.status is GreedyStatus.STAGNATED
    assert result.model.size <= 3 and result.bounds[-1] < 1e-11
    with pytest.raises(NotConvergedError, match="round-off"):
        result.checked()


def test_the_accuracy_of_the_given_code_limits_the_bounds():
    problem, X, stability = line()
    exact = full_solution(problem, None)
    rough = np.random.default_rng(0)

    def solve(mu):
        u = exact(mu)
        return u * (1 + 1e-5 * rough.standard_normal(u.shape))

    result = greedy(
        problem, np.linspace(0.5, 4, 40), 1e-9, stability=stability, inner_product=X, solve=solve
    )
    assert result.status is GreedyStatus.STAGNATED
    assert 1e-7 < result.history[-1].relative < 1e-2


def test_absolute_tolerance_and_the_euclidean_product():
    A = [np.diag([1.0, 2.0, 3.0]), np.diag([3.0, 1.0, 1.0])]
    problem = AffineProblem(lambda mu: (1, mu[0]), A, lambda mu: (1,), [[1.0, 1.0, 1.0]])
    result = greedy(
        problem, np.linspace(1, 2, 9), 0, atol=1e-10, stability=MinTheta([[1.0, 1.0]], [3.0])
    ).checked()
    assert result.bounds[-1] <= 1e-10
    assert result.model.box.lower.tolist() == [1.0]


@pytest.mark.parametrize("kind", ["convection", "wave"])
@pytest.mark.parametrize("test", ["galerkin", "least-squares"])
def test_problems_without_symmetry_or_coercivity(block_problem, kind, test):
    case = block_problem(kind, 8)
    training = case.box.sobol(24)
    result = small(case, training, 1e-1, test=test, max_size=24).checked()
    product, solution = InnerProduct(case.X), full_solution(case.problem, None)
    answers = result.model.solve_many(training)
    errors = [
        product.norm(solution(mu) - result.model.lift(x))
        for mu, x in zip(training, answers.x, strict=True)
    ]
    assert (errors <= answers.bound).all()


def test_parameters_whose_solution_vanishes_are_no_obstacle():
    problem, X, stability = line()
    vanishing = AffineProblem(
        problem.theta, problem.matrices, lambda mu: (mu[0] - 1,), problem.sources
    )
    training = np.linspace(0.5, 1.5, 11)
    result = greedy(vanishing, training, 1e-6, stability=stability, inner_product=X).checked()
    assert result.model.size == 3
    alpha = float(stability.lower(problem.coefficients([[1.0]])[0])[0])
    assert result.model.solve([1.0]).bound <= 1.01 * LOST / alpha  # what squares may lose


def test_one_parameter_alone_and_a_parameter_that_stays_the_same():
    problem, X, stability = line()
    result = greedy(problem, [2.0], 1e-8, stability=stability, inner_product=X).checked()
    assert result.model.size == 1 and result.model.box is None


def test_a_start_of_another_problem_or_test_is_refused():
    problem, X, stability = line()
    told = {"stability": stability, "inner_product": X}
    found = greedy(problem, [0.5, 1.0], 1e-2, **told)
    other = AffineProblem(problem.theta, problem.matrices, problem.phi, problem.sources)
    with pytest.raises(InputError, match="start: expected a result for this very problem"):
        greedy(other, [0.5, 1.0], 1e-4, start=found, **told)
    with pytest.raises(InputError, match="test: expected that of start, 'galerkin'"):
        greedy(problem, [0.5, 1.0], 1e-4, start=found, test="least-squares", **told)
    with pytest.raises(InputError, match="start: expected a GreedyResult"):
        greedy(problem, [0.5, 1.0], 1e-4, start=found.model, **told)


def test_parameters_that_are_not_known_to_be_stable_are_named():
    problem, X, stability = line()
    with pytest.raises(InputError, match=r"sample 1.*-0\.5"):
        greedy(problem, [0.5, -0.5, 1.0], 1e-3, stability=stability, inner_product=X)


def test_snapshots_that_are_none_are_named():
    problem, X, stability = line()
    good = full_solution(problem, None)

    def run(solve):
        return greedy(
            problem, [0.5, 1.0, 4.0], 1e-8, stability=stability, inner_product=X, solve=solve
        )

    with pytest.raises(NonFiniteError, match=r"solution at mu = \[0\.5\].*nan at index \(3,\)"):
        run(lambda mu: np.where(np.arange(59) == 3, np.nan, good(mu)))
    with pytest.raises(InputError, match=r"solution at mu = \[0\.5\]: expected shape \(59\)"):
        run(lambda mu: good(mu)[1:])
    with pytest.raises(InputError, match="expected numbers"):
        run(lambda mu: np.array(["a"] * 59))


def test_arguments_that_do_not_fit():
    problem, X, stability = line()
    options = {"stability": stability, "inner_product": X}
    for wrong in ({"rtol": 0.0}, {"rtol": -1.0}, {"atol": np.nan},
                  {"max_size": 0}, {"saturation": 0.5}, {"test": "petrov"}):  # fmt: skip
        with pytest.raises(InputError, match=next(iter(wrong)).split("_")[0]):
            greedy(problem, [1.0, 2.0], **({"rtol": 1e-3} | options | wrong))
    for training in ([], [[1.0], [1.0]], [np.nan]):
        with pytest.raises(InputError, match="parameters"):
            greedy(problem, training, 1e-3, **options)
    zero = AffineProblem(problem.theta, problem.matrices, problem.phi, np.zeros((1, 59)))
    with pytest.raises(InputError, match="vanish"):
        greedy(zero, [1.0, 2.0], 1e-3, **options)
    acting = AffineProblem(
        problem.theta, [MatrixOperator(A) for A in problem.matrices.matrices], problem.phi,
        problem.sources,
    )  # fmt: skip
    with pytest.raises(InputError, match="any code"):
        greedy(acting, [1.0, 2.0], 1e-3, **options)
    solve = full_solution(problem, None)
    assert greedy(acting, [1.0, 2.0], 1e-3, solve=solve, **options).checked().model.size == 2


def test_singular_matrices_name_the_parameter():
    problem, X, stability = line()
    broken = AffineProblem(
        problem.theta, [0 * A for A in problem.matrices.matrices], problem.phi, problem.sources
    )
    with pytest.raises(InputError, match=r"solution at mu = \[1\.0\]: matrix: expected a regular"):
        greedy(broken, [1.0, 2.0], 1e-3, stability=stability, inner_product=X)
