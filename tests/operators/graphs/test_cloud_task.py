import numpy as np
import pytest
import torch

from nwidth.meshes import PointCloud
from nwidth.operators import LNO, CloudSample
from nwidth.operators.graphs.cloud_task import CloudTask, relative_error
from nwidth.operators.training.learning_task import TrainingMoment
from nwidth.operators.training.normalizer import Normalizer

WHEN = TrainingMoment(0, 1, 0, 1, 0)


def task_of(samples):
    normalizers = {"a": Normalizer(0.5, 2.0), "u": Normalizer(1.0, 4.0)}
    return CloudTask(samples, ["a"], "u", normalizers, torch.empty(0, dtype=torch.float64))


def samples():
    rng = np.random.default_rng(0)
    clouds = [PointCloud(rng.random((n, 2)), rng.random(n) + 0.5) for n in (6, 4)]
    return [
        CloudSample(c, {"a": rng.random(len(c)), "u": rng.random(len(c))})
        for c in (clouds[0], clouds[1], clouds[0])
    ]


def test_losses_are_relative_errors_of_the_physical_field():
    ours = samples()
    model = LNO(width=4, layers=1, functions=4).double()
    losses = task_of(ours).losses(model, np.array([2, 1, 0]), WHEN)
    for loss, sample in zip(losses, [ours[2], ours[1], ours[0]], strict=True):
        v = torch.tensor((sample.fields["a"] - 0.5) / 2)[None, None]
        p = 1 + 4 * model(v, sample.cloud)[0, 0].detach().numpy()
        u, w = sample.fields["u"], sample.cloud.weights
        exact = np.sqrt((w * (p - u) ** 2).sum() / (w * u**2).sum())
        assert float(loss.detach()) == pytest.approx(exact)
    losses.mean().backward()
    assert model.lift.weight.grad.abs().max() > 0


def test_a_large_mean_costs_no_digits():
    """Pressures of 101325 Pa +- 0.01: the error of a hundredth of the waves is theirs."""
    rng, cloud = np.random.default_rng(0), PointCloud(np.random.default_rng(1).random((6, 2)))
    waves = rng.standard_normal(6)
    sample = CloudSample(cloud, {"a": rng.random(6), "u": 101325 + 0.01 * waves})
    normalizers = {"a": Normalizer(0.5, 2.0), "u": Normalizer(101325.0, 0.01)}
    task = CloudTask([sample], ["a"], "u", normalizers, torch.empty(0))

    def error_of(waves):
        given = torch.tensor(waves).float()[None, None]
        return float(task.errors(lambda v, cloud: given, np.arange(1)))

    w = cloud.weights
    exact = 1e-4 * np.sqrt((w * waves**2).sum() / (w * sample.fields["u"] ** 2).sum())
    assert error_of(waves) < 1e-3 * exact
    assert error_of(1.01 * waves) == pytest.approx(exact, rel=1e-3)


def test_samples_of_one_cloud_go_together():
    model = LNO(width=4, layers=1, functions=4).double()
    seen = []
    model.register_forward_hook(lambda m, given, out: seen.append(tuple(given[0].shape)))
    task_of(samples()).errors(model, np.arange(3))
    assert seen == [(2, 1, 6), (1, 1, 4)]


def test_the_error_of_a_vanishing_reference_is_finite():
    cloud = PointCloud([[0.1], [0.2]])
    p, zero = torch.ones(1, 1, 2), torch.zeros(1, 1, 2)
    assert relative_error(p, zero, cloud).item() == pytest.approx(1.0)


def test_the_digest_knows_every_number():
    one = task_of(samples()).describe()
    assert one == task_of(samples()).describe() and one["samples"] == 3
    changed = samples()
    changed[1].fields["u"][0] += 1e-12
    assert task_of(changed).describe()["digest"] != one["digest"]
