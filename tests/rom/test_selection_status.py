import numpy as np
import pytest

from nwidth.errors import NotConvergedError
from nwidth.rom import SelectionStatus, eim


def test_names_are_those_of_files():
    names = [status.name for status in SelectionStatus]
    assert names == ["CONVERGED", "MAX_RANK", "EXHAUSTED", "MEMORY"]


def test_the_text_of_a_failure_is_its_remedy():
    model = eim(np.diag([3.0, 2.0, 1.0]), max_rank=1)
    assert model.status is SelectionStatus.MAX_RANK
    with pytest.raises(NotConvergedError, match="raise max_rank or loosen rtol"):
        model.checked()
