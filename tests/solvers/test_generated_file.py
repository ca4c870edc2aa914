import numpy as np
import pytest

from nwidth.errors import FileFormatError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.solvers.generated_file import existing_file, versions


def test_a_file_of_the_same_job_is_opened_whatever_the_versions(tmp_path):
    path, job = tmp_path / "a.h5", {"seed": 1, "problem": {"grid": [1, 2]}, "versions": {"a": "1"}}
    assert existing_file(path, job) is None
    with FieldDataset.create(path, Grid.uniform(3), {"u": "1"}, provenance=job) as data:
        data.append({"u": np.zeros(3)})
    with existing_file(path, {**job, "versions": {}}) as data:
        assert data.mode == "a" and len(data) == 1
        data.finish()
    with existing_file(path, job) as data:
        assert data.mode == "r" and data.complete


def test_another_job_is_named_by_what_differs(tmp_path):
    path = tmp_path / "a.h5"
    FieldDataset.create(
        path, Grid.uniform(3), {"u": "1"}, provenance={"problem": {"axes": [{"size": 3}]}}
    ).close()
    with pytest.raises(FileFormatError, match=r"its problem.axes\[0\].size is 3 and not 4"):
        existing_file(path, {"problem": {"axes": [{"size": 4}]}})


def test_versions_of_what_is_installed():
    assert "numpy" in versions() and "no-such-package" not in versions("no-such-package")
    assert versions("pytest")["pytest"] == pytest.__version__
