import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators.multigrid.carried_grid import carried, own_axes  # noqa: E402


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fields_are_interpolated_as_those_of_a_grid(dtype):
    source = (Axis.chebyshev(9, 0.0, 2.0), Axis.uniform(7, periodic=True, name="y"))
    target = (Axis.uniform(6, 0.0, 2.0), Axis.uniform(10, periodic=True, name="y"))
    v = np.random.default_rng(0).normal(size=(2, 3, 9, 7))
    known = Grid(source).interpolate(v, Grid(target))
    ours = carried(torch.tensor(v, dtype=dtype), source, target)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, known, atol=1e-5 if dtype == torch.float32 else 1e-13)
    assert carried(ours, target, target) is ours


def test_gradients_are_those_of_the_transposed_interpolation():
    source, target = (Axis.uniform(5),), (Axis.uniform(4),)
    v = torch.randn(1, 2, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: carried(x, source, target), (v,))


@pytest.mark.parametrize(
    ("given", "own", "found"),
    [
        ((85, 85), (85, 85), (85, 85)),
        ((169, 43), (169, 43), (169, 43)),
        ((169, 169), (85, 85), (169, 169)),
        ((22, 22), (85, 85), (22, 22)),
        ((43, 85), (85, 85), (85, 85)),  # halved differently
        ((64, 64), (85, 85), (85, 85)),
        ((31, 31), (85, 85), (43, 43)),
        ((25, 25), (85, 85), (22, 22)),
        ((421, 421), (85, 85), (85, 85)),
    ],
    ids=str,
)
def test_grids_of_ones_own_are_those_doubled_and_halved(given, own, found):
    axes = tuple(Axis.uniform(n, name=name) for n, name in zip(given, "xy", strict=True))
    assert tuple(axis.size for axis in own_axes(axes, own)) == found


def test_other_axes_count_all_points_and_keep_their_kind():
    for kind in ({"periodic": True}, {"centering": "cell"}):
        assert own_axes((Axis.uniform(32, **kind),), (64,))[0].size == 32
        (axis,) = own_axes((Axis.uniform(48, 0.0, 2.0, unit="m", **kind),), (64,))
        assert axis == Axis.uniform(64, 0.0, 2.0, unit="m", **kind)
    assert own_axes((Axis.chebyshev(9, 0.0, 1.0),), (9,)) == (Axis.uniform(9),)


def test_absurd_own_grids_are_refused_or_cost_nothing():
    axes = (Axis.uniform(85), Axis.uniform(85, name="y"))
    assert [axis.size for axis in own_axes(axes, (10**9, 10**9))] == [61, 61]
    assert [axis.size for axis in own_axes(axes, (3, 85))] == [3, 85]
    for points in ((10**9, 3), (2**48, 3)):
        with pytest.raises(InputError, match="in proportion to the axes, of which x has 85 points"):
            own_axes(axes, points)
    with pytest.raises(
        InputError, match=r"points: expected at most 2\*\*48 per axis, got \(85, 10"
    ):
        own_axes(axes, (85, 10**400))
