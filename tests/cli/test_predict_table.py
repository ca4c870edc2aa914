"""`predict` with tables of parameters."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.cli.affine_file import read_affine
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.rom import InnerProduct

BLOCK = """
[parameters]
k = [0.5, 2.0]
m = [0.5, 2.0]
[block]
shape = [9, 9]
blocks = [2, 1]
conductivity = ["k", "m"]
output_unit = "K"
boundary = { x_lower = { dirichlet = 1.0 } }
[reduce]
rtol = 3e-2
training = 64
"""
TABLE = "m,k\n0.7,1.1\n1.9,0.6\n0.5,2.0\n"
MUS = np.array([[1.1, 0.7], [0.6, 1.9], [2.0, 0.5]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from nwidth.cli.main import call

    folder = tmp_path_factory.mktemp("reduced")
    (folder / "block.toml").write_text(BLOCK)
    (folder / "table.csv").write_text(TABLE)
    assert call(["reduce", str(folder / "block.toml"), "-o", str(folder / "block.h5")]) == 0
    return folder


def errors(folder, data):
    """Errors in the norm of the model, and the norms of the solutions."""
    task = read_affine(folder / "block.toml")
    product, found = InnerProduct(task.energy), []
    for mu, field in zip(MUS, data["solution"][:], strict=True):
        u = np.linalg.solve(task.problem.matrix(mu).toarray(), task.problem.source(mu))
        found.append((float(product.norm(u - field[1:-1, 1:-1].ravel())), float(product.norm(u))))
    return np.array(found).T


def test_a_table_becomes_fields_with_bounds(nwidth, folder, tmp_path):
    answer = nwidth("predict", folder / "block.h5", folder / "table.csv", "-o", tmp_path / "f.h5")
    assert answer.code == 0, answer.err
    with FieldDataset.open(tmp_path / "f.h5") as data:
        assert data.units["solution"] == "K" and data.grid.shape == (9, 9)
        np.testing.assert_array_equal(data.scalars["k"], MUS[:, 0])
        np.testing.assert_array_equal(data.scalars["m"], MUS[:, 1])
        error, size = errors(folder, data)
        assert (error <= data.scalars["bound"]).all()
        assert (error / size <= data.scalars["relative_bound"]).all()
        assert (data.scalars["relative_bound"] < 0.1).all()
        assert (data["solution"][:, 0] == 1.0).all()  # the prescribed side
        assert {"bound", "relative_bound", "inside", "solved"} == {*data.provenance["meaning"]}
        assert not data.scalars["solved"].any() and data.scalars["inside"].all()


def test_the_solver_finishes_where_bounds_are_too_large(nwidth, folder, tmp_path):
    wish = (folder / "block.h5", folder / "table.csv", "--rtol", "1e-8")
    answer = nwidth("predict", *wish, "-o", tmp_path / "f.h5")
    assert answer.code == 1 and "3 of 3 bounds are above --rtol 1e-08" in answer.sentence
    assert "--config" in answer.sentence
    answer = nwidth("predict", *wish, "-o", tmp_path / "g.h5", "--config", folder / "block.toml")
    assert answer.code == 0 and "3 of them were above 1e-08" in answer.out
    with FieldDataset.open(tmp_path / "g.h5") as data:
        error, size = errors(folder, data)
        assert (error / size < 1e-12).all() and data.scalars["solved"].all()
        assert (data.scalars["relative_bound"] <= 1e-8).all()
        assert (data.scalars["relative_bound"] > 0).all()


def test_parameters_outside_are_told(nwidth, folder, tmp_path):
    (tmp_path / "t.csv").write_text("k,m\n1,1\n9,1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough, and in words
        answer = nwidth("predict", folder / "block.h5", tmp_path / "t.csv", "-o", tmp_path / "f.h5")
    assert answer.code == 0 and "1 of them lie outside" in answer.out
    with FieldDataset.open(tmp_path / "f.h5") as data:
        assert data.scalars["inside"].tolist() == [1.0, 0.0]


def test_parameters_near_the_largest_numbers(nwidth, folder, tmp_path):
    (tmp_path / "t.csv").write_text("k,m\n1e200,1e200\n1e-200,1e-200\n1,1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = nwidth("predict", folder / "block.h5", tmp_path / "t.csv", "-o", tmp_path / "f.h5")
    assert answer.code == 0 and "2 of them lie outside" in answer.out, answer.err
    with FieldDataset.open(tmp_path / "f.h5") as data:
        assert 0 < data.scalars["relative_bound"][2] < 0.1


def test_lines_without_a_bound_do_not_stop_the_others(nwidth, folder, tmp_path):
    (tmp_path / "t.csv").write_text("k,m\n1,-1\n1,1\n")
    wish = ("predict", folder / "block.h5", tmp_path / "t.csv", "-o", tmp_path / "f.h5")
    answer = nwidth(*wish)
    assert answer.code == 0 and "1 of them have none" in answer.out
    with FieldDataset.open(tmp_path / "f.h5") as data:
        for name in ("bound", "relative_bound"):
            unknown, known = data.scalars[name]
            assert unknown == np.finfo(float).max and 0 < known < 0.1
    answer = nwidth(*wish, "--overwrite", "--rtol", 1e-8, "-c", folder / "block.toml")
    assert answer.code == 1 and "1 of 2 bounds are above" in answer.sentence
    with FieldDataset.open(tmp_path / "f.h5") as data:
        assert data.scalars["relative_bound"][1] <= 1e-8


def test_complex_solutions_become_their_real_and_imaginary_parts(nwidth, tmp_path):
    n, k = 12, 3.7
    h = 1 / n
    K = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]) / h
    M, B = h * sp.eye_array(n), sp.coo_array(([1.0], ([n - 1], [n - 1])), shape=(n, n))
    for name, matrix in {"K": K, "M": M, "B": B, "X": K + M}.items():
        sp.save_npz(tmp_path / f"{name}.npz", matrix.tocsr())
    np.save(tmp_path / "f.npy", np.full(n, h))
    (tmp_path / "waves.toml").write_text(
        '[parameters]\nk = [1.0, 5.0]\n[matrices]\noperator = ["K.npz", "M.npz", "B.npz"]\n'
        'theta = [1.0, "-k**2", "-1j*k"]\nsource = ["f.npy"]\ninner_product = "X.npz"\n'
        'unit = "Pa"\n[reduce]\nrtol = 1e-3\ntraining = 32\n'
    )
    (tmp_path / "t.csv").write_text(f"k\n{k}\n")
    assert nwidth("reduce", tmp_path / "waves.toml", "-o", tmp_path / "m.h5").code == 0
    wish = ("predict", tmp_path / "m.h5", tmp_path / "t.csv", "-o", tmp_path / "f.h5")
    answer = nwidth(*wish, "--rtol", 1e-10, "-c", tmp_path / "waves.toml")
    assert answer.code == 0, answer.err
    with FieldDataset.open(tmp_path / "f.h5") as data:
        found = data["solution_real"][0] + 1j * data["solution_imag"][0]
        assert data.units["solution_real"] == data.units["solution_imag"] == "Pa"
        bound = data.scalars["bound"][0]
    exact = np.linalg.solve((K - k**2 * M - 1j * k * B).toarray(), np.full(n, h))
    error = found - exact
    assert np.sqrt(np.vdot(error, (K + M) @ error).real) <= bound + 1e-14
    assert np.abs(found.imag).max() > 1e-3
    assert nwidth("plot", tmp_path / "f.h5", "-o", tmp_path / "f.png").code == 0


@pytest.mark.parametrize(
    "change", [("[9, 9]", "[17, 9]"), ('"m"', '"2*m"'), ("dirichlet = 1.0", "dirichlet = 2.0")]
)
def test_another_problem_is_refused(nwidth, folder, tmp_path, change):
    (tmp_path / "other.toml").write_text(BLOCK.replace(*change))
    wish = (folder / "block.h5", folder / "table.csv", "-o", tmp_path / "f.h5")
    answer = nwidth("predict", *wish, "--rtol", 1e-3, "-c", tmp_path / "other.toml")
    assert answer.code == 2 and "is not the problem of" in answer.sentence
    assert not (tmp_path / "f.h5").exists()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("A.npz", sp.diags_array([2.0, 3.0, 5.0])),
        ("B.npz", sp.diags_array([1.0, 1.0, 2.0])),
        ("f.npy", np.array([1.0, 2.0, 4.0])),
        ("X.npz", sp.eye_array(3)),
        ("m.toml", '"X.npz"'),
    ],
)
def test_other_matrices_under_the_same_names_are_refused(nwidth, tmp_path, name, other):
    def write(name, matrix):
        if isinstance(matrix, np.ndarray):
            np.save(tmp_path / name, matrix)
        else:
            sp.save_npz(tmp_path / name, matrix.tocsr())

    A = sp.diags_array([2.0, 3.0, 4.0])
    for file, matrix in {"A.npz": A, "B.npz": sp.eye_array(3), "X.npz": A}.items():
        write(file, matrix)
    write("f.npy", np.array([1.0, 2.0, 3.0]))
    text = (
        '[parameters]\nk = [0.5, 2.0]\n[matrices]\noperator = ["A.npz", "B.npz"]\n'
        'theta = ["1", "k**2"]\nsource = ["f.npy"]\ninner_product = "X.npz"\n'
        "[reduce]\nrtol = 1e-1\ntraining = 8\n"
    )
    (tmp_path / "m.toml").write_text(text)
    (tmp_path / "t.csv").write_text("k\n0.6\n")
    assert nwidth("reduce", tmp_path / "m.toml", "-o", tmp_path / "m.h5").code == 0
    wish = ("predict", tmp_path / "m.h5", tmp_path / "t.csv", "-o", tmp_path / "f.h5")
    assert nwidth(*wish, "--rtol", 1e-9, "-c", tmp_path / "m.toml").code == 0
    if name == "m.toml":  # another norm: the default one
        (tmp_path / name).write_text(text.replace('inner_product = "X.npz"\n', ""))
    else:
        write(name, other)
    answer = nwidth(*wish, "--rtol", 1e-9, "-c", tmp_path / "m.toml", "--overwrite")
    assert answer.code == 2 and "is not the problem of" in answer.sentence


def test_a_problem_file_without_a_tolerance_is_refused(nwidth, folder, tmp_path):
    wish = (folder / "block.h5", folder / "table.csv", "-o", tmp_path / "f.h5")
    answer = nwidth("predict", *wish, "-c", folder / "block.toml")
    assert answer.code == 2 and "expected --rtol too" in answer.sentence


def test_models_of_data_take_tables_too(nwidth, tmp_path):
    grid = Grid.uniform(33)
    x = grid.axes[0].points
    with FieldDataset.create(
        tmp_path / "runs.h5", grid, {"u": "K"}, scalars={"speed": "m/s"}
    ) as data:
        for speed in np.linspace(1, 3, 20):
            data.append({"u": np.exp(-speed * x)}, {"speed": speed})
        data.finish()
    assert nwidth("reduce", tmp_path / "runs.h5", "-o", tmp_path / "m.h5").code == 0
    (tmp_path / "t.csv").write_text("speed\n1.77\n5\n")
    answer = nwidth("predict", tmp_path / "m.h5", tmp_path / "t.csv", "-o", tmp_path / "f.h5")
    assert answer.code == 0 and "1 of them extrapolate" in answer.out
    with FieldDataset.open(tmp_path / "f.h5") as data:
        assert np.abs(data["u"][0] - np.exp(-1.77 * x)).max() < 1e-4
        assert data.units["u"] == "K" and data.scalars["inside"].tolist() == [1.0, 0.0]
    wish = (tmp_path / "m.h5", tmp_path / "t.csv", "-o", tmp_path / "g.h5", "--rtol", 0.1)
    answer = nwidth("predict", *wish)
    assert answer.code == 2 and "expected a reduced basis" in answer.sentence


def test_models_of_data_take_data_sets_and_keep_times(nwidth, tmp_path):
    grid, times = Grid.uniform(17), np.array([0.0, 0.5, 2.0])
    x = grid.axes[0].points
    data = FieldDataset.create(
        tmp_path / "r.h5", grid, {"u": "K"}, scalars={"speed": "m/s"}, times=times
    )
    with data:
        for speed in np.linspace(1, 3, 20):
            data.append({"u": np.exp(-speed * x) * (1 + times[:, None])}, {"speed": speed})
        data.finish()
    assert nwidth("reduce", tmp_path / "r.h5", "-o", tmp_path / "m.h5").code == 0
    answer = nwidth("predict", tmp_path / "m.h5", tmp_path / "r.h5", "-o", tmp_path / "f.h5")
    assert answer.code == 0 and "20 predictions of u" in answer.out
    with FieldDataset.open(tmp_path / "f.h5") as found, FieldDataset.open(tmp_path / "r.h5") as was:
        np.testing.assert_array_equal(found.times, times)
        np.testing.assert_array_equal(found.scalars["speed"], was.scalars["speed"])
        assert np.abs(found["u"][:] - was["u"][:]).max() < 1e-4
    answer = nwidth("certify", tmp_path / "m.h5", tmp_path / "r.h5")
    assert answer.code == 2 and "got a model of kind 'pod-regression'" in answer.sentence
    answer = nwidth("plot", tmp_path / "m.h5", "-o", tmp_path / "m.png")
    assert answer.code == 1 and "reduce --plot" in answer.sentence
