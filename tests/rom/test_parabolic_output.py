import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import (
    AffineProblem,
    GrowingParabolicBasis,
    ParabolicOutput,
    ParabolicProblem,
    ParameterExpressions,
)
from nwidth.rom.reduced_solution import ReducedStatus

CELLS = 8


@pytest.fixture(scope="module", params=["implicit-euler", "crank-nicolson"])
def case(request, block_problem):
    base, h = block_problem("thermal", CELLS), 1 / CELLS
    left = np.repeat(np.arange(CELLS) < CELLS // 2, CELLS).astype(float)
    base.parabolic = ParabolicProblem(
        base.problem,
        [sp.diags_array(h**2 * part) for part in (left, 1 - left)],
        np.linspace(0, 1, 16),
        None,
        left,
        request.param,
        ParameterExpressions(("1", "mu[1]")),
    )
    base.growing = GrowingParabolicBasis(base.parabolic, base.X, base.stability, base.box)
    base.growing.extend(left)
    for mu in base.box.random(2, seed=2):
        base.growing.extend(base.parabolic.trajectory(mu)[::4].T)
    base.functional = h**2 * np.linspace(0, 1, CELLS**2)
    base.output = ParabolicOutput.of(base.growing, base.functional)
    return base


def test_the_bound_holds_at_every_time(case):
    mus = case.box.random(10, seed=3)
    found = case.output.evaluate_many(mus)
    assert len(found) == 10 and found.inside.all()
    for j, mu in enumerate(mus):
        exact = case.parabolic.trajectory(mu) @ case.functional
        errors = abs(found.value[j] - exact)
        assert (errors <= found.bound[j] + 1e-14).all() and (found.bound[j] > 0).all()
        field = case.output.model.solve(mu).bound / np.sqrt(min(1.0, mu[1]))
        np.testing.assert_allclose(found.bound[j], case.output.norm * field, rtol=1e-6, atol=1e-14)
        one = case.output.evaluate(mu)
        np.testing.assert_allclose(one.value, found.value[j], rtol=1e-13)
        assert one.status is ReducedStatus.CERTIFIED


def test_the_norm_is_that_of_the_inverse_of_the_mass(case):
    weights = np.full(CELLS**2, 1 / CELLS**2)
    assert case.output.norm == pytest.approx(np.sqrt(np.sum(case.functional**2 / weights)))
    np.testing.assert_allclose(case.output.row, case.functional @ case.growing.basis, rtol=1e-11)


def test_worst_errors_reach_the_bound():
    """The functional that sees the whole error, of an initial value outside of the basis."""
    elliptic = AffineProblem(lambda mu: mu, [np.eye(2)], lambda mu: [0.0], [[0.0, 0.0]])
    problem = ParabolicProblem(elliptic, np.eye(2), [0.0, 1.0], initial=[0.0, 1.0])
    from nwidth.rom.stability import MinTheta

    growing = GrowingParabolicBasis(problem, np.eye(2), MinTheta([[1.0]], [1.0]))
    growing.extend([1.0, 0.0])
    found = ParabolicOutput.of(growing, [0.0, 1.0]).evaluate(1.0)
    assert found.value[0] == 0 and 1 <= found.bound[0] < 1 + 1e-6


def test_save_and_load(case, tmp_path):
    path, bad = tmp_path / "o.h5", tmp_path / "bad.h5"
    case.output.save(path)
    loaded, mu = ParabolicOutput.load(path), case.box.random(1, seed=4)[0]
    assert np.array_equal(loaded.evaluate(mu).bound, case.output.evaluate(mu).bound)
    arrays, told = load_archive(path, "parabolic-output")
    for change, other in (
        ({"row": arrays["row"][1:]}, {}),
        ({"row": arrays["row"] * np.nan}, {}),
        ({"model/allowance": -arrays["model/allowance"] - 1}, {}),
        ({}, {"norm": -1.0}),
        ({}, {"norm": "a"}),
        ({}, {"model": 3}),
    ):
        save_archive(bad, "parabolic-output", arrays | change, told | other)
        with pytest.raises(FileFormatError):
            ParabolicOutput.load(bad)


def test_unstable_parameters_have_no_bound(case):
    with pytest.warns(UserWarning, match="outside"):
        found = case.output.evaluate([1.0, 1.0, 1.0, -1.0])
    assert found.status is ReducedStatus.UNSTABLE and np.isinf(found.bound[1:]).all()


@pytest.mark.parametrize("functional", [None, "a", np.ones(3), np.ones((1, CELLS**2))])
def test_what_does_not_fit_is_refused(case, functional):
    with pytest.raises(InputError):
        ParabolicOutput.of(case.growing, functional)
    with pytest.raises(InputError):
        ParabolicOutput.of(functional, case.functional)
    with pytest.raises(InputError):
        case.output.evaluate_many(functional)


def test_nan_is_refused(case):
    with pytest.raises(NonFiniteError):
        ParabolicOutput.of(case.growing, np.full(CELLS**2, np.nan))
