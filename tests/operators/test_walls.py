import numpy as np
import pytest

pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError
from nwidth.operators import FFNO, FNO, GNO, LNO, TFNO
from nwidth.operators.walls import require_walls, wall_factor


@pytest.mark.parametrize(
    ("given", "walls"),
    [
        (True, (True, True)),
        (np.False_, (False, False)),
        ([False, True], (False, True)),
        (np.array([True, False]), (True, False)),
    ],
    ids=str,
)
def test_one_answer_or_one_per_axis(given, walls):
    assert require_walls(given, "X", 2) == walls


@pytest.mark.parametrize("given", [1, None, "x", (True,), (True, 1), (True, False, True)], ids=str)
def test_others_are_refused_by_name(given):
    for build in (FNO, TFNO, FFNO, GNO, LNO):
        with pytest.raises(InputError, match=f"{build.__name__}: dirichlet: expected 2 entries"):
            build(dirichlet=given)


def test_the_factor_is_a_parabola_along_each_axis_with_walls():
    x, y, z = np.random.default_rng(0).random((3, 20))
    np.testing.assert_allclose(
        wall_factor((x, y, z), (True, False, True)), 16 * x * (1 - x) * z * (1 - z), rtol=1e-14
    )
    ends = np.array([0.0, 1.0])
    assert not wall_factor((ends, ends), (True, False)).any()
    assert (wall_factor((ends, ends), (False, False)) == 1).all()
    grid = wall_factor(np.meshgrid(x, y, indexing="ij", sparse=True), (True, True))
    assert grid.shape == (20, 20) and grid[3, 5] == pytest.approx(
        16 * x[3] * (1 - x[3]) * y[5] * (1 - y[5])
    )
