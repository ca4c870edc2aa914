"""``nwidth certify`` of models in time: bounds that bound, files, words."""

import numpy as np
import pytest

from nwidth.errors import NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.operators import AutoregressiveOperator

pytestmark = pytest.mark.filterwarnings("ignore:.*finest third")
SMALL = ("--epochs", 1, "--width", 4, "--threads", 1, "--history", 2)


@pytest.fixture(scope="module")
def models(flow_files, tmp_path_factory):
    """A map from state to state, and an operator in space and time."""
    from nwidth.cli.main import call

    folder = tmp_path_factory.mktemp("models")
    for name, more in (("step", ("--modes", 3)), ("block", ("--modes", 1, "--space-time"))):
        line = ("train", flow_files, "-o", folder / f"{name}.h5", *more, *SMALL)
        assert call([str(a) for a in line]) == 0
    return folder


@pytest.mark.parametrize("kind", ["step", "block"])
def test_trajectories_are_bounded_polished_and_written(nwidth, flow, models, kind, tmp_path):
    out = tmp_path / "c.h5"
    answer = nwidth("certify", models / f"{kind}.h5", flow, "--rtol", 0.05, "-o", out)
    assert answer.code == 0 and "steps of the solver: 24" in answer.out, answer.err
    with FieldDataset.open(out) as found, FieldDataset.open(flow) as data:
        assert found.verify() == [] and np.array_equal(found.times, data.times)
        u, exact = found["vorticity"][:], data["vorticity"][:]
        error = np.linalg.norm(u - exact, axis=(2, 3)) / np.linalg.norm(exact, axis=(2, 3))
        assert (error.max(axis=1) <= found.scalars["bound"] + 1e-3).all()
        assert (found.scalars["bound"] <= 0.05).all() and found.provenance["given"] == 2
        raw = found["vorticity_predicted"][:]
        assert np.array_equal(raw[:, :2], u[:, :2]) and not np.allclose(raw[:, 2], u[:, 2])


def test_without_a_tolerance_what_is_known_is_told(nwidth, flow, models):
    answer = nwidth("certify", models / "step.h5", flow)
    assert answer.code == 0 and "defect of a step at most" in answer.out, answer.err
    assert "along the known flow" in answer.out and "steps of the solver" not in answer.out


@pytest.mark.parametrize("rtol", [None, 0.05])
def test_a_sample_that_the_model_refuses_leaves_the_others_alone(
    nwidth, flow, models, tmp_path, monkeypatch, rtol
):
    with FieldDataset.open(flow) as data:
        second = data["vorticity"][1, 0]
    predict = AutoregressiveOperator.predict

    def refusing(self, inputs, *arguments, **options):
        if np.array_equal(inputs["vorticity"][0, 0], second):
            raise NonFiniteError("prediction: step 2 is not finite")
        return predict(self, inputs, *arguments, **options)

    monkeypatch.setattr(AutoregressiveOperator, "predict", refusing)
    out, asked = tmp_path / "c.h5", () if rtol is None else ("--rtol", rtol)
    answer = nwidth("certify", models / "step.h5", flow, "-o", out, *asked)
    with FieldDataset.open(out) as found:
        assert found.verify() == []
        finite = np.isfinite(found["vorticity_predicted"][:, 2:]).all(axis=(1, 2, 3))
        assert finite.tolist() == [k != 1 for k in range(len(found))]
        assert np.isfinite(found["vorticity"][:]).all() == (rtol is not None)
        assert np.isinf(found.scalars["bound"][1]) == (rtol is None)
    if rtol is None:
        assert answer.code == 1 and "step 2 is not finite" in answer.sentence
        assert "1 refused; sample 1" in answer.out
    else:
        assert answer.code == 0, answer.err


def test_words(nwidth, made, flow, models):
    answer = nwidth("certify", models / "step.h5", flow, "--two-grid")
    assert answer.code == 2 and "--config, --two-grid: expected none" in answer.sentence
    answer = nwidth("certify", models / "step.h5", made / "darcy.h5")
    assert answer.code == 2 and "expected a data set in time" in answer.sentence
