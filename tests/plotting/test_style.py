import subprocess
import sys

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.plotting.style import axis_label, positive


def test_pyplot_and_displays_are_not_touched():
    code = "import nwidth.plotting, sys; print('matplotlib.pyplot' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_labels_have_units_where_there_are_any():
    assert axis_label(Grid.uniform(3), 0) == "x"
    assert axis_label(Grid.uniform((3, 3), units=["m", "s"]), 1) == "y (s)"


def test_numbers_for_logarithmic_axes():
    assert (positive([0.0, 2.0], "a") > 0).all()
    for bad in ([], [1.0, np.inf]):
        with pytest.raises(InputError, match="a: expected finite numbers"):
            positive(bad, "a")
