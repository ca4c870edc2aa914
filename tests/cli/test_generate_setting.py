from pathlib import Path

import numpy as np
import pytest

from nwidth.cli.generate_setting import listed, parse_times, setting_of
from nwidth.errors import ConfigError
from nwidth.fields import FieldDataset
from nwidth.solvers.equations.published_settings import published_settings, short_names

SMALL = ("--resolution", 64, "--times", "0:0.1:3", "-n", 3)


def test_the_names_are_listed_with_a_line_each(nwidth):
    answer = nwidth("generate", "--list")
    assert answer.code == 0 and answer.out.strip() == listed()
    lines = answer.out.splitlines()
    assert [line.split()[0] for line in lines] == [*published_settings(), *short_names()]
    assert all(len(line) <= 110 for line in lines)
    assert "ks                           short for kuramoto-sivashinsky" in lines


@pytest.mark.parametrize(
    "name", ["burgers", "navier-stokes", "ks", "kdv", "wave", "rayleigh-benard"]
)
def test_the_families_have_short_names(name):
    setting = setting_of(Path(name))
    family = {"ks": "kuramoto-sivashinsky", "kdv": "korteweg-de-vries"}.get(name, name)
    assert setting.name.startswith(family)


def test_a_short_name_makes_the_same_bytes(nwidth, tmp_path):
    short, full = tmp_path / "short.h5", tmp_path / "full.h5"
    points = ("--points", 64, "--times", "0:0.1:3", "--samples", 2)
    assert nwidth("generate", "burgers", *points, "-o", short).code == 0
    assert nwidth("generate", "burgers-fno-paper", *SMALL, "-n", 2, "-o", full).code == 0
    assert short.read_bytes() == full.read_bytes()


def test_a_cluster_makes_the_same_bytes(nwidth, tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs Dask")
    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    options = {"processes": False, "memory_limit": 0, "silence_logs": 50}
    with distributed.LocalCluster(1, dashboard_address=":0", **options) as cluster:
        answer = nwidth(
            "generate", "burgers", *SMALL, "-o", two, "--cluster", cluster.scheduler_address
        )
    assert answer.code == 0, answer.err
    assert nwidth("generate", "burgers", *SMALL, "-o", one).code == 0
    assert one.read_bytes() == two.read_bytes()


def test_a_published_data_set_is_written_kept_and_the_same_for_all_workers(nwidth, tmp_path):
    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    answer = nwidth("generate", "burgers-fno-paper", *SMALL, "--seed", 4, "-o", one)
    assert answer.code == 0, answer.err
    assert "samples 3, times 3, points 64: 4.61 kB of file, about" in answer.err
    assert "generate: 3/3 samples" in answer.err and "3 samples on 64 nodes" in answer.out
    again = nwidth("generate", "burgers-fno-paper", *SMALL, "--seed", 4, "--workers", 2, "-o", two)
    assert again.code == 0 and one.read_bytes() == two.read_bytes()
    with FieldDataset.open(one) as data:
        assert data["velocity"].shape == (3, 3, 64)
        np.testing.assert_allclose(data.times, [0.0, 0.05, 0.1])
        assert data.provenance["setting"] == "burgers-fno-paper"
        assert "arXiv:2010.08895" in data.provenance["source"]
    assert nwidth("generate", "burgers-fno-paper", *SMALL, "--seed", 4, "-o", one).code == 0
    assert one.read_bytes() == two.read_bytes()
    other = nwidth("generate", "burgers-fno-script", *SMALL, "--seed", 4, "-o", one)
    assert other.code == 1 and "same job" in other.sentence


def test_test_samples_precision_and_restriction(nwidth, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ("--dtype", "float32", "--restriction", "fourier")
    assert nwidth("generate", "burgers-fno-paper", *SMALL, "--test", *options).code == 0
    with FieldDataset.open("burgers-fno-paper_test.h5") as data:
        assert data.provenance["seed"] > 2**32 and data["velocity"].dtype == np.float32
        assert data.provenance["restriction"] == "fourier"


def test_fields_that_are_not_resolved_warn_in_a_line(nwidth, tmp_path):
    options = ("--resolution", 16, "--times", "0,0.1", "-n", 1, "-o", tmp_path / "a.h5")
    answer = nwidth("generate", "burgers-fno-script", *options)
    assert answer.code == 0 and "warning: sample 0 of seed 0" in answer.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("burger",), 2, "burgers-fno-script"),
        (("burgers", "--points", 64, "--resolution", 64), 2, "--points, --resolution"),
        (("burgers", "--points", 4), 2, "points"),
        (("burgers", "--workers", 2, "--cluster", "tcp://127.0.0.1:9"), 2, "--workers, --cluster"),
        (("--cluster", "tcp://127.0.0.1:9"), 2, "--list"),
        (("burgers-fno-paper", "--times", "soon"), 2, "FIRST:LAST:COUNT"),
        (("burgers-fno-paper", "--resolution", 10000), 2, "multiple of the 8192"),
        (("burgers-fno-paper", "-o", "a.txt"), 2, "ending in .h5"),
        (("burgers-fno-paper", "-n", 10**9), 1, "free disk space"),
        (("burgers-fno-paper", "--times", "0:1:3", "-n", 99999, "--workers", 99999), 1, "fewer"),
        (("--workers", 2), 2, "--list"),
        (("--times", "0,1"), 2, "--list"),
    ],
)
def test_what_cannot_be_is_refused_before_there_is_a_file(
    nwidth, tmp_path, monkeypatch, arguments, code, words
):
    monkeypatch.chdir(tmp_path)
    answer = nwidth("generate", *arguments)
    assert words in answer.err and "Traceback" not in answer.err
    assert answer.code == code or (words in ("free disk space", "fewer") and answer.code == 2)
    assert list(tmp_path.iterdir()) == []


def test_times_are_read():
    assert parse_times("0:2:3") == [0.0, 1.0, 2.0] and parse_times("1") == [1.0]
    for text in ("", "0:1", "0:1:x", "a,b"):
        with pytest.raises(ConfigError, match="--times"):
            parse_times(text)


def test_the_help_teaches(nwidth):
    answer = nwidth("generate", "--help")
    assert answer.code == 0
    for word in ("--points", "--workers", "--cluster", "--list", "navier-stokes", "ks"):
        assert word in answer.out
