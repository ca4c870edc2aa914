import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import numpy as np  # noqa: E402

from nwidth.errors import InputError, NonFiniteError  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    LearningTask,
    Trainer,
    TrainingMoment,
    TrainingOptions,
)


class Zero(LearningTask):
    """The sum of squares of all weights: no data at all."""

    def __init__(self, samples=5):
        self.samples, self.moments, self.seen = samples, [], []

    def __len__(self):
        return self.samples

    def losses(self, model, positions, when):
        self.moments.append(when)
        self.seen.append(positions)
        return sum(p.square().sum() for p in model.parameters()) * torch.ones(len(positions))

    def errors(self, model, positions):
        return torch.full((len(positions),), float(sum(p.abs().sum() for p in model.parameters())))

    def describe(self):
        return {"samples": self.samples}


def network():
    return FNO(1, 1, (2,), width=3, layers=1, projection=4)


def test_a_task_without_data_is_trained_on():
    task, model = Zero(), network()
    options = TrainingOptions(epochs=3, batch_size=2, learning_rate=1e-2, seed=7)
    state = Trainer(model, options, task, Zero(3)).run()
    assert [m.step for m in task.moments] == [*range(9)]
    assert task.moments[4] == TrainingMoment(1, 3, 4, 9, 7)
    for epoch in range(3):
        order = np.concatenate(task.seen[3 * epoch : 3 * epoch + 3])
        assert sorted(order) == [0, 1, 2, 3, 4]
    errors = [line["validation_error"] for line in state.history]
    assert errors[2] < errors[1] < errors[0]


def test_losses_that_are_no_numbers_stop_it():
    task = Zero()
    task.losses = lambda model, positions, when: torch.full((len(positions),), torch.nan)
    with pytest.raises(NonFiniteError, match=r"epoch 1, step 1"):
        Trainer(network(), TrainingOptions(epochs=1), task).run()


def test_what_is_no_task_is_refused():
    with pytest.raises(InputError, match=r"task: expected a LearningTask"):
        Trainer(network(), TrainingOptions(), [1, 2])
    with pytest.raises(InputError, match=r"expected samples in validation, got none"):
        Trainer(network(), TrainingOptions(), Zero(), Zero(0))
