import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp


@pytest.fixture
def matrix(tmp_path):
    n = 60
    one = sp.diags_array([[2.0] * n, [-1.0] * (n - 1), [-1.0] * (n - 1)], offsets=[0, 1, -1])
    A = (sp.kron(one, sp.eye_array(n)) + sp.kron(sp.eye_array(n), one)).tocsr()
    sp.save_npz(tmp_path / "a.npz", A)
    scipy.io.mmwrite(tmp_path / "a.mtx", A, symmetry="symmetric")
    np.save(tmp_path / "b.npy", np.random.default_rng(0).standard_normal((n * n, 2)))
    return A


def test_solution_is_written_and_told(nwidth, matrix, tmp_path):
    b, x = tmp_path / "b.npy", tmp_path / "x.npy"
    method = "algebraic-multigrid-cg"
    answer = nwidth("solve-matrix", tmp_path / "a.mtx", "-b", b, "-o", x, "--method", method)
    assert answer.code == 0
    words = ("3600 unknowns", "2 right-hand sides", "algebraic-multigrid-cg", "residual", "time")
    for word in words:
        assert word in answer.out
    u, b = np.load(x), np.load(b)
    assert np.linalg.norm(b - matrix @ u) <= 1e-8 * np.linalg.norm(b)
    assert nwidth("solve-matrix", tmp_path / "a.npz", "--method", "direct").code == 0


def test_nothing_is_replaced_without_being_asked(nwidth, matrix, tmp_path):
    x = tmp_path / "x.npy"
    x.write_bytes(b"precious")
    answer = nwidth("solve-matrix", tmp_path / "a.npz", "-o", x)
    assert answer.code == 1 and "--overwrite" in answer.err
    assert x.read_bytes() == b"precious"
    assert nwidth("solve-matrix", tmp_path / "a.npz", "-o", x, "--overwrite").code == 0
    assert np.load(x).shape == (3600,)


def test_failures_write_nothing(nwidth, matrix, tmp_path):
    x = tmp_path / "x.npy"
    few = ("--max-iterations", 2, "--method", "algebraic-multigrid-cg")
    answer = nwidth("solve-matrix", tmp_path / "a.npz", "-o", x, *few)
    assert answer.code == 1 and "iteration limit" in answer.err
    assert nwidth("solve-matrix", tmp_path / "none.npz", "-o", x).code == 1
    np.save(tmp_path / "short.npy", np.ones(3))
    answer = nwidth("solve-matrix", tmp_path / "a.npz", "-b", tmp_path / "short.npy", "-o", x)
    assert answer.code == 1 and "right-hand side: expected shape" in answer.err
    assert not x.exists()


@pytest.mark.parametrize(
    "options", [["--rtol", "2"], ["--method", "magic"], ["-o", "x.txt"], ["--max-iterations", "-1"]]
)
def test_usage_errors(nwidth, matrix, tmp_path, options):
    assert nwidth("solve-matrix", tmp_path / "a.npz", *options).code == 2


def test_help_teaches(nwidth):
    answer = nwidth("solve-matrix", "--help")
    assert answer.code == 0
    for word in ("elimination", "multigrid", "Matrix Market", "--rhs"):
        assert word in answer.out
