import re

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import (
    AffineProblem,
    GrowingParabolicBasis,
    ParabolicBasis,
    ParabolicProblem,
    ParameterBox,
    ParameterExpressions,
    pod,
)
from nwidth.rom.reduced_solution import ReducedStatus
from nwidth.rom.stability import MinTheta

CELLS, STEPS = 6, 12
SCHEMES = ("implicit-euler", "crank-nicolson")


class LowestEigenvalue:
    """The coercivity constant itself, by the eigenvalues of dense matrices."""

    name, constant = "eigenvalue", "coercivity"

    def __init__(self, matrices, X):
        self.terms = len(matrices)
        factor = np.linalg.inv(np.linalg.cholesky(X.toarray()))
        self.matrices = np.stack([factor @ A.toarray() @ factor.conj().T for A in matrices])

    def lower(self, theta):
        whole = np.tensordot(np.atleast_2d(theta), self.matrices, 1)
        return np.linalg.eigvalsh((whole + whole.conj().swapaxes(1, 2)) / 2)[:, 0] * (1 - 1e-12)


class Case:
    """A parabolic problem with its X, stability and box, and solutions in extended precision."""

    def __init__(self, kind, scheme, block_problem):
        base = block_problem("convection" if kind == "convection" else "thermal", CELLS)
        n, matrices, h = CELLS**2, list(base.problem.matrices.matrices), 1 / CELLS
        theta, box = base.problem.theta.expressions, base.box
        if kind == "complex":  # a rotation: i times something Hermitian
            matrices.append(sp.csr_array(1j * base.X))
            theta = [*theta, "mu[0] * mu[1]"]
        left = np.repeat(np.arange(CELLS) < CELLS // 2, CELLS).astype(float)
        x = np.tile((np.arange(CELLS) + 0.5) * h, CELLS)
        mass = [sp.diags_array(h**2 * left), sp.diags_array(h**2 * (1 - left))]
        sources = h**2 * np.stack([np.ones(n), x])
        time = np.linspace(0, 0.3, STEPS + 1)
        self.problem = ParabolicProblem(
            AffineProblem(
                ParameterExpressions(theta), matrices, ParameterExpressions(["1", "mu[1]"]), sources
            ),
            mass,
            time,
            np.stack([np.ones(STEPS + 1), np.cos(40 * time)]),
            np.stack([x * (1 - x), left]),
            scheme,
            ParameterExpressions(["1", "1 + mu[0]"]),
            ParameterExpressions(["1", "mu[2]"]),
        )
        self.X, self.box = base.X, box
        known = MinTheta(np.ones((1, 4)), np.ones(1))
        self.stability = known if kind == "thermal" else LowestEigenvalue(matrices, base.X)

    def assembled(self, mu):
        """A, M and the loads of the steps in extended precision."""
        kind = np.clongdouble if self.problem.problem.is_complex else np.longdouble
        theta, phi, masses, c = (v[0] for v in self.problem.coefficients(mu[None]))
        p = self.problem

        def combined(weights, terms):
            return sum(
                kind(w) * (A.toarray() if sp.issparse(A) else A).astype(kind)
                for w, A in zip(weights, terms, strict=True)
            )

        A, M = combined(theta, p.problem.matrices.matrices), combined(masses, p.mass.matrices)
        f = [combined(phi * load, p.problem.sources.matrices) for load in p.loads.T]
        return A, M, f, combined(c, p.initial.matrices)

    def exact(self, mu):
        """The discrete trajectory, correct to about 1e-18."""
        A, M, f, u = self.assembled(mu)
        dt, w, out = np.longdouble(self.problem.dt), self.problem.weight, [u]
        L = M / dt + w * A
        inverse = np.linalg.inv(L.astype(complex if A.dtype.kind == "c" else float))
        for load in f:
            b = load - A @ u
            step = np.zeros_like(b)
            for _ in range(5):
                step += inverse @ (b - L @ step)
            u = u + step
            out.append(u)
        return np.array(out)

    def errors(self, mu, fields, exact):
        """|||u - fields||| up to each time, for fields in extended precision."""
        A, M, _, _ = self.assembled(mu)
        e, w, dt = exact - fields, self.problem.weight, self.problem.dt
        mean = w * e[1:] + (1 - w) * e[:-1]
        dissipated = dt * np.einsum("ki,ij,kj->k", mean.conj(), A, mean).real
        return np.sqrt(
            np.einsum("ki,ij,kj->k", e.conj(), M, e).real + np.append(0, np.cumsum(dissipated))
        )

    def growing(self, count, seed=1):
        """A basis of all steps of some trajectories."""
        growing = GrowingParabolicBasis(self.problem, self.X, self.stability, self.box)
        growing.extend(np.stack(list(self.problem.initial.matrices), axis=1))
        for mu in self.box.random(count, seed):
            growing.extend(self.problem.trajectory(mu).T)
        return growing


@pytest.fixture(scope="module")
def cases(block_problem):
    kinds = ("thermal", "convection", "complex")
    return {
        (kind, scheme): Case(kind, scheme, block_problem) for kind in kinds for scheme in SCHEMES
    }


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["thermal", "convection", "complex"])
def test_the_bound_holds_at_every_time(cases, kind, scheme):
    case = cases[kind, scheme]
    whole = case.growing(6).model()
    mus = case.box.random(4, seed=9)
    exact = [case.exact(mu) for mu in mus]
    V = whole.basis.astype(exact[0].dtype)
    for N in [1, 2, 5, 12, 25, 33, whole.size]:
        model = whole.truncated(N)
        found = model.solve_many(mus)
        assert found.status == (ReducedStatus.CERTIFIED,) * 4
        for j, mu in enumerate(mus):
            errors = case.errors(mu, found.x[j] @ V[:, :N].T, exact[j])
            assert (found.bound[j] >= errors).all(), (N, mu, found.bound[j] / errors)
            if kind == "thermal" and whole.size > N:
                assert (found.bound[j, 1:] < 5 * errors[1:]).all(), (N, mu)
    assert errors[-1] < 1e-14  # of all vectors


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_bound_holds_down_to_round_off(cases, scheme):
    case = cases["thermal", scheme]
    mu = case.box.random(1, seed=3)[0]
    exact = case.exact(mu)
    growing = GrowingParabolicBasis(case.problem, case.X, case.stability)
    seen = []
    for mode in pod(case.problem.trajectory(mu), 0.0, inner_product=case.X).modes:
        growing.extend(mode)
        found = growing.model().solve(mu)
        errors = case.errors(mu, found.x @ growing.basis.astype(np.longdouble).T, exact)
        assert (found.bound >= errors).all() and (found.bound > 0).all()
        large = errors > 1e-11
        assert (found.bound[large] < 10 * errors[large]).all()
        seen.append(errors[-1])
    assert (np.diff(np.log10(seen)) < 0.1).all() and seen[-1] < 1e-14


@pytest.mark.parametrize("kind", ["thermal", "convection", "complex"])
def test_answers_are_those_of_the_reduced_equations(cases, kind):
    case = cases[kind, "crank-nicolson"]
    model = case.growing(1).model()
    mu = case.box.random(1, seed=5)[0]
    found = model.solve(mu)
    np.testing.assert_allclose(found.x, model.problem.trajectory(mu), rtol=1e-9, atol=1e-12)
    V = model.basis
    np.testing.assert_allclose(V.conj().T @ case.X @ V, np.eye(model.size), atol=1e-12)
    energy = case.errors(mu, 0, model.lift(found.x).astype(np.clongdouble))
    np.testing.assert_allclose(found.energy, energy.astype(float), rtol=1e-9)


def test_trajectories_in_the_basis_are_reproduced(cases):
    case = cases["convection", "implicit-euler"]
    mu = case.box.random(1, seed=1)[0]
    u = case.problem.trajectory(mu)
    fields = case.growing(1).model().predict({"mu": mu[None]})
    assert fields.shape == (1, STEPS + 1, CELLS**2)
    np.testing.assert_allclose(fields[0], u, rtol=0, atol=1e-11 * abs(u).max())


def test_many_parameters_are_as_one_by_one(cases):
    case = cases["complex", "implicit-euler"]
    model, mus = case.growing(1).model().truncated(7), case.box.random(5, seed=2)
    many = model.solve_many(mus)
    assert len(many) == 5 and many.x.shape == (5, STEPS + 1, 7)
    for j, mu in enumerate(mus):
        one = model.solve(mu)
        for name in ("x", "bound", "energy"):
            assert np.array_equal(getattr(many, name)[j], getattr(one, name))
        assert many[j].status is one.status and many[j].stability == one.stability


def test_truncation_is_the_model_of_fewer_vectors(cases):
    case, mu = cases["thermal", "implicit-euler"], np.full(4, 0.4)
    V = case.growing(1).basis
    growing = GrowingParabolicBasis(case.problem, case.X, case.stability, case.box)
    assert growing.extend(V[:, :3]) == 3 and growing.extend(V[:, :2]) == 0
    few = growing.model()
    growing.extend(V[:, 3:])
    whole = growing.model()
    cut = whole.truncated(3)
    assert len(cut) == 3 and cut.residual.shape == few.residual.shape
    assert cut.initial_error.shape == (4, 2, 2, 2)
    np.testing.assert_allclose(cut.solve(mu).x, few.solve(mu).x, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(cut.solve(mu).bound, few.solve(mu).bound, rtol=1e-9)


def test_initial_values_outside_of_the_basis_are_in_the_bound(cases):
    case, mu = cases["thermal", "implicit-euler"], np.array([0.2, 0.9, 0.5, 0.3])
    growing = GrowingParabolicBasis(case.problem, case.X, case.stability)
    growing.extend(case.problem.trajectory(mu)[-1])
    found, exact = growing.model().solve(mu), case.exact(mu)
    errors = case.errors(mu, found.x @ growing.basis.astype(np.longdouble).T, exact)
    assert errors[0] <= found.bound[0] < 2 * errors[0]


@pytest.mark.parametrize("basis", [True, False])
def test_save_and_load(cases, tmp_path, basis):
    case = cases["complex", "crank-nicolson"]
    known = case.growing(1).model()
    model = ParabolicBasis(
        known.problem, known.residual, known.allowance, known.initial_error,
        known.initial_allowance, MinTheta([[1.0, 1, 1, 1, 0]], [1.0]), known.basis, known.box,
    )  # fmt: skip
    mu = case.box.random(1, seed=4)[0]
    model.save(tmp_path / "m.h5", basis=basis)
    loaded = ParabolicBasis.load(tmp_path / "m.h5")
    ours, theirs = model.solve(mu), loaded.solve(mu)
    assert np.array_equal(ours.x, theirs.x) and np.array_equal(ours.bound, theirs.bound)
    assert (loaded.basis is not None) == basis and loaded.problem.scheme == "crank-nicolson"
    if not basis:
        with pytest.raises(InputError, match="without its basis"):
            loaded.lift(theirs.x)


def small(**functions):
    """A model of two unknowns whose coefficients are functions."""
    told = {"mass_coefficients": lambda mu: [1 + mu[0]]} | functions
    problem = ParabolicProblem(
        AffineProblem(lambda mu: mu, [np.diag([1.0, 4.0])], lambda mu: [1.0], [[1.0, 1.0]]),
        np.eye(2), [0.0, 0.1, 0.2], **told,
    )  # fmt: skip
    box = ParameterBox(1.0, 2.0)
    growing = GrowingParabolicBasis(problem, np.diag([1.0, 4.0]), MinTheta([[1.0]], [1.0]), box)
    growing.extend([1.0, 1.0])
    return growing.model()


def test_functions_are_brought_to_load(tmp_path):
    model, given = small(), {"theta": lambda mu: mu, "phi": lambda mu: [1.0]}
    model.save(tmp_path / "m.h5")
    masses = {"mass_coefficients": lambda mu: [1 + mu[0]]}
    loaded = ParabolicBasis.load(tmp_path / "m.h5", **given, **masses)
    assert np.array_equal(loaded.solve(1.5).bound, model.solve(1.5).bound)
    with pytest.raises(InputError, match="mass_coefficients"):
        ParabolicBasis.load(tmp_path / "m.h5", **given)
    with pytest.raises(FileFormatError, match="mass_coefficients"):
        ParabolicBasis.load(tmp_path / "m.h5")
    with pytest.raises(InputError, match=r"functions named theta, phi, .*, got mass"):
        ParabolicBasis.load(tmp_path / "m.h5", **given, mass=masses["mass_coefficients"])


def test_damaged_files_are_told(tmp_path):
    small(mass_coefficients=None).save(tmp_path / "m.h5")
    arrays, told = load_archive(tmp_path / "m.h5", "parabolic-basis")
    changes = [
        {"residual": arrays["residual"][:, 1:]},
        {"allowance": -np.abs(arrays["allowance"]) - 1},
        {"allowance": arrays["allowance"] * np.nan},
        {"initial_error": arrays["initial_error"][1:]},
        {"initial_allowance": arrays["initial_allowance"] - 1},
        {"basis": np.ones((2, 3))},
        {"problem/times": np.zeros(3)},
        {"problem/signals": np.zeros((1, 9))},
        {"stability/references": np.ones((1, 4))},
    ]
    for change in changes:
        save_archive(tmp_path / "bad.h5", "parabolic-basis", arrays | change, told)
        with pytest.raises(FileFormatError, match=re.escape(str(tmp_path / "bad.h5"))):
            ParabolicBasis.load(tmp_path / "bad.h5")
    for name in arrays:
        rest = {key: value for key, value in arrays.items() if key != name}
        if name != "basis":
            save_archive(tmp_path / "bad.h5", "parabolic-basis", rest, told)
            with pytest.raises(FileFormatError):
                ParabolicBasis.load(tmp_path / "bad.h5")


def test_parameters_outside_and_unstable_ones_are_told():
    model = small()
    with pytest.warns(UserWarning, match="outside of the box"):
        found = model.solve_many([[1.5], [3.0], [-0.5]])
    assert found.inside.tolist() == [True, False, False]
    assert found.status[0] is ReducedStatus.CERTIFIED
    assert found.status[2] is ReducedStatus.UNSTABLE
    assert np.isinf(found.bound[2, 1:]).all() and np.isfinite(found.bound[:2]).all()


def test_no_parameters_have_no_answers():
    assert len(small().solve_many(np.zeros((0, 1)))) == 0


@pytest.mark.parametrize("mus", [np.zeros((2, 2)), 1.0, np.zeros((1, 1, 1)), [["a"]], [[1j]]])
def test_wrong_parameters_are_refused(mus):
    with pytest.raises(InputError):
        small().solve_many(mus)


def test_nan_is_refused():
    with pytest.raises(NonFiniteError):
        small().solve(np.nan)
    with pytest.raises(NonFiniteError):
        small(mass_coefficients=lambda mu: [np.nan]).solve(1.0)


def test_bounds_of_inf_sup_constants_do_not_serve(block_problem):
    base = block_problem("convection", 4)
    problem = ParabolicProblem(base.problem, np.eye(16), [0.0, 1.0])
    with pytest.raises(InputError, match="coercivity"):
        GrowingParabolicBasis(problem, base.X, base.stability)


@pytest.mark.parametrize("N", [0, 2, 1.0])
def test_truncation_needs_a_size_there_is(N):
    with pytest.raises(InputError):
        small().truncated(N)


def test_wrong_fields_and_inputs_are_refused():
    model = small()
    with pytest.raises(InputError, match="mu"):
        model.predict({})
    with pytest.raises(InputError, match="x"):
        model.lift(np.ones(3))


def test_bounds_hold_where_squares_underflow():
    elliptic = AffineProblem(lambda mu: [1.0, mu[1]], [np.diag([1.0, 2.0]), np.eye(2)],
                             lambda mu: [mu[0]], [[1.0, 1.0]])  # fmt: skip
    problem = ParabolicProblem(elliptic, np.eye(2), [0.0, 0.5, 1.0])
    growing = GrowingParabolicBasis(problem, np.eye(2), MinTheta([[1.0, 1.0]], [1.0]))
    growing.extend(problem.trajectory([1.0, 1.0])[-1])
    model = growing.model()
    for scale in (1e-160, 1e-200, 1e-300, 0.0):
        answer = model.solve([scale, 3.0])
        error = problem.trajectory([scale, 3.0]) - model.lift(answer.x)
        assert (answer.bound > 0).all()
        assert (answer.bound >= np.abs(error).max(axis=1)).all()
