import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.archive import load_archive, save_archive  # noqa: E402
from nwidth.errors import FileFormatError, InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import FNO, Ensemble, NeuralOperator, TrainingOptions  # noqa: E402

NAMES = {"inputs": "permeability", "output": "pressure"}
QUICK = TrainingOptions(epochs=3, batch_size=6, validation=0.25, learning_rate=1e-2)


def network(seed=3):
    return FNO(1, 1, (3, 3), width=4, layers=1, projection=4, seed=seed)


@pytest.fixture
def ensemble(tiny_data):
    return Ensemble(network(), members=3, **NAMES).fit(tiny_data(), QUICK)


def some(n=9):
    return {"permeability": np.random.default_rng(0).random((2, n, n))}


def test_members_are_those_of_their_seeds(ensemble, tiny_data):
    alone = NeuralOperator(network(4), **NAMES).fit(
        tiny_data(), TrainingOptions(**{**QUICK.__dict__, "seed": 1})
    )
    np.testing.assert_array_equal(ensemble.members[1].predict(some()), alone.predict(some()))
    assert ensemble.metrics["epochs"] == [3, 3, 3]


def test_mean_and_spread(ensemble):
    each = np.stack([m.predict(some()).astype(float) for m in ensemble.members])
    mean, spread = ensemble.predict_with_spread(some())
    assert mean.dtype == spread.dtype == np.float32
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(spread, each.std(axis=0, ddof=1), rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(ensemble.predict(some()), mean)
    assert ensemble.predict(some(17), Grid.uniform((17, 17))).shape == (2, 17, 17)


@pytest.mark.parametrize(("double", "size"), [(False, 1e-30), (False, 1e30), (True, 1e250)])
def test_the_spread_of_fields_of_any_size(tiny_data, double, size):
    plain = tiny_data()
    fields = {name: plain[name][:] for name in plain.field_names}
    data = tiny_data(fields={**fields, "pressure": size * fields["pressure"]})
    first = network().double() if double else network()
    model = Ensemble(first, members=2, **NAMES).fit(data, QUICK)
    with np.errstate(all="raise", under="ignore"):
        mean, spread = model.predict_with_spread(some())
    one, other = (m.predict(some()).astype(float) / size for m in model.members)
    np.testing.assert_allclose(mean / size, (one + other) / 2, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(spread / size, abs(one - other) / 2**0.5, rtol=1e-4, atol=1e-7)


def test_what_is_no_path_is_refused(ensemble, tiny_data):
    for path in (3, b"e.h5"):
        with pytest.raises(InputError, match="checkpoint: expected a path"):
            ensemble.fit(tiny_data(), QUICK, checkpoint=path)
        for call in (ensemble.save, ensemble.load):
            with pytest.raises(InputError, match="path: expected a path"):
                call(path)


def test_evaluation_tells_how_spread_and_error_go_together(ensemble, tiny_data):
    data = tiny_data(samples=8, seed=5)
    found = ensemble.evaluate(data)
    u = data["pressure"][:]
    mean, spread = ensemble.predict_with_spread(data)
    error = data.grid.norm(mean - u) / data.grid.norm(u)
    assert found["relative_l2_mean"] == pytest.approx(error.mean(), rel=1e-5)
    size = [np.linalg.norm(s) / np.linalg.norm(v) for s, v in zip(spread, u, strict=True)]
    assert found["relative_spread_mean"] == pytest.approx(np.mean(size), rel=1e-5)
    single = [m.evaluate(data)["relative_l2_mean"] for m in ensemble.members]
    assert found["member_relative_l2_mean"] == pytest.approx(np.mean(single), rel=1e-9)
    # The mean is never worse than the members are on average.
    assert found["relative_l2_mean"] <= found["member_relative_l2_mean"]
    assert -1 <= found["rank_correlation"] <= 1


def test_one_file_holds_all_members(ensemble, tmp_path):
    ensemble.save(tmp_path / "e.h5")
    again = Ensemble.load(tmp_path / "e.h5")
    np.testing.assert_array_equal(again.predict(some()), ensemble.predict(some()))
    assert repr(again) == repr(ensemble) and "3 members" in repr(again)
    assert [p.name for p in tmp_path.iterdir() if p.name == "e.h5"] == ["e.h5"]
    with pytest.raises(FileFormatError, match="'neural-operator', got 'ensemble'"):
        NeuralOperator.load(tmp_path / "e.h5")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda a, d: d.pop("members"), "'members' is missing"),
        (
            lambda a, d: d.update(members=d["members"][:1]),
            "at least two members of one kind, got 1",
        ),
        (lambda a, d: d["members"][1].update(output="flux"), "normalizers/flux"),
        (lambda a, d: d["members"][1].update(architecture="os.system"), "networks FNO"),
        (lambda a, d: a.pop("members/2/weights/lift.bias"), "lift.bias is missing"),
    ],
)
def test_tampered_files_are_refused(ensemble, tmp_path, change, what):
    ensemble.save(tmp_path / "e.h5")
    arrays, description = load_archive(tmp_path / "e.h5", "ensemble")
    change(arrays, description)
    save_archive(tmp_path / "e.h5", "ensemble", arrays, description)
    with pytest.raises(FileFormatError, match=what):
        Ensemble.load(tmp_path / "e.h5")


def test_interrupted_training_continues_with_the_member_it_was_at(tiny_data, tmp_path, ensemble):
    class Killed(Exception):
        pass

    seen = []

    def kill(report):
        seen.append(report.epoch)
        if len(seen) == 3 * 2 + 1:  # two steps per epoch: the first member has its three epochs
            raise Killed

    data, place = tiny_data(), tmp_path / "c.h5"
    with pytest.raises(Killed):
        Ensemble(network(), members=3, **NAMES).fit(data, QUICK, progress=kill, checkpoint=place)
    assert (tmp_path / "c.h5.0").exists()
    again = Ensemble(network(), members=3, **NAMES).fit(data, QUICK, checkpoint=place)
    np.testing.assert_array_equal(again.predict(some()), ensemble.predict(some()))


def test_what_is_no_ensemble_is_refused():
    for members in (0, 1, 1.5, "x", None):
        with pytest.raises(InputError, match="ensemble: members: expected an integer >= 2"):
            Ensemble(network(), members=members, **NAMES)
    with pytest.raises(InputError, match="ensemble: expected a network of FNO"):
        Ensemble(torch.nn.Linear(1, 1), **NAMES)
    with pytest.raises(InputError, match="expected a fitted model"):
        Ensemble(network(), **NAMES).predict(some())
    with pytest.raises(InputError, match="options: expected a TrainingOptions"):
        Ensemble(network(), **NAMES).fit(None, {"epochs": 2})
