import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import FileFormatError, InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import GaussianRandomField, Grid, RandomSines
from nwidth.solvers import Burgers, NonlinearSchroedinger, simulate
from nwidth.solvers.generate_trajectories import DataSetSize, data_set_size, generate_trajectories

TIMES = [0.0, 0.1, 0.3]
PROCESSES = Path("/proc")


def burgers(n=64, viscosity=0.05, **options):
    grid = Grid.periodic(n)
    u = GaussianRandomField(grid, alpha=4, tau=5, boundary="periodic")
    return Burgers(grid, viscosity, u, **options)


def test_samples_follow_the_equation(tmp_path):
    problem = burgers(unit="m/s")
    with generate_trajectories(problem, tmp_path / "a.h5", 3, TIMES, seed=5, rtol=1e-8) as data:
        assert data.complete and data.units["velocity"] == "m/s"
        assert data["velocity"].shape == (3, 3, 64) and data.times.tolist() == TIMES
        for i in range(3):
            found = simulate(problem, problem.sample(generator(5, i)), TIMES, rtol=1e-8)
            np.testing.assert_allclose(data["velocity"][i], found.fields["velocity"], atol=1e-15)
            assert data.scalars["steps"][i] == found.counts.steps
        told = data.provenance
        assert told["problem"] == problem.describe() and told["rtol"] == 1e-8
        assert told["method"] == "ETDRK4" and "numpy" in told["versions"]
        assert Burgers.from_description(told["problem"]).describe() == problem.describe()
        assert data.verify() == []


def test_complex_fields_are_stored_in_two_parts_alone(tmp_path):
    grid = Grid.periodic(32)
    problem = NonlinearSchroedinger(grid, sampler=RandomSines(grid, waves=3, highest=2))
    with generate_trajectories(problem, tmp_path / "a.h5", 1, TIMES) as data:
        assert data.field_names == ("wave_real", "wave_imag")


def test_the_bytes_do_not_depend_on_the_workers(tmp_path):
    options = {"seed": 2, "restrict": 2, "restriction": "fourier", "dtype": "float32"}
    for workers in (1, 2):
        path = tmp_path / f"{workers}.h5"
        problem = burgers(128)  # of a compiled loop
        generate_trajectories(problem, path, 5, TIMES, workers=workers, **options).close()
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


class Stop(Exception):
    pass


def test_an_interrupted_file_is_continued(tmp_path):
    def stop(done, total):
        if done == 2:
            raise Stop

    path, seen = tmp_path / "a.h5", []
    with pytest.raises(Stop):
        generate_trajectories(burgers(), path, 4, TIMES, progress=stop)
    with FieldDataset.open(path) as part:
        assert len(part) == 2 and not part.complete
    generate_trajectories(
        burgers(), path, 4, TIMES, progress=lambda done, total: seen.append((done, total))
    ).close()
    assert seen == [(2, 4), (3, 4), (4, 4)]
    with (
        generate_trajectories(burgers(), tmp_path / "b.h5", 4, TIMES) as whole,
        generate_trajectories(burgers(), path, 4, TIMES) as data,
    ):
        np.testing.assert_array_equal(data["velocity"][:], whole["velocity"][:])


KILLED = """
import sys
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Burgers
from nwidth.solvers.generate_trajectories import generate_trajectories
if __name__ == "__main__":
    grid = Grid.periodic(64)
    u = GaussianRandomField(grid, alpha=4, tau=5, boundary="periodic")
    told = lambda done, total: print(done, flush=True)
    problem = Burgers(grid, 0.05, u)
    generate_trajectories(problem, sys.argv[1], 9999, [1.0], workers=2, progress=told)
"""


def children(pid):
    found = set()
    for folder in PROCESSES.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                    found.add(folder)
    return found


@pytest.mark.skipif(not PROCESSES.is_dir(), reason="needs /proc")
def test_a_killed_call_leaves_its_samples_and_no_worker(tmp_path):
    path, script = tmp_path / "a.h5", tmp_path / "killed.py"
    script.write_text(KILLED)
    process = subprocess.Popen([sys.executable, script, path], stdout=subprocess.PIPE, text=True)
    try:
        while int(process.stdout.readline()) < 3:
            pass
        workers = children(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finally:
        process.kill()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while any(folder.exists() for folder in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(workers) >= 2 and not any(folder.exists() for folder in workers)
    with FieldDataset.open(path) as data:
        done = data["velocity"][:]
    assert len(done) >= 3
    with generate_trajectories(burgers(), tmp_path / "b.h5", 3, [1.0]) as data:
        np.testing.assert_array_equal(data["velocity"][:], done[:3])


def test_another_job_is_refused_and_a_setting_is_recorded(tmp_path):
    path = tmp_path / "a.h5"
    with generate_trajectories(burgers(), path, 1, [1.0], about={"setting": "mine"}) as data:
        assert data.provenance["setting"] == "mine"
    for change in ({"seed": 1}, {"restrict": 2}, {"rtol": 1e-3}, {"about": {"setting": "yours"}}):
        options = {"about": {"setting": "mine"}, **change}
        with pytest.raises(FileFormatError, match="same job"):
            generate_trajectories(burgers(), path, 1, [1.0], **options)
    generate_trajectories(burgers(), path, 1, [1.0], seed=1, overwrite=True).close()


def test_what_is_not_resolved_warns_with_the_sample(tmp_path):
    with pytest.warns(UserWarning, match=r"sample 0 of seed 0: .* finest third"):
        data = generate_trajectories(burgers(16, 0.005), tmp_path / "a.h5", 2, [0.5])
    assert data.scalars["tail"].max() > 1e-2
    data.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": "burgers"}, "EvolutionProblem"),
        ({"problem": Burgers(Grid.periodic(8))}, "expected a sampler"),
        ({"samples": 0}, "samples"),
        ({"times": []}, "times"),
        ({"times": [1.0, 0.5]}, "times"),
        ({"times": [-1.0]}, "times"),
        ({"times": "soon"}, "times"),
        ({"times": [0.0, np.inf]}, "times"),
        ({"workers": 0}, "workers"),
        ({"restrict": 7}, "factor"),
        ({"restriction": "wavelets"}, "restriction"),
        ({"method": "rk4"}, "method"),
        ({"dtype": "int8"}, "dtype"),
        ({"seed": -1}, "seed"),
        ({"dt": 0.1, "rtol": 0.1}, "dt, rtol"),
        ({"dt": -0.1}, "dt: expected a number"),
        ({"rtol": 2.0}, "rtol: expected a number"),
        ({"atol": -1.0}, "atol: expected a number"),
        ({"max_steps": 0}, "max_steps"),
        ({"about": "me"}, "about"),
        ({"progress": 3}, "progress: expected a function, got 3"),
        ({"path": 3}, "path: expected a path, text or a pathlib.Path, got 3"),
        ({"about": {"seed": 1}}, "about: expected other names than seed"),
        ({"samples": 10**12}, "GiB of memory"),
    ],
)
def test_bad_arguments_leave_no_sample(tmp_path, change, message):
    arguments = {"problem": burgers(), "samples": 1, "times": [1.0], **change}
    problem, samples, times = (arguments.pop(name) for name in ("problem", "samples", "times"))
    path = arguments.pop("path", tmp_path / "a.h5")
    with pytest.raises(InputError, match=message):
        generate_trajectories(problem, path, samples, times, **arguments)
    assert not list(tmp_path.iterdir())


def test_the_size_is_told_and_refused(tmp_path):
    size = data_set_size(burgers(), 10, 3, 2, dtype="float32", workers=2)
    assert size.file == 10 * 3 * 32 * 4
    assert size.memory > data_set_size(burgers(), 10, 3, 2, dtype="float32").memory > 2**27
    with pytest.raises(InputError, match="fewer workers"):
        DataSetSize(1, 2**60).require_memory()
    drawn = burgers(2**20)
    drawn.sample = lambda generator: pytest.fail("drawn before it was refused")
    with pytest.raises(InputError, match=r"times, workers: they would take .* GiB of memory"):
        generate_trajectories(drawn, tmp_path / "b.h5", 1, np.linspace(0, 1, 300_000))
    assert not (tmp_path / "b.h5").exists()
    problem = burgers(2048)
    with generate_trajectories(problem, tmp_path / "a.h5", 40, [0.0, 1e-5, 2e-5], dt=1e-4) as data:
        expected = data_set_size(problem, 40, 3).file
        assert expected < data.path.stat().st_size < 1.1 * expected
