"""The auditor: every way out of a file is found, honest files pass, nothing is followed."""

import h5py
import numpy as np
import pytest

from nwidth.audit import audit, open_audited
from nwidth.errors import FileFormatError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid


@pytest.fixture
def build(tmp_path):
    (tmp_path / "secret.txt").write_bytes(b"the key is 12345")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.arange(5)

    def make(fill):
        with h5py.File(tmp_path / "made.h5", "w") as file:
            file["honest"] = np.ones(3)
            fill(file, tmp_path)
        return tmp_path / "made.h5"

    return make


def external_link(file, folder):
    file["out"] = h5py.ExternalLink(str(folder / "other.h5"), "/x")


def external_link_in_a_group(file, folder):
    file.create_group("deep/down")["out"] = h5py.ExternalLink(str(folder / "other.h5"), "/x")


def external_storage(file, folder):
    file.create_dataset(
        "out", shape=(16,), dtype="u1", external=[(str(folder / "secret.txt"), 0, 16)]
    )


def virtual_dataset(file, folder):
    layout = h5py.VirtualLayout((5,), "i8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", shape=(5,))
    file.create_virtual_dataset("out", layout)


def absurd_size(file, folder):
    file.create_dataset("out", shape=(2**44,), dtype="f8", chunks=(1024,))


def sparse(file, folder):
    file.create_dataset("out", shape=(2**30,), dtype="f8", chunks=(1024,))


def overflowing_size(file, folder):
    file.create_dataset("out", shape=(2**40, 2**40), dtype="f8", chunks=(1, 1024))


def bomb(file, folder):
    file.create_dataset(
        "out",
        data=np.zeros((4, 2**20)),
        chunks=(1, 2**20),
        compression="gzip",
        compression_opts=9,
    )


def unknown_filter(file, folder):
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((10,))
    creation.set_filter(31337, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((10,))
    h5py.h5d.create(file.id, b"out", h5py.h5t.NATIVE_DOUBLE, space, dcpl=creation)


def references(file, folder):
    file.create_dataset("out", data=[file["honest"].ref], dtype=h5py.ref_dtype)


def nested_references(file, folder):
    file.create_dataset("out", shape=(2,), dtype=[("a", "f8"), ("b", h5py.ref_dtype)])


def ragged(file, folder):
    file.create_dataset("out", shape=(2,), dtype=h5py.vlen_dtype("f8"))


def ragged_attribute(file, folder):
    rows = np.empty(1, dtype=object)
    rows[0] = np.ones(3)
    file["honest"].attrs.create("out", rows, dtype=h5py.vlen_dtype("f8"))


def opaque(file, folder):
    file.create_dataset("out", data=np.zeros(2, dtype="V8"))


@pytest.mark.parametrize(
    ("fill", "text"),
    [
        (external_link, "/out: external link"),
        (external_link_in_a_group, "/deep/down/out: external link"),
        (external_storage, "/out: data stored in another file"),
        (virtual_dataset, "/out: virtual dataset of another file"),
        (absurd_size, "/out: declares 140737488355328 bytes"),
        (overflowing_size, "/out: declares"),
        (sparse, "/out: declares 8589934592 bytes and stores 0|1"),
        (bomb, "stored bytes unpack to 33554432"),
        (unknown_filter, "/out: unknown filter 31337"),
        (references, "/out: type that is neither number nor text"),
        (nested_references, "/out: type that is neither number nor text"),
        (ragged, "/out: type that is neither number nor text"),
        (ragged_attribute, "/honest: attribute out holds lists of any length"),
        (opaque, "/out: type that is neither number nor text"),
    ],
)
def test_every_trick_is_found(build, fill, text):
    path = build(fill)
    found = audit(path)
    assert len(found) == 1
    assert any(part in found[0] for part in text.split("|"))
    with pytest.raises(FileFormatError, match="expected a self-contained HDF5 file"):
        open_audited(path)
    with pytest.raises(FileFormatError):
        FieldDataset.open(path)


def test_user_defined_links(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["out"] = h5py.ExternalLink("other.h5", "/x")
    raw = bytearray(path.read_bytes())
    where = raw.find(b"out") - 2  # the class of the link, 64 for external ones
    assert raw[where] == 64
    raw[where] = 200
    path.write_bytes(raw)
    # New headers carry a checksum, so this one is refused as damaged; either way it stays shut.
    with pytest.raises(FileFormatError):
        open_audited(path)


def test_an_attribute_that_declares_much(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["honest"] = 1.0
        file["honest"].attrs.create("huge", np.zeros(2_200_000))
    assert audit(path) == ["/honest: attribute huge declares 17600000 bytes"]


def test_cycles_and_honest_links_pass(build):
    def fill(file, folder):
        group = file.create_group("a")
        group["back"] = file["/"]
        group["self"] = group
        file["soft"] = h5py.SoftLink("/a/back/honest")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["twice"] = file["honest"]
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(".", "honest", shape=(3,))
        file.create_virtual_dataset("view", layout)
        file.create_dataset("zip", data=np.random.default_rng(0).random(1000), compression="gzip")
        file["text"] = "words of any length"
        file["complex"] = np.array([1j])
        file["truth"] = np.array([True])
        file["pairs"] = np.zeros(2, dtype=[("a", "f4"), ("b", "i2")])

    assert audit(build(fill)) == []


def test_a_bomb_behind_a_link_back_to_the_root(build):
    def fill(file, folder):
        file.create_group("a")["back"] = file["/"]
        file["a/out"] = h5py.ExternalLink("other.h5", "/x")

    assert audit(build(fill)) == ["/a/out: external link"]


def test_our_own_files_pass_finished_or_not(tmp_path):
    grid = Grid.uniform((64, 64))
    data = FieldDataset.create(tmp_path / "a.h5", grid, {"u": "1"}, samples=100_000)
    data.append({"u": np.ones(grid.shape)})
    data.close()
    assert "declares 3276800000 bytes" in audit(tmp_path / "a.h5")[0]  # to others it is sparse
    with FieldDataset.open(tmp_path / "a.h5", "a") as data:
        assert len(data) == 1
        data.finish(early=True)
    assert audit(tmp_path / "a.h5") == []


def test_a_count_beyond_what_is_stored_is_refused(tmp_path):
    with FieldDataset.create(
        tmp_path / "a.h5", Grid.uniform((64, 64)), {"u": "1"}, samples=100_000
    ) as data:
        data.append({"u": np.ones((64, 64))})
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["nwidth/count"][()] = 90_000
    with pytest.raises(FileFormatError, match="samples that are not stored"):
        FieldDataset.open(tmp_path / "a.h5")


def test_missing_truncated_and_foreign_files(tmp_path):
    with pytest.raises(FileFormatError, match="found nothing"):
        audit(tmp_path / "none.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.ones(1000)
    data = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(data[:3000])
    with pytest.raises(FileFormatError, match="truncated"):
        audit(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_bytes(b"PK" + data[2:])
    with pytest.raises(FileFormatError, match="expected an HDF5 file, got something else"):
        audit(tmp_path / "a.h5")
