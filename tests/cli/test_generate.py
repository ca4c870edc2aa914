import contextlib
import signal
import subprocess
import sys
import time

import h5py
import numpy as np

from nwidth.fields import FieldDataset


def test_a_data_set_is_written_and_kept(nwidth, made, tmp_path):
    path = tmp_path / "new" / "darcy.h5"
    answer = nwidth("generate", made / "tiny.toml", "-o", path, "--samples", 3, "--seed", 5)
    assert answer.code == 0
    assert "3 samples" in answer.out
    assert "generate: 3/3 samples" in answer.err
    with FieldDataset.open(path) as data:
        assert data.complete and len(data) == 3
        assert data.grid.shape == (17, 17)
        assert data["pressure"][:].max() > 0
        assert data.provenance["problem"]["equation"] == "darcy"
    before = path.read_bytes()
    assert nwidth("generate", made / "tiny.toml", "-o", path, "-n", 3, "--seed", 5).code == 0
    assert path.read_bytes() == before


def test_without_a_configuration_the_benchmark_is_made(nwidth, tmp_path):
    path = tmp_path / "small.h5"
    assert nwidth("generate", "--points", 9, "--samples", 2, "-o", path).code == 0
    with FieldDataset.open(path) as data:
        assert {3.0, 12.0} >= {*np.unique(data["permeability"][:])}


def test_test_samples_are_other_samples(made):
    with (
        FieldDataset.open(made / "darcy.h5") as data,
        FieldDataset.open(made / "darcy_test.h5") as test,
    ):
        assert len(test) == 4
        assert not any(
            np.array_equal(a, b) for a in data["permeability"][:] for b in test["permeability"][:]
        )


def test_test_samples_are_the_training_samples_of_no_other_seed(nwidth, made, tmp_path):
    """With the next seed for the test, two jobs side by side would share samples."""
    drawn = {}
    for seed in (0, 1, 2):
        for word, options in (("train", ()), ("test", ("--test",))):
            path = tmp_path / f"{word}{seed}.h5"
            arguments = ("-o", path, "-n", 2, "--seed", seed, *options)
            assert nwidth("generate", made / "tiny.toml", *arguments).code == 0
            with FieldDataset.open(path) as data:
                for i, a in enumerate(data["permeability"][:]):
                    drawn[word, seed, i] = a.tobytes()
    assert len({*drawn.values()}) == len(drawn) == 12


def test_restriction_solves_on_a_finer_grid(nwidth, made, tmp_path):
    fine = (made / "tiny.toml").read_text().replace("samples = 12", "samples = 2\nrestrict = 3")
    (tmp_path / "fine.toml").write_text(fine)
    path = tmp_path / "fine.h5"
    assert nwidth("generate", tmp_path / "fine.toml", "-o", path).code == 0
    with FieldDataset.open(path) as data:
        assert data.grid.shape == (17, 17)
        assert data.provenance["problem"]["grid"]["axes"][0]["size"] == 49


def test_precision_compression_and_unit_are_those_asked_for(nwidth, made, tmp_path):
    text = (made / "tiny.toml").read_text().replace("samples = 12", "samples = 2")
    text = text.replace("[17, 17]", '[17, 17]\noutput_unit = "Pa"')
    text = text.replace("[data]", '[data]\ndtype = "float32"\ncompression = "gzip"')
    (tmp_path / "a.toml").write_text(text)
    assert nwidth("generate", tmp_path / "a.toml", "-o", tmp_path / "a.h5").code == 0
    with FieldDataset.open(tmp_path / "a.h5") as data:
        assert data["pressure"].dtype == np.float32
        assert data.units["pressure"] == "Pa" and data.units["permeability"] == "1"
    with h5py.File(tmp_path / "a.h5") as file:
        found = []
        file.visititems(lambda _, item: found.append(getattr(item, "compression", None)))
    assert "gzip" in found


def test_another_job_in_the_same_file_is_refused(nwidth, made):
    answer = nwidth("generate", made / "tiny.toml", "-o", made / "darcy.h5", "--seed", 9)
    assert answer.code == 1
    assert "darcy.h5" in answer.sentence


def test_foreign_and_unwritable_outputs(nwidth, made, tmp_path):
    foreign = tmp_path / "foreign.h5"
    foreign.write_text("not HDF5")
    assert nwidth("generate", made / "tiny.toml", "-o", foreign).code == 1
    assert foreign.read_text() == "not HDF5"
    answer = nwidth("generate", made / "tiny.toml", "-o", foreign / "x.h5")
    assert answer.code == 1 and "expected a folder" in answer.sentence


def test_a_fixed_field_cannot_be_sampled(nwidth, tmp_path):
    (tmp_path / "a.toml").write_text(
        '[problem]\nshape = [9, 9]\n[permeability]\nkind = "constant"\n'
    )
    answer = nwidth("generate", tmp_path / "a.toml", "-o", tmp_path / "a.h5")
    assert answer.code == 2
    assert "nwidth solve" in answer.sentence
    assert not (tmp_path / "a.h5").exists()


def test_a_data_set_is_called_hdf5(nwidth, made, tmp_path):
    answer = nwidth("generate", made / "tiny.toml", "-o", tmp_path / "g.txt")
    assert answer.code == 2 and "ending in .h5 or .hdf5" in answer.sentence
    assert list(tmp_path.iterdir()) == []


def test_a_field_too_rough_for_its_dimension_is_a_usage_error(nwidth, made, tmp_path):
    text = (made / "tiny.toml").read_text().replace('"two-phase"', '"two-phase"\nalpha = 0.5')
    (tmp_path / "a.toml").write_text(text)
    answer = nwidth("generate", tmp_path / "a.toml", "-o", tmp_path / "a.h5")
    assert (
        answer.code == 2
        and "[permeability]: Gaussian field: expected alpha > 1.0" in answer.sentence
    )
    assert not (tmp_path / "a.h5").exists()


def test_ctrl_c_and_resume(made, tmp_path):
    path = tmp_path / "long.h5"
    command = [sys.executable, "-m", "nwidth", "generate", str(made / "tiny.toml")]
    command += ["-o", str(path), "--samples", "100000", "--threads", "1"]
    # Jobs in the background of a shell ignore the interrupt, and their children inherit that.
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    try:
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGINT)  # Python drops one that falls into a finalizer
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
    finally:
        process.kill()
    err = process.communicate()[1]
    assert process.returncode == 130, err
    assert "the same command resumes" in err
    assert "Traceback" not in err or "Exception ignored" in err
    with FieldDataset.open(path) as data:
        assert not data.complete
    path.unlink()
