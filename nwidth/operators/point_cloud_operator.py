"""A network as a surrogate on point clouds: named fields in, a named field out, one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import as_floating, generator, to_numpy
from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes.point_cloud import PointCloud
from nwidth.operators.architectures import require_network
from nwidth.operators.cloud_samples import CloudSample, box_of, require_samples
from nwidth.operators.cloud_task import CloudTask, encoded, relative_error
from nwidth.operators.model_file import described, load_model, save_model
from nwidth.operators.node_network import NodeNetwork
from nwidth.operators.normalizer import Normalizer
from nwidth.operators.training import Trainer
from nwidth.operators.training_options import Progress, TrainingOptions

_KIND = "point-cloud-operator"
_SPLIT = 0


class PointCloudOperator:
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

    def __init__(self, network: NodeNetwork, *, inputs: str | Sequence[str], output: str):
        require_network(network, "point cloud operator")
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
        self.model = network
        self.inputs, self.output = names, output
        self.box: dict[str, Any] | None = None
        self.normalizers: dict[str, Normalizer] = {}
        self.channels: dict[str, int] = {}
        self.history: list[dict[str, Any]] = []
        self.metrics: dict[str, Any] = {}

    def fit(
        self,
        samples: Sequence[CloudSample],
        options: TrainingOptions | None = None,
        *,
        validation: Sequence[CloudSample] | None = None,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Train on samples, each with a cloud, and return the model itself.

        Statistics of the normalizers come from the training samples alone. Without `validation`
        samples the share `options.validation` is held out; with `checkpoint`, an interrupted
        training continues from that file. The loss is "l2": there are no differences on a cloud.
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
        for sample in samples:
            self.model.check(sample.cloud)
        order = generator(options.seed, _SPLIT).permutation(len(samples))
        held = 0 if validation is not None else options.held_out(len(samples))
        kept = [samples[k] for k in np.sort(order[held:])]
        checking = [samples[k] for k in np.sort(order[:held])]
        if validation is not None:
            checking = require_samples(validation, "validation samples")
            self._require_box(checking[0].cloud, box)
            self._checked_channels(checking)
        walls = any(self.model.dirichlet)
        normalizers = {
            name: Normalizer.of(
                (sample.channels(name) for sample in kept),
                centred=not (walls and name == self.output),
            )
            for name in (*self.inputs, self.output)
        }
        like = next(self.model.parameters())
        tasks = [
            CloudTask(some, self.inputs, self.output, normalizers, like) if some else None
            for some in (kept, checking)
        ]
        assert tasks[0] is not None
        path = None if checkpoint is None else Path(checkpoint)
        trainer = Trainer(
            self.model, options, tasks[0], tasks[1], progress=progress, checkpoint=path
        )
        state = trainer.run()
        self.box, self.normalizers, self.channels = box, normalizers, channels
        self.history = state.history
        self.metrics = {
            "training_samples": len(kept),
            "epochs": state.epoch,
            "options": options.describe(),
        }
        if checking:
            self.metrics |= {
                "validation_samples": len(checking),
                "validation_relative_l2": state.best_error,
                "best_epoch": state.best_epoch,
            }
        return self

    @torch.no_grad()
    def predict(self, cloud: PointCloud, inputs: Mapping[str, Any]) -> NDArray[np.floating]:
        """Return the output on a cloud of the model's box for inputs on the same cloud.

        Shapes (n,), or (n, components) for vectors: one sample. Raises `InputError` for other
        names, lengths or boxes, and, naming the radius that would work, for clouds so sparse that
        a point has no neighbours.
        """
        box = self._fitted_box()
        require_instance(cloud, "cloud", PointCloud)
        self._require_box(cloud, box)
        require_instance(inputs, "inputs", Mapping)
        if {*inputs} != {*self.inputs}:
            raise InputError(
                f"expected the inputs {', '.join(self.inputs)}, got "
                f"{', '.join(map(str, inputs)) or 'none'}; this model was trained on those"
            )
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
        self._fitted_box()
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

    def save(self, path: str | Path) -> None:
        """Write the model to one HDF5 file, whole or not at all."""
        description = {
            "inputs": list(self.inputs),
            "output": self.output,
            "channels": self.channels,
            "box": self._fitted_box(),
            "history": self.history,
            "metrics": self.metrics,
        }
        arrays = {
            f"normalizers/{name}": np.array([z.mean, z.scale])
            for name, z in self.normalizers.items()
        }
        save_model(path, _KIND, self.model, description, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model back; executes nothing. Raises `FileFormatError` for other files."""
        network, description, arrays = load_model(path, _KIND)
        with described(Path(path), _KIND):
            self = cls(network, inputs=description["inputs"], output=description["output"])  # type: ignore[arg-type]
            names = (*self.inputs, self.output)
            for name in names:
                self.normalizers[name] = Normalizer(*arrays[f"normalizers/{name}"].tolist())
            self.channels = {name: int(description["channels"][name]) for name in names}
            self.box = {key: description["box"][key] for key in ("lower", "upper", "periodic")}
            self.history, self.metrics = description["history"], description["metrics"]
        return self

    def __repr__(self) -> str:
        count = sum(p.numel() for p in self.model.parameters())
        return (
            f"PointCloudOperator({', '.join(self.inputs)} -> {self.output}, "
            f"{type(self.model).__name__} of {count} parameters, "
            f"{'fitted' if self.box else 'not fitted'})"
        )

    def _fitted_box(self) -> dict[str, Any]:
        if self.box is None:
            raise InputError("point cloud operator: expected a fitted model; call fit, or load one")
        return self.box

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
            for name in (*self.inputs, self.output):
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
