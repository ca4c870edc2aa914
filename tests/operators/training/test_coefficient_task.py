import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import numpy as np  # noqa: E402

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import T1, CoefficientTask, FieldTask, Normalizer, TrainingMoment  # noqa: E402
from nwidth.operators.training.training_data import TrainingData  # noqa: E402

NORMALIZERS = {"permeability": Normalizer(2.0, 0.5), "pressure": Normalizer(1.0, 4.0)}
NOW = TrainingMoment(0, 1, 0, 1, 0)


LIKE = torch.zeros(1).double()


def data_of(dataset, normalizers=NORMALIZERS, like=LIKE):
    arguments = (("permeability",), "pressure", np.arange(len(dataset)), normalizers)
    return TrainingData(dataset, *arguments, like)


@pytest.mark.parametrize(
    ("grid", "bases"),
    [
        (Grid.uniform((9, 8), 1.0, 3.0), "cosine"),
        (Grid.uniform((9, 8), centering="cell"), "cosine"),
        (Grid.periodic((9, 8)), "fourier"),
    ],
)
def test_equals_the_relative_error_on_the_grid(tiny_data, grid, bases):
    """Parseval: with what the modes leave out, the error in coefficients is that of the fields."""
    data = data_of(tiny_data(grid))
    model = T1(1, 1, (3, 3), bases=bases, width=4, layers=2).double()
    torch.nn.init.normal_(model.head)
    positions = np.array([3, 0, 5])
    task, plain = CoefficientTask(data, model), FieldTask(data)
    wanted = plain.errors(model, positions)
    torch.testing.assert_close(task.errors(model, positions), wanted, rtol=1e-10, atol=0)
    losses = task.losses(model, positions, NOW)
    assert (losses < wanted).all()

    def best(v, axes):
        target = model.analysis(data.batch(positions)[1] - data.shift, axes, model.output_bases)
        return model.synthesis(target, axes)

    rest = plain.errors(best, positions)
    torch.testing.assert_close(torch.hypot(losses, rest), wanted, rtol=1e-10, atol=0)
    assert (
        abs(
            task.truncation_error
            - plain.errors(
                lambda v, axes: model.synthesis(
                    model.analysis(data.batch(np.arange(12))[1] - data.shift, axes), axes
                ),
                np.arange(12),
            ).mean()
        )
        < 1e-10
    )


def test_gradients_are_those_of_the_fields(tiny_data):
    data = data_of(tiny_data(Grid.periodic((8, 8))))
    model = T1(1, 1, (4, 4), bases="fourier", width=4, layers=2).double()
    torch.nn.init.normal_(model.head)
    everything = np.arange(6)

    def gradient(task):
        # Squares, of which the part left out is a constant.
        model.zero_grad()
        (task.losses(model, everything, NOW) ** 2).sum().backward()
        return torch.cat([p.grad.flatten() for p in model.parameters()])

    ours, wanted = gradient(CoefficientTask(data, model)), gradient(FieldTask(data))
    assert torch.allclose(ours, wanted, rtol=1e-9, atol=1e-9 * wanted.abs().max())


def test_what_a_resumed_training_must_agree_with_is_described(tiny_data):
    data = data_of(tiny_data())
    one, other = (CoefficientTask(data, T1(modes=(m, 3)).double()) for m in (2, 3))
    assert one.describe() != other.describe() and one.describe()["loss"] == "coefficients"
    assert len(one) == 12


def test_functions_that_are_not_orthonormal_are_refused(tiny_data):
    data = data_of(tiny_data())
    with pytest.raises(InputError, match="9 cosine modes are orthonormal"):
        CoefficientTask(data, T1(modes=(3, 9)).double())


def test_a_large_mean_costs_no_digits(tiny_data):
    """Pressures of 101325 Pa +- 0.01: targets and errors are those of the fields in double."""
    dataset = tiny_data(Grid.periodic((9, 8)))
    fields = {name: dataset[name][:] for name in ("permeability", "pressure")}
    fields["pressure"] = 101325.0 + 0.01 * fields["pressure"]
    ours, model = (
        tiny_data(Grid.periodic((9, 8)), fields=fields),
        T1(1, 1, (3, 3), bases="fourier", width=4),
    )
    normalizers = {"permeability": Normalizer(2.0, 0.5), "pressure": Normalizer(101325.0, 0.01)}
    like = torch.zeros(1)
    data = data_of(ours, normalizers, like)
    task = CoefficientTask(data, model)
    exact = FieldTask(data_of(ours, normalizers, like.double()))
    wanted = exact.errors(lambda v, axes: model(v.float(), axes).double(), np.arange(12)).detach()
    found = task.errors(model, np.arange(12)).detach().double()
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=0)
