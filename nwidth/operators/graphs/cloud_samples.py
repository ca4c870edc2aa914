"""Fields on point clouds, a cloud of its own for every sample, and their file."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_instance
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import FileFormatError, InputError
from nwidth.meshes.point_cloud import PointCloud

_KIND = "cloud-samples"


@dataclass(frozen=True, eq=False)
class CloudSample:
    """One cloud with the named fields on it, each of shape (n,) or (n, components).

    Samples may have clouds of any shape and size; all fields of one name have as many components.
    Samples that share a cloud (the same object) are trained and evaluated together, which is
    faster. Raises `InputError` for fields of another length, `NonFiniteError` for NaN.

    >>> cloud = PointCloud([[0.1, 0.2], [0.5, 0.9], [0.7, 0.3]])
    >>> CloudSample(cloud, {"load": [1.0, 2.0, 3.0]}).fields["load"].shape
    (3,)
    """

    cloud: PointCloud
    fields: Mapping[str, Any]

    def __post_init__(self):
        require_instance(self.cloud, "cloud sample: cloud", PointCloud)
        require_instance(self.fields, "cloud sample: fields", Mapping)
        fields = {}
        for name, values in self.fields.items():
            require_instance(name, "cloud sample: name of a field", str)
            field = as_floating(to_numpy(values), name)
            if field.ndim not in (1, 2) or len(field) != len(self.cloud) or field.dtype.kind == "c":
                raise InputError(
                    f"cloud sample: expected {name} as real numbers of shape ({len(self.cloud)},) "
                    f"or ({len(self.cloud)}, components), got {field.dtype} {field.shape}"
                )
            fields[name] = require_finite(field, f"cloud sample: {name}")
        object.__setattr__(self, "fields", fields)

    def channels(self, name: str) -> NDArray[Any]:
        """Return a field as (components, n), or raise `InputError` for a name it has not."""
        if name not in self.fields:
            raise InputError(
                f"expected a field {name!r} on every cloud, got {', '.join(self.fields) or 'none'}"
            )
        field = self.fields[name]
        return field[None] if field.ndim == 1 else field.T


def require_samples(samples: Any, what: str) -> list[CloudSample]:
    """Return samples as a list, if there are any and all of their clouds are of one box."""
    listed = list(samples) if isinstance(samples, Sequence) else []
    if not listed or not all(isinstance(sample, CloudSample) for sample in listed):
        raise InputError(f"{what}: expected a list of CloudSample, got {samples!r:.80}")
    first = box_of(listed[0].cloud)
    for k, sample in enumerate(listed):
        if box_of(sample.cloud) != first:
            raise InputError(
                f"{what}: expected clouds of one box, got {listed[0].cloud} and, as sample {k}, "
                f"{sample.cloud}; give lower=, upper=, periodic= of all"
            )
    return listed


def box_of(cloud: PointCloud) -> dict[str, Any]:
    """Return the box of a cloud, JSON-able."""
    periodic = [bool(wraps) for wraps in cloud.periodic]
    return {
        "lower": cloud.lower.tolist(),
        "upper": cloud.upper.tolist(),
        "periodic": periodic,
    }


def save_cloud_samples(path: str | Path, samples: Sequence[CloudSample]) -> None:
    """Write samples to one HDF5 file: all points one after the other, and where each sample begins.

    Clouds that samples share are written once. The layout is plain: points (total, d), weights
    (total,), starts (clouds + 1,), cloud (samples,), fields/NAME (total of the samples,
    components) in the order of the samples. For data that fit into memory; there is no streaming.

    >>> import tempfile
    >>> sample = CloudSample(PointCloud([[0.5], [0.7]]), {"u": np.ones(2, "f4")})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_cloud_samples(f"{folder}/c.h5", [sample, sample])
    ...     again = load_cloud_samples(f"{folder}/c.h5")
    >>> len(again), again[0].cloud is again[1].cloud, again[1].fields["u"].dtype
    (2, True, dtype('float32'))
    """
    samples = require_samples(samples, "save cloud samples")
    clouds = list({id(s.cloud): s.cloud for s in samples}.values())
    number = {id(cloud): k for k, cloud in enumerate(clouds)}
    arrays: dict[str, Any] = {
        "points": np.concatenate([cloud.points for cloud in clouds]),
        "weights": np.concatenate([np.asarray(cloud.weights) for cloud in clouds]),
        "starts": np.cumsum([0, *(len(cloud) for cloud in clouds)]),
        "cloud": np.array([number[id(s.cloud)] for s in samples]),
    }
    names = list(samples[0].fields)
    for k, sample in enumerate(samples):
        if {*sample.fields} != {*names}:
            raise InputError(
                f"save cloud samples: expected the fields {', '.join(names)} in every sample, got "
                f"{', '.join(sample.fields)} in sample {k}"
            )
    plain = {name: samples[0].fields[name].ndim == 1 for name in names}
    for name in names:
        values = [s.channels(name).T for s in samples]
        if len({v.shape[1] for v in values}) > 1:
            raise InputError(f"save cloud samples: {name} has not always as many components")
        arrays[f"fields/{name}"] = np.concatenate(values)
    save_archive(path, _KIND, arrays, {"box": box_of(clouds[0]), "scalar": plain})


def load_cloud_samples(path: str | Path) -> list[CloudSample]:
    """Read back what `save_cloud_samples` wrote, or raise `FileFormatError`; executes nothing."""
    arrays, description = load_archive(path, _KIND)
    try:
        starts, box, scalar = arrays["starts"], description["box"], description["scalar"]
        pairs = list(itertools.pairwise(starts))
        clouds = [
            PointCloud(arrays["points"][a:b], arrays["weights"][a:b], **box) for a, b in pairs
        ]
        ends = np.cumsum([0, *(len(clouds[k]) for k in arrays["cloud"].tolist())])
        rows = {len(arrays[f"fields/{name}"]) for name in scalar}
        if min(arrays["cloud"]) < 0 or rows != {ends[-1]} or starts[-1] != len(arrays["points"]):
            raise IndexError(f"{ends[-1]} points of the samples, fields of {sorted(rows)}")
        samples = []
        for k, (begin, end) in zip(arrays["cloud"], itertools.pairwise(ends), strict=True):
            values = {name: arrays[f"fields/{name}"][begin:end] for name in scalar}
            fields = {name: v[:, 0] if scalar[name] else v for name, v in values.items()}
            samples.append(CloudSample(clouds[k], fields))
    except (KeyError, TypeError, ValueError, IndexError, InputError) as error:
        raise FileFormatError(
            f"{path}: expected samples on clouds, but its arrays do not fit together: {error}"
        ) from None
    return samples
