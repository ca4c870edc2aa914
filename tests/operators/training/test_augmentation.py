import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.fields import FieldDataset  # noqa: E402
from nwidth.meshes import Axis, GaussianRandomField, Grid, LogNormalField  # noqa: E402
from nwidth.operators import FNO, Augmentation, NeuralOperator, TrainingOptions  # noqa: E402
from nwidth.operators.training.augmentation import transformed  # noqa: E402
from nwidth.solvers import (  # noqa: E402
    Boundary,
    ConvectionDiffusion,
    CubicPoisson,
    Darcy,
    Dirichlet,
    generate,
)


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
        Grid((Axis.uniform(9, periodic=True), Axis.uniform(9, name="y"))),
    ):
        with pytest.raises(InputError, match="equal axes"):
            Augmentation(symmetries=True).check(grid)
    Augmentation(coarse=0.5, symmetries=True).check(Grid.uniform((9, 9), 1.0, 2.0))
    Augmentation(symmetries=True).check(Grid.periodic((9, 9)))


def test_the_problem_of_the_data_declares_its_symmetries():
    grid, yes = Grid.uniform((9, 9)), Augmentation(symmetries=True)
    x, _ = grid.coordinates()
    tilted = Darcy(grid, source=np.broadcast_to(x, grid.shape))
    yes.check(grid, Darcy(grid).describe())
    yes.check(grid, CubicPoisson(grid).describe())
    yes.check(grid, {"equation": "somebody else's"})
    Augmentation(coarse=0.5).check(grid, tilted.describe())
    with pytest.raises(InputError, match="all sides for symmetries, got the source"):
        yes.check(grid, tilted.describe())
    with pytest.raises(InputError, match="ConvectionDiffusion, which does not declare"):
        yes.check(grid, ConvectionDiffusion(grid, [1.0, 0.0]).describe())


@pytest.mark.parametrize(
    "damage",
    [
        {"unit": None},
        {"source": "x"},
        {"source": {}},
        {"source": 10**400},
        {"grid": 3},
        {"boundary": None},
        {"surplus": 1},
        {"grid": {"axes": [{"size": 10**30}] * 2}},
    ],
)
def test_descriptions_that_cannot_be_read_are_refused(damage):
    grid = Grid.uniform((9, 9))
    description = {**Darcy(grid).describe(), **damage}
    with pytest.raises(InputError, match="describe their darcy problem"):
        Augmentation(symmetries=True).check(grid, description)


def test_data_of_a_problem_with_a_direction_are_refused(tmp_path):
    grid = Grid.uniform((9, 9))
    a = GaussianRandomField(grid, alpha=2.0, tau=3.0, boundary="neumann")
    problem = Darcy(grid, Boundary({"x_lower": Dirichlet(1.0)}), permeability=LogNormalField(a))
    generate(problem, tmp_path / "data.h5", samples=4)
    model = NeuralOperator(FNO(1, 1, (2, 2), width=4), inputs="permeability", output="pressure")
    with FieldDataset.open(tmp_path / "data.h5") as data:
        options = TrainingOptions(epochs=1, validation=0.0)
        with pytest.raises(InputError, match="unlike that at x_lower; train without"):
            model.fit(data, options, augmentation=Augmentation(symmetries=True))
        model.fit(data, options)


@pytest.mark.parametrize(
    "settings",
    [{"coarse": 1.5}, {"coarse": float("nan")}, {"factor": 0}, {"factor": 2.0}, {"symmetries": 1}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=r"augmentation: .*expected"):
        Augmentation(**settings)
