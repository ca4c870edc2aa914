import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.stepping import DiagonalPart, FunctionSystem


def test_both_parts_together():
    system = FunctionSystem(lambda t, v: t * v**2, DiagonalPart([-1.0, 3.0]))
    v, out, work = np.array([2.0, 1.0]), np.empty(2), np.empty(2)
    system.full(0.5, v, out, work)
    assert out.tolist() == [0.0, 3.5]
    FunctionSystem(lambda t, v: v + t).full(1.0, v, out, work)
    assert out.tolist() == [3.0, 2.0]
    assert system.rate(0.0, v) is None


def test_what_is_no_system_is_refused():
    with pytest.raises(InputError, match="function: expected"):
        FunctionSystem("rate")
    with pytest.raises(InputError, match="linear: expected a LinearPart"):
        FunctionSystem(lambda t, v: v, np.eye(2))
