import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid


@pytest.fixture(autouse=True)
def one_thread():
    """Repeatable bits and no fight for cores."""
    torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny_fields(grid, samples=12, seed=0):
    """Smooth inputs a and outputs u on a grid of the unit box, functions of two random numbers."""
    b, c = generator(seed, 1).uniform(0.5, 1.5, (2, samples, *[1] * grid.dimension))
    points = grid.coordinates()
    a = 1 + b + c * sum(np.cos(np.pi * x) for x in points)
    u = b * np.prod([np.sin(np.pi * x) for x in points], axis=0) / (1 + c)
    return {"permeability": a, "pressure": u}


@pytest.fixture
def tiny_data(tmp_path):
    """A function that writes a tiny data set and returns it open."""
    opened = []

    def write(grid=None, samples=12, dtype="float64", seed=0, fields=None):
        grid = Grid.uniform((9, 9)) if grid is None else grid
        fields = tiny_fields(grid, samples, seed) if fields is None else fields
        path = tmp_path / f"data{len(opened)}.h5"
        dataset = FieldDataset.create(
            path,
            grid,
            dict.fromkeys(fields, "1"),
            dtype=dtype,
            provenance={"equation": "tiny", "seed": seed},
        )
        dataset.extend(fields)
        opened.append(dataset)
        return dataset

    yield write
    for dataset in opened:
        dataset.close()
