import os
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError, NotConvergedError
from nwidth.fields import FieldDataset
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField, TwoPhaseField
from nwidth.solvers import (
    Boundary,
    ConvectionDiffusion,
    Darcy,
    Dirichlet,
    Helmholtz,
    Neumann,
    Poisson,
    generate,
    problem_from_description,
    solve,
    solve_batch,
)


def problem(n=17):
    grid = Grid.uniform((n, n))
    a = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), 3.0, 12.0)
    return Darcy(grid, Boundary({"x_lower": Dirichlet(0.1)}), permeability=a, unit="m^2")


def test_samples_solve_the_problem(tmp_path):
    with generate(problem(), tmp_path / "a.h5", 3, seed=5) as data:
        assert len(data) == 3 and data.complete
        assert data.units["permeability"] == "m^2"
        again = problem_from_description(data.provenance["problem"])
        for i in range(3):
            inputs = {"permeability": data["permeability"][i]}
            x = again.unknowns(data["pressure"][i])
            b = again.source(inputs)
            residual = np.linalg.norm(b - again.operator(inputs).apply(x)) / np.linalg.norm(b)
            assert residual <= 1.01e-8
            np.testing.assert_allclose(data.scalars["residual"][i], residual, rtol=1e-3)
        assert np.all(data["pressure"][:][:, 0] == 0.1)
        assert data.provenance["seed"] == 5 and "numpy" in data.provenance["versions"]


def test_waves_and_convection(tmp_path):
    grid = Grid.uniform((9, 9))
    field = LogNormalField(GaussianRandomField(grid, alpha=2, tau=3))
    convection = ConvectionDiffusion(grid, [5.0, 0.0], diffusivity=field)
    with generate(convection, tmp_path / "a.h5", 2) as data:
        for i in range(2):
            alone = solve(convection, {"diffusivity": data["diffusivity"][i]})
            np.testing.assert_array_equal(data["concentration"][i], alone.u)
    waves = Helmholtz(grid, wavenumber=field, output_unit="Pa")
    with generate(waves, tmp_path / "b.h5", 2) as data:
        assert data.units["wave_imag"] == "Pa" and data.provenance["output"] == "wave_real"
        for i in range(2):
            alone = solve(waves, {"wavenumber": data["wavenumber"][i]})
            u = data["wave_real"][i] + 1j * data["wave_imag"][i]
            np.testing.assert_array_equal(u, alone.u)


def test_the_file_knows_the_boundary(tmp_path):
    grid = Grid.uniform((9, 9))
    a = LogNormalField(GaussianRandomField(grid, alpha=2, tau=3))
    sides = {"x_lower": Dirichlet(1.0), "x_upper": Neumann(), "y_upper": Neumann(np.full(9, 0.5))}
    boundary = Boundary(sides, default=Neumann())
    with generate(Darcy(grid, boundary, permeability=a), tmp_path / "a.h5", 1) as data:
        assert data.boundary == boundary.describe() == data.provenance["problem"]["boundary"]
    with h5py.File(tmp_path / "a.h5") as file:
        found = {
            name: (item.attrs["bc_type"], item["mask"][0], item["mask"][-1])
            for name, item in file["boundary_conditions"].items()
        }
    assert found == {
        "x_open": ("OPEN", True, False),
        "x_wall": ("WALL", False, True),
        "y_open": ("OPEN", False, True),
        "y_wall": ("WALL", True, False),
    }


def test_sample_i_depends_on_seed_and_i_alone(tmp_path):
    with generate(problem(), tmp_path / "a.h5", 4, seed=1) as long:
        with generate(problem(), tmp_path / "b.h5", 2, seed=1) as short:
            np.testing.assert_array_equal(long["pressure"][:2], short["pressure"][:])
        with generate(problem(), tmp_path / "c.h5", 1, seed=2) as other:
            assert np.any(other["pressure"][0] != long["pressure"][0])


def test_restricted_storage(tmp_path):
    whole, part = tmp_path / "fine.h5", tmp_path / "coarse.h5"
    with generate(problem(), whole, 1) as fine, generate(problem(), part, 1, restrict=4) as coarse:
        assert coarse.grid == Grid.uniform((5, 5))
        np.testing.assert_array_equal(coarse["pressure"][0], fine["pressure"][0][::4, ::4])
    with pytest.raises(InputError, match="factor"):
        generate(problem(), tmp_path / "no.h5", 1, restrict=3)
    assert not (tmp_path / "no.h5").exists()


def test_poisson_and_single_precision(tmp_path):
    grid = Grid.uniform((12, 13))
    poisson = Poisson(grid, source=GaussianRandomField(grid, alpha=2, tau=3))
    with generate(poisson, tmp_path / "a.h5", 2, dtype="float32") as data:
        assert data["source"][0].dtype == data["solution"][0].dtype == np.float32


class Stop(Exception):
    pass


def interrupt_at(i):
    def progress(done, total):
        if done == i:
            raise Stop

    return progress


def test_an_interrupted_file_is_continued(tmp_path):
    path = tmp_path / "a.h5"
    with pytest.raises(Stop):
        generate(problem(), path, 4, seed=3, progress=interrupt_at(2))
    with FieldDataset.open(path) as part:
        assert len(part) == 2 and not part.complete
    seen = []
    with generate(
        problem(), path, 4, seed=3, progress=lambda done, total: seen.append((done, total))
    ) as data:
        assert seen == [(2, 4), (3, 4), (4, 4)]
        with generate(problem(), tmp_path / "b.h5", 4, seed=3) as whole:
            np.testing.assert_array_equal(data["pressure"][:], whole["pressure"][:])
            np.testing.assert_array_equal(data["permeability"][:], whole["permeability"][:])


KILLED = """
import sys
from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField
from nwidth.solvers import Darcy, generate
grid = Grid.uniform((17, 17))
a = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), 3.0, 12.0)
told = lambda done, total: print(done, flush=True)
generate(Darcy(grid, permeability=a), sys.argv[1], 4000, seed=3, batch=8, progress=told).close()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill")
def test_a_killed_process_loses_the_batch_in_flight_at_most(tmp_path):
    path, environment = tmp_path / "a.h5", {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        for line in process.stdout:
            if int(line) >= 21:  # amid the third batch
                process.kill()
                break
    with FieldDataset.open(path) as part:
        kept = len(part)
        assert 16 <= kept < 4000 and not part.complete
        pressure, permeability = part["pressure"][:], part["permeability"][:]
    grid = Grid.uniform((17, 17))
    a = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), 3.0, 12.0)
    with generate(Darcy(grid, permeability=a), tmp_path / "b.h5", kept, seed=3) as whole:
        np.testing.assert_array_equal(pressure, whole["pressure"][:])
        np.testing.assert_array_equal(permeability, whole["permeability"][:])


def test_a_finished_file_is_returned_as_it_is(tmp_path):
    path = tmp_path / "a.h5"
    generate(problem(), path, 2).close()
    before = path.read_bytes()
    seen = []
    with generate(problem(), path, 2, progress=lambda *now: seen.append(now)) as data:
        assert len(data) == 2
    assert path.read_bytes() == before and seen == [(2, 2)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed is 0 and not 1"),
        ({"rtol": 1e-6}, "rtol is"),
        ({"samples": 3}, "samples is 2 and not 3"),
        ({"restrict": 2}, "restrict"),
        ({"problem": problem(33)}, r"problem\.grid\.axes\[0\]\.size is 17 and not 33"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_file_of_another_job_is_refused(tmp_path, change, message, finished):
    path = tmp_path / "a.h5"
    if finished:
        generate(problem(), path, 2).close()
    else:
        with pytest.raises(Stop):
            generate(problem(), path, 2, progress=interrupt_at(1))
    before = path.read_bytes()
    job = {"problem": problem(), "samples": 2, **change}
    with pytest.raises(FileFormatError, match=message):
        generate(path=path, **job)
    assert path.read_bytes() == before
    generate(path=path, overwrite=True, **job).close()


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("hello")
    with pytest.raises(FileFormatError):
        generate(problem(), path, 1)
    assert path.read_text() == "hello"


def test_a_sample_that_cannot_be_solved_is_named(tmp_path):
    with pytest.raises(NotConvergedError, match="sample 0 of seed 9"):
        generate(problem(40), tmp_path / "a.h5", 2, seed=9, max_iterations=1)


@pytest.mark.parametrize(
    "options",
    [{"samples": 0}, {"samples": -1}, {"samples": 1.5}, {"seed": -1}, {"method": "magic"}],
)
def test_bad_arguments(tmp_path, options):
    with pytest.raises(InputError):
        generate(**{"problem": problem(), "path": tmp_path / "a.h5", "samples": 1, **options})
    assert not (tmp_path / "a.h5").exists()


def test_what_cannot_be_generated(tmp_path):
    grid = Grid.uniform((9, 9))
    field = LogNormalField(GaussianRandomField(grid, alpha=2, tau=3))
    with pytest.raises(InputError, match="sampler"):
        generate(Darcy(grid), tmp_path / "a.h5", 1)
    with pytest.raises(InputError, match="callable"):
        described = Darcy(grid, source=lambda x, y: x, permeability=field)
        generate(described, tmp_path / "b.h5", 1)
    with pytest.raises(OSError):
        generate(problem(), tmp_path / "nowhere" / "a.h5", 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"problem": 3}, "problem: expected a Problem"),
        ({"problem": Helmholtz(Grid.uniform((9, 9)))}, "wavenumber: expected a sampler"),
        ({"rtol": "a"}, "rtol: expected a number in"),
        ({"rtol": np.inf}, "rtol: expected a number in"),
        ({"dtype": "foo"}, "dtype: expected one of float64, float32"),
        ({"max_iterations": "a"}, "max_iterations: expected an integer"),
        ({"problem": Darcy(Grid.uniform((9, 9)))}, "permeability: expected a sampler"),
    ],
)
def test_what_is_refused_leaves_no_file(tmp_path, options, message):
    job = {"problem": problem(), "samples": 1, **options}
    with pytest.raises(InputError, match=message):
        generate(path=tmp_path / "a.h5", **job)
    assert [*tmp_path.iterdir()] == []


def test_samples_do_not_depend_on_the_batch(tmp_path):
    with generate(problem(), tmp_path / "a.h5", 7, seed=3) as whole:
        for batch in (1, 3, 8):
            with generate(problem(), tmp_path / f"{batch}.h5", 7, seed=3, batch=batch) as other:
                for name in ("permeability", "pressure"):
                    np.testing.assert_array_equal(other[name][:], whole[name][:])
                assert np.all(other.scalars["residual"][:] == whole.scalars["residual"][:])


def test_a_batch_that_fails_keeps_the_samples_before(tmp_path):
    job, bad = problem(), {3}

    def sample(generator):
        drawn = type(job).sample(job, generator)
        number = generator.bit_generator.seed_seq.entropy[1]
        return {name: -a if number in bad else a for name, a in drawn.items()}

    job.sample = sample
    with pytest.raises(InputError, match="sample 3: permeability: expected numbers > 0"):
        generate(job, tmp_path / "a.h5", 6, batch=2)
    with FieldDataset.open(tmp_path / "a.h5") as data:
        assert len(data) == 2 and not data.complete


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, "8"])
def test_bad_batches(tmp_path, batch):
    with pytest.raises(InputError, match="batch: expected an integer >= 1"):
        generate(problem(), tmp_path / "a.h5", 1, batch=batch)
    assert [*tmp_path.iterdir()] == []


def test_other_methods_take_one_solve_per_sample(tmp_path):
    job = problem(33)
    with (
        generate(job, tmp_path / "a.h5", 2, method="multigrid-cg") as one,
        generate(job, tmp_path / "b.h5", 2) as other,
    ):
        assert one.provenance["method"] == "multigrid-cg"
        assert other.provenance["method"] == "auto"
        for i in range(2):
            alone = solve(job, {"permeability": one["permeability"][i]}, method="multigrid-cg")
            np.testing.assert_array_equal(one["pressure"][i], alone.u)
            together = solve_batch(job, {"permeability": other["permeability"][i : i + 1]})
            np.testing.assert_array_equal(other["pressure"][i], together.u[0])
