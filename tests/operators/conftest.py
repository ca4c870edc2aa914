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

    def write(grid=None, samples=12, dtype="float64", seed=0, fields=None, units=None, **options):
        grid = Grid.uniform((9, 9)) if grid is None else grid
        fields = tiny_fields(grid, samples, seed) if fields is None else fields
        path = tmp_path / f"data{len(opened)}.h5"
        dataset = FieldDataset.create(
            path,
            grid,
            {**dict.fromkeys(fields, "1"), **(units or {})},
            dtype=dtype,
            provenance={"equation": "tiny", "seed": seed},
            **options,
        )
        dataset.extend(fields)
        opened.append(dataset)
        return dataset

    yield write
    for dataset in opened:
        dataset.close()


def carried_waves(x, times, samples=6, waves=3, seed=0, speed=0.3, diffusivity=2e-3):
    """Solutions of u_t + c u_x = D u_xx on the unit circle, (sample, time, *x.shape)."""
    rng = generator(seed, 2)
    t = np.asarray(times).reshape(-1, *[1] * np.ndim(x))
    u = np.zeros((samples, len(t), *np.shape(x)))
    for k in range(1, waves + 1):
        shape = (samples, 1, *[1] * np.ndim(x))
        size, phase = rng.normal(size=shape), rng.uniform(0, 2 * np.pi, shape)
        decay = np.exp(-diffusivity * (2 * np.pi * k) ** 2 * t)
        u += size * decay * np.cos(2 * np.pi * k * (x - speed * t) + phase)
    return u


@pytest.fixture
def flow_data(tmp_path):
    """A function that writes a small data set in time and returns it open."""
    opened = []

    def write(
        samples=6,
        times=None,
        points=16,
        seed=0,
        name="tracer",
        unit="kg",
        time_unit="s",
        boundary=None,
        fields=None,
        layout=None,
        grid=None,
    ):
        times = np.arange(9) * 0.5 if times is None else np.asarray(times)
        grid = Grid.periodic(points) if grid is None else grid
        if fields is None:
            fields = {name: carried_waves(grid.coordinates()[0], times, samples, seed=seed)}
        dataset = FieldDataset.create(
            tmp_path / f"flow{len(opened)}.h5",
            grid,
            dict.fromkeys(fields, unit) if layout is None else layout,
            times=times,
            time_unit=time_unit,
            boundary=boundary,
            provenance={"equation": "advection-diffusion"},
        )
        dataset.extend(fields)
        opened.append(dataset)
        return dataset

    yield write
    for dataset in opened:
        dataset.close()
