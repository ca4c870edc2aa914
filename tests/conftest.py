"""Data files for the tests of storage, compared bit by bit, and a process with simulated CUDA."""

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

# A change is judged by the same examples everywhere; HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("search", derandomize=False)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def _draw(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.fixture(scope="session")
def draw():
    """A function of a seed and a shape that draws numbers."""
    return _draw


@pytest.fixture(scope="session")
def sample():
    """A function that draws one field of the data sets of `write`."""
    return lambda k, shape=(5, 4): _draw(k, *shape)


@pytest.fixture(scope="session")
def write(sample):
    """A function that writes samples of two fields and returns the open data set."""
    small = Grid.uniform((5, 4), upper=(1.0, 2.0), units=("m", "m"))

    def write(path, count=4, finish=True, grid=small, **options):
        data = FieldDataset.create(path, grid, {"a": "1", "u": "Pa"}, **options)
        for k in range(count):
            data.append({"a": sample(k, grid.shape), "u": sample(100 + k, grid.shape)})
        if finish:
            data.finish()
        return data

    return write


@pytest.fixture(scope="session")
def ours():
    """A function that writes a finished data set of any fields and returns it."""
    small = Grid.uniform((6, 5), upper=(1.0, 2.0))

    def ours(path, fields, *, grid=small, times=None, samples=4, scalars=(), dtype="f8"):
        data = FieldDataset.create(
            path, grid, fields, times=times, scalars=dict.fromkeys(scalars, "1"), dtype=dtype
        )
        for k in range(samples):
            data.append(
                {n: _draw(10 * k + i, *data[n].shape[1:]) for i, n in enumerate(fields)},
                {n: k + i / 2 for i, n in enumerate(scalars)},
            )
        data.finish()
        return data

    return ours


@pytest.fixture(scope="session")
def same():
    """Whether two data sets hold the same numbers under the same (or the given) names."""

    def same(first, second, names=None):
        names = names or {name: name for name in first.field_names}
        assert len(first) == len(second)
        for one, other in names.items():
            assert np.array_equal(first[one][:], second[other][:]), one
            assert first[one].dtype == second[other].dtype
        for name, values in first.scalars.items():
            assert np.array_equal(values, second.scalars[name])
        return True

    return same


@pytest.fixture(scope="session")
def in_simulator():
    """A function that calls a function of a test file in a process with Numba's CUDA simulator."""

    def in_simulator(file, function):
        code = (
            "import importlib, sys\n"
            f"sys.path.insert(0, {str(Path(file).parent)!r})\n"
            f"print(importlib.import_module({Path(file).stem!r}).{function}())\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            cwd=Path(__file__).resolve().parents[1],
            env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    return in_simulator
