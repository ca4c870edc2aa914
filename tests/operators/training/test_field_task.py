import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import numpy as np  # noqa: E402

from nwidth.errors import InputError  # noqa: E402
from nwidth.fields import Field  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import Augmentation, FieldTask, H1Loss, Normalizer, TrainingMoment  # noqa: E402
from nwidth.operators.training.training_data import TrainingData  # noqa: E402

NORMALIZERS = {"permeability": Normalizer(2.0, 0.5), "pressure": Normalizer(1.0, 4.0)}


def task_of(dataset, *arguments):
    samples = np.arange(len(dataset))
    data = TrainingData(
        dataset, ("permeability",), "pressure", samples, NORMALIZERS, torch.zeros(1).double()
    )
    return FieldTask(data, *arguments)


def zero(v, axes):
    return torch.zeros_like(v)


def test_losses_are_those_of_physical_fields(tiny_data):
    dataset = tiny_data()
    positions = np.array([3, 0])
    u = dataset["pressure"][:][positions]
    wanted = dataset.grid.norm(1.0 - u) / dataset.grid.norm(u)  # decode(0) = 1
    task = task_of(dataset)
    found = task.losses(zero, positions, TrainingMoment(0, 1, 0, 1, 0))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    np.testing.assert_allclose(task.errors(zero, positions), wanted, rtol=1e-12)


@pytest.mark.parametrize("loss", ["l2", "h1", "spectral"])
def test_a_large_mean_costs_no_digits(tiny_data, loss):
    """Pressures of 101325 Pa +- 0.01: perfect predictions have no error, others their own."""
    dataset = tiny_data()
    waves = 0.01 * dataset["pressure"][:] / np.abs(dataset["pressure"][:]).max()
    fields = {"permeability": dataset["permeability"][:], "pressure": 101325.0 + waves}
    mean, scale = 101325.0, 0.01
    normalizers = {"permeability": Normalizer(2.0, 0.5), "pressure": Normalizer(mean, scale)}
    arguments = (("permeability",), "pressure", np.arange(12), normalizers)
    task = FieldTask(TrainingData(tiny_data(fields=fields), *arguments, torch.zeros(1)), loss)
    positions, when = np.array([3, 0]), TrainingMoment(0, 1, 0, 1, 0)
    perfect = torch.tensor((fields["pressure"][positions] - mean) / scale).float()[:, None]

    def errors(of):
        return task.losses(lambda v, axes: of, positions, when)

    assert (errors(perfect) == 0).all()
    exact = task.loss(
        mean + 1.01 * scale * perfect.double(), mean + scale * perfect.double(), task.data.grid.axes
    )
    np.testing.assert_allclose(errors(1.01 * perfect), exact, rtol=1e-4)
    if loss == "l2":
        np.testing.assert_allclose(
            task.errors(lambda v, axes: 1.01 * perfect, positions), exact, rtol=1e-4
        )


def test_augmentation_follows_the_moment(tiny_data):
    task = task_of(tiny_data(), "l2", Augmentation(coarse=0.5, symmetries=True))
    seen = []

    def network(v, axes):
        seen.append(v)
        return torch.zeros_like(v)

    for epoch, step in ((0, 0), (1, 1), (1, 1), (1, 2), (1, 3)):
        task.losses(network, np.arange(2), TrainingMoment(epoch, 2, step, 4, 0))
    assert [v.shape[-1] for v in seen] == [5, 9, 9, 9, 9]
    assert torch.equal(seen[1], seen[2])
    assert not (torch.equal(seen[1], seen[3]) and torch.equal(seen[1], seen[4]))


def test_everything_that_matters_is_described(tiny_data):
    dataset = tiny_data()
    plain = task_of(dataset).describe()
    assert plain["digest"] and plain["loss"] == {"kind": "l2"}
    assert task_of(dataset, H1Loss(0.5)).describe()["loss"] == {"kind": "h1", "gradient": 0.5}
    assert task_of(dataset, "l2", Augmentation(coarse=0.5)).describe() != plain


def test_what_does_not_fit_is_refused(tiny_data):
    with pytest.raises(InputError, match=r"divides"):
        task_of(tiny_data(Grid.uniform((8, 8))), "l2", Augmentation(coarse=0.5))
    with pytest.raises(InputError, match=r"expected loss to be one of"):
        task_of(tiny_data(), "l3")
    with pytest.raises(InputError, match=r"augmentation: expected an Augmentation"):
        task_of(tiny_data(), "l2", True)


def test_components_of_vectors_are_not_turned(tiny_data):
    plain = tiny_data()
    fields = {name: plain[name][:] for name in plain.field_names}
    fields["pressure"] = np.stack([fields["pressure"]] * 2, axis=-1)
    data = tiny_data(fields=fields, units={"pressure": Field("1", (2,))})
    assert len(task_of(data, "l2")) == len(data)
    with pytest.raises(InputError, match="expected scalar fields for symmetries, got pressure"):
        task_of(data, "l2", Augmentation(symmetries=True))
