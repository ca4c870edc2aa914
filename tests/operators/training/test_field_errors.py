import numpy as np
import pytest

pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.operators.training import sample_blocks
from nwidth.operators.training.field_errors import sample_errors


@pytest.mark.parametrize("points", [1, 1 << 17])
def test_errors_are_those_of_the_norms_of_the_grid(tiny_data, monkeypatch, points):
    monkeypatch.setattr(sample_blocks, "POINTS_AT_ONCE", points)
    data, sizes = tiny_data(samples=5), []

    def predict(fields, grid):
        sizes.append(len(fields["permeability"]))
        return fields["permeability"]

    found = sample_errors(predict, data, ("permeability",), "pressure", 1e3)
    a, u = data["permeability"][:], data["pressure"][:]
    norm = data.grid.norm
    np.testing.assert_allclose(found["relative_l2"], norm(a - u) / norm(u), rtol=1e-12)
    assert sizes == ([1] * 5 if points == 1 else [5])
    assert found["relative_h1"].shape == (5,)
