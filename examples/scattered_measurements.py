"""Wells at random places: log-permeability measured there in, pressure there out.

python examples/scattered_measurements.py            # 400 fields on a 65 x 65 grid, minutes
python examples/scattered_measurements.py --small    # 60 fields on a 33 x 33 grid, seconds

-div (a grad p) = 1 on the unit square, p = 0 around it, a log-normal. The solver knows the fields
everywhere; the network sees each of them at 150 to 300 wells of its own, none of them in the lake,
a disc that is left out. It is then asked at three times as many wells, which it never saw, and
the same weights answer there.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from nwidth import GaussianRandomField, Grid, generate
from nwidth.arrays import generator
from nwidth.fields import FieldDataset
from nwidth.meshes import LogNormalField, PointCloud
from nwidth.operators import LNO, CloudSample, PointCloudOperator, TrainingOptions
from nwidth.solvers import Darcy

LAKE, RADIUS = (0.65, 0.4), 0.18


def wells(count: int, seed: int) -> PointCloud:
    """Return wells at random places outside of the lake."""
    points = generator(seed).random((4 * count, 2))
    return PointCloud(points[np.hypot(*(points - LAKE).T) > RADIUS][:count])


def measured(data: FieldDataset, grid: Grid, samples: range, factor: int) -> list[CloudSample]:
    """Return fields at wells of their own, linear between the points of the grid."""
    found = []
    for k in samples:
        cloud = wells(factor * int(generator(1, k).integers(150, 301)), seed=factor * 10_000 + k)
        cell = np.minimum((cloud.unit * (np.array(grid.shape) - 1)).astype(int), grid.shape[0] - 2)
        s, t = (cloud.unit * (np.array(grid.shape) - 1) - cell).T
        i, j = cell.T
        fields = {}
        for name, u in (
            ("log", np.log(data["permeability"][k])),
            ("pressure", data["pressure"][k]),
        ):
            low = (1 - s) * u[i, j] + s * u[i + 1, j]
            fields[name] = (1 - t) * low + t * ((1 - s) * u[i, j + 1] + s * u[i + 1, j + 1])
        found.append(CloudSample(cloud, fields))
    return found


def main(folder: Path, points: int = 65, count: int = 400, epochs: int = 40) -> dict[str, float]:
    grid = Grid.uniform((points, points))
    rock = LogNormalField(GaussianRandomField(grid, alpha=2.5, tau=4, sigma=12))
    data = generate(Darcy(grid, source=1.0, permeability=rock), folder / "d.h5", count, seed=0)
    train = range(count * 9 // 10)
    unseen = range(train.stop, count)
    network = LNO(rank=2, width=16, layers=3, functions=24, dirichlet=True)
    model = PointCloudOperator(network, inputs="log", output="pressure")
    options = TrainingOptions(epochs=epochs, batch_size=4, learning_rate=1e-2, validation=0.0)
    model.fit(measured(data, grid, train, 1), options)
    model.save(folder / "lno.h5")
    model = PointCloudOperator.load(folder / "lno.h5")
    return {
        "as many wells": model.evaluate(measured(data, grid, unseen, 1))["relative_l2_mean"],
        "three times more": model.evaluate(measured(data, grid, unseen, 3))["relative_l2_mean"],
    }


if __name__ == "__main__":
    small = {"points": 33, "count": 60, "epochs": 12} if "--small" in sys.argv else {}
    with tempfile.TemporaryDirectory() as place:
        for what, error in main(Path(place), **small).items():
            print(f"{what}: mean relative error {100 * error:.1f} %")
