"""The Well's layout: ours read as a stranger's, a stranger's read as ours."""

import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError
from nwidth.fields import Field, FieldDataset
from nwidth.layouts import detect_layout, export_fields, import_fields
from nwidth.meshes import Axis, Grid

GRID = Grid.uniform((6, 5), upper=(1.0, 2.0))


TIMES = np.array([0.0, 0.5, 1.5])


def test_the_well_layout_goes_out_and_comes_back(tmp_path, ours, same):
    fields = {
        "k": Field(constant=True),
        "u": "Pa",
        "v": Field("m/s", (2,)),
        "s": Field("Pa", (2, 2)),
    }
    grid = Grid.periodic((6, 4))
    data = ours(tmp_path / "a.h5", fields, grid=grid, times=TIMES, scalars=("nu", "mu"))
    path = export_fields(data, tmp_path / "b.hdf5", "well")
    assert detect_layout(path) == "nwidth"
    with import_fields(path, tmp_path / "c.h5", layout="well") as back:
        assert same(data, back)
        assert back.grid == grid
        assert np.array_equal(back.times, TIMES)
        assert back.units == data.units
    data.close()


def test_a_file_of_the_well_that_we_did_not_write(tmp_path, draw):
    n, t, x, y = 3, 4, 8, 6
    u, v = draw(0, n, t, x, y).astype("f4"), draw(1, n, t, x, y, 2).astype("f4")
    fixed, frozen, profile = draw(2, x, y), draw(3, n, x, y), draw(4, n, t, y)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.attrs.update(
            {
                "dataset_name": "theirs",
                "grid_type": "cartesian",
                "n_spatial_dims": 2,
                "n_trajectories": n,
                "simulation_parameters": ["nu"],
            }
        )
        group = file.create_group("dimensions")
        group.attrs["spatial_dims"] = ["x", "y"]
        points = {
            "time": np.linspace(0, 1, t),
            "x": np.arange(x, dtype="f4") / np.float32(x),
            "y": np.linspace(0, 3, y, dtype="f4"),
        }
        for name, values in points.items():
            group[name] = values
            group[name].attrs.update({"sample_varying": False, "time_varying": False})
        side = file.create_group("boundary_conditions/x_periodic")
        side.attrs.update({"associated_dims": ["x"], "bc_type": "PERIODIC"})
        scalars = file.create_group("scalars")
        scalars.attrs["field_names"] = ["nu", "speed", "load"]
        for name, value, each, timed in (
            ("nu", 0.1, False, False),
            ("speed", np.arange(n), True, False),
            ("load", np.arange(t), False, True),
        ):
            scalars[name] = value
            scalars[name].attrs.update({"sample_varying": each, "time_varying": timed})
        for rank in range(3):
            file.create_group(f"t{rank}_fields").attrs["field_names"] = []
        t0 = file["t0_fields"]
        t0.attrs["field_names"] = ["u", "fixed", "frozen", "profile"]
        for name, values, each, timed, varies in (
            ("u", u, True, True, [True, True]),
            ("fixed", fixed, False, False, [True, True]),
            ("frozen", frozen, True, False, [True, True]),
            ("profile", profile, True, True, [False, True]),
        ):
            t0[name] = values
            t0[name].attrs.update(
                {"sample_varying": each, "time_varying": timed, "dim_varying": varies}
            )
        file["t1_fields"].attrs["field_names"] = ["v"]
        file["t1_fields/v"] = v
        file["t1_fields/v"].attrs.update(
            {"sample_varying": True, "time_varying": True, "dim_varying": [True, True]}
        )
    assert detect_layout(tmp_path / "a.hdf5") == "well"
    with import_fields(tmp_path / "a.hdf5", tmp_path / "b.h5") as data:
        assert data.grid == Grid(
            (Axis.uniform(8, periodic=True), Axis.uniform(6, 0.0, 3.0, name="y"))
        )
        assert np.array_equal(data["u"][:], u)
        assert np.array_equal(data["v"][:], v)
        assert np.array_equal(data["frozen"][:], frozen)
        assert np.array_equal(data["fixed"][:], np.broadcast_to(fixed, (n, x, y)))
        wanted = np.broadcast_to(profile[:, :, None, :], (n, t, x, y))
        assert np.array_equal(data["profile"][:], wanted)
        assert np.array_equal(data.scalars["nu"], np.full(n, 0.1))
        assert np.array_equal(data.scalars["speed"], np.arange(n))
        assert data.provenance["left_out"] == ["scalars/load"]
        assert data.boundary == {"x_periodic": "PERIODIC"}
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        file["dimensions/x"].attrs["sample_varying"] = True
    with pytest.raises(FileFormatError, match="one tensor-product grid for all samples"):
        import_fields(tmp_path / "a.hdf5", tmp_path / "c.h5")
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        del file["dimensions"].attrs["spatial_dims"]
    with pytest.raises(FileFormatError, match="The Well's layout, but a part is missing"):
        import_fields(tmp_path / "a.hdf5", tmp_path / "c.h5")


def test_walls_and_open_sides_come_back(tmp_path):
    conditions = {"x_lower": "OPEN", "x_upper": "WALL", "y_lower": "WALL", "y_upper": "WALL"}
    with FieldDataset.create(tmp_path / "a.hdf5", GRID, {"u": "1"}, boundary=conditions) as data:
        data.append({"u": np.zeros(GRID.shape)})
        data.finish()
    with import_fields(tmp_path / "a.hdf5", tmp_path / "b.h5", layout="well") as back:
        assert back.boundary == conditions
    with h5py.File(tmp_path / "b.h5") as file:
        assert {*file["boundary_conditions"]} == {"x_open", "x_wall", "y_wall"}
