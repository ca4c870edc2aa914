import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.fractional import RieszRectangle, SineModes


@pytest.mark.parametrize("degree, most", [(2, 16), (4, 28), (6, 42)])
def test_iterations_do_not_grow_with_the_size(degree, most):
    counts = [
        RieszRectangle(n, degree, (1.3, 1.8), modes="sines").solve(1.0).checked().iterations
        for n in (48, 144)
    ]
    assert counts[1] <= counts[0] + 1
    assert max(counts) <= most


def test_solutions_are_those_of_exact_modes():
    u, v = (RieszRectangle((30, 41), 5, (1.5, 1.2), modes=kind).solve(1.0).checked().u
            for kind in ("sines", "exact"))  # fmt: skip
    assert np.allclose(u, v, rtol=0, atol=1e-9 * v.max())


def test_bad_input():
    with pytest.raises(InputError, match="number > 0"):
        SineModes([1.0, -1.0], np.eye(2))
    with pytest.raises(InputError, match="mass"):
        SineModes([1.0, 1.0], np.eye(3))
    modes = SineModes([1.0, 2.0], np.eye(2))
    for name in ("forward", "backward", "values"):
        with pytest.raises(InputError, match="2 entries along axis 0"):
            getattr(modes, name)(np.ones(3), 0)
        with pytest.raises(InputError, match="2 entries along axis 1"):
            getattr(modes, name)(np.ones(2), 1)
