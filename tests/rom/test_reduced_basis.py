import warnings

import numpy as np
import pytest

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import (
    AffineProblem,
    GrowingBasis,
    ReducedBasis,
    ReducedStatus,
)
from nwidth.rom.stability import MinTheta

KINDS = [("thermal", "galerkin"), ("convection", "least-squares"), ("wave", "galerkin"),
         ("wave", "least-squares")]  # fmt: skip


def solved(problem, mu):
    """u(mu) in extended precision, by refinement."""
    A = sum(
        np.multiply(t, B.toarray(), dtype=np.clongdouble if problem.is_complex else np.longdouble)
        for t, B in zip(problem.theta(mu), problem.matrices.matrices, strict=True)
    )
    f = problem.phi(mu) @ np.stack(list(problem.sources.matrices)).astype(A.dtype)
    double = A.astype(np.complex128 if problem.is_complex else np.float64)
    u = np.zeros(len(f), A.dtype)
    for _ in range(4):
        u = u + np.linalg.solve(double, (f - A @ u).astype(double.dtype))
    return u


def distance(X, u, v):
    e = u - v
    return float(np.sqrt((e.conj() @ (X.toarray().astype(e.dtype) @ e)).real))


@pytest.fixture(scope="module")
def models(block_problem):
    """Make the model of a kind of problem, its training parameters and their solutions."""
    found = {}

    def make(kind="thermal", test="galerkin", count=30):
        if (kind, test) not in found:
            case = block_problem(kind, 10)
            mus = case.box.random(30, 1)
            growing = GrowingBasis(case.problem, case.X, case.stability, case.box, test)
            for mu in mus:
                assert growing.extend(solved(case.problem, mu).astype(growing.dtype)) == 1
            found[kind, test] = case, growing.model(), mus
        return found[kind, test]

    return make


@pytest.mark.parametrize(("kind", "test"), KINDS)
def test_bounds_hold(models, kind, test):
    case, model, training = models(kind, test)
    # At the last training parameters the error is round-off alone.
    mus = np.concatenate([case.box.random(10, 5), training[[0, 6, 29]]])
    solutions = [solved(case.problem, mu) for mu in mus]
    smallest = np.inf
    for N in (0, 1, 2, 7, 30):
        small = model.truncated(N)
        answers = small.solve_many(mus)
        assert set(answers.status) == {ReducedStatus.CERTIFIED}
        assert answers.inside.all()
        for j, u in enumerate(solutions):
            error = distance(case.X, u, small.lift(answers.x[j]))
            assert error <= answers.bound[j]
            if error > 1e-11:
                assert answers.bound[j] <= 60 * error
                smallest = min(smallest, error)
            else:
                assert answers.bound[j] <= 1e-10
    assert smallest < 1e-3


@pytest.mark.parametrize(("kind", "test"), KINDS)
def test_bounds_in_the_energy_norm_hold_for_coercive_problems(models, kind, test):
    case, model, training = models(kind, test)
    coercive = case.stability.constant == "coercivity"
    assert coercive or kind != "thermal"
    for mu in [*case.box.random(6, 5), *training[[0, 29]]]:
        u = solved(case.problem, mu)
        A = case.problem.matrix(mu).toarray().astype(u.dtype)
        for small in (model.truncated(N) for N in (0, 3, 30)):
            one, many = small.solve(mu), small.solve_many(mu[None])
            if not coercive:
                assert one.energy_bound == many.energy_bound[0] == np.inf
                continue
            e = u - small.basis.astype(u.dtype) @ one.x.astype(u.dtype)
            error = float(np.sqrt((e.conj() @ (A @ e)).real))
            assert error <= one.energy_bound <= np.sqrt(one.stability) * one.bound * (1 + 1e-15)
            np.testing.assert_allclose(
                many.energy_bound[0], one.energy_bound, rtol=1e-9, atol=1e-13
            )
            if error > 1e-11 and kind == "thermal":  # A is symmetric, with a continuity near X
                assert one.energy_bound <= 5 * error


def test_bounds_hold_where_squares_underflow():
    matrices = [np.diag([1.0, 2.0]), np.eye(2)]
    problem = AffineProblem(lambda mu: mu[:2], matrices, lambda mu: mu[2:], [[1.0, 1.0]])
    for test in ("galerkin", "least-squares"):
        growing = GrowingBasis(problem, np.eye(2), MinTheta([[1.0, 1.0]], [1.0]), None, test)
        growing.extend([1.0, 0.0])
        model = growing.model()
        for mu in ([1e-200, 1e-200, 1e-200], [1e-300, 1e-300, 1e-300], [1.0, 1.0, 1e-200]):
            u = mu[2] / (mu[0] * np.array([1.0, 2.0]) + mu[1])
            for answer in (model.solve(mu), model.solve_many([mu])[0]):
                known = answer.status is ReducedStatus.CERTIFIED
                error = np.linalg.norm(u - model.lift(answer.x)) if known else np.inf
                assert answer.energy_bound > 0 and error <= answer.bound
        assert model.solve([1.0, 1.0, 0.0]).bound > 0


def test_effectivity_of_a_coercive_problem_is_that_of_its_constants(models):
    case, model, _ = models()
    mus = case.box.random(20, 3)
    answers = model.solve_many(mus)
    limits = mus.max(axis=1) / mus.min(axis=1)
    for j, mu in enumerate(mus):
        error = distance(case.X, solved(case.problem, mu), model.lift(answers.x[j]))
        assert 1 <= answers.bound[j] / error <= 1.001 * limits[j]


@pytest.mark.parametrize(("kind", "test"), KINDS)
def test_one_is_as_among_many(models, kind, test):
    case, model, _ = models(kind, test)
    mus = case.box.random(9, 2)
    many = model.solve_many(mus)
    for j, mu in enumerate(mus):
        one = model.solve(mu)
        np.testing.assert_allclose(one.x, many.x[j], rtol=1e-9, atol=1e-9 * abs(one.x).max())
        # Small residuals are differences of terms whose size is that of the source.
        rounding = np.finfo(float).eps * model.truncated(0).solve(mu).bound
        np.testing.assert_allclose(one.bound, many.bound[j], rtol=1e-12, atol=rounding)
        assert one[3:5] == many[j][3:5] == (True, ReducedStatus.CERTIFIED)
        np.testing.assert_allclose(
            one.stability, case.stability.lower(case.problem.theta(mu)[None])
        )
    assert len(model.solve_many(mus[:0])) == 0


def test_least_squares_answers_have_the_smallest_residual(models):
    case, model, _ = models("convection", "least-squares")
    galerkin = ReducedBasis(
        model.problem, model.residual, model.allowance, model.stability, model.basis
    )
    mus = case.box.random(10, 4)
    best, other = model.solve_many(mus), galerkin.solve_many(mus)
    assert (best.residual < other.residual).all()
    assert (best.residual > 0.3 * other.residual).all()


@pytest.mark.parametrize("N", [0, 1, 5])
@pytest.mark.parametrize(("kind", "test"), KINDS)
def test_a_truncated_model_is_that_of_fewer_vectors(models, kind, test, N):
    case, model, training = models(kind, test)
    growing = GrowingBasis(case.problem, case.X, case.stability, case.box, test)
    for mu in training[:N]:
        growing.extend(solved(case.problem, mu).astype(growing.dtype))
    mus = case.box.random(5, 6)
    wanted, found = growing.model().solve_many(mus), model.truncated(N).solve_many(mus)
    np.testing.assert_allclose(found.x, wanted.x, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.bound, wanted.bound, rtol=1e-9)
    np.testing.assert_array_equal(model.truncated(N).basis, growing.basis)


@pytest.mark.parametrize("kind", ["thermal", "wave"])
def test_files_keep_every_bit(models, kind, tmp_path):
    case, model, _ = models(kind)
    known = MinTheta(np.ones((1, model.stability.terms)), [0.5])
    model = ReducedBasis(
        model.problem, model.residual, model.allowance, known, model.basis, model.box, model.test
    )
    if kind == "wave":  # its coefficients are complex, of which this bound says nothing
        theta = AffineProblem(lambda mu: [1.0, mu[0], 1.0], model.problem.matrices,
                              lambda mu: [1.0], model.problem.sources)  # fmt: skip
        model = ReducedBasis(theta, model.residual, model.allowance, known, model.basis, model.box)
    given = {} if kind == "thermal" else {"theta": model.problem.theta, "phi": model.problem.phi}
    model.save(tmp_path / "model.h5")
    back = ReducedBasis.load(tmp_path / "model.h5", **given)
    mus = case.box.random(5, 7)
    a, b = model.solve_many(mus), back.solve_many(mus)
    for name in ("x", "bound", "stability", "inside", "codes", "residual"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    np.testing.assert_array_equal(model.lift(a.x), back.lift(b.x))
    model.save(tmp_path / "small.h5", basis=False)
    bare = ReducedBasis.load(tmp_path / "small.h5", **given)
    np.testing.assert_array_equal(bare.solve_many(mus).bound, a.bound)
    with pytest.raises(InputError, match="saved without its basis"):
        bare.lift(b.x)


def test_files_whose_parts_do_not_fit_are_refused(models, tmp_path):
    _, model, _ = models()
    path = tmp_path / "model.h5"
    model.truncated(3).save(path)
    arrays, told = load_archive(path, "reduced-basis")
    wrong = {
        "basis": arrays["basis"][:, :2],
        "residual": arrays["residual"][:, :-1],
        "allowance": -arrays["allowance"],
        "problem/values": arrays["problem/values"][:2],
        "stability/references": np.ones((1, 3)),
        "box/lower": arrays["box/upper"],
        "problem/sources": arrays["problem/sources"][:, :2],
    }
    for name, array in wrong.items():
        save_archive(path, "reduced-basis", arrays | {name: array}, told)
        with pytest.raises(FileFormatError, match=r"model\.h5"):
            ReducedBasis.load(path)
    nan = arrays["residual"].copy()
    nan[0, 0] = np.nan
    save_archive(path, "reduced-basis", arrays | {"residual": nan}, told)
    with pytest.raises(FileFormatError, match="residual"):
        ReducedBasis.load(path)
    for changed in ({"test": "petrov"}, {"stability": {"name": "other"}}, {"problem": 3}):
        save_archive(path, "reduced-basis", arrays, told | changed)
        with pytest.raises(FileFormatError, match=r"model\.h5"):
            ReducedBasis.load(path)
    del arrays["allowance"]
    save_archive(path, "reduced-basis", arrays, told)
    with pytest.raises(FileFormatError, match="not a reduced basis"):
        ReducedBasis.load(path)


def test_parameters_outside_of_the_box_are_flagged_and_told_once(models):
    _, model, _ = models()
    model = model.truncated(4)
    with pytest.warns(UserWarning, match="outside of the box") as told:
        answer = model.solve([2.0, 1.0, 1.0, 1.0])
        many = model.solve_many([[2.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    assert len(told) == 1
    assert told[0].filename == __file__
    assert not answer.inside
    assert many.inside.tolist() == [False, True]
    assert np.isfinite(answer.bound)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.solve([1.0, 1.0, 1.0, 1.0]).inside


def test_parameters_without_stability_have_no_bound(models):
    _, model, _ = models()
    model = ReducedBasis(
        model.problem, model.residual, model.allowance, model.stability, model.basis
    )
    answer = model.solve([1.0, 1.0, 1.0, -0.5])
    assert answer.bound == np.inf
    assert answer.stability == -np.inf
    assert answer.status is ReducedStatus.UNSTABLE
    assert answer.inside  # no box
    singular = model.solve([0.0, 0.0, 0.0, 0.0])
    assert singular.status is ReducedStatus.SINGULAR
    assert np.isinf(singular.bound)
    many = model.solve_many([[1.0, 1.0, 1.0, -0.5], [0.0] * 4, [1.0] * 4])
    assert many.status == (
        ReducedStatus.UNSTABLE,
        ReducedStatus.SINGULAR,
        ReducedStatus.CERTIFIED,
    )
    assert many.certified.tolist() == [False, False, True]


def with_functions(model, theta, phi=lambda mu: [1.0]):
    problem = AffineProblem(theta, model.problem.matrices, phi, model.problem.sources)
    return ReducedBasis(problem, model.residual, model.allowance, model.stability)


def test_functions_may_be_plain_python(models):
    case, model, _ = models()
    mu = case.box.random(1, 8)[0]
    wanted = model.solve(mu)
    for theta in (lambda mu: mu, lambda mu: tuple(mu), lambda mu: list(mu)):
        for phi in (lambda mu: [1.0], lambda mu: [1], lambda mu: np.ones(1, np.float32)):
            found = with_functions(model, theta, phi).solve(mu)
            np.testing.assert_array_equal(found.x, wanted.x)
            assert found.bound == wanted.bound


def test_parameters_in_other_forms(models):
    _, model, _ = models()
    wanted = model.solve(np.array([1.0, 0.5, 0.25, 1.0]))
    for mu in ([1, 0.5, 0.25, 1], np.array([1, 0.5, 0.25, 1], np.float32)):
        np.testing.assert_array_equal(model.solve(mu).x, wanted.x)
    strided = np.array([[1.0, 0.5, 0.25, 1.0], [0.0] * 4]).T[:, 0]
    np.testing.assert_array_equal(model.solve(strided).x, wanted.x)
    line = with_functions(model, lambda mu: [1.0, mu[0], 1.0, 1.0])
    np.testing.assert_array_equal(line.solve(0.5).x, line.solve([0.5]).x)


def test_bad_coefficients_are_told(models):
    _, model, _ = models()
    ones = np.ones(4)
    with pytest.raises(InputError, match="theta: expected 4 coefficients"):
        with_functions(model, lambda mu: [1.0]).solve(ones)
    with pytest.raises(InputError, match="theta: expected real coefficients of a real problem"):
        with_functions(model, lambda mu: [1j, 1, 1, 1]).solve(ones)
    for theta in (lambda mu: np.full(4, np.nan), lambda mu: [1.0, np.inf, 1.0, 1.0]):
        with pytest.raises(NonFiniteError, match="theta"):
            with_functions(model, theta).solve(ones)
        with pytest.raises(NonFiniteError, match="theta"):
            with_functions(model, theta).solve_many(ones[None])
    with pytest.raises(NonFiniteError, match="phi"):
        with_functions(model, lambda mu: mu, lambda mu: [np.nan]).solve(ones)
    with pytest.raises(InputError, match="no function"):
        with_functions(model, None, None).solve(ones)


def test_bad_parameters_are_told(models):
    _, model, _ = models()
    for mu in (1.0, [1.0], np.ones(5), np.ones((1, 4))):
        with pytest.raises(InputError, match=r"mu: expected shape \(4,\)"):
            model.solve(mu)
    for mus in (np.ones(4), np.ones((2, 3)), np.ones((1, 2, 4))):
        with pytest.raises(InputError, match=r"mu: expected shape \(4,\)"):
            model.solve_many(mus)
    with pytest.raises(NonFiniteError):
        model.solve([1.0, np.nan, 1.0, 1.0])
    with pytest.raises(NonFiniteError):
        model.solve_many([[1.0, np.nan, 1.0, 1.0]])
    for wrong in (["a"] * 4, np.ones(4) * 1j):
        with pytest.raises(InputError, match="mu: expected"):
            model.solve(wrong)


def test_fields_are_predicted(models):
    case, model, _ = models()
    mus = case.box.random(3, 8)
    fields = model.predict({"mu": mus})
    assert fields.shape == (3, case.problem.size)
    np.testing.assert_array_equal(fields, model.solve_many(mus).x @ model.basis.T)
    np.testing.assert_allclose(model.lift(model.solve(mus[1]).x), fields[1], rtol=1e-12)
    for inputs in (mus, {"k": mus}):
        with pytest.raises(InputError, match="predict: expected the parameters"):
            model.predict(inputs)
    with pytest.raises(InputError, match=r"x: expected shape \(\.\.\., 30\)"):
        model.lift(np.ones(29))
    empty = model.truncated(0)
    assert not empty.predict({"mu": mus}).any()
    assert (empty.solve_many(mus).bound > 0.1).all()


def test_parts_that_do_not_fit_are_told(models):
    case, model, _ = models()
    parts = {name: getattr(model, name) for name in ReducedBasis.__dataclass_fields__}
    for changed, match in (
        ({"residual": model.residual[:, 1:]}, "residual: expected shape"),
        ({"allowance": model.allowance[1:]}, "allowance: expected shape"),
        ({"allowance": model.allowance * 1j}, "allowance: expected real"),
        ({"basis": model.basis[:, 1:]}, "basis: expected shape"),
        ({"stability": MinTheta([[1.0]], [1.0])}, "stability: expected 4 terms"),
        ({"test": "petrov"}, "test: expected one of"),
        ({"problem": case.problem}, "problem: expected a reduced one"),
        ({"box": ((0, 1),)}, "box: expected a ParameterBox"),
    ):
        with pytest.raises(InputError, match=match):
            ReducedBasis(**(parts | changed))
    with pytest.raises(InputError, match="N: expected at most 30, got 31"):
        model.truncated(31)
    with pytest.raises(InputError, match="N: expected an integer"):
        model.truncated(-1)


def test_device_arrays_have_the_same_answers(models):
    cupy = pytest.importorskip("cupy", reason="needs CuPy and a device")
    case, model, _ = models()
    mus = case.box.random(20, 9)
    found, wanted = model.solve_many(cupy.asarray(mus)), model.solve_many(mus)
    assert isinstance(found.x, cupy.ndarray)
    np.testing.assert_allclose(found.x.get(), wanted.x, atol=1e-10)
    np.testing.assert_allclose(found.bound.get(), wanted.bound, rtol=1e-6)
    assert found.status == wanted.status
