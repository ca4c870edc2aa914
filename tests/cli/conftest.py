import dataclasses
from pathlib import Path

import pytest

TINY = """
[run]
threads = 1
[problem]
shape = [17, 17]
[permeability]
kind = "two-phase"
[data]
samples = 12
test_samples = 4
file = "darcy.h5"
[model]
modes = 4
width = 8
layers = 2
projection = 16
dirichlet = true
file = "fno.h5"
[training]
epochs = 3
batch_size = 4
validation = 0.25
[certificate]
rtol = 0.05
two_grid_samples = 2
"""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a command line gave back."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on stderr of a command that failed."""
        lines = [line for line in self.err.splitlines() if line.startswith("nwidth: ")]
        assert len(lines) == 1 and "Traceback" not in self.err, self.err
        return lines[0]


@pytest.fixture
def nwidth(capsys):
    """Run a command line in this process."""
    from nwidth.cli.main import call

    def run(*arguments) -> Answer:
        capsys.readouterr()
        code = call([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with a configuration, data, test data and a model: made once, read by all tests."""
    from nwidth.cli.main import call

    folder = tmp_path_factory.mktemp("made")
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    config, data, test = (str(folder / n) for n in ("tiny.toml", "darcy.h5", "darcy_test.h5"))
    assert call(["generate", config, "-o", data]) == 0
    assert call(["generate", config, "--test", "-o", test]) == 0
    assert call(["train", data, "-o", str(folder / "fno.h5"), "--config", config]) == 0
    return folder


@pytest.fixture(scope="session")
def flow_files(tmp_path_factory):
    """A few short flows on a coarse grid, driven by a forcing."""
    import warnings

    import numpy as np

    from nwidth.solvers import generate_trajectories, published_setting

    path = tmp_path_factory.mktemp("flow") / "flow.h5"
    problem = published_setting("navier-stokes-fno-1e-3").problem(16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generate_trajectories(problem, path, 6, np.arange(6.0), seed=0, rtol=1e-3)
    return path


@pytest.fixture
def flow(flow_files):
    """The file of these flows."""
    return flow_files
