"""The command, from problem files and from data sets."""

import re

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.rom import ReducedBasis
from nwidth.rom.regression import PODRegression

BLOCK = """
[parameters]
k = [0.5, 2.0]
m = [0.5, 2.0]
[block]
shape = [9, 9]
blocks = [2, 1]
conductivity = ["k", "m"]
[reduce]
rtol = 1e-3
training = 64
"""


@pytest.fixture
def block(tmp_path):
    (tmp_path / "block.toml").write_text(BLOCK)
    return tmp_path / "block.toml"


@pytest.fixture
def runs(tmp_path):
    """A data set of curves that depend on one scalar."""
    grid = Grid.uniform(33)
    x = grid.axes[0].points
    path = tmp_path / "runs.h5"
    with FieldDataset.create(
        path, grid, {"u": "K"}, scalars={"speed": "m/s", "bound": "1"}, provenance={"output": "u"}
    ) as data:
        for k in range(20):
            speed = 1 + k / 10
            data.append({"u": np.exp(-speed * x)}, {"speed": speed, "bound": 0.1 * k})
        data.finish()
    return path


def test_a_problem_file_gives_a_certified_model(nwidth, block, tmp_path):
    answer = nwidth("reduce", block, "-o", tmp_path / "m.h5", "-p", tmp_path / "m.png")
    assert answer.code == 0, answer.err
    assert "49 unknowns, 2 parameters, 2 terms on the left" in answer.out
    assert "coercivity constant by min-theta" in answer.out
    assert "which is round-off of the full solves" in answer.out
    assert "one query" in answer.out and (tmp_path / "m.png").exists()
    model = ReducedBasis.load(tmp_path / "m.h5")
    assert model.box.names == ("k", "m")
    mus = model.box.random(50, 3)
    assert (model.solve_many(mus).bound < 1e-2).all()


def test_options_stand_above_the_file(nwidth, block, tmp_path):
    answer = nwidth("reduce", block, "-o", tmp_path / "m.h5", "--max-size", 1)
    assert answer.code == 0 and "was not reached: max_size" in answer.out
    low, high = re.search(r"bound over error ([\d.]+) to ([\d.]+)", answer.out).groups()
    assert 1 <= float(low) <= float(high) < 10
    assert ReducedBasis.load(tmp_path / "m.h5").size == 1
    answer = nwidth("reduce", block, "-o", tmp_path / "n.h5", "--rtol", "0.5")
    assert answer.code == 0 and "was not reached" not in answer.out
    assert ReducedBasis.load(tmp_path / "n.h5").size == 2


def test_indefinite_terms_take_constraints(nwidth, tmp_path):
    n = 20
    L = sp.diags_array([-np.ones(n - 1), 2.5 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    D = sp.diags_array(np.linspace(-0.3, 0.3, n))
    sp.save_npz(tmp_path / "L.npz", L.tocsr())
    sp.save_npz(tmp_path / "D.npz", D.tocsr())
    np.save(tmp_path / "f.npy", np.ones(n))
    (tmp_path / "m.toml").write_text(
        "[parameters]\nk = [-1.0, 1.0]\n[matrices]\n"
        'operator = ["L.npz", "D.npz"]\ntheta = ["1", "k"]\nsource = ["f.npy"]\n'
    )
    answer = nwidth("reduce", tmp_path / "m.toml", "-o", tmp_path / "m.h5")
    assert answer.code == 0, answer.err
    assert "successive constraints" in answer.out
    assert "bound over error" in answer.out


def waves(folder, theta):
    """A problem file of K + theta M without a norm of its own."""
    n = 300
    K = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]) * n
    sp.save_npz(folder / "K.npz", K.tocsr())
    sp.save_npz(folder / "M.npz", (sp.eye_array(n) / n).tocsr())
    np.save(folder / "f.npy", np.full(n, 1 / n))
    (folder / "waves.toml").write_text(
        '[parameters]\nk = [0.5, 2.0]\n[matrices]\noperator = ["K.npz", "M.npz"]\n'
        f'theta = [1.0, "{theta}"]\nsource = ["f.npy"]\n[reduce]\nrtol = 1e-3\ntraining = 32\n'
    )
    return folder / "waves.toml"


def test_damping_terms_have_no_hermitian_part(nwidth, tmp_path):
    file = waves(tmp_path, "1j*k")
    M = sp.load_npz(tmp_path / "M.npz")
    sp.save_npz(tmp_path / "M.npz", 1j * M)  # the factor in the matrix: theta is real
    file.write_text(file.read_text().replace("1j*k", "k"))
    answer = nwidth("reduce", file, "-o", tmp_path / "m.h5")
    assert answer.code == 0, answer.err
    model = ReducedBasis.load(tmp_path / "m.h5")
    A = (sp.load_npz(tmp_path / "K.npz") + 1.3j * M).toarray()
    wrong = model.lift(model.solve([1.3]).x) - np.linalg.solve(A, np.full(300, 1 / 300))
    X = sp.load_npz(tmp_path / "K.npz")
    assert np.sqrt(np.vdot(wrong, X @ wrong).real) <= model.solve([1.3]).bound < 1e-2


def test_an_indefinite_problem_needs_a_norm(nwidth, tmp_path):
    answer = nwidth("reduce", waves(tmp_path, "-20 * k"), "-o", tmp_path / "m.h5")
    assert answer.code == 1
    assert "[matrices] inner_product: expected the Hermitian part" in answer.sentence
    assert "stiffness plus mass" in answer.sentence and not (tmp_path / "m.h5").exists()


def test_a_data_set_alone_gives_an_estimate(nwidth, runs, tmp_path):
    answer = nwidth("reduce", runs, "-o", tmp_path / "m.h5", "--plot", tmp_path / "m.svg")
    assert answer.code == 0, answer.err
    assert "20 fields u on 33, from speed" in answer.out  # not from the bound
    assert "<- chosen" in answer.out and "no bound" in answer.out
    assert (tmp_path / "m.svg").exists()
    model = PODRegression.load(tmp_path / "m.h5")
    x = np.linspace(0, 1, 33)
    found = model.predict({"speed": np.array([1.77])})[0]
    assert np.abs(found - np.exp(-1.77 * x)).max() < 1e-4


def test_inputs_can_be_chosen(nwidth, runs, tmp_path):
    answer = nwidth("reduce", runs, "-o", tmp_path / "m.h5", "--input", "bound")
    assert answer.code == 0 and "from bound" in answer.out
    answer = nwidth("reduce", runs, "-o", tmp_path / "n.h5", "--input", "sped")
    assert answer.code == 1 and "speed" in answer.sentence
    assert not (tmp_path / "n.h5").exists()


def test_keys_are_explained(nwidth):
    answer = nwidth("reduce", "--keys")
    assert answer.code == 0
    assert all(word in answer.out for word in ("[block]", "conductivity", "[matrices]", "[reduce]"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("1e-3", "2"), "a number < 1"),
        (
            ('["k", "m"]', '["k", "m - 1"]'),
            "expected numbers > 0, got -0.5 from 'm - 1' at k = 0.5, m = 0.5",
        ),
        (('["k", "m"]', '["k", "__import__(1)"]'), "numbers, 1j, pi"),
    ],
)
def test_bad_problem_files(nwidth, block, tmp_path, change, words):
    block.write_text(BLOCK.replace(*change))
    answer = nwidth("reduce", block, "-o", tmp_path / "m.h5")
    assert answer.code > 0 and words in answer.sentence
    assert not (tmp_path / "m.h5").exists()


def test_options_that_do_not_belong(nwidth, block, tmp_path):
    answer = nwidth("reduce", block, "-o", tmp_path / "m.h5", "--field", "u")
    assert answer.code == 2 and "expected a data set" in answer.sentence
    answer = nwidth("reduce", tmp_path / "no.toml", "-o", tmp_path / "m.h5")
    assert answer.code == 2 and "no such configuration file" in answer.sentence
    answer = nwidth("reduce", block, "-o", block, "--overwrite")
    assert answer.code == 1 and "another file" in answer.sentence


def test_ratios_to_errors_of_round_off_are_not_drawn(nwidth, block, tmp_path, monkeypatch):
    from nwidth import plotting

    drawn = []
    monkeypatch.setattr(plotting, "reduction", lambda *told: drawn.append(told) or draw(*told))
    draw = plotting.reduced_models.reduction
    for k in (1, 9):
        wish = ("reduce", block, "-o", tmp_path / f"{k}.h5", "-p", tmp_path / f"{k}.png")
        assert nwidth(*wish, "--max-size", k).code == 0
    (_, bounds, errors, *_), (_, _, none, *_) = drawn
    assert len(errors) > 10 and (bounds >= errors).all() and len(none) == 0


def test_the_history_is_drawn(nwidth, block, tmp_path):
    assert nwidth("reduce", block, "-o", tmp_path / "m.h5").code == 0
    answer = nwidth("plot", tmp_path / "m.h5")
    assert answer.code == 0 and (tmp_path / "m.png").exists()
    answer = nwidth("inspect", tmp_path / "m.h5")
    assert answer.code == 0 and "min-theta" in answer.out and "k, m" in answer.out.replace("'", "")
