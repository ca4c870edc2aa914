import numpy as np
import pytest

from nwidth.archive import save_archive
from nwidth.errors import FileFormatError, InputError
from nwidth.rom import ParameterBox
from nwidth.rom.archived_parts import archived_box, archived_part, archived_parts, restored


def test_parts_come_back_by_their_names():
    box = ParameterBox([0.0, 1.0], [1.0, 2.0], names=["a", "b"])
    arrays, told = archived_parts({"left": box, "right": ParameterBox(3, 4), "none": None})
    assert told.keys() == {"left", "right"}
    again = ParameterBox.from_archived(*archived_part(arrays, told, "left"))
    assert again.names == ("a", "b") and again.upper.tolist() == [1.0, 2.0]
    with pytest.raises(KeyError, match="lef"):
        archived_part(arrays, told, "lef")
    assert archived_box(arrays, told) is None
    assert archived_box(*archived_parts({"box": box})).names == ("a", "b")


def test_what_goes_wrong_is_told_with_the_path(tmp_path):
    path = tmp_path / "model.h5"
    save_archive(path, "some-model", {"a": np.ones(1)}, {})
    assert restored(path, "some-model", lambda arrays, told, given: arrays["a"][0], {}) == 1.0

    def fails(error):
        def read(arrays, told, given):
            raise error

        return read

    for error in (InputError("a: wrong"), KeyError("b"), TypeError("c"), AttributeError("d")):
        with pytest.raises(FileFormatError, match=r"model\.h5: not a some model \("):
            restored(path, "some-model", fails(error), {"theta": None})
    with pytest.raises(FileFormatError, match=r"model\.h5: of a later version"):
        restored(path, "some-model", fails(FileFormatError("of a later version")), {})
    with pytest.raises(InputError, match="theta: wrong"):
        restored(path, "some-model", fails(InputError("theta: wrong")), {"theta": len})
    with pytest.raises(FileFormatError, match="linear: wrong"):
        restored(path, "some-model", fails(InputError("linear: wrong")), {"theta": len})
