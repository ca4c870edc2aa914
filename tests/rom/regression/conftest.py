"""Data sets whose output is a known function of a few parameters."""

import numpy as np
import pytest

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid


class Family:
    """u(x; mu) for two parameters; five modes give 1e-4 or so."""

    grid = Grid.uniform((9, 8))

    def output(self, mu):
        """Return the fields (samples, 9, 8) of parameters (samples, 2)."""
        x, y = self.grid.coordinates()
        a, b = mu[:, 0, None, None], mu[:, 1, None, None]
        return 2 + np.exp(-a * x) * np.sin(np.pi * y) + b * x * y / (1 + 0.3 * a)

    def parameters(self, samples, seed=0):
        """Return random parameters (samples, 2)."""
        return np.random.default_rng(seed).uniform([0.5, -1.0], [2.0, 1.0], (samples, 2))

    @property
    def new(self):
        """Parameters within the box that 20 random ones span."""
        return self.parameters(40, seed=9) * [0.8, 0.8] + [0.25, 0.0]


@pytest.fixture(scope="session")
def family():
    """The fields and their parameters."""
    return Family()


@pytest.fixture
def make_data(tmp_path, family):
    """Write the samples of some parameters with scalars "a", "b" and fields "u" and "k"."""
    count = iter(range(100))

    def make(mu, u=None, dtype="float64", **options):
        u = family.output(mu) if u is None else u
        x, y = family.grid.coordinates()
        k = 3 + mu[:, 0, None, None] * x + mu[:, 1, None, None] * np.cos(np.pi * y)
        path = tmp_path / f"data{next(count)}.h5"
        data = FieldDataset.create(
            path,
            family.grid,
            {"u": "1", "k": "1"},
            scalars={"a": "1", "b": "1"},
            dtype=dtype,
            **options,
        )
        data.extend({"u": u, "k": k}, {"a": mu[:, 0], "b": mu[:, 1]})
        data.finish()
        return FieldDataset.open(path)

    return make
