"""Learning fields on point clouds from fields on the same clouds."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.meshes.point_cloud import PointCloud
from nwidth.operators.graphs.cloud_samples import CloudSample
from nwidth.operators.training.learning_task import LearningTask, Positions, TrainingMoment
from nwidth.operators.training.losses import raised
from nwidth.operators.training.normalizer import Normalizer


class CloudTask(LearningTask):
    """Samples of inputs a and an output u, each on a cloud of its own: network(a) shall be u.

    The loss is the relative L2 error of the physical field, by the weights of the cloud. Samples of
    a batch that share a cloud pass through the network together, the others one by one.
    """

    def __init__(
        self,
        samples: Sequence[CloudSample],
        inputs: Sequence[str],
        output: str,
        normalizers: Mapping[str, Normalizer],
        like: Tensor,
    ):
        self.samples, self.inputs, self.output = list(samples), tuple(inputs), output
        self.normalizers = normalizers
        scaling = normalizers[output]
        self.shift, self.level = scaling.shift, scaling.level
        self.pairs = [
            (
                _tensor(encoded(sample, self.inputs, normalizers), like),
                _tensor(scaling.target(sample.channels(output)), like),
            )
            for sample in self.samples
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def losses(self, model: nn.Module, positions: Positions, when: TrainingMoment) -> Tensor:
        """Return the relative L2 error of each sample."""
        return self.errors(model, positions)

    def errors(self, model: nn.Module, positions: Positions) -> Tensor:
        """Return the relative L2 error of each sample."""
        groups: dict[int, list[int]] = {}
        for place, k in enumerate(positions):
            groups.setdefault(id(self.samples[k].cloud), []).append(place)
        found: list[Any] = [None] * len(positions)
        for places in groups.values():
            v, u = (
                torch.stack(column)
                for column in zip(*(self.pairs[positions[p]] for p in places), strict=True)
            )
            cloud = self.samples[positions[places[0]]].cloud
            each = relative_error(model(v, cloud) + self.shift, u, cloud, self.level)
            for place, error in zip(places, each, strict=True):
                found[place] = error
        return torch.stack(found)

    def describe(self) -> dict[str, Any]:
        """Return names, normalizers, and a digest of all points, weights and numbers."""
        digest = hashlib.sha256()
        for sample in self.samples:
            cloud = sample.cloud
            parts = [cloud.points, cloud.weights, cloud.lower, cloud.upper]
            parts += [sample.channels(name) for name in (*self.inputs, self.output)]
            for part in map(np.ascontiguousarray, parts):
                digest.update(f"{part.dtype.str} {part.shape} ".encode())
                digest.update(part.reshape(-1).view(np.uint8).data)
        return {
            "inputs": list(self.inputs),
            "output": self.output,
            "samples": len(self.samples),
            "normalizers": {n: [z.mean, z.scale] for n, z in self.normalizers.items()},
            "digest": digest.hexdigest(),
        }


def relative_error(
    prediction: Tensor, reference: Tensor, cloud: PointCloud, level: float = 0.0
) -> Tensor:
    """Return ||p - u|| / ||u + level|| over the domain of a cloud, one number per sample.

    Shapes (batch, channels, n) -> (batch,). Where the field u + level vanishes, the norm of p - u
    itself; `level` as in `relative_l2`.
    """
    roots = _tensor(np.sqrt(cloud.shares), prediction)
    size = torch.linalg.vector_norm((raised(reference, level) * roots).flatten(1), dim=1)
    error = torch.linalg.vector_norm(((prediction - reference) * roots).flatten(1), dim=1)
    return error / torch.where(size > 0, size, 1.0)


def encoded(
    sample: CloudSample, inputs: Sequence[str], normalizers: Mapping[str, Normalizer]
) -> np.ndarray:
    """Return the normalized inputs as channels, (in, n)."""
    return np.concatenate([normalizers[name].encode(sample.channels(name)) for name in inputs])


def _tensor(array: Any, like: Tensor) -> Tensor:
    return torch.tensor(np.ascontiguousarray(array), dtype=like.dtype, device=like.device)
