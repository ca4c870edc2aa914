import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import FNO, GNO, NeuralOperator, TrainingOptions  # noqa: E402
from nwidth.operators.torchscript import export_torchscript  # noqa: E402

QUICK = TrainingOptions(epochs=1, batch_size=6)
DARCY = {"inputs": "permeability", "output": "pressure"}


def fitted(dataset, network=None):
    network = network or FNO(1, 1, (3, 3), width=4, layers=2, projection=4)
    return NeuralOperator(network, **DARCY).fit(dataset, QUICK)


@pytest.mark.parametrize(("n", "samples"), [(9, 2), (14, 1)])
def test_the_program_gives_the_numbers_of_the_model(tiny_data, tmp_path, n, samples):
    model, grid = fitted(tiny_data()), Grid.uniform((n, n))
    a = np.random.default_rng(0).random((samples, n, n))
    export_torchscript(model, tmp_path / "m.pt", grid, samples=samples)
    program = torch.jit.load(tmp_path / "m.pt")
    found = program(torch.tensor(a, dtype=torch.float32)[:, None])[:, 0].detach().numpy()
    wanted = model.predict({"permeability": a}, grid)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".pt"] == ["m.pt"]
    # What was computed while it was written is still right.
    again = fitted(tiny_data()).predict({"permeability": a}, grid)
    np.testing.assert_array_equal(again, wanted)


def test_what_cannot_be_written_is_told(tiny_data, tmp_path):
    path = tmp_path / "m.pt"
    with pytest.raises(InputError, match="export: expected a fitted model"):
        export_torchscript(NeuralOperator(FNO(1, 1, (3, 3), width=4), **DARCY), path)
    with pytest.raises(InputError, match="export: model: expected a NeuralOperator"):
        export_torchscript(FNO(1, 1, (3, 3), width=4), path)
    model = fitted(tiny_data())
    with pytest.raises(InputError, match="box the model was trained on"):
        export_torchscript(model, path, Grid.uniform((9, 9), upper=2.0))
    with pytest.raises(InputError, match="export: samples: expected an integer >= 1"):
        export_torchscript(model, path, samples=0)
    graph = GNO(1, 1, 0.4, width=4, layers=1, functions=2, hidden=4)
    with pytest.raises(InputError, match="can write down, got GNO"):
        export_torchscript(fitted(tiny_data(), graph), path)
    assert not path.exists()
