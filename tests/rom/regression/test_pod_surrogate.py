import numpy as np
import pytest

from nwidth.fields import Field, FieldDataset
from nwidth.meshes import Grid
from nwidth.rom.regression import PODRegression, PODSurrogate
from nwidth.rom.regression.pod_surrogate import _time_weights
from nwidth.rom.surrogate import Surrogate


def test_is_abstract_and_a_surrogate():
    with pytest.raises(TypeError, match="abstract"):
        PODSurrogate(inputs="a", output="u")
    assert issubclass(PODRegression, PODSurrogate) and issubclass(PODSurrogate, Surrogate)


def test_the_stated_error_is_that_of_scores_and_modes_together(make_data, family):
    mu = family.parameters(15)
    model = PODRegression(inputs=["a", "b"], output="u", max_modes=2, regressor="polynomial")
    model.fit(make_data(mu))
    u = family.output(mu)
    left_out = np.linalg.norm(model._regressor.left_out, axis=1)
    scores = model._modes.scores(u)
    truncation = family.grid.norm(u - model._modes.combine(scores))
    size = np.sqrt(np.mean(family.grid.norm(u) ** 2))
    found = np.sqrt(np.mean(left_out**2 + truncation**2)) / size
    assert model.metrics["error"] == pytest.approx(found, rel=1e-9)
    assert model.metrics["errors"]["polynomial"] == pytest.approx(
        np.sqrt(np.mean(left_out**2)) / size, rel=1e-9
    )
    assert model.metrics["truncation_error"] == pytest.approx(
        np.sqrt(np.mean(truncation**2)) / size, rel=1e-9
    )


def test_weights_of_times_are_those_of_the_trapezoidal_rule():
    times = np.array([0.0, 0.5, 2.0])
    assert _time_weights(times) @ (3 + 2 * times) == pytest.approx(10)
    assert _time_weights(times[:1]).tolist() == [1.0]


def test_vectors_and_constant_inputs_of_trajectories_are_taken(tmp_path):
    grid, times, mu = Grid.uniform((4, 5)), [0.0, 1.0, 2.0], np.linspace(1, 2, 7)
    fields = {"v": Field(components=(2,)), "k": Field(constant=True)}
    v = np.einsum("s,t,xy,c->stxyc", mu, [1.0, 2.0, 4.0], np.ones((4, 5)), [1.0, -1.0])
    k = mu[:, None, None] * np.arange(20.0).reshape(4, 5)
    with FieldDataset.create(tmp_path / "d.h5", grid, fields, times=times) as data:
        data.extend({"v": v, "k": k})
        data.finish()
        model = PODRegression(inputs="k", output="v").fit(data)
    np.testing.assert_allclose(model.predict({"k": k[2:4]}), v[2:4], atol=1e-9)
    model.save(tmp_path / "m.h5")
    again = PODRegression.load(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.predict({"k": k}), model.predict({"k": k}))
