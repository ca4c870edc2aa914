import tracemalloc

import h5py
import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import SelectionStatus, StreamingPOD, pod, streaming_pod

RNG = np.random.default_rng(5)


def angle(one, other):
    """Sine of the largest angle between spans of orthonormal rows."""
    return np.linalg.norm(one - (one @ other.conj().T) @ other, 2)


def waves(rows, points, dtype=np.float64, seed=0):
    """Rows with singular values 1, 1/2, 1/4, ..., up to forty, well apart."""
    rng = np.random.default_rng(seed)
    r = min(rows, points, 40)
    kinds = [rng.standard_normal((size, r)) for size in (rows, points)]
    if np.issubdtype(dtype, np.complexfloating):
        kinds = [k + 1j * rng.standard_normal(k.shape) for k in kinds]
    U, V = (np.linalg.qr(k)[0] for k in kinds)
    return ((U * 0.5 ** np.arange(r)) @ V.conj().T).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32, np.complex64])
@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_modes_are_those_of_all_rows(dtype, block):
    f = waves(300, 400, dtype)
    eps = np.finfo(dtype).eps
    rtol = 1e-3 if eps > 1e-8 else 1e-8
    stream = StreamingPOD((400,), rtol, dtype=dtype)
    for start in range(0, 300, block):
        stream.update(f[start : start + block])
    found, wanted = stream.pod(), pod(f, rtol, method="qr")
    assert (found.rank, found.status) == (wanted.rank, SelectionStatus.CONVERGED)
    assert found.modes.dtype == dtype
    r = found.rank
    np.testing.assert_allclose(
        found.singular_values[:r], wanted.singular_values[:r], atol=200 * eps, rtol=1e-9
    )
    np.testing.assert_allclose(found.modes @ found.modes.conj().T, np.eye(r), atol=100 * eps)
    for k in range(1, r + 1):  # rounding over the gap, and the square of what was dropped
        limit = 100 * eps * 2.0**k * max(1, 300 / block) ** 0.5 + (1e-5 * rtol * 40 * 2.0**k) ** 2
        assert angle(found.modes[:k], wanted.modes[:k]) < limit
        if k <= 14 and eps < 1e-8:
            assert angle(found.modes[:k], wanted.modes[:k]) < 1e-10
    missed = np.linalg.norm(f - found.project(f)) / np.linalg.norm(f)
    assert missed <= found.error


def test_what_was_dropped_adds_up_exactly():
    """In any order and memory, the stated error bounds the true one and is that of the rows."""
    f = RNG.standard_normal((200, 300)) * 0.97 ** np.arange(300.0)
    exact = np.linalg.svd(f, compute_uv=False)
    for memory in (32, 64, 128, 6000):
        stream = StreamingPOD((300,), 1e-3, memory=memory * 300 * 8)
        found = stream.update(f).pod()
        assert stream.rank <= memory // 2
        missed = np.linalg.norm(f - found.project(f)) / np.linalg.norm(f)
        assert missed <= found.error
        total = np.hypot(np.linalg.norm(found.singular_values), stream._dropped)
        assert total == pytest.approx(np.linalg.norm(f), rel=1e-12)
        sigma, k = found.singular_values, len(found.singular_values)
        assert (sigma <= exact[:k] * (1 + 1e-12)).all()
        assert (exact[:k] <= np.hypot(sigma, stream._dropped) * (1 + 1e-12)).all()
        assert found.status is (
            SelectionStatus.MEMORY if memory < 6000 else SelectionStatus.CONVERGED
        )


def test_count_of_the_reference_in_one_pass():
    """157 bumps above 1e-10, 140 above 1e-8: the figures of the snapshot matrix."""
    x, mu = np.linspace(0, 1, 700), np.linspace(0, 1, 500)[:, None]
    f = np.exp(-(((x - mu) / 0.02) ** 2))
    for rtol, rank in ((1e-8, 140), (1e-10, 157), (1e-12, 173)):
        found = streaming_pod(f, rtol, memory=2400 * 700 * 8)
        assert found.rank == rank


@pytest.mark.parametrize("kind", ["weights", "matrix", "complex matrix"])
def test_inner_products(kind):
    f = waves(60, 90).reshape(60, 9, 10)
    w = RNG.uniform(0.5, 2, (9, 10))
    if kind == "weights":
        geometry = {"weights": w}
    else:
        side = np.full(89, -0.3 + (0.1j if kind == "complex matrix" else 0))
        X = sp.diags_array([side.conj(), w.ravel() + 1, side], offsets=[-1, 0, 1])
        geometry = {"inner_product": X.tocsr()}
    found = streaming_pod(f, 1e-6, memory=6000 * 90 * 8, **geometry)
    wanted = pod(f, 1e-6, **geometry)
    assert found.rank == wanted.rank
    r = found.rank
    np.testing.assert_allclose(found.singular_values[:r], wanted.singular_values[:r], atol=1e-13)
    np.testing.assert_allclose(found.coefficients(found.modes[:5]), np.eye(r)[:5], atol=1e-12)
    np.testing.assert_allclose(found.project(f), wanted.project(f), atol=1e-8)
    np.testing.assert_allclose(found.projection_error(f), wanted.projection_error(f), atol=1e-10)


def test_file_larger_than_the_budget(tmp_path):
    f = waves(3000, 500)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["f"] = f
    budget = f.nbytes // 6
    with h5py.File(tmp_path / "f.h5") as file:
        streaming_pod(file["f"][:100], 1e-8)  # imports
        tracemalloc.start()
        found = streaming_pod(file["f"], 1e-8, memory=budget)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < budget
    wanted = pod(f, 1e-8)
    assert found.rank == wanted.rank
    assert angle(found.modes[:14], wanted.modes[:14]) < 1e-10
    assert found.scores is None
    np.testing.assert_allclose(found.combine(found.coefficients(f)), f, atol=1e-8)


class Interrupted:
    """A data set that fails at a row, once."""

    def __init__(self, data, at):
        self.data, self.at, self.shape, self.dtype = data, at, data.shape, data.dtype
        self.read = []

    def __getitem__(self, rows):
        if self.at is not None and rows.stop > self.at:
            self.at = None
            raise OSError("the disk is gone")
        self.read.append(rows.start)
        return self.data[rows]


def test_goes_on_after_an_interruption(tmp_path):
    f, memory = waves(400, 100), 200 * 100 * 8
    data = Interrupted(f, 250)
    with pytest.raises(OSError, match="gone"):
        streaming_pod(data, 1e-6, memory=memory, checkpoint=tmp_path / "state.h5")
    seen = StreamingPOD.load(tmp_path / "state.h5").rows
    assert 0 < seen < 250
    data.read = []
    found = streaming_pod(data, 1e-6, memory=memory, checkpoint=tmp_path / "state.h5")
    assert min(data.read) == seen
    wanted = streaming_pod(f, 1e-6, memory=memory)
    np.testing.assert_array_equal(found.modes, wanted.modes)
    assert found.error == wanted.error
    for wrong in ({"rtol": 1e-3}, {"weights": np.full(100, 2.0)}, {"max_rank": 3}):
        with pytest.raises(InputError, match="other data or another tolerance"):
            streaming_pod(f, **{"rtol": 1e-6, **wrong}, checkpoint=tmp_path / "state.h5")


def test_state_round_trip(tmp_path):
    f = waves(60, 90, np.complex64).reshape(60, 9, 10)
    options = {"weights": np.full((9, 10), 0.5), "max_rank": 4, "dtype": np.complex64}
    one = StreamingPOD((9, 10), 1e-3, **options).update(f[:30])
    one.save(tmp_path / "state.h5")
    two = StreamingPOD.load(tmp_path / "state.h5").update(f[30:])
    one.update(f[30:])
    np.testing.assert_array_equal(one.pod().modes, two.pod().modes)
    assert (two.rows, two.pod().rank, two.pod().status) == (60, 4, SelectionStatus.MAX_RANK)
    arrays, told = load_archive(tmp_path / "state.h5", "streaming-pod")
    wrong = [
        (arrays | {"sigma": arrays["sigma"][::-1]}, told),
        (arrays | {"modes": arrays["modes"][:, :5]}, told),
        (arrays | {"modes": arrays["modes"] * np.nan}, told),
        (arrays | {"weights": -arrays["weights"]}, told),
        ({"sigma": arrays["sigma"]}, told),
        (arrays, told | {"rows": -1}),
        (arrays, told | {"dropped": -1.0}),
        (arrays, told | {"dtype": "object"}),
        # Finite arrays that fit together, and are not what they are called.
        (arrays | {"modes": 3 * arrays["modes"]}, told),
        (arrays | {"weights": 3 * arrays["weights"]}, told),
        ({name: arrays[name] for name in ("sigma", "modes")}, told),
        (arrays, told | {"cut": "yes"}),
        (arrays, told | {"rows": 1}),
    ]
    for bad, text in wrong:
        save_archive(tmp_path / "bad.h5", "streaming-pod", bad, text)
        with pytest.raises(FileFormatError, match="not a streaming POD"):
            StreamingPOD.load(tmp_path / "bad.h5")


def test_bad_rows_are_told_and_forgotten():
    f = waves(50, 30)
    stream = StreamingPOD((30,), 1e-6).update(f[:20])
    before = stream.pod().modes
    bad = f[20:].copy()
    bad[17, 3] = np.nan
    with pytest.raises(NonFiniteError, match="row 37"):
        stream.update(bad)
    with pytest.raises(InputError, match=r"expected shape \(any, 30\), got \(2, 29\) at row 20"):
        stream.update(f[:2, :29])
    with pytest.raises(InputError, match="expected dtype float64 or one that it holds"):
        stream.update(f[:2] * 1j)
    np.testing.assert_array_equal(stream.pod().modes, before)
    stream.update(f[20:].astype(np.float32)).update(np.zeros((2, 30), int)).update(f[:0])
    assert stream.rows == 52
    with pytest.raises(NonFiniteError, match="in row 44"):
        streaming_pod(np.where(np.arange(50)[:, None] == 44, np.nan, f))


def test_blocks_of_several_types_have_a_common_one():
    f = waves(50, 30)

    class Blocks:
        def __iter__(self):
            return iter([f[:20].astype(np.float32), f[20:]])

    assert streaming_pod(Blocks(), 1e-3).modes.dtype == np.float64


def test_nothing_and_zeros():
    empty = StreamingPOD((4, 5)).pod()
    assert (empty.rank, empty.error, empty.shape) == (0, 0.0, (4, 5))
    found = StreamingPOD((4, 5)).update(np.zeros((3, 4, 5))).pod()
    assert (found.rank, found.error) == (0, 0.0)
    one = StreamingPOD((3,), 0.0).update(np.ones((9, 3))).pod()
    assert (one.rank, one.status) == (1, SelectionStatus.EXHAUSTED)


@pytest.mark.parametrize("size", [1e-250, 1e250])
def test_very_large_and_very_small_fields(size):
    f = waves(60, 40)
    found, wanted = streaming_pod(f * size, 1e-4), streaming_pod(f, 1e-4)
    assert found.rank == wanted.rank
    np.testing.assert_allclose(found.singular_values / size, wanted.singular_values, atol=1e-15)
    assert found.error == pytest.approx(wanted.error, rel=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shape": 0}, "shape"),
        ({"rtol": 1.0}, "rtol"),
        ({"dtype": "float16"}, "dtype"),
        ({"max_rank": 0}, "max_rank"),
        ({"weights": np.ones(4)}, "weights"),
        ({"dtype": "float32", "weights": np.full(3, 1e80)}, "in the range of float32"),
        ({"memory": 100}, "memory: expected room for 16 rows, 384 bytes, got 100"),
        ({"weights": np.ones(3), "inner_product": np.eye(3)}, "got both"),
    ],
)
def test_arguments_are_checked(given, words):
    with pytest.raises(InputError, match=words):
        StreamingPOD(**{"shape": 3, **given})
