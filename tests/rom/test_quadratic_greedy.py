import numpy as np
import pytest

from nwidth.errors import InputError, NotConvergedError
from nwidth.rom import AffineProblem, QuadraticForm, QuadraticProblem
from nwidth.rom.greedy import GreedyStatus
from nwidth.rom.quadratic_greedy import quadratic_greedy


@pytest.mark.parametrize("kind", ["burgers", "reaction"])
def test_the_tolerance_holds_in_the_whole_box(quadratic_problem, kind):
    made = quadratic_problem(kind, 50)
    found = quadratic_greedy(
        made.problem, made.box.grid((9, 9)), 1e-5, inner_product=made.X
    ).checked()
    assert found.model.size <= 12 and len(found.skipped) == 0
    assert found.history[-1].relative <= 1e-5 and found.history[-1].uncertified == 0
    mus = made.box.random(100, seed=3)
    answers = found.model.solve_many(mus)
    assert answers.certified.mean() > 0.97
    product = found.basis.inner_product
    exact = np.array([made.problem.solve(mu).checked().u for mu in mus])
    errors = product.norm((exact - found.model.lift(answers.x)).T)
    assert (errors <= answers.bound + 1e-11).all()
    assert np.median(errors / product.norm(exact.T)) < 1e-5


def folding():
    two = np.eye(2)
    return QuadraticProblem(
        AffineProblem(lambda mu: [1.0], [two], lambda mu: [1.0], [[1.0, 0.5]]),
        lambda mu: [-mu[0]],
        [QuadraticForm(two, two, two)],
    )


def test_parameters_without_a_solution_are_skipped():
    training = np.linspace(0.02, 0.4, 20)[:, None]  # a fold at 0.25
    found = quadratic_greedy(folding(), training, 1e-8).checked()
    assert found.skipped.min() > 0.25 and len(found.skipped) == (training > 0.25).sum()
    assert found.model.size == 2


def test_search_ends_for_its_reasons(quadratic_problem):
    made = quadratic_problem("reaction", 30)
    training = made.box.grid((5, 5))
    few = quadratic_greedy(made.problem, training, 1e-9, inner_product=made.X, max_size=3)
    assert few.status is GreedyStatus.MAX_SIZE and few.model.size == 3
    with pytest.raises(NotConvergedError, match="worst bound"):
        few.checked()
    known = quadratic_greedy(made.problem, training, 1e-9, inner_product=made.X, max_anchors=2)
    assert known.status is GreedyStatus.MAX_SIZE and known.basis.anchors == 2
    stopped = quadratic_greedy(
        made.problem, training, 1e-9, inner_product=made.X, progress=lambda step: step.size == 2
    )
    assert stopped.status is GreedyStatus.STOPPED and len(stopped.history) == 2
    floor = quadratic_greedy(made.problem, training, 1e-16, inner_product=made.X)
    assert floor.status is GreedyStatus.STAGNATED


def test_solutions_of_any_code(quadratic_problem):
    made, asked = quadratic_problem("reaction", 30), []

    def solve(mu):
        asked.append(mu)
        return made.problem.solve(mu).u

    found = quadratic_greedy(
        made.problem, made.box.grid((4, 4)), 1e-3, inner_product=made.X, solve=solve
    )
    assert found.status is GreedyStatus.CONVERGED and len(asked) == found.basis.anchors


def test_parameters_whose_solution_vanishes_are_no_obstacle():
    two, training = np.eye(2), np.array([[0.0], [0.1], [0.2], [0.3]])
    linear = AffineProblem(lambda mu: [1.0], [two], lambda mu: [mu[0]], [[1.0, 0.5]])
    problem = QuadraticProblem(linear, lambda mu: [1.0], [QuadraticForm(two, two, two)])
    for mus in (training, training[::-1]):
        found = quadratic_greedy(problem, mus, 1e-8).checked()
        assert found.model.size == 2
        assert found.model.solve([0.0]).bound < 1e-140


def test_solutions_that_are_none_name_the_parameter():
    def run(spoiled):
        seen = []

        def solve(mu):
            seen.append(mu)
            u = folding().solve(mu).u
            return u if len(seen) == 1 else spoiled(u)

        return quadratic_greedy(folding(), [[0.05], [0.1], [0.2]], 1e-8, solve=solve)

    for spoiled in (lambda u: u[:1], lambda u: None, lambda u: u * np.nan):
        with pytest.raises(InputError, match=r"solution at mu = \[0\.\d+\]: expected"):
            run(spoiled)


def test_bad_input_is_told(quadratic_problem):
    made = quadratic_problem("reaction", 10)
    with pytest.raises(InputError, match="problem: expected a QuadraticProblem"):
        quadratic_greedy(made.problem.linear, made.box.grid((2, 2)))
    with pytest.raises(InputError, match="mu: expected parameters of shape"):
        quadratic_greedy(made.problem, [1.0])
    with pytest.raises(InputError, match="above zero"):
        quadratic_greedy(made.problem, made.box.grid((2, 2)), 0.0)
    for name in ("solve", "progress"):
        with pytest.raises(InputError, match=f"{name}: expected a function or None"):
            quadratic_greedy(made.problem, made.box.grid((2, 2)), **{name: "x"})
    with pytest.raises(InputError, match="training: expected parameters for which"):
        quadratic_greedy(folding(), [[0.3], [0.4]])
