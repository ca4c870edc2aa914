import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.cli.affine_file import read_affine, whole_fields
from nwidth.errors import ConfigError, FileFormatError, InputError

BLOCK = """
[parameters]
k = [0.5, 2.0]
m = [1.0, 3.0]
[block]
shape = [5, 7]
blocks = [2, 1]
conductivity = ["k", "2 * m"]
output_unit = "K"
boundary = { x_lower = { dirichlet = 1.0 }, y_upper = { robin = 2.0, value = 3.0 } }
[reduce]
log = ["k"]
"""
MATRICES = """
[parameters]
k = [0.5, 2.0]
[matrices]
operator = ["A.npz", "B.npz"]
theta = ["1", "k**2"]
source = ["f.npy"]
"""


def matrices(folder):
    A = sp.diags_array([2.0, 3.0, 4.0]).tocsr()
    sp.save_npz(folder / "A.npz", A)
    sp.save_npz(folder / "B.npz", sp.eye_array(3).tocsr())
    np.save(folder / "f.npy", np.array([1.0, 2.0, 3.0]))
    (folder / "m.toml").write_text(MATRICES)


def test_blocks_have_their_terms(tmp_path):
    (tmp_path / "b.toml").write_text(BLOCK)
    task = read_affine(tmp_path / "b.toml")
    theta, phi = task.problem.coefficients([[1.5, 2.0]])
    assert theta.tolist() == [[1.5, 4.0, 1.0]]  # two blocks and the Robin side
    assert phi.tolist() == [[1.0, 1.5]]  # the source, and the wall at the first block
    assert task.box.names == ("k", "m") and task.box.log == (True, False)
    grid, whole = whole_fields(task.about, task.problem.size)
    field = whole(np.full(task.problem.size, 7.0))
    assert grid.shape == field.shape == (5, 7)
    assert set(field[0]) == {1.0} and field[2, 2] == field[2, -1] == 7.0
    assert field[-1, 2] == field[2, 0] == 0.0


def test_the_solution_is_that_of_the_equation(tmp_path):
    # u'' = 0 in two layers between 0 and 1: the flux 1 / (0.5 / k + 0.5 / 4).
    text = BLOCK.replace("[5, 7]", "[5]").replace("[2, 1]", "[2]")
    text = text.replace("y_upper = { robin = 2.0, value = 3.0 }", "x_upper = { dirichlet = 0.0 }")
    (tmp_path / "b.toml").write_text(text.replace("[reduce]", "source = 0.0\n[reduce]"))
    task = read_affine(tmp_path / "b.toml")
    u = np.linalg.solve(task.problem.matrix([1.0, 2.0]).toarray(), task.problem.source([1.0, 2.0]))
    field = whole_fields(task.about, 3)[1](u)
    assert field == pytest.approx([1.0, 0.6, 0.2, 0.1, 0.0])


def test_matrices_of_files(tmp_path):
    matrices(tmp_path)
    task = read_affine(tmp_path / "m.toml")
    assert task.problem.matrix([2.0]).toarray().tolist() == np.diag([6.0, 7.0, 8.0]).tolist()
    # By default the norm is that of the matrix amid the box.
    np.testing.assert_allclose(task.energy.toarray(), np.diag([2.0, 3, 4]) + 1.25**2 * np.eye(3))
    grid, whole = whole_fields(task.about, 3)
    assert grid.shape == (3,) and whole(np.arange(3.0)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"k**2"', '"q"', "theta: expressions.*got 'q'"),
        ('"A.npz"', '"C.npz"', "C.npz"),
        ('["f.npy"]', '["A.npy"]', "A.npy"),
        ('source = ["f.npy"]', 'source = ["two.npy"]', "expected one vector"),
        ('source = ["f.npy"]', 'source = ["long.npy"]', "expected length 3, got 4"),
    ],
)
def test_bad_matrices(tmp_path, old, new, words):
    matrices(tmp_path)
    np.save(tmp_path / "two.npy", np.ones((3, 2)))
    np.save(tmp_path / "long.npy", np.ones(4))
    (tmp_path / "m.toml").write_text(MATRICES.replace(old, new))
    with pytest.raises((ConfigError, FileFormatError, InputError), match=words):
        read_affine(tmp_path / "m.toml")


def test_blocks_that_do_not_fit_the_grid(tmp_path):
    (tmp_path / "b.toml").write_text(BLOCK.replace("[5, 7]", "[6, 7]"))
    with pytest.raises(InputError, match=r"b\.toml: blocks: expected a divisor of the 5 cells"):
        read_affine(tmp_path / "b.toml")


def test_sources_of_other_lengths_and_ends_that_are_not_finite_are_named(tmp_path):
    matrices(tmp_path)
    np.save(tmp_path / "g.npy", np.ones(4))
    text = MATRICES.replace('"f.npy"', '"f.npy", "g.npy"') + "phi = [1.0, 1.0]\n"
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(InputError, match=r"g.npy: expected 3 entries as in f.npy, got 4"):
        read_affine(tmp_path / "m.toml")
    (tmp_path / "m.toml").write_text(MATRICES.replace("2.0]", "inf]"))
    with pytest.raises(ConfigError, match=r"\[parameters\] entry 1: expected a finite number"):
        read_affine(tmp_path / "m.toml")
