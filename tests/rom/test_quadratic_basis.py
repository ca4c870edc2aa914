import numpy as np
import pytest

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import AffineProblem, QuadraticForm, QuadraticProblem
from nwidth.rom.growing_quadratic_basis import GrowingQuadraticBasis
from nwidth.rom.quadratic_answers import QuadraticStatus
from nwidth.rom.quadratic_basis import QuadraticBasis

KINDS = ["burgers", "reaction"]


@pytest.fixture(scope="module")
def trained(quadratic_problem):
    """Models of 14 solutions, with exact solutions at 250 other parameters."""
    found = {}
    for kind in KINDS:
        made = quadratic_problem(kind, 80)
        growing = GrowingQuadraticBasis(made.problem, made.X, made.box)
        for mu in made.box.sobol(14, seed=1):
            growing.extend(mu, made.problem.solve(mu).checked().u)
        mus = made.box.random(250, seed=2)
        exact = np.array([made.problem.solve(mu, rtol=1e-13).checked().u for mu in mus])
        found[kind] = made, growing, growing.model(), mus, exact
    return found


@pytest.mark.parametrize("size", [2, 4, 6, 8, 11, 14])
@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_bounds(trained, kind, size):
    _, growing, model, mus, exact = trained[kind]
    model = model.truncated(size)
    answers = model.solve_many(mus)
    # What `solve` leaves of the error of the exact solution, some units of the last place.
    own = 1e-12 * growing.inner_product.norm(exact.T)
    errors = growing.inner_product.norm((exact - model.lift(answers.x)).T)
    known = answers.certified
    assert (answers.bound[known] + own[known] >= errors[known]).all()
    assert (answers.bound[known] > 0).all() and (answers.radius[known] > 0).all()
    assert np.isinf(answers.bound[~known]).all()
    assert known.mean() > 0.8
    visible = known & (errors > 1e-9)
    if size < 14:  # by then all errors are near round-off
        effectivity = answers.bound[visible] / errors[visible]
        assert (effectivity >= 1).all()
        assert np.median(effectivity) < 1.5


@pytest.mark.parametrize("kind", KINDS)
def test_answers_solve_the_reduced_equations(trained, kind):
    made, _, model, mus, _ = trained[kind]
    answers = model.solve_many(mus[:40])
    for mu, x in zip(mus, answers.x, strict=False):
        F = model.basis.T @ made.problem.residual(model.basis @ x, mu)
        assert np.linalg.norm(F) < 1e-12
    assert answers.iterations.max() <= 12


@pytest.mark.parametrize("kind", KINDS)
def test_residual_norms_are_those_of_the_residual(trained, kind):
    made, growing, model, mus, _ = trained[kind]
    for size in (3, 6):
        part = model.truncated(size)
        answers = part.solve_many(mus[:30])
        wanted = [
            growing.inner_product.dual_norm(made.problem.residual(part.basis @ x, mu))
            for mu, x in zip(mus, answers.x, strict=False)
        ]
        np.testing.assert_allclose(answers.residual, wanted, rtol=1e-6, atol=1e-10)
        assert (answers.residual >= np.array(wanted) * (1 - 1e-9)).all()


def test_the_bound_is_the_formula(trained):
    _, _, model, mus, _ = trained["burgers"]
    answers = model.truncated(5).solve_many(mus)
    gamma = model.stability.continuity[0]
    known = answers.certified
    beta, eps = answers.stability[known], answers.residual[known]
    tau = 4 * gamma * eps / beta**2
    np.testing.assert_allclose(answers.tau[known], tau, rtol=1e-12)
    large = tau > 1e-4  # where subtraction leaves digits
    wanted = beta / (2 * gamma) * (1 - np.sqrt(1 - tau))
    np.testing.assert_allclose(answers.bound[known][large], wanted[large], rtol=1e-8)
    # and where it does not, the linear bound is the limit
    small = tau < 1e-3
    np.testing.assert_allclose(answers.bound[known][small], (eps / beta)[small], rtol=1e-3)


def test_one_and_many_are_the_same(trained):
    _, _, model, mus, _ = trained["reaction"]
    many = model.solve_many(mus)
    for j in (0, 17):
        one = model.solve(mus[j])
        np.testing.assert_array_equal(one.x, many[j].x)
        assert one[1:] == many[j][1:]
        assert one.status is many.status[j]


def test_fields(trained):
    _, _, model, mus, _ = trained["burgers"]
    x = model.solve_many(mus[:3]).x
    np.testing.assert_allclose(model.predict({"mu": mus[:3]}), x @ model.basis.T)
    np.testing.assert_allclose(model.lift(x[0]), model.basis @ x[0])


@pytest.fixture(scope="module")
def folding():
    """u - mu u^2 = 1 and a second unknown; a fold at mu = 1/4."""
    two = np.eye(2)
    problem = QuadraticProblem(
        AffineProblem(lambda mu: [1.0], [two], lambda mu: [1.0], [[1.0, 0.5]]),
        lambda mu: [-mu[0]],
        [QuadraticForm(two, two, two)],
    )
    growing = GrowingQuadraticBasis(problem, two)
    for mu in (0.05, 0.2):
        growing.extend([mu], problem.solve([mu]).checked().u)
    return problem, growing


def test_statuses_near_and_beyond_a_fold(folding):
    _, growing = folding
    model = growing.model()
    near = model.solve([0.2])
    assert near.status is QuadraticStatus.CERTIFIED and near.bound < 1e-12
    close = model.solve([0.2499])
    u = (1 - np.sqrt(1 - 4 * 0.2499 * np.array([1.0, 0.5]))) / (2 * 0.2499)
    assert np.linalg.norm(model.lift(close.x) - u) <= close.bound
    assert 0 < close.stability <= 1 - 2 * 0.2499 * u[0] + 1e-12
    beyond = model.solve([0.3])
    assert beyond.status is QuadraticStatus.DIVERGED and np.isinf(beyond.bound)
    assert np.isnan(beyond.x).all()


def test_large_residuals_bound_nothing(trained):
    _, _, model, mus, _ = trained["burgers"]
    answers = model.truncated(2).solve_many(mus)
    coarse = answers.codes == 1
    assert coarse.any() and (answers.tau[coarse] >= 1).all()
    assert answers.status[int(np.argmax(coarse))] is QuadraticStatus.TOO_COARSE
    assert np.isinf(answers.bound[coarse]).all() and (answers.radius[coarse] == 0).all()


def test_far_from_the_anchors_nothing_is_known(quadratic_problem):
    made = quadratic_problem("burgers", 30)
    growing = GrowingQuadraticBasis(made.problem, made.X)
    growing.extend([1.0, 1.0], made.problem.solve([1.0, 1.0]).checked().u)
    far = growing.model().solve([0.15, 1.0])
    assert far.status is QuadraticStatus.UNSTABLE and far.stability <= 0
    assert np.isinf(far.bound) and far.radius == 0.0
    assert np.isfinite(far.x).all()  # an answer, but without a bound


@pytest.mark.parametrize("kind", KINDS)
def test_files_keep_the_model(trained, kind, tmp_path):
    _, _, model, mus, _ = trained[kind]
    model.save(tmp_path / "model.h5")
    back = QuadraticBasis.load(tmp_path / "model.h5")
    a, b = model.solve_many(mus[:20]), back.solve_many(mus[:20])
    for name in ("x", "bound", "stability", "tau", "residual", "codes", "inside"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_functions_are_brought_to_load(folding, tmp_path):
    problem, growing = folding
    growing.model().save(tmp_path / "model.h5")
    linear = problem.linear
    back = QuadraticBasis.load(tmp_path / "model.h5", linear.theta, linear.phi, problem.psi)
    assert back.solve([0.2]).bound == growing.model().solve([0.2]).bound
    bare = QuadraticBasis.load(tmp_path / "model.h5", linear.theta, linear.phi)
    with pytest.raises(InputError, match="psi: this model has no function"):
        bare.solve([0.2])


def test_broken_files_are_refused(trained, tmp_path):
    _, _, model, _, _ = trained["burgers"]
    model.save(tmp_path / "model.h5")
    arrays, told = load_archive(tmp_path / "model.h5", "quadratic-basis")
    broken = tmp_path / "broken.h5"
    for name, change in [
        ("tensors", lambda a: a[:, 1:]),
        ("allowance", lambda a: -a),
        ("allowance", lambda a: a * 0),
        ("residual", lambda a: a[:, :-1]),
        ("residual", lambda a: a * np.nan),
        ("spread", lambda a: a[:0]),
        ("stability/constants", lambda a: a[1:]),
        ("stability/continuity", lambda a: -a),
        ("basis", lambda a: a.astype(complex)),
    ]:
        save_archive(broken, "quadratic-basis", arrays | {name: change(arrays[name])}, told)
        with pytest.raises(FileFormatError):
            QuadraticBasis.load(broken)
    for name in arrays:
        rest = {key: a for key, a in arrays.items() if key != name}
        save_archive(broken, "quadratic-basis", rest, told)
        with pytest.raises(FileFormatError):
            QuadraticBasis.load(broken)
    save_archive(broken, "quadratic-basis", arrays, {})
    with pytest.raises(FileFormatError, match="not a quadratic basis"):
        QuadraticBasis.load(broken)
    with pytest.raises(FileFormatError, match="quadratic-basis"):
        save_archive(broken, "pod", arrays, told)
        QuadraticBasis.load(broken)


def test_bad_input_is_told(trained):
    _, _, model, mus, _ = trained["burgers"]
    with pytest.raises(InputError, match="use solve_many"):
        model.solve(mus)
    with pytest.raises(InputError, match="mu"):
        model.solve_many(mus[0])
    with pytest.raises(NonFiniteError, match="mu"):
        model.solve([np.nan, 0.0])
    with pytest.raises(InputError, match="mu"):
        model.solve([1.0])
    with pytest.raises(InputError, match="x: expected shape"):
        model.lift(np.ones(3))
    with pytest.raises(InputError, match="predict"):
        model.predict({"k": mus})
    with pytest.raises(InputError, match="N: expected at most 14"):
        model.truncated(15)


def test_outside_of_the_box_is_told_once(trained):
    made, growing, *_ = trained["reaction"]
    model = growing.model()
    with pytest.warns(UserWarning, match="outside of the box"):
        answer = model.solve([21.0, 3.1])
    assert not answer.inside
    error = made.problem.solve([21.0, 3.1]).checked().u - model.lift(answer.x)
    assert growing.inner_product.norm(error) <= answer.bound
    model.solve([21.0, 3.2])  # no second warning: pytest would fail on it as an error


def test_bounds_hold_where_squares_underflow():
    linear = AffineProblem(
        lambda mu: [1.0, mu[1]],
        [1e-30 * np.diag([1.0, 2.0]), 1e-30 * np.eye(2)],
        lambda mu: [mu[0]],
        [[1e-30, 1e-30]],
    )
    form = QuadraticForm(1e-30 * np.eye(2), np.eye(2), np.eye(2))
    problem = QuadraticProblem(linear, lambda mu: [1.0], [form])
    growing = GrowingQuadraticBasis(problem, np.eye(2))
    growing.extend([0.1, 1.0], problem.solve([0.1, 1.0]).checked().u)
    model = growing.model()
    for mu in ([1e-130, 1.5], [1e-170, 1.5], [0.0, 1.0]):
        u = mu[0] / (np.array([1.0, 2.0]) + mu[1])  # squares of it are far below round-off
        answer = model.solve(mu)
        error = np.abs(u - model.lift(answer.x)).max()
        assert answer.bound > 0 and answer.bound >= error


def test_files_of_complex_matrices_are_refused(trained, tmp_path):
    model = trained["burgers"][2]
    path = tmp_path / "model.h5"
    model.save(path)
    arrays, told = load_archive(path, "quadratic-basis")
    arrays["linear/values"] = arrays["linear/values"] + 0j
    arrays["linear/values"][0, 1] += 1j
    save_archive(path, "quadratic-basis", arrays, told)
    with pytest.raises(FileFormatError, match="expected a real problem"):
        QuadraticBasis.load(path)
