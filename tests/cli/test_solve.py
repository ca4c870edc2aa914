import gzip
from pathlib import Path

import h5py
import numpy as np
import pytest

from nwidth.fields import FieldDataset

RESERVOIR = """
[problem]
shape = [12, 8]
upper = [2.0, 1.0]
unit = "m"
centering = "cell"
forcing = 0.0
[problem.boundary]
default = {{ neumann = 0.0 }}
x_lower = {{ dirichlet = 1.0 }}
x_upper = {{ dirichlet = 0.0 }}
[permeability]
kind = "file"
{file}
"""


def reservoir(folder, file: str):
    path = folder / "reservoir.toml"
    path.write_text(RESERVOIR.format(file=file), encoding="utf-8")
    return path


def test_a_random_sample_is_solved_and_reported(nwidth, made, tmp_path):
    answer = nwidth(
        "solve",
        made / "tiny.toml",
        "--sample",
        2,
        "-o",
        tmp_path / "u.h5",
        "-p",
        tmp_path / "u.png",
    )
    assert answer.code == 0
    for word in ("method", "iterations", "residual", "time", "pressure", "Darcy"):
        assert word in answer.out
    assert (tmp_path / "u.png").read_bytes().startswith(b"\x89PNG")
    with FieldDataset.open(tmp_path / "u.h5") as data:
        assert data.complete and len(data) == 1
        assert data.provenance["residual"] <= 1e-8
    assert sorted(p.name for p in tmp_path.iterdir()) == ["u.h5", "u.png"]


def test_the_sample_is_the_one_of_the_data_set(nwidth, made, tmp_path):
    assert nwidth("solve", made / "tiny.toml", "--sample", 5, "-o", tmp_path / "u.h5").code == 0
    with (
        FieldDataset.open(tmp_path / "u.h5") as one,
        FieldDataset.open(made / "darcy.h5") as data,
    ):
        assert np.array_equal(one["permeability"][0], data["permeability"][5])
        assert np.allclose(one["pressure"][0], data["pressure"][5], rtol=1e-6)


def test_permeability_from_npz_hdf5_and_eclipse_files(nwidth, tmp_path):
    values = np.random.default_rng(0).uniform(1.0, 9.0, (6, 4, 1))
    np.savez(tmp_path / "k.npz", k=values[..., 0])
    with h5py.File(tmp_path / "k.h5", "w") as file:
        file["rock/k"] = values[..., 0]
    numbers = "\n".join(f"{v:.17g}" for v in values.ravel(order="F"))
    with gzip.open(tmp_path / "k.inc.gz", "wt") as file:
        file.write(f"-- a comment\nPERMX\n{numbers} /\n")
    found = {}
    for name, words in {
        "npz": 'path = "k.npz"\nname = "k"',
        "hdf5": 'path = "k.h5"\nname = "rock/k"',
        "eclipse": 'path = "k.inc.gz"\nname = "PERMX"\nshape = [6, 4, 1]',
    }.items():
        config = reservoir(tmp_path, f"{words}\nrefine = 2")
        out = tmp_path / f"{name}.h5"
        answer = nwidth("solve", config, "-o", out, "--rtol", "1e-10")
        assert answer.code == 0, answer.err
        with FieldDataset.open(out) as data:
            assert np.array_equal(data["permeability"][0][::2, 1::2], values[..., 0])
            found[name] = data["pressure"][0]
    assert np.allclose(found["npz"], found["hdf5"]) and np.allclose(found["npz"], found["eclipse"])
    assert found["npz"].min() > 0 and found["npz"].max() < 1


def test_permeability_from_a_data_set(nwidth, made, tmp_path):
    text = (
        (made / "tiny.toml")
        .read_text()
        .replace(
            'kind = "two-phase"',
            f'kind = "file"\npath = "{made}/darcy.h5"\nname = "permeability"\nsample = 3',
        )
    )
    (tmp_path / "a.toml").write_text(text)
    assert nwidth("solve", tmp_path / "a.toml", "-o", tmp_path / "u.h5").code == 0
    with FieldDataset.open(tmp_path / "u.h5") as one, FieldDataset.open(made / "darcy.h5") as data:
        assert np.allclose(one["pressure"][0], data["pressure"][3], rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_impossible_permeability_is_named(nwidth, tmp_path, value):
    k = np.ones((12, 8))
    k[3, 4] = value
    np.savez(tmp_path / "k.npz", k=k)
    config = reservoir(tmp_path, 'path = "k.npz"\nname = "k"')
    answer = nwidth("solve", config, "-o", tmp_path / "u.h5")
    assert answer.code == 1
    assert "permeability" in answer.sentence and "(3, 4)" in answer.sentence
    assert not (tmp_path / "u.h5").exists()
    if value <= 0:
        config = reservoir(tmp_path, 'path = "k.npz"\nname = "k"\nfloor = 1e-6')
        assert nwidth("solve", config).code == 0


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ('path = "none.npz"', 1, "no such file"),
        ('path = "k.npz"\nname = "q"', 2, "expected one of k in"),
        ('path = "text.npz"\nname = "k"', 1, "expected an npz file"),
        ('path = "k.npz"\nname = "k"\nrefine = 3', 2, "[problem] shape: expected [36, 24]"),
        ('path = "k.inc"', 2, "[permeability] shape: expected the numbers of cells"),
        ('path = "objects.npz"\nname = "k"', 1, "arrays of numbers, got none"),
        ('path = "words.npz"\nname = "k"', 1, "arrays of numbers, got none"),
        ('path = "bomb.npz"\nname = "k"', 1, "it is not read"),
        ('path = "stack.npz"\nname = "k"\nsample = 5', 2, "[permeability] sample: expected a numb"),
        ('path = "k.npz"\nname = "k"\nsample = 1', 2, "[permeability] sample: expected a number"),
    ],
)
def test_files_that_do_not_fit(nwidth, tmp_path, file, code, words):
    np.savez(tmp_path / "k.npz", k=np.ones((12, 8)))
    np.savez(tmp_path / "objects.npz", k=np.array([{}], dtype=object))
    np.savez(tmp_path / "words.npz", k=np.full((12, 8), "wet"))
    np.savez(tmp_path / "stack.npz", k=np.ones((5, 12, 8)))
    np.savez_compressed(tmp_path / "bomb.npz", k=np.zeros(1 << 23))
    (tmp_path / "text.npz").write_text("no zip")
    (tmp_path / "k.inc").write_text("PERMX\n1 /\n")
    answer = nwidth("solve", reservoir(tmp_path, file))
    assert (answer.code, words in answer.sentence) == (code, True), answer.err


@pytest.mark.parametrize("kind", ["npz", "h5"])
def test_one_of_a_stack_of_fields(nwidth, tmp_path, kind):
    stack = np.random.default_rng(1).uniform(1.0, 2.0, (5, 12, 8))
    np.savez(tmp_path / "k.npz", k=stack)
    with h5py.File(tmp_path / "k.h5", "w") as file:
        file["k"] = stack
    for sample in (0, 4):
        config = reservoir(tmp_path, f'path = "k.{kind}"\nname = "k"\nsample = {sample}')
        answer = nwidth("solve", config, "-o", tmp_path / f"{sample}.h5")
        assert answer.code == 0, answer.err
        with FieldDataset.open(tmp_path / f"{sample}.h5") as data:
            assert np.array_equal(data["permeability"][0], stack[sample])


def test_a_layer_of_one_of_several_reservoirs(nwidth, tmp_path):
    stack = np.random.default_rng(1).uniform(1.0, 2.0, (2, 12, 8, 3))
    np.savez(tmp_path / "k.npz", all=stack, one=stack[1])
    for words in ('name = "all"\nsample = 1', 'name = "one"'):
        config = reservoir(tmp_path, f'path = "k.npz"\n{words}\nlayer = 2')
        assert nwidth("solve", config, "--overwrite", "-o", tmp_path / "u.h5").code == 0
        with FieldDataset.open(tmp_path / "u.h5") as data:
            assert np.array_equal(data["permeability"][0], stack[1, ..., 2])


def test_sources_may_be_negative_and_are_named(nwidth, tmp_path):
    text = '[problem]\nequation = "poisson"\nshape = [9, 9]\n[source]\n'
    (tmp_path / "a.toml").write_text(text + 'kind = "constant"\nvalue = -1.0\n')
    assert nwidth("solve", tmp_path / "a.toml", "-o", tmp_path / "u.h5").code == 0
    with FieldDataset.open(tmp_path / "u.h5") as data:
        assert data["solution"][0].max() <= 0 and data["solution"][0].min() < -0.05
    (tmp_path / "a.toml").write_text(text + 'kind = "file"\npath = "f.inc"\n')
    (tmp_path / "f.inc").write_text("F\n1 /\n")
    assert "[source] shape: " in nwidth("solve", tmp_path / "a.toml").sentence


def test_bad_options(nwidth, made, tmp_path):
    assert nwidth("solve", made / "tiny.toml", "--rtol", "2").code == 2
    answer = nwidth("solve", made / "tiny.toml", "--method", "magic")
    assert answer.code == 2 and "multigrid-cg" in answer.sentence
    answer = nwidth("solve", made / "tiny.toml", "--plot", tmp_path / "x.xyz")
    assert answer.code == 2 and "ending in .png" in answer.sentence and answer.out == ""
    (tmp_path / "u.h5").write_text("mine")
    answer = nwidth("solve", made / "tiny.toml", "-o", tmp_path / "u.h5")
    assert answer.code == 1 and "--overwrite" in answer.sentence
    assert (tmp_path / "u.h5").read_text() == "mine"


SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reservoir files are not here")
@pytest.mark.parametrize(
    ("name", "cells", "shape"),
    [
        ("spe10_model1_permx.inc", [100, 1, 20], [400, 80]),
        ("norne_permx.prop.gz", [46, 112, 22], [46, 112, 22]),
    ],
)
def test_reservoirs_from_elsewhere(nwidth, tmp_path, name, cells, shape):
    refine = shape[0] // cells[0]
    text = RESERVOIR.replace("[12, 8]", str(shape)).replace("[2.0, 1.0]", "1.0")
    file = f'path = "{SHARED / name}"\nshape = {cells}\nrefine = {refine}\nfloor = 1e-3'
    (tmp_path / "a.toml").write_text(text.format(file=file))
    answer = nwidth("solve", tmp_path / "a.toml", "--rtol", 1e-10, "-o", tmp_path / "u.h5")
    assert answer.code == 0, answer.err
    with FieldDataset.open(tmp_path / "u.h5") as data:
        u = data["pressure"][0]
        assert data.provenance["residual"] <= 1e-10
        assert u.min() > 0 and u.max() < 1
        assert data["permeability"][0].max() / data["permeability"][0].min() > 1e5


def test_robin_sides_and_a_reaction(nwidth, tmp_path):
    path = tmp_path / "cooled.toml"
    path.write_text(
        """
[problem]
shape = [101, 3]
forcing = 0.0
reaction = 4.0
[problem.boundary]
default = { neumann = 0.0 }
x_lower = { robin = 3.0, value = 10.0 }
x_upper = { robin = 2.0 }
[permeability]
kind = "constant"
""",
        encoding="utf-8",
    )
    answer = nwidth("solve", path, "-o", tmp_path / "u.h5")
    assert answer.code == 0, answer.err
    with FieldDataset.open(tmp_path / "u.h5") as data:
        u = data["pressure"][0]
        assert data.provenance["problem"]["boundary"]["sides"]["x_lower"]["type"] == "robin"
    # -u'' + 4 u = 0 with -u'(0) + 3 u(0) = 10 and u'(1) + 2 u(1) = 0: u = 2 exp(-2 x)
    np.testing.assert_allclose(u[:, 1], 2 * np.exp(-2 * np.linspace(0, 1, 101)), rtol=1e-4)


def test_robin_coefficients_out_of_range_are_named(nwidth, tmp_path):
    path = tmp_path / "cooled.toml"
    path.write_text(
        "[problem]\nshape = [5, 5]\n[problem.boundary]\nx_lower = { robin = 1e-40 }\n"
        '[permeability]\nkind = "constant"\n',
        encoding="utf-8",
    )
    answer = nwidth("solve", path, "-o", tmp_path / "u.h5")
    assert answer.code != 0 and "[problem.boundary]: Robin coefficient" in answer.sentence
