"""What is no path is refused in words, wherever a file is asked for."""

import pytest
from matplotlib.figure import Figure

from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.layouts import detect_layout, import_fields
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.meshes.eclipse import read_eclipse
from nwidth.plotting import save
from nwidth.solvers import Poisson, generate
from nwidth.solvers.matrix_file import read_matrix, read_vector

GRID = Grid.uniform((4, 5))


@pytest.mark.parametrize("wrong", [3, None, b"a.h5", ["a.h5"], "a\0.h5"])
@pytest.mark.parametrize(
    "call",
    [
        FieldDataset.open,
        lambda path: FieldDataset.create(path, GRID, {"u": "1"}),
        detect_layout,
        lambda path: import_fields(path, "b.h5"),
        read_eclipse,
        read_matrix,
        read_vector,
        lambda path: save(Figure(), path),
        lambda path: generate(Poisson(GRID, source=GaussianRandomField(GRID, 2.0, 3.0)), path, 2),
    ],
)
def test_what_is_no_path_is_refused(call, wrong):
    with pytest.raises(InputError, match="expected a path, text or a pathlib"):
        call(wrong)
