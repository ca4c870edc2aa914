import h5py
import numpy as np
import pytest
from scipy.sparse import csr_array

from nwidth import FieldDataset
from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.rom import RowSource, eim

DATA = np.random.default_rng(0).standard_normal((23, 3, 4))


class Stream:
    """Blocks of different lengths, anew each time."""

    def __init__(self, data, cuts=(5, 6, 20)):
        self.blocks = np.split(data, cuts)

    def __iter__(self):
        return iter(self.blocks)


def sources(tmp_path):
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["data"] = DATA
    memory = np.lib.format.open_memmap(tmp_path / "data.npy", "w+", DATA.dtype, DATA.shape)
    memory[:] = DATA
    return {
        "array": DATA,
        "list": DATA.tolist(),
        "fortran": np.asfortranarray(DATA),
        "memmap": np.load(tmp_path / "data.npy", mmap_mode="r"),
        "hdf5": h5py.File(tmp_path / "plain.h5")["data"],
        "stream": Stream(DATA),
    }


@pytest.mark.parametrize("name", ["array", "list", "fortran", "memmap", "hdf5", "stream"])
@pytest.mark.parametrize("count", [1, 4, 100])
def test_every_source_gives_the_same_rows(name, count, tmp_path):
    source = RowSource(sources(tmp_path)[name])
    assert (source.shape, source.dtype, source.nbytes) == (DATA.shape, DATA.dtype, DATA.nbytes)
    for _ in range(2):
        starts, blocks = zip(*source.blocks(count), strict=True)
        assert max(map(len, blocks)) <= count
        assert list(starts) == np.cumsum([0, *map(len, blocks)])[:-1].tolist()
        np.testing.assert_array_equal(np.concatenate(blocks), DATA.reshape(23, 12))
        assert all(block.flags.c_contiguous for block in blocks)
    assert source.largest == abs(DATA).max()
    np.testing.assert_array_equal(source.read(), DATA.reshape(23, 12))


def test_field_of_a_data_set(tmp_path):
    grid, path = Grid.uniform((9, 7)), tmp_path / "flow.h5"
    fields = np.random.default_rng(0).standard_normal((11, 9, 7))
    with FieldDataset.create(path, grid=grid, fields={"pressure": "Pa"}) as out:
        for field in fields:
            out.append({"pressure": field})
    with FieldDataset.open(path) as data:
        model = eim(data["pressure"])
        np.testing.assert_array_equal(RowSource(data["pressure"]).read(), fields.reshape(11, -1))
    assert model.shape == (9, 7)
    np.testing.assert_array_equal(model.functions, eim(fields).functions)


@pytest.mark.parametrize(
    ("dtype", "wanted"), [("f2", "f4"), ("i4", "f8"), (">c8", "c8"), ("?", "f8")]
)
def test_dtype_of_rows(dtype, wanted):
    data = (DATA.reshape(23, 12) > 0).astype(dtype)
    for source in (RowSource(data), RowSource(Stream(data))):
        assert source.dtype == wanted
        assert source.read().dtype == wanted
        np.testing.assert_array_equal(source.read(), data)


def test_blocks_of_different_types_have_a_common_one():
    blocks = Stream(np.ones((4, 3), "f4"))
    blocks.blocks[0] = blocks.blocks[0].astype("f8")
    assert RowSource(blocks).dtype == np.float64


def test_functions_and_sparse_matrices_are_told_what_to_be():
    with pytest.raises(InputError, match=r"give SampledFunction\(function, x, y\)"):
        RowSource(np.add.outer)
    with pytest.raises(InputError, match=r"give data.toarray\(\)"):
        RowSource(csr_array(np.eye(3)))


def test_streams_are_checked():
    with pytest.raises(InputError, match="can be read again, got an iterator"):
        RowSource(iter(DATA))
    with pytest.raises(InputError, match="got none"):
        RowSource({}.values())
    with pytest.raises(InputError, match="blocks of rows"):
        RowSource(Stream(np.ones(4), ()))
    ragged = Stream(np.ones((4, 3)), (2,))
    ragged.blocks[1] = np.ones((2, 4))
    with pytest.raises(InputError, match=r"expected rows of shape \(3,\), got \(4,\) at row 2"):
        RowSource(ragged).read()


def test_stream_that_loses_rows_is_told():
    stream = Stream(DATA)
    source = RowSource(stream)
    del stream.blocks[-1]
    with pytest.raises(InputError, match="expected 23 rows each time, got 20"):
        source.read()


def test_numbers_that_are_not_finite_are_named():
    bad = DATA.copy()
    bad[21, 2, 1] = np.nan
    for data in (bad, Stream(bad), bad + 1j):
        with pytest.raises(NonFiniteError, match=r"row 21, column \(2, 1\)"):
            RowSource(data).read()


@pytest.mark.parametrize("first", [0, 3, 7, 10])
def test_first_rows_are_left_out(first):
    f = np.arange(20.0).reshape(10, 2)

    class Stream:
        def __iter__(self):
            return iter([f[:4], f[4:5], f[5:]])

    for data in (f, Stream()):
        source = RowSource(data)
        found = list(source.blocks(3, first))
        assert [start for start, _ in found] == sorted({start for start, _ in found})
        assert sum(len(block) for _, block in found) == 10 - first
        for start, block in found:
            np.testing.assert_array_equal(block, f[start : start + len(block)])
