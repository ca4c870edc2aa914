import numpy as np
import pytest

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import (
    AffineProblem,
    EstimateStatus,
    PointwiseBasis,
    PointwiseProblem,
    nonlinear_eim,
)
from nwidth.rom.stability import MinTheta


@pytest.fixture(scope="module")
def trained(pointwise_problem):
    made = pointwise_problem(50)
    model = nonlinear_eim(
        made.problem, made.box.grid((9, 9)), 1e-5, stability=made.stability,
        inner_product=made.X, box=made.box,
    )  # fmt: skip
    return made, model, made.box.random(60, seed=4)


def plain_newton(model, mu, M):
    """The reduced equations of one parameter, solved by full Newton steps."""
    theta, phi = (c[0] for c in model.linear.coefficients(np.asarray(mu)[None]))
    A = np.tensordot(theta, np.stack(list(model.linear.matrices.matrices)), 1)
    f = phi @ np.stack(list(model.linear.sources.matrices))
    H = model.projected[:, :M] @ np.linalg.inv(model.triangle[:M, :M])
    P = model.points[:M]
    x = model.starts[0]
    for _ in range(40):
        v = P @ x
        F = A @ x + H @ model.g(v, mu) - f
        x = x - np.linalg.solve(A + H @ (model.slope(v, mu)[:, None] * P), F)
    return x


def test_answers_agree_with_a_plain_newton(trained):
    _, model, mus = trained
    answers = model.solve_many(mus)
    assert set(answers.status) == {EstimateStatus.ESTIMATED}
    for mu, x in zip(mus[:20], answers.x, strict=False):
        np.testing.assert_allclose(x, plain_newton(model, mu, model.terms), rtol=1e-9, atol=1e-10)


def test_residual_is_that_of_the_interpolated_problem(trained):
    made, model, mus = trained
    from nwidth.rom import InnerProduct

    product, answers = InnerProduct(made.X), model.solve_many(mus[:10])
    for mu, x, residual in zip(mus, answers.x, answers.residual, strict=False):
        exact = product.dual_norm(made.problem.residual(model.lift(x), mu))
        assert residual == pytest.approx(exact, rel=0.05)


def test_one_and_many_are_the_same(trained):
    _, model, mus = trained
    many = model.solve_many(mus)
    one = model.solve(mus[3])
    np.testing.assert_allclose(one.x, many.x[3], rtol=1e-12)
    assert one.estimate == pytest.approx(many.estimate[3], rel=1e-9)
    assert one.status is EstimateStatus.ESTIMATED
    np.testing.assert_allclose(model.predict({"mu": mus[:4]}), model.lift(many.x[:4]), rtol=1e-9)


def test_files_keep_all_but_the_functions(trained, tmp_path):
    made, model, mus = trained
    model.save(tmp_path / "model.h5")
    back = PointwiseBasis.load(tmp_path / "model.h5", made.problem.g, made.problem.slope)
    a, b = model.solve_many(mus), back.solve_many(mus)
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.estimate, b.estimate)
    bare = PointwiseBasis.load(tmp_path / "model.h5")
    with pytest.raises(InputError, match="this model has no function; give g and slope to load"):
        bare.solve(mus[0])


def test_broken_files_are_refused(trained, tmp_path):
    _, model, _ = trained
    model.save(tmp_path / "model.h5")
    arrays, told = load_archive(tmp_path / "model.h5", "pointwise-basis")
    broken = tmp_path / "broken.h5"
    for name, change in [
        ("triangle", lambda a: a + 1),
        ("triangle", lambda a: a[:2]),
        ("points", lambda a: a[1:]),
        ("residual", lambda a: a * np.nan),
        ("allowance", lambda a: -a),
        ("starts", lambda a: a[:, 1:]),
        ("parameters", lambda a: a[0]),
        ("basis", lambda a: a[:, :1]),
    ]:
        save_archive(broken, "pointwise-basis", arrays | {name: change(arrays[name])}, told)
        with pytest.raises(FileFormatError):
            PointwiseBasis.load(broken)
    for change in ({"terms": 10**6}, {"terms": 0}, {"embedding": -1.0}, {"stability": {}}):
        save_archive(broken, "pointwise-basis", arrays, told | change)
        with pytest.raises(FileFormatError):
            PointwiseBasis.load(broken)
    for name in arrays:
        rest = {key: a for key, a in arrays.items() if key != name}
        save_archive(broken, "pointwise-basis", rest, told)
        with pytest.raises(FileFormatError):
            PointwiseBasis.load(broken)


@pytest.fixture(scope="module")
def bratu():
    """u - mu exp(u) = 0 in three unknowns: folds, and g that falls with u."""
    linear = AffineProblem(
        lambda mu: [1.0], [np.diag([1.0, 1.5, 2.0])], lambda mu: [1.0], [[0.0] * 3]
    )
    problem = PointwiseProblem(
        linear, lambda u, mu: -mu[0] * np.exp(u), lambda u, mu: -mu[0] * np.exp(u), np.ones(3)
    )
    training = np.linspace(0.01, 0.3, 12)[:, None]
    model = nonlinear_eim(problem, training, 1e-8, stability=MinTheta([[1.0]], [1.0]), beyond=1)
    return problem, model


def test_falling_nonlinearities_cost_stability(bratu):
    problem, model = bratu
    low = model.solve([0.1])
    u = problem.solve([0.1]).checked().u
    falling = 0.1 * np.exp(u.max())
    assert low.stability == pytest.approx(1 - falling, abs=0.02)
    assert low.status is EstimateStatus.ESTIMATED
    assert np.linalg.norm(model.lift(low.x) - u) <= low.estimate + 1e-12


def test_failures_are_told(bratu):
    _, model = bratu
    with pytest.warns(UserWarning, match="outside of the box"):
        beyond = model.solve([2.0])
    assert beyond.status is EstimateStatus.DIVERGED and not beyond.inside
    assert np.isinf(beyond.estimate) and np.isnan(beyond.x).all()
    both = model.solve_many([[0.1], [2.0]])
    assert both.status[0] is EstimateStatus.ESTIMATED and np.isfinite(both.x[0]).all()
    assert both.status[1] is EstimateStatus.DIVERGED
    near = model.solve([0.3])
    assert near.stability < 0.6


def test_bad_input_is_told(trained):
    _, model, mus = trained
    with pytest.raises(InputError, match="use solve_many"):
        model.solve(mus)
    with pytest.raises(InputError, match="mu: expected 2 numbers each"):
        model.solve([1.0])
    with pytest.raises(NonFiniteError, match="mu"):
        model.solve([np.nan, 1.0])
    with pytest.raises(InputError, match="x: expected shape"):
        model.lift(np.ones(2))
    with pytest.raises(InputError, match="predict"):
        model.predict({})
