import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.rom import AffineProblem, GrowingParabolicBasis, ParabolicProblem, pod_greedy
from nwidth.rom.greedy import GreedyStatus
from nwidth.rom.stability import MinTheta

CELLS = 12


@pytest.fixture(scope="module")
def case(block_problem):
    base = block_problem("thermal", CELLS)
    h, time = 1 / CELLS, np.linspace(0, 0.5, 21)
    x = np.repeat((np.arange(CELLS) + 0.5) * h, CELLS)
    base.parabolic = ParabolicProblem(
        base.problem,
        sp.diags_array(np.full(CELLS**2, h**2)),
        time,
        np.sin(2 * np.pi * time)[None] + 1,
        x * (1 - x),
    )
    base.training = base.box.random(40, seed=1)
    return base


def searched(case, rtol=2e-2, **told):
    told = {"stability": case.stability, "inner_product": case.X} | told
    return pod_greedy(told.pop("problem", case.parabolic), case.training, rtol, **told)


def error(problem, model, mu):
    """|||u - V x||| over all times, and |||u|||."""
    u, A = problem.trajectory(mu), problem.problem.matrix(mu)
    M, out = problem.mass.matrices[0], []
    for e in (u - model.lift(model.solve(mu).x), u):
        w = problem.weight * e[1:] + (1 - problem.weight) * e[:-1]
        out.append(np.sqrt(e[-1] @ (M @ e[-1]) + problem.dt * np.sum(w * (A @ w.T).T)))
    return out


def test_the_tolerance_holds_at_all_training_parameters_and_bounds_others(case):
    result = searched(case, box=case.box).checked()
    found = result.model.solve_many(case.training)
    assert (found.bound[:, -1] <= 2e-2 * found.energy[:, -1]).all()
    for mu in case.training[:8]:
        missed, size = error(case.parabolic, result.model, mu)
        assert missed < 2.1e-2 * size
    for mu in case.box.random(8, seed=5):
        assert error(case.parabolic, result.model, mu)[0] <= result.model.solve(mu).bound[-1]


def plain(case, count, modes):
    """Return the parameters and the span of the search, written down as it is in the papers."""
    basis = GrowingParabolicBasis(case.parabolic, case.X, case.stability)
    basis.extend(case.parabolic.initial.matrices[0])
    chosen, X = [], case.X.toarray()
    for _ in range(count):
        model = basis.model()
        found = [model.solve(mu) for mu in case.training]
        mu = case.training[np.argmax([f.bound[-1] / f.energy[-1] for f in found])]
        u, V = case.parabolic.trajectory(mu), basis.basis
        e = u - u @ X @ V @ V.T
        vectors = np.linalg.eigh(e @ X @ e.T)[1]
        basis.extend(e.T @ vectors[:, ::-1][:, :modes])
        chosen.append(mu)
    return np.array(chosen), basis.basis


@pytest.mark.parametrize("modes", [1, 3])
def test_is_the_search_of_the_papers(case, modes):
    result = searched(case, 1e-9, modes=modes, max_size=1 + 6 * modes)
    chosen, V = plain(case, 6, modes)
    np.testing.assert_array_equal(result.parameters, chosen)
    ours = result.basis.basis
    assert ours.shape == V.shape and result.status is GreedyStatus.MAX_SIZE
    cosines = np.linalg.svd(ours.T @ case.X @ V, compute_uv=False)
    assert cosines.min() > 1 - 1e-9
    assert [step.size for step in result.history] == [1 + modes * k for k in range(7)]


def test_bounds_fall(case):
    history = searched(case, 1e-9, max_size=40).history
    assert history[-1].relative < 2e-2 * history[0].relative
    assert (np.diff([step.seconds for step in history]) >= 0).all()


def test_without_initial_values_the_first_trajectory_comes_first(case):
    problem = ParabolicProblem(case.problem, case.parabolic.mass, case.parabolic.times)
    result = searched(case, 0.1, problem=problem).checked()
    first = result.history[0]
    assert first.size == 0 and np.isinf(first.bound)
    np.testing.assert_array_equal(result.parameters[0], case.training[0])


def test_trajectories_may_come_from_other_code(case):
    asked = []

    def solve(mu):
        asked.append(mu)
        return case.parabolic.trajectory(mu)

    result = searched(case, 0.1, solve=solve)
    np.testing.assert_array_equal(result.parameters, asked)


def test_a_search_goes_on(case):
    stopped = searched(case, progress=lambda step, model: model.size == 5)
    assert stopped.status is GreedyStatus.STOPPED and stopped.model.size == 5
    whole, rest = searched(case), searched(case, start=stopped)
    np.testing.assert_array_equal(whole.parameters, rest.parameters)
    assert rest.status is GreedyStatus.CONVERGED


def test_round_off_ends_the_search():
    matrices = [np.diag([1.0, 2.0]), np.diag([2.0, 1.0])]
    elliptic = AffineProblem(lambda mu: mu, matrices, lambda mu: [1.0], [[1.0, 1.0]])
    problem = ParabolicProblem(elliptic, np.eye(2), np.linspace(0, 1, 5))
    result = pod_greedy(
        problem, [[1.0, 1.0], [1.0, 2.0]], 1e-16, stability=MinTheta([[1.0, 1.0]], [1.0])
    )
    assert result.status is GreedyStatus.STAGNATED and result.model.size == 2
    with pytest.raises(NotConvergedError, match="round-off"):
        result.checked()


def test_zero_problems_are_refused(case):
    zero = AffineProblem(case.problem.theta, case.problem.matrices, lambda mu: [0.0],
                         case.problem.sources)  # fmt: skip
    problem = ParabolicProblem(zero, case.parabolic.mass, case.parabolic.times)
    with pytest.raises(InputError, match="do not vanish"):
        searched(case, problem=problem)


def vanishing():
    """A problem whose second parameter is the size of its source."""
    matrices = [np.diag([1.0, 2.0, 3.0]), np.diag([0.0, 1.0, 2.0])]
    elliptic = AffineProblem(lambda mu: (1, mu[0]), matrices, lambda mu: (mu[1],), np.ones((1, 3)))
    return ParabolicProblem(elliptic, np.eye(3), np.linspace(0, 1, 11))


def test_parameters_whose_trajectory_vanishes_are_no_obstacle():
    training = np.array([[a, size] for size in (0.0, 1.0) for a in (1.0, 1.5, 2.0)])
    alpha = MinTheta([[1.0, 1.0]], [1.0])
    for mus in (training, training[::-1]):
        result = pod_greedy(vanishing(), mus, 1e-4, stability=alpha).checked()
        assert result.model.size == 3
        assert (result.parameters[:, 1] == 1).all()
        assert 0 < result.model.solve([1.5, 0.0]).bound[-1] < 1e-140


def test_a_start_that_does_not_belong_to_it_is_refused():
    problem, alpha = vanishing(), MinTheta([[1.0, 1.0]], [1.0])
    mus = [[1.0, 1.0], [2.0, 1.0]]
    found = pod_greedy(problem, mus, 0.5, stability=alpha)
    with pytest.raises(InputError, match="start: expected a result for this very problem"):
        pod_greedy(vanishing(), mus, 1e-4, stability=alpha, start=found)
    size = found.model.size
    assert size < 3 and found.basis.extend(np.eye(3)) == 3 - size
    with pytest.raises(InputError, match=f"start: expected a basis of the {size} vectors"):
        pod_greedy(problem, mus, 1e-4, stability=alpha, start=found)


def test_trajectories_that_do_not_fit_are_told(case):
    with pytest.raises(InputError, match=r"trajectory at mu = \[.*shape"):
        searched(case, solve=lambda mu: np.ones((3, CELLS**2)))
    with pytest.raises(NonFiniteError, match="trajectory at mu"):
        searched(case, solve=lambda mu: np.full((21, CELLS**2), np.nan))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"rtol": 0.0}, "rtol"),
        ({"rtol": -1.0}, "rtol"),
        ({"modes": 0}, "modes"),
        ({"max_size": 0}, "max_size"),
        ({"problem": None}, "ParabolicProblem"),
        ({"inner_product": np.eye(3)}, "size"),
    ],
)
def test_wrong_arguments_are_refused(case, told, words):
    with pytest.raises(InputError, match=words):
        searched(case, **told)


def test_parameters_that_are_not_stable_are_named(case):
    with pytest.raises(InputError, match="sample 1"):
        pod_greedy(
            case.parabolic, [[1.0] * 4, [-1.0] * 4], stability=case.stability, inner_product=case.X
        )
