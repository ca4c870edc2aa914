import numpy as np
import pytest

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import (
    AffineProblem,
    DualWeightedOutput,
    GrowingBasis,
    ParameterExpressions,
    dual_problem,
)
from nwidth.rom.reduced_solution import ReducedStatus
from nwidth.solvers.linear_operator import MatrixOperator

CELLS, VECTORS = 8, 26
KINDS = ("thermal", "convection", "wave")


class Case:
    """An output with its two bases, and its exact values in extended precision."""

    def __init__(self, kind, block_problem, compliant=False):
        base = block_problem(kind, CELLS)
        self.problem, self.box, self.kind, X = base.problem, base.box, kind, base.X
        n = CELLS**2
        corner = np.repeat(np.arange(CELLS) > CELLS // 2, CELLS) / n
        rows = np.stack([corner, np.linspace(0, 1, n) * (1 + 1j if kind == "wave" else 1)])
        self.outputs, self.weights = rows, ParameterExpressions(("1", "mu[1]"))
        dual = dual_problem(self.problem, rows, self.weights)
        mus = base.box.random(VECTORS, seed=1)
        self.primal = GrowingBasis(self.problem, X, base.stability, base.box)
        self.dual = None if compliant else GrowingBasis(dual, X, base.stability, base.box)
        for growing in (self.primal, self.dual):
            if growing is not None:
                for mu in mus:
                    A = growing.problem.matrix(mu).toarray()
                    growing.extend(np.linalg.solve(A, growing.problem.source(mu)))
        self.output = DualWeightedOutput.of(self.primal, self.dual)

    def exact(self, mu):
        """s(mu), correct to about 1e-18."""
        dtype = np.clongdouble if self.kind == "wave" else np.longdouble
        theta, phi = (v[0] for v in self.problem.coefficients(mu[None]))
        matrices = [A.toarray().astype(dtype) for A in self.problem.matrices.matrices]
        A = sum(dtype(t) * B for t, B in zip(theta, matrices, strict=True))
        f = sum(
            dtype(c) * g.astype(dtype)
            for c, g in zip(phi, self.problem.sources.matrices, strict=True)
        )
        weighted = sum(
            dtype(c) * row.conj().astype(dtype)
            for c, row in zip(self.weights(mu), self.outputs, strict=True)
        )
        weighted = f if self.dual is None else weighted
        inverse = np.linalg.inv(A.astype(complex if self.kind == "wave" else float))
        u = np.zeros_like(f)
        for _ in range(6):
            u += inverse @ (f - A @ u)
        return weighted @ u


@pytest.fixture(scope="module")
def cases(block_problem):
    made = {kind: Case(kind, block_problem) for kind in KINDS}
    made["compliant"] = Case("thermal", block_problem, compliant=True)
    made["compliant wave"] = Case("wave", block_problem, compliant=True)
    return made


@pytest.mark.parametrize("name", [*KINDS, "compliant", "compliant wave"])
def test_the_bound_holds(cases, name):
    case = cases[name]
    mus = np.concatenate([case.box.random(15, seed=7), case.box.random(3, seed=1)])
    exact = np.array([case.exact(mu) for mu in mus])
    seen = []
    for N in (0, 1, 2, 4, 8, 16, VECTORS):
        found = case.output.truncated(N).evaluate_many(mus)
        errors = abs(exact - found.value).astype(float)
        assert (found.bound >= errors).all(), (N, found.bound / errors)
        assert (found.bound > 0).all() and not found.codes.any()
        seen.append(np.median(errors))
    assert seen[-1] < 1e-4 * seen[0]
    # The last three parameters are in the bases.
    assert (found.bound[-3:] < 1e-10 * abs(exact[-3:])).all()


def test_the_correction_makes_the_error_a_product(cases):
    case, mus = cases["convection"], cases["convection"].box.random(40, seed=8)
    exact = np.array([case.exact(mu) for mu in mus])
    ratios = []
    for N in (4, 8, 16):
        found = case.output.truncated(N).evaluate_many(mus)
        plain, corrected = (
            np.median(abs(exact - v).astype(float)) for v in (found.plain, found.value)
        )
        assert corrected < plain
        ratios.append(corrected / plain)
    assert ratios[-1] < 0.3 * ratios[0]


def test_the_compliant_bound_is_the_square_of_the_residual(cases):
    case, mu = cases["compliant"], cases["compliant"].box.random(1, seed=6)[0]
    output = case.output.truncated(5)
    found, solution = output.evaluate(mu), output.primal.solve(mu)
    square = solution.residual**2 / solution.stability
    assert found.bound == pytest.approx(square, rel=1e-9)
    # Galerkin's solution needs no correction, and underestimates a compliant output.
    assert found.value == pytest.approx(found.plain, rel=1e-12)
    assert found.value < float(case.exact(mu)) < found.value + found.bound


@pytest.mark.parametrize("name", ["convection", "wave"])
def test_tables_are_those_of_the_bases(cases, name):
    case = cases[name]
    V, W, output = case.primal.basis, case.dual.basis, case.output
    np.testing.assert_allclose(output.outputs, case.outputs.conj() @ V, rtol=1e-11, atol=1e-15)
    f = np.stack(case.problem.sources.matrices)
    np.testing.assert_allclose(output.sources, f @ W, rtol=1e-11, atol=1e-14)
    for A, small in zip(case.problem.matrices.matrices, output.matrices, strict=True):
        np.testing.assert_allclose(small, W.T @ (A @ V), rtol=1e-11, atol=1e-13)


def test_the_dual_problem_is_the_adjoint(block_problem):
    problem, rng = block_problem("wave", 4).problem, np.random.default_rng(0)
    rows = rng.standard_normal((2, 16)) + 1j * rng.standard_normal((2, 16))
    dual, mu = dual_problem(problem, rows, lambda mu: [1.0, mu[0]]), np.array([1.0, 4.0])
    u, v = rng.standard_normal((2, 16)) + 1j * rng.standard_normal((2, 16))
    assert v @ (problem.matrix(mu) @ u) == pytest.approx(u @ (dual.matrix(mu) @ v))
    assert dual.source(mu) @ u == pytest.approx(np.vdot(rows[0], u) + mu[0] * np.vdot(rows[1], u))


def test_dual_problem_of_operators():
    A = np.random.default_rng(1).standard_normal((5, 5))
    problem = AffineProblem(lambda mu: mu, [MatrixOperator(A)], lambda mu: [1.0], np.ones((1, 5)))
    dual = dual_problem(problem, np.ones(5), lambda mu: [1.0])
    np.testing.assert_allclose(dual.operator([2.0]).to_dense(), 2 * A.T)
    problem = AffineProblem(
        lambda mu: mu, [MatrixOperator(1j * A)], lambda mu: [1.0], np.ones((1, 5))
    )
    with pytest.raises(InputError, match="complex operators"):
        dual_problem(problem, np.ones(5), lambda mu: [1.0])


def test_many_parameters_are_as_one_by_one(cases):
    case = cases["wave"]
    mus = case.box.random(5, seed=2)
    many = case.output.evaluate_many(mus)
    assert len(many) == 5
    for j, mu in enumerate(mus):
        one = case.output.evaluate(mu)
        assert one.value == pytest.approx(many[j].value, rel=1e-13)
        assert one.bound == pytest.approx(many[j].bound, rel=1e-3)
        assert one.inside and one.status is ReducedStatus.CERTIFIED


def test_unstable_parameters_have_no_bound(cases):
    with pytest.warns(UserWarning, match="outside"):
        found = cases["thermal"].output.evaluate([1.0, 1.0, 1.0, -1.0])
    assert np.isinf(found.bound) and not found.inside
    assert found.status is ReducedStatus.UNSTABLE


@pytest.mark.parametrize("name", ["thermal", "compliant"])
def test_save_and_load(cases, tmp_path, name):
    output = cases[name].output
    output.save(tmp_path / "o.h5")
    loaded, mus = DualWeightedOutput.load(tmp_path / "o.h5"), cases[name].box.random(3, seed=3)
    ours, theirs = output.evaluate_many(mus), loaded.evaluate_many(mus)
    assert np.array_equal(ours.value, theirs.value) and np.array_equal(ours.bound, theirs.bound)
    assert (loaded.dual is None) == (name == "compliant")


def test_damaged_files_are_told(cases, tmp_path):
    path, bad = tmp_path / "o.h5", tmp_path / "bad.h5"
    cases["thermal"].output.save(path)
    arrays, told = load_archive(path, "dual-weighted-output")
    for name in ("outputs", "sources", "matrices"):
        for value in (arrays[name][:, 1:], arrays[name] * np.nan):
            save_archive(bad, "dual-weighted-output", arrays | {name: value}, told)
            with pytest.raises(FileFormatError):
                DualWeightedOutput.load(bad)
    for name in ("outputs", "primal/residual", "dual/allowance"):
        rest = {key: value for key, value in arrays.items() if key != name}
        save_archive(bad, "dual-weighted-output", rest, told)
        with pytest.raises(FileFormatError):
            DualWeightedOutput.load(bad)


def small(matrix, sources=None, X=None):
    """A basis of one vector for A = mu matrix."""
    from nwidth.rom.stability import MinTheta

    sources = np.ones((1, 2)) if sources is None else sources
    problem = AffineProblem(lambda mu: mu, [matrix], lambda mu: [1.0], sources)
    growing = GrowingBasis(problem, X, MinTheta([[1.0]], [0.5]))
    growing.extend(np.ones(2))
    return growing


def test_functions_are_brought_to_load(tmp_path):
    output = DualWeightedOutput.of(small(np.eye(2)))
    output.save(tmp_path / "o.h5")
    given = {"theta": lambda mu: mu, "phi": lambda mu: [1.0]}
    loaded = DualWeightedOutput.load(tmp_path / "o.h5", **given)
    assert loaded.evaluate(2.0) == output.evaluate(2.0)
    assert loaded.evaluate(2.0).value == pytest.approx(1.0)


def test_bases_that_do_not_fit_are_refused():
    skew = np.array([[1.0, 1.0], [-1.0, 1.0]])
    with pytest.raises(InputError, match="not symmetric"):
        DualWeightedOutput.of(small(skew))
    with pytest.raises(InputError, match="dual_problem"):
        DualWeightedOutput.of(small(skew), small(skew))
    with pytest.raises(InputError, match=r"conj\(X\)"):
        DualWeightedOutput.of(small(skew), small(skew.T, X=2 * np.eye(2)))
    with pytest.raises(InputError, match="real X"):
        X = np.array([[1.0, 0.1j], [-0.1j, 1.0]])
        DualWeightedOutput.of(small(np.eye(2), X=X))
    with pytest.raises(InputError, match="operators"):
        DualWeightedOutput.of(small(MatrixOperator(np.eye(2))))
    with pytest.raises(InputError, match="GrowingBasis"):
        DualWeightedOutput.of(small(np.eye(2)).model())
    empty = small(np.eye(2))
    with pytest.raises(InputError, match="one vector"):
        DualWeightedOutput.of(GrowingBasis(empty.problem, None, empty.stability))
    DualWeightedOutput.of(small(skew), small(skew.T))


@pytest.mark.parametrize("mus", [np.zeros((2, 2, 2)), [["a"]], [[1j]], None])
def test_wrong_parameters_are_refused(cases, mus):
    with pytest.raises(InputError):
        cases["thermal"].output.evaluate_many(mus)


def test_nan_is_refused(cases):
    with pytest.raises(NonFiniteError):
        cases["thermal"].output.evaluate([np.nan] * 4)
    with pytest.raises(NonFiniteError):
        dual_problem(cases["thermal"].problem, np.full(CELLS**2, np.nan), lambda mu: [1.0])


@pytest.mark.parametrize("sizes", [(99,), (-1,), (2, 99), (2, 1.5)])
def test_truncation_needs_sizes_there_are(cases, sizes):
    with pytest.raises(InputError):
        cases["thermal"].output.truncated(*sizes)
    with pytest.raises(InputError):
        cases["compliant"].output.truncated(2, 3)
