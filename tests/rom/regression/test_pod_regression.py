import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.rom import AffineProblem, certify
from nwidth.rom.regression import PODRegression
from nwidth.rom.regression.pod_regression import REGRESSORS
from nwidth.rom.stability import MinTheta
from nwidth.solvers import Darcy, solve


def inputs(mu):
    return {"a": mu[:, 0], "b": mu[:, 1]}


def error(u, exact):
    norms = np.linalg.norm((u - exact).reshape(len(u), -1), axis=1)
    return np.sqrt(np.mean(norms**2) / np.mean(np.sum(exact**2, axis=(1, 2))))


@pytest.mark.parametrize("regressor", [*REGRESSORS, "auto"])
def test_new_parameters_are_answered_to_about_the_stated_error(make_data, regressor, family):
    data = make_data(family.parameters(40))
    model = PODRegression(inputs=["a", "b"], output="u", regressor=regressor).fit(data)
    found = error(model.predict(inputs(family.new)), family.output(family.new))
    assert found < 5e-3
    assert found < 2 * model.metrics["error"] <= 2 * model.metrics["largest_error"]
    assert model.metrics["truncation_error"] < 1e-5
    named = REGRESSORS if regressor == "auto" else (regressor,)
    assert {*model.metrics["errors"]} == {*named}
    assert model.metrics["errors"][model.metrics["regressor"]] == min(
        model.metrics["errors"].values()
    )


def test_more_samples_make_smaller_errors(make_data, family):
    found = []
    for samples in (12, 30, 80):
        model = PODRegression(inputs=["a", "b"], output="u").fit(
            make_data(family.parameters(samples))
        )
        found.append(error(model.estimate(inputs(family.new)).u, family.output(family.new)))
    assert found[0] > 3 * found[1] > 9 * found[2]


def test_input_fields_are_as_good_as_their_parameters(make_data, family):
    data = make_data(family.parameters(40))
    model = PODRegression(inputs="k", output="u").fit(data)
    assert model.metrics["features"] == 2
    new = make_data(family.new)
    assert error(model.predict({"k": new["k"][:]}), family.output(family.new)) < 1e-3


def test_single_precision_stays_and_costs_no_more_than_its_rounding(make_data, family):
    mu = family.parameters(40)
    model = PODRegression(inputs="k", output="u").fit(make_data(mu, dtype="float32"))
    k = make_data(family.new)["k"][:].astype(np.float32)
    u = model.predict({"k": k})
    assert u.dtype == np.float32
    assert error(u, family.output(family.new)) < 1e-3


def test_time_dependent_data_have_space_time_modes(tmp_path):
    grid, times, mu = Grid.uniform(11), np.array([0.0, 0.1, 0.3, 0.7]), np.linspace(1, 2, 9)

    def u(mu):
        x, t = grid.coordinates()[0], times[:, None]
        return np.exp(-np.multiply.outer(mu, t)) * np.sin(np.pi * x)

    with FieldDataset.create(
        tmp_path / "t.h5", grid, {"u": "1"}, scalars={"mu": "1"}, times=times
    ) as data:
        data.extend({"u": u(mu)}, {"mu": mu})
        data.finish()
        model = PODRegression(inputs="mu", output="u").fit(data)
    new = np.array([1.13, 1.77])
    np.testing.assert_allclose(model.predict({"mu": new}), u(new), atol=1e-5)
    model.save(tmp_path / "m.h5")
    again = PODRegression.load(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.predict({"mu": new}), model.predict({"mu": new}))


def test_error_bars_cover_most_errors_and_are_none_of_interpolants(make_data, family):
    data = make_data(family.parameters(25))
    model = PODRegression(inputs=["a", "b"], output="u", regressor="gaussian-process").fit(data)
    answer = model.estimate(inputs(family.new))
    assert answer.deviation.shape == answer.u.shape and answer.inside.all()
    assert (abs(answer.u - family.output(family.new)) <= 4 * answer.deviation + 1e-5).mean() > 0.8
    known = model.estimate(inputs(family.parameters(25)))
    assert known.deviation.mean() < 0.5 * answer.deviation.mean()
    other = PODRegression(inputs=["a", "b"], output="u", regressor="polynomial").fit(data)
    assert other.estimate(inputs(family.new)).deviation is None


def test_parameters_outside_warn_once_and_are_flagged(make_data, family):
    model = PODRegression(inputs=["a", "b"], output="u").fit(make_data(family.parameters(20)))
    mu = np.array([[1.0, 0.0], [5.0, 0.0], [1.0, -3.0]])
    assert model.estimate(inputs(mu)).inside.tolist() == [True, False, False]
    with pytest.warns(UserWarning, match="2 of 3 samples") as caught:
        model.predict(inputs(mu))
        model.predict(inputs(mu))
    assert len(caught) == 1 and caught[0].filename == __file__


def test_a_file_gives_the_model_back(make_data, tmp_path, family):
    model = PODRegression(inputs=["k", "a"], output="u", rtol=1e-4).fit(
        make_data(family.parameters(20))
    )
    model.save(tmp_path / "model.h5")
    again = PODRegression.load(tmp_path / "model.h5")
    k = make_data(family.new)["k"][:]
    given = {"k": k, "a": family.new[:, 0]}
    np.testing.assert_array_equal(again.estimate(given).u, model.estimate(given).u)
    assert (again.metrics, again.grid, again.rtol) == (model.metrics, family.grid, 1e-4)
    assert repr(again) == repr(model) and "modes by" in repr(model)


@pytest.mark.parametrize("part", ["output", "features", "regressor", "settings", "grid"])
def test_parts_of_other_dimensions_are_refused(make_data, tmp_path, part, family):
    from nwidth.archive import load_archive, save_archive

    fit = PODRegression(inputs="k", output="u", regressor="polynomial").fit
    fit(make_data(family.parameters(20))).save(tmp_path / "model.h5")
    other = PODRegression(inputs=["a", "k"], output="u", max_modes=2, regressor="polynomial")
    other.fit(make_data(family.parameters(20))).save(tmp_path / "other.h5")
    arrays, told = load_archive(tmp_path / "model.h5", "pod-regression")
    theirs, others = load_archive(tmp_path / "other.h5", "pod-regression")
    others["settings"] = {"rtol": -1}
    others["grid"] = Grid.uniform((5, 5)).describe()
    mixed = {n: a for n, a in arrays.items() if not n.startswith(part)}
    mixed |= {n: a for n, a in theirs.items() if n.startswith(part)}
    if part in told:
        told[part] = others[part]
    save_archive(tmp_path / "mixed.h5", "pod-regression", mixed, told)
    with pytest.raises(FileFormatError, match="cannot be used"):
        PODRegression.load(tmp_path / "mixed.h5")


def test_foreign_and_damaged_files_are_refused(make_data, tmp_path, family):
    data = make_data(family.parameters(20))
    with pytest.raises(FileFormatError):
        PODRegression.load(data.path)
    path = tmp_path / "model.h5"
    PODRegression(inputs="a", output="u", regressor="polynomial").fit(data).save(path)
    with h5py.File(path, "r+") as file:
        file["arrays/output/mean"][0, 0] += 1
    with pytest.raises(FileFormatError, match="SHA-256"):
        PODRegression.load(path)


def test_bad_data_are_told(make_data, tmp_path, family):
    mu = family.parameters(12)
    model = PODRegression(inputs=["a", "b"], output="u")
    with pytest.raises(InputError, match=r"sample 12 with those of sample 3 \(a = 1\.40995, b = "):
        model.fit(make_data(mu[[*range(12), 3]]))
    with pytest.raises(InputError, match="two samples"):
        model.fit(make_data(mu[:1]))
    with pytest.raises(InputError, match="nothing to learn"):
        model.fit(make_data(mu, u=np.full((12, 9, 8), 0.1)))
    u = family.output(mu)
    u[4, 2, 3] = np.nan
    with pytest.raises(NonFiniteError, match=r"u: .* nan at index \(4, 2, 3\)"):
        model.fit(make_data(mu, u=u, allow_nonfinite=["u"]))
    with pytest.raises(InputError, match="c: expected a name of the data set"):
        PODRegression(inputs="c", output="u").fit(make_data(mu))
    with pytest.raises(InputError, match="a: expected a name"):
        PODRegression(inputs="k", output="a").fit(make_data(mu))
    assert model.grid is None


def test_wrong_arguments_are_told():
    for wrong in ({"inputs": 3}, {"inputs": []}, {"inputs": ["u"]}, {"output": None}):
        with pytest.raises(InputError, match="names"):
            PODRegression(**{"inputs": "a", "output": "u", **wrong})
    for wrong in ({"rtol": 2}, {"max_modes": 0}, {"regressor": "forest"}, {"feature_rtol": "x"}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            PODRegression(inputs="a", output="u", **wrong)


def test_few_samples_take_the_regressors_that_can_be_had(make_data, family):
    model = PODRegression(inputs=["a", "b"], output="u").fit(make_data(family.parameters(2)))
    assert "gaussian-process" in model.metrics["errors"]
    cubic = PODRegression(inputs=["a", "b"], output="u", regressor="polynomial")
    assert cubic.fit(make_data(family.parameters(2))).metrics["modes"] == 1


def test_certificates_hold_unchanged(tmp_path):
    problem = Darcy(Grid.uniform((17, 17)))
    x, y = problem.grid.coordinates()

    def permeability(mu):
        bumps = [np.exp(-20 * ((x - c) ** 2 + (y - 0.5) ** 2)) for c in (0.3, 0.7)]
        return np.exp(np.tensordot(mu, bumps, axes=(-1, 0)))

    def solution(a):
        return np.stack([solve(problem, {"permeability": k}, 1e-12).checked().u for k in a])

    rng = np.random.default_rng(0)
    a = permeability(rng.uniform(-1, 1, (30, 2)))
    fields = {"permeability": "1", "pressure": "1"}
    with FieldDataset.create(tmp_path / "d.h5", problem.grid, fields) as data:
        data.extend({"permeability": a, "pressure": solution(a)})
        data.finish()
        model = PODRegression(inputs="permeability", output="pressure").fit(data)
    new = permeability(rng.uniform(-0.8, 0.8, (6, 2)))
    exact = solution(new)
    answer = certify(model, problem).predict({"permeability": new}, rtol=1e-3)
    raw = certify(model, problem).predict({"permeability": new})
    assert (problem.grid.norm(raw.u - exact) <= raw.l2_bound * problem.grid.norm(exact)).all()
    assert (answer.bound_before < 0.3).all() and (answer.bound <= 1e-3).all()
    assert (problem.grid.norm(answer.u - exact) <= answer.l2_bound * problem.grid.norm(exact)).all()


def test_certificates_of_affine_problems_hold_unchanged(tmp_path):
    n, mu = 40, np.linspace(1, 3, 12)
    stiffness = np.diag(np.full(n, 2.0)) - np.eye(n, k=1) - np.eye(n, k=-1)
    problem = AffineProblem(
        lambda m: [1.0, m[0] / n**2], [stiffness, np.eye(n)], lambda m: [1.0], [np.ones(n) / n**2]
    )

    def solution(mu):
        return np.array([np.linalg.solve(problem.matrix([m]), problem.source([m])) for m in mu])

    with FieldDataset.create(
        tmp_path / "a.h5", Grid.uniform(n), {"u": "1"}, scalars={"mu": "1"}
    ) as data:
        data.extend({"u": solution(mu)}, {"mu": mu})
        data.finish()
        model = PODRegression(inputs="mu", output="u").fit(data)
    stability = MinTheta([[1.0, 1.0 / n**2]], [1.0])
    X, new = stiffness + np.eye(n) / n**2, np.array([[1.3], [2.9]])
    wrong = model.predict({"mu": new}) - solution(new[:, 0])
    answer = certify(model, problem, X, stability).predict({"mu": new})
    errors = np.sqrt(np.einsum("ij,jk,ik->i", wrong, X, wrong))
    assert (errors <= answer.absolute_bound).all()
    assert (answer.bound < 1e-4).all()
