"""Plain HDF5 and npz arrays, both ways."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError
from nwidth.fields import Field
from nwidth.layouts import detect_layout, export_fields, import_fields
from nwidth.meshes import Grid

GRID = Grid.uniform((6, 5), upper=(1.0, 2.0))


TIMES = np.array([0.0, 0.5, 1.5])


def plain(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("__", "/")] = values
    return path


@pytest.mark.parametrize("layout", ["plain", "npz"])
@pytest.mark.parametrize("times", [None, TIMES])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_arrays_go_out_and_come_back(tmp_path, layout, times, dtype, ours, same):
    fields = {"a": Field("m2", constant=times is not None), "u": "Pa", "v": Field("m/s", (2,))}
    data = ours(tmp_path / "a.h5", fields, times=times, scalars=("nu",), dtype=dtype)
    path = export_fields(data, tmp_path / f"b.{layout}", layout)
    assert detect_layout(path) == layout
    with import_fields(path, tmp_path / "c.h5", units={"u": "Pa"}) as back:
        assert same(data, back)
        assert back.grid == GRID
        assert back.times is None if times is None else np.array_equal(back.times, times)
        assert back.units["u"] == "Pa"
        assert back.provenance["layout"] == layout
        assert back.provenance["source"] == path.name
        assert back.verify() == []
    with h5py.File(path) if layout == "plain" else np.load(path) as plain:
        assert np.array_equal(plain["u"][2], data["u"][2])
        assert plain["u"].shape == data["u"].shape
        assert np.array_equal(plain["coordinates/y"], GRID.points[1])
    assert path.stat().st_size < 100_000
    data.close()


def test_plain_files_are_understood_by_their_shapes(tmp_path, draw):
    path = plain(
        tmp_path / "a.h5",
        a=draw(0, 7, 5),
        u=draw(1, 7, 4, 5).astype("f4"),
        nu=np.arange(7.0),
        g=9.81,
        t=np.array([0.0, 1.0, 3.0, 4.0]),
        note=np.bytes_("text"),
    )
    with import_fields(path, tmp_path / "b.h5") as data:
        assert data.grid == Grid.uniform(5)
        assert np.array_equal(data.times, [0, 1, 3, 4])
        assert data["a"].shape == (7, 5)
        assert data["u"].shape == (7, 4, 5)
        assert data["u"].dtype == np.float64  # since a needs it
        assert np.array_equal(data.scalars["nu"], np.arange(7))
        assert np.array_equal(data.scalars["g"], np.full(7, 9.81))
        assert data.provenance["left_out"] == ["t"]


def test_names_with_groups_get_allowed_names(tmp_path, draw):
    path = plain(tmp_path / "a.h5", run__u=draw(0, 3, 5))
    with import_fields(path, tmp_path / "b.h5") as data:
        assert data.field_names == ("run_u",)


def test_missing_times_are_numbers_and_said_to_be(tmp_path, draw):
    path = plain(tmp_path / "a.h5", a=draw(0, 7, 5), u=draw(1, 7, 4, 5))
    with import_fields(path, tmp_path / "b.h5") as data:
        assert np.array_equal(data.times, np.arange(4))
        assert "no time axis" in data.provenance["notes"]["times"]


def test_unclear_files_list_what_they_hold(tmp_path, draw):
    cases = [
        ({"u": draw(0, 3, 4), "v": draw(0, 5, 4)}, {}, "numbers of samples differ"),
        ({"x": np.arange(4.0)}, {}, "no array has samples on a grid"),
        ({"u": draw(0, 2, 2, 3, 2, 2)}, {}, "fit no grid; give the grid"),
        ({"u": draw(0, 2, 4, 4)}, {"grid": Grid.uniform(5)}, "does not fit"),
        (
            {"a": draw(0, 2, 5), "u": draw(0, 2, 3, 5), "v": draw(0, 2, 4, 5)},
            {"grid": Grid.uniform(5)},
            "time axes of different lengths",
        ),
    ]
    for arrays, options, text in cases:
        path = plain(tmp_path / "a.h5", **arrays)
        with pytest.raises(FileFormatError, match=text) as caught:
            import_fields(path, tmp_path / "b.h5", **options)
        for name, values in arrays.items():
            assert f"{name} {values.shape} float64" in str(caught.value)
        assert "name those to take" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_npz_in_fortran_order_compressed_and_with_objects(tmp_path, draw):
    u, v = np.asfortranarray(draw(0, 6, 5, 4)), draw(1, 6, 5, 4)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, u=u, v=v, words=np.array(["a"]), things=np.array([{}], dtype=object))
    with import_fields(path, tmp_path / "b.h5") as data:
        assert data.field_names == ("u", "v")
        assert np.array_equal(data["u"][:], u)
        assert np.array_equal(data["v"][:], v)


def test_npz_files_that_lie(tmp_path, draw):
    whole = io.BytesIO()
    np.savez(whole, u=draw(0, 30, 50))
    path = tmp_path / "a.npz"
    path.write_bytes(whole.getvalue()[:5000])
    with pytest.raises(FileFormatError, match="expected an npz file"):
        import_fields(path, tmp_path / "b.h5")
    np.savez_compressed(path, u=np.zeros((400, 100, 100)))
    with pytest.raises(FileFormatError, match="it is not read"):
        import_fields(path, tmp_path / "b.h5")
    with zipfile.ZipFile(path, "w") as archive:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
        with archive.open("u.npy", "w") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(FileFormatError, match="declares more bytes than the file holds"):
        import_fields(path, tmp_path / "b.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_large_imports_go_block_by_block(tmp_path, monkeypatch, draw):
    monkeypatch.setattr("nwidth.layouts._BLOCK_BYTES", 3 * 5 * 8)
    u, told = draw(0, 10, 5), []
    np.savez(tmp_path / "a.npz", u=u, nu=np.arange(10.0))
    with import_fields(
        tmp_path / "a.npz", tmp_path / "b.h5", progress=lambda *n: told.append(n)
    ) as data:
        assert np.array_equal(data["u"][:], u)
        assert np.array_equal(data.scalars["nu"], np.arange(10))
    assert len(told) >= 5
