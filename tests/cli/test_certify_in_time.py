"""``nwidth certify`` of models in time: bounds that bound, files, words."""

import numpy as np
import pytest

from nwidth.fields import FieldDataset

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


def test_words(nwidth, made, flow, models):
    answer = nwidth("certify", models / "step.h5", flow, "--two-grid")
    assert answer.code == 2 and "--config, --two-grid: expected none" in answer.sentence
    answer = nwidth("certify", models / "step.h5", made / "darcy.h5")
    assert answer.code == 2 and "expected a data set in time" in answer.sentence
