import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import Augmentation  # noqa: E402
from nwidth.operators.training.augmentation import transformed  # noqa: E402


@pytest.mark.parametrize(("d", "count"), [(1, 2), (2, 8), (3, 48)])
def test_there_are_all_symmetries_of_the_cube_and_no_more(d, count):
    v = torch.arange(3.0**d).view(1, 1, *(3,) * d)
    seen = {tuple(transformed(v, draw).flatten().tolist()) for draw in range(48)}
    assert len(seen) == count
    assert all(sorted(image) == v.flatten().tolist() for image in seen)


def test_channels_move_together_and_stay_contiguous():
    v = torch.rand(2, 1, 4, 4)
    w = transformed(torch.cat([v, 2 * v], 1), 5)
    assert torch.equal(w[:, 1], 2 * w[:, 0])
    assert w.is_contiguous()


def test_coarse_epochs_come_first():
    augmentation = Augmentation(coarse=0.75, factor=3)
    assert [augmentation.factor_of(k, 8) for k in range(8)] == [3] * 6 + [1] * 2
    assert Augmentation().factor_of(0, 8) == 1


def test_grids_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="divides"):
        Augmentation(coarse=0.5).check(Grid.uniform((10, 10)))
    for grid in (
        Grid.uniform((9, 8)),
        Grid.uniform((9, 9), upper=(1.0, 2.0)),
        Grid.periodic((9, 9)),
    ):
        with pytest.raises(InputError, match="equal axes"):
            Augmentation(symmetries=True).check(grid)
    Augmentation(coarse=0.5, symmetries=True).check(Grid.uniform((9, 9), 1.0, 2.0))


@pytest.mark.parametrize(
    "settings",
    [{"coarse": 1.5}, {"coarse": float("nan")}, {"factor": 0}, {"factor": 2.0}, {"symmetries": 1}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=r"augmentation: .*expected"):
        Augmentation(**settings)
