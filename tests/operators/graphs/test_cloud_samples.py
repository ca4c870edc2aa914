import numpy as np
import pytest

from nwidth.archive import save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.meshes import PointCloud
from nwidth.operators import CloudSample, load_cloud_samples, save_cloud_samples
from nwidth.operators.graphs.cloud_samples import require_samples


def samples():
    rng = np.random.default_rng(0)
    found = []
    for n in (5, 9, 1):
        cloud = PointCloud(rng.random((n, 2)), rng.random(n) + 1, -1.0, [1, 2], (True, False))
        found.append(CloudSample(cloud, {"a": rng.random(n), "flow": rng.random((n, 2))}))
    return [*found, CloudSample(found[0].cloud, found[0].fields)]


def test_a_file_gives_back_every_bit(tmp_path):
    ours = samples()
    save_cloud_samples(tmp_path / "c.h5", ours)
    again = load_cloud_samples(tmp_path / "c.h5")
    assert len(again) == 4 and again[0].cloud is again[3].cloud
    for one, other in zip(ours, again, strict=True):
        for name in ("points", "weights", "lower", "upper"):
            assert np.array_equal(getattr(one.cloud, name), getattr(other.cloud, name))
        assert one.cloud.periodic == other.cloud.periodic
        for name, field in one.fields.items():
            assert np.array_equal(field, other.fields[name])


def test_foreign_files_and_arrays_that_do_not_fit_are_told(tmp_path):
    save_archive(tmp_path / "m.h5", "neural-operator", {"w": np.ones(2)}, {})
    with pytest.raises(FileFormatError, match="of kind 'cloud-samples', got 'neural-operator'"):
        load_cloud_samples(tmp_path / "m.h5")
    arrays = {"points": np.full((3, 1), 0.5), "weights": np.ones(3), "starts": np.array([0, 3])}
    arrays |= {"cloud": np.array([1]), "fields/u": np.ones((3, 1))}
    told = {"box": {"lower": [0], "upper": [1], "periodic": [False]}, "scalar": {"u": True}}
    save_archive(tmp_path / "c.h5", "cloud-samples", arrays, told)
    with pytest.raises(FileFormatError, match="arrays do not fit together"):
        load_cloud_samples(tmp_path / "c.h5")


@pytest.mark.parametrize(
    "changed",
    [
        {"cloud": np.array([0])},
        {"cloud": np.array([-1, -2])},
        {"cloud": np.zeros(0, int)},
        {"cloud": np.array([0.0, 1.0])},
        {"starts": np.array([0, 2])},
        {"starts": np.array([0, 3, 2])},
        {"fields/u": np.ones((6, 1))},
        {"fields/u": np.full((5, 1), np.nan)},
        {"points": np.full((5, 1), 2.0)},
        {"weights": np.zeros(5)},
    ],
    ids=str,
)
def test_files_with_samples_that_are_not_whole_are_told(tmp_path, changed):
    arrays = {"points": np.full((5, 1), 0.5), "weights": np.ones(5), "starts": np.array([0, 3, 5])}
    arrays |= {"cloud": np.array([0, 1]), "fields/u": np.ones((5, 1))}
    told = {"box": {"lower": [0], "upper": [1], "periodic": [False]}, "scalar": {"u": True}}
    save_archive(tmp_path / "c.h5", "cloud-samples", arrays, told)
    assert [len(s.cloud) for s in load_cloud_samples(tmp_path / "c.h5")] == [3, 2]
    save_archive(tmp_path / "c.h5", "cloud-samples", arrays | changed, told)
    with pytest.raises(FileFormatError, match="arrays do not fit together"):
        load_cloud_samples(tmp_path / "c.h5")


def test_what_is_no_sample_is_told(tmp_path):
    cloud = PointCloud([[0.5], [0.6]])
    with pytest.raises(InputError, match=r"shape \(2,\) or \(2, components\)"):
        CloudSample(cloud, {"a": np.ones(3)})
    with pytest.raises(InputError, match="name of a field: expected a str, got 1"):
        CloudSample(cloud, {1: np.ones(2)})
    with pytest.raises(NonFiniteError, match="cloud sample: a"):
        CloudSample(cloud, {"a": [1.0, np.nan]})
    with pytest.raises(InputError, match="field 'u' on every cloud, got a"):
        CloudSample(cloud, {"a": np.ones(2)}).channels("u")
    with pytest.raises(InputError, match="list of CloudSample"):
        require_samples([cloud], "data")
    wide = CloudSample(PointCloud([[0.5]], upper=2.0), {"a": [1.0]})
    one = CloudSample(cloud, {"a": np.ones(2)})
    with pytest.raises(InputError, match="clouds of one box"):
        require_samples([one, wide], "data")
    with pytest.raises(InputError, match="the fields a in every sample, got b in sample 1"):
        save_cloud_samples(tmp_path / "c.h5", [one, CloudSample(cloud, {"b": np.ones(2)})])
