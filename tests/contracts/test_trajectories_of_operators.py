"""Trajectories of operators are certified: bounds that bound, polishing that meets rtol."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth import certify  # noqa: E402
from nwidth.meshes import GaussianRandomField, Grid  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    AutoregressiveOperator,
    SpaceTimeOperator,
    TrainingOptions,
)
from nwidth.rom import StepStatus  # noqa: E402
from nwidth.solvers import Burgers, generate_trajectories  # noqa: E402


@pytest.mark.filterwarnings("ignore:.*finest third")
@pytest.mark.parametrize("kind", ["steps", "space-time"])
def test_trajectories_of_operators_are_certified(kind, tmp_path):
    grid = Grid.periodic(24)
    field = GaussianRandomField(grid, alpha=2.5, tau=5, sigma=10, boundary="periodic")
    problem, times = Burgers(grid, 0.1, field), np.linspace(0, 0.3, 7)
    with generate_trajectories(problem, tmp_path / "burgers.h5", 6, times, rtol=1e-8) as data:
        u = np.array(data["velocity"][:])
        if kind == "steps":
            network = FNO(1, 1, (4,), width=6, layers=2, projection=8)
            model = AutoregressiveOperator(network, fields="velocity")
        else:
            network = FNO(2, 1, (2, 4), width=6, layers=2, projection=8)
            model = SpaceTimeOperator(network, fields="velocity", history=2)
        model.fit(data, TrainingOptions(epochs=1, batch_size=3, validation=0.0))
    given = 1 if kind == "steps" else 2
    inputs = {"velocity": u[:2, :given]}
    certified = certify(model, problem)
    bare, mended = (certified.predict(inputs, times, rtol) for rtol in (None, 1e-3))
    assert np.allclose(bare.u[:, given:], model.predict(inputs)["velocity"], atol=1e-6)
    for found in (bare, mended.checked()):
        error = np.linalg.norm(found.u - u[:2], axis=-1) / np.linalg.norm(u[:2], axis=-1)
        assert (error <= found.bound + 1e-6).all()
        assert all(states[:given] == (StepStatus.GIVEN,) * given for states in found.status)
    assert mended.bound.max() <= 1e-3 < bare.bound[:, -1].min()
    finer = Grid.periodic(48)
    fine = {"velocity": np.array([grid.interpolate(v, finer) for v in u[0, :given]])[None]}
    found = certify(model, problem.on(finer)).predict(fine, times)
    assert np.array_equal(found.u[:, given:], model.predict(fine, finer)["velocity"])
