import numpy as np

from nwidth.rom import EmpiricalInterpolation
from nwidth.rom.basis_interpolation import BasisInterpolation
from nwidth.rom.point_interpolation import PointInterpolation


def test_what_is_one_and_what_is_not():
    model = BasisInterpolation(np.eye(2, 3), [0, 1])
    assert isinstance(model, PointInterpolation)
    assert not isinstance(np.zeros(3), PointInterpolation)
    for name in ("coefficients", "interpolate", "lebesgue_constant", "save", "load"):
        assert callable(getattr(EmpiricalInterpolation, name))
