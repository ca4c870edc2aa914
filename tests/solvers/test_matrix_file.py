import gzip
import io
import zipfile

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nwidth.errors import FileFormatError
from nwidth.solvers import read_matrix, read_vector

HEADER = "%%MatrixMarket matrix coordinate real general\n"


def random(m, n, seed=0, dtype=np.float64):
    return sp.random_array((m, n), density=0.3, rng=np.random.default_rng(seed), dtype=dtype)


@pytest.mark.parametrize("name", ["a.mtx", "a.mtx.gz"])
@pytest.mark.parametrize("kind", ["real", "integer", "complex", "symmetric", "hermitian"])
def test_matrix_market(tmp_path, name, kind):
    A = random(8, 8).tocsr()
    A = {
        "real": A,
        "integer": (10 * A).astype(int),
        "complex": A * (1 + 2j),
        "symmetric": A + A.T,
        "hermitian": A * 1j + (A * 1j).conj().T,
    }[kind]
    scipy.io.mmwrite(tmp_path / "a.mtx", A)
    if name.endswith("gz"):
        (tmp_path / name).write_bytes(gzip.compress((tmp_path / "a.mtx").read_bytes()))
    read = read_matrix(tmp_path / name)
    assert read.format == "csr"
    assert read.dtype.kind in "fc"
    np.testing.assert_allclose(read.toarray(), A.toarray(), rtol=1e-12)


def test_matrix_market_pattern_and_dense(tmp_path):
    file = tmp_path / "a.mtx"
    file.write_text("%%MatrixMarket matrix coordinate pattern symmetric\n% c\n\n2 2 1\n2 1")
    assert read_matrix(file).toarray().tolist() == [[0.0, 1.0], [1.0, 0.0]]
    file.write_text("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4")
    assert read_matrix(file).toarray().tolist() == [[1.0, 3.0], [2.0, 4.0]]


@pytest.mark.parametrize("symmetry", ["general", "symmetric", "skew-symmetric", "hermitian"])
@pytest.mark.parametrize("dense", [True, False])
def test_same_as_scipy_for_every_symmetry(tmp_path, symmetry, dense):
    A = np.arange(1.0, 17.0).reshape(4, 4) * (1 if symmetry != "hermitian" else 1 + 1j)
    A = {
        "general": A,
        "symmetric": A + A.T,
        "skew-symmetric": A - A.T,
        "hermitian": A + A.conj().T,
    }[symmetry]
    scipy.io.mmwrite(tmp_path / "a.mtx", A if dense else sp.coo_array(A), symmetry=symmetry)
    assert symmetry in (tmp_path / "a.mtx").read_text()
    np.testing.assert_allclose(read_matrix(tmp_path / "a.mtx").toarray(), A)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("compressed", [True, False])
def test_npz(tmp_path, kind, compressed):
    A = random(9, 6).asformat(kind)
    sp.save_npz(tmp_path / "a.npz", A, compressed=compressed)
    np.testing.assert_array_equal(read_matrix(tmp_path / "a.npz").toarray(), A.toarray())


def test_vectors(tmp_path):
    b = np.arange(6.0).reshape(3, 2)
    for name, values in (("b.npy", b), ("c.npy", b[:, :1]), ("d.npy", np.asfortranarray(b))):
        np.save(tmp_path / name, values)
    np.testing.assert_array_equal(read_vector(tmp_path / "b.npy"), b)
    np.testing.assert_array_equal(read_vector(tmp_path / "d.npy"), b)
    assert read_vector(tmp_path / "c.npy").shape == (3,)
    scipy.io.mmwrite(tmp_path / "b.mtx", b)
    np.testing.assert_array_equal(read_vector(tmp_path / "b.mtx"), b)
    np.save(tmp_path / "big.npy", np.arange(3, dtype=">i4"))
    assert read_vector(tmp_path / "big.npy").tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "foreign or damaged"),
        ("hello\n1 1 1\n", "foreign or damaged"),
        (HEADER, "ends before its sizes"),
        (HEADER + "2 2\n", "expected 3 sizes"),
        (HEADER + "2 2 5000000\n1 1 1\n", "declares 5000000 entries"),
        (HEADER + "2 2 2\n1 1 1.0000000\n", "damaged"),
        (HEADER + "2 2 1\n3 1 1\n", "damaged"),
        (HEADER + "2 2 1\n1 1 x\n", "damaged"),
        (HEADER + "900000000000 2 1\n1 1 1\n", "it is not read"),
        (HEADER + "2 2 1\n1 1 nan\n", "got nan in row 0, column 0"),
        (HEADER + "0 0 0\n", "none empty"),
        ("%%MatrixMarket matrix array real general\n90000 90000\n1\n", "declares 8100000000"),
    ],
)
def test_bad_matrix_market(tmp_path, text, told):
    (tmp_path / "a.mtx").write_text(text)
    with pytest.raises(FileFormatError, match=told):
        read_matrix(tmp_path / "a.mtx")


def write_npz(path, **arrays):
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.asarray(array))
            archive.writestr(f"{name}.npy", stream.getvalue())


GOOD = {
    "format": b"csr",
    "shape": [2, 2],
    "data": [1.0, 2.0],
    "indices": [0, 1],
    "indptr": [0, 1, 2],
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"indices": [0, 2]}, "damaged"),
        ({"indices": [0, -1]}, "damaged"),
        ({"indptr": [0, 1, 9]}, "damaged"),
        ({"indptr": [0, 3, 2]}, "damaged"),
        ({"indptr": [0, 2]}, "damaged"),
        ({"indptr": [0.0, 1.0, 2.0]}, "damaged"),
        ({"format": b"exe"}, "expected one of the formats"),
        ({"format": [b"csr", b"csc"]}, "damaged"),
        ({"shape": [2, 10**12]}, "it is not read"),
        ({"shape": [2, 2, 2]}, "it is not read"),
        ({"data": [1.0, np.inf]}, "got inf"),
        ({"data": ["a", "b"]}, "damaged|expected numbers"),
    ],
)
def test_bad_npz(tmp_path, change, told):
    write_npz(tmp_path / "a.npz", **GOOD)
    assert read_matrix(tmp_path / "a.npz").toarray().tolist() == [[1.0, 0.0], [0.0, 2.0]]
    write_npz(tmp_path / "a.npz", **{**GOOD, **change})
    with pytest.raises(FileFormatError, match=told):
        read_matrix(tmp_path / "a.npz")


def test_nothing_pickled_is_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("executed",))

    np.save(tmp_path / "b.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(FileFormatError, match="expected numbers, got dtype object"):
        read_vector(tmp_path / "b.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in ("format", "shape", "data", "indices", "indptr"):
            archive.write(tmp_path / "b.npy", f"{name}.npy")
    with pytest.raises(FileFormatError, match="expected numbers"):
        read_matrix(tmp_path / "a.npz")


def test_files_that_explode(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("data.npy", bytes(60_000_000))
    with pytest.raises(FileFormatError, match="unpacks"):
        read_matrix(tmp_path / "a.npz")
    text = (HEADER + "2 2 1\n1 1 1\n").encode() + b"\n" * 40_000_000
    (tmp_path / "a.mtx.gz").write_bytes(gzip.compress(gzip.compress(text)))
    with pytest.raises(FileFormatError, match=r"unpacks|damaged"):
        read_matrix(tmp_path / "a.mtx.gz")


def test_missing_foreign_and_folders(tmp_path):
    with pytest.raises(FileFormatError, match="no such file"):
        read_matrix(tmp_path / "a.mtx")
    with pytest.raises(FileFormatError, match=r"ending in \.mtx"):
        read_matrix(tmp_path / "a.pkl")
    with pytest.raises(FileFormatError, match=r"ending in \.npy"):
        read_vector(tmp_path / "a.npz")
    (tmp_path / "b.mtx").mkdir()
    with pytest.raises(FileFormatError, match="found a folder"):
        read_matrix(tmp_path / "b.mtx")
    np.savez(tmp_path / "plain.npz", x=np.ones(3))
    with pytest.raises(FileFormatError, match="no sparse matrix"):
        read_matrix(tmp_path / "plain.npz")
    np.save(tmp_path / "b.npy", np.ones((2, 2, 2)))
    with pytest.raises(FileFormatError, match="shape"):
        read_vector(tmp_path / "b.npy")
    np.save(tmp_path / "n.npy", np.array([1.0, np.nan]))
    with pytest.raises(FileFormatError, match="finite"):
        read_vector(tmp_path / "n.npy")


@pytest.mark.parametrize("name", ["a.mtx", "a.mtx.gz", "a.npz", "b.npy"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files_raise_one_error_or_read(tmp_path, name, data):
    A = random(6, 6)
    if name == "b.npy":
        np.save(tmp_path / name, np.arange(9.0))
    elif name == "a.npz":
        sp.save_npz(tmp_path / name, A)
    else:
        scipy.io.mmwrite(tmp_path / "a.mtx", A)
        if name.endswith("gz"):
            (tmp_path / name).write_bytes(gzip.compress((tmp_path / "a.mtx").read_bytes()))
    content = bytearray((tmp_path / name).read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(bytes(content))
    try:
        result = (read_vector if name == "b.npy" else read_matrix)(tmp_path / name)
    except FileFormatError:
        return
    assert np.isfinite(result.data if sp.issparse(result) else result).all()


def test_vectors_of_text_are_refused(tmp_path):
    np.save(tmp_path / "b.npy", np.array(["one", "two"]))
    with pytest.raises(FileFormatError, match="expected numbers, got text"):
        read_vector(tmp_path / "b.npy")
