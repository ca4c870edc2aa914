"""A network as a surrogate on point clouds: named fields in, a named field out, one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nwidth.arguments import require_flag, require_instance
from nwidth.arrays import as_floating, to_numpy
from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes.point_cloud import PointCloud
from nwidth.operators.graphs.cloud_samples import CloudSample, box_of, require_samples
from nwidth.operators.graphs.cloud_task import CloudTask, encoded, relative_error
from nwidth.operators.network_surrogate import NetworkSurrogate, require_inputs, split
from nwidth.operators.node_network import NodeNetwork
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.training.normalizer import Normalizer
from nwidth.operators.training.training_options import Progress, TrainingOptions


class PointCloudOperator(NetworkSurrogate):
    """A network on points with the names, normalizers and box that make it a surrogate.

        u = decode(network(encode(a_1), encode(a_2), ...; cloud))

    The counterpart of `NeuralOperator` for data on clouds, a different one for every sample if need
    be: domains with holes, measurements at random places, nodes of a triangulation. `network` is a
    `GNO`, `MGNO` or `LNO`. All clouds lie in one box, which the model keeps.

    >>> from nwidth.operators import GNO
    >>> rng = np.random.default_rng(0)
    >>> clouds = [PointCloud(rng.random((n, 2))) for n in (20, 30, 25)]
    >>> samples = [CloudSample(c, {"a": c.points[:, 0], "u": c.points.sum(1)}) for c in clouds]
    >>> network = GNO(radius=0.5, width=8, layers=1, functions=4)
    >>> model = PointCloudOperator(network, inputs="a", output="u")
    >>> model = model.fit(samples, TrainingOptions(epochs=2, validation=0.0))
    >>> other = PointCloud(rng.random((50, 2)))
    >>> model.predict(other, {"a": other.points[:, 0]}).shape
    (50,)
    """

    kind: ClassVar[str] = "point-cloud-operator"
    title: ClassVar[str] = "point cloud operator"
    kept: ClassVar[tuple[str, ...]] = ("history", "metrics")  # clouds come without a provenance

    def __init__(self, network: NodeNetwork, *, inputs: str | Sequence[str], output: str):
        super().__init__(network)
        if not isinstance(network, NodeNetwork):
            raise InputError(
                "point cloud operator: expected a network on points, GNO, MGNO or LNO, got "
                f"{type(network).__name__}; on grids use NeuralOperator"
            )
        names = (inputs,) if isinstance(inputs, str) else inputs
        names = tuple(names) if isinstance(names, Sequence) else ()
        if not all(isinstance(name, str) for name in (*names, output)) or not names:
            raise InputError(
                f"point cloud operator: expected names of fields, got {inputs!r} and {output!r}"
            )
        if len({*names, output}) != len(names) + 1:
            raise InputError(
                f"point cloud operator: expected different names, got {names} and {output!r}"
            )
        self.inputs, self.output = names, output
        self.box: dict[str, Any] = {}
        self.channels: dict[str, int] = {}

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of inputs and output."""
        return (*self.inputs, self.output)

    def fit(
        self,
        samples: Sequence[CloudSample],
        options: TrainingOptions | None = None,
        *,
        validation: Sequence[CloudSample] | None = None,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Train on samples, each with a cloud, and return the model itself.

        Statistics of the normalizers come from the training samples alone. Without `validation`
        samples the share `options.validation` is held out; with `checkpoint`, an interrupted
        training continues from that file. The loss is "l2": there are no differences on a cloud.

        With `resume` a model goes on with its training (after `load`, if it was saved with
        optimizer=True), to `options.epochs` in all, the former ones too.
        """
        options = TrainingOptions() if options is None else options
        require_instance(options, "options", TrainingOptions)
        if options.loss != "l2":
            raise InputError(
                f"point cloud operator: expected the loss 'l2', got {options.loss!r:.60}; others "
                "take derivatives, for which a cloud has no rule"
            )
        samples = require_samples(samples, "training samples")
        channels = self._checked_channels(samples)
        box = box_of(samples[0].cloud)
        if require_flag(resume, "resume"):
            self._require_resumable()
            self._require_box(samples[0].cloud, self.box)
        for sample in samples:
            self.model.check(sample.cloud)
        numbers = split(len(samples), options, validation is not None)
        kept, checking = ([samples[k] for k in part] for part in numbers)
        if validation is not None:
            checking = require_samples(validation, "validation samples")
            self._require_box(checking[0].cloud, box)
            self._checked_channels(checking)
        normalizers = self.normalizers
        if not resume:
            normalizers = self._normalizers_of(
                self.field_names,
                (self.output,),
                lambda name, centred: Normalizer.of(
                    (sample.channels(name) for sample in kept), centred=centred
                ),
            )
        like = next(self.model.parameters())
        tasks = [
            CloudTask(some, self.inputs, self.output, normalizers, like) if some else None
            for some in (kept, checking)
        ]
        assert tasks[0] is not None
        self._train(
            options,
            tasks[0],
            tasks[1],
            len(kept),
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
        )
        self.box, self.normalizers, self.channels = box, normalizers, channels
        return self

    @torch.no_grad()
    def predict(self, cloud: PointCloud, inputs: Mapping[str, Any]) -> NDArray[np.floating]:
        """Return the output on a cloud of the model's box for inputs on the same cloud.

        Shapes (n,), or (n, components) for vectors: one sample. Raises `InputError` for other
        names, lengths or boxes, and, naming the radius that would work, for clouds so sparse that
        a point has no neighbours.
        """
        self._require_fitted()
        require_instance(cloud, "cloud", PointCloud)
        self._require_box(cloud, self.box)
        require_instance(inputs, "inputs", Mapping)
        require_inputs(inputs, self.inputs)
        fields = {name: as_floating(to_numpy(a), name) for name, a in inputs.items()}
        sample = CloudSample(cloud, fields)
        for name in self.inputs:
            if len(sample.channels(name)) != self.channels[name]:
                raise InputError(
                    f"{name}: expected {self.channels[name]} components, got "
                    f"{len(sample.channels(name))}"
                )
        like = next(self.model.parameters())
        v = encoded(sample, self.inputs, self.normalizers)[None]
        self.model.eval()
        u = self.model(torch.tensor(v, dtype=like.dtype, device=like.device), cloud)
        decoded = self.normalizers[self.output].decode(to_numpy(u)[0])
        if not np.isfinite(decoded).all():
            raise NonFiniteError(
                f"prediction of {self.output}: expected finite numbers; bring "
                f"{', '.join(self.inputs)} nearer to the training data"
            )
        return decoded[0] if len(decoded) == 1 else decoded.T

    def evaluate(self, samples: Sequence[CloudSample]) -> dict[str, float]:
        """Return mean, median and largest relative L2 error over samples."""
        self._require_fitted()
        samples = require_samples(samples, "samples")
        self._checked_channels(samples)
        errors = []
        for sample in samples:
            known = sample.channels(self.output)
            u = self.predict(sample.cloud, {name: sample.fields[name] for name in self.inputs})
            p, q = (
                torch.tensor(np.atleast_2d(a)[None], dtype=torch.float64)
                / self.normalizers[self.output].scale
                for a in (u.T, known)
            )
            errors.append(float(relative_error(p, q, sample.cloud)))
        return {
            "relative_l2_mean": float(np.mean(errors)),
            "relative_l2_median": float(np.median(errors)),
            "relative_l2_max": float(np.max(errors)),
        }

    def _own_parts(self) -> tuple[dict[str, NDArray], dict[str, Any]]:
        return {}, {
            "inputs": list(self.inputs),
            "output": self.output,
            "channels": self.channels,
            "box": self.box,
        }

    @classmethod
    def _named(
        cls, network: OperatorNetwork, description: Mapping[str, Any], arrays: Mapping[str, NDArray]
    ) -> Self:
        return cls(network, inputs=description["inputs"], output=description["output"])  # type: ignore[arg-type]

    def _restore(self, description: Mapping[str, Any]) -> None:
        self.channels = {name: int(description["channels"][name]) for name in self.field_names}
        self.box = {key: description["box"][key] for key in ("lower", "upper", "periodic")}

    def __repr__(self) -> str:
        return (
            f"PointCloudOperator({', '.join(self.inputs)} -> {self.output}, {self._network_told}, "
            f"{'fitted' if self.box else 'not fitted'})"
        )

    def _require_box(self, cloud: PointCloud, box: dict[str, Any]) -> None:
        if box_of(cloud) != box:
            raise InputError(
                f"expected a cloud in the box the model was trained on, {box}, got {cloud}; give "
                "lower=, upper= and periodic= of that box"
            )

    def _checked_channels(self, samples: Sequence[CloudSample]) -> dict[str, int]:
        """Return the components of each field, if all samples have as many, and the network's."""
        channels: dict[str, int] = {}
        for k, sample in enumerate(samples):
            for name in self.field_names:
                count = len(sample.channels(name))
                if channels.setdefault(name, count) != count:
                    raise InputError(
                        f"{name}: expected {channels[name]} components, as in the first sample, "
                        f"got {count} in sample {k}"
                    )
        incoming = sum(channels[name] for name in self.inputs)
        if (incoming, channels[self.output]) != (self.model.in_channels, self.model.out_channels):
            raise InputError(
                f"expected {self.model.in_channels} input and {self.model.out_channels} output "
                f"channels, the network's, got {incoming} and {channels[self.output]}; build the "
                "network with these numbers"
            )
        return channels
