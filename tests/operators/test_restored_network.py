import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import numpy as np  # noqa: E402

from nwidth.archive import load_archive, save_archive  # noqa: E402
from nwidth.errors import FileFormatError, InputError  # noqa: E402
from nwidth.operators import FNO, TFNO  # noqa: E402
from nwidth.operators.architectures import ARCHITECTURES, architecture  # noqa: E402
from nwidth.operators.model_file import save_model  # noqa: E402
from nwidth.operators.restored_network import restored_network  # noqa: E402
from nwidth.operators.training.training_checkpoint import weight_arrays  # noqa: E402

# Small networks of all kinds, in the variants that are built in different ways.
SMALL = {
    "FNO": [{"modes": (3, 4), "bases": "cosine", "dealias": 6}, {"modes": (3, 2, 2), "width": 5}],
    "TFNO": [{"modes": (3, 4), "width": 6, "rank": 0.5}, {"modes": (5,), "rank": 1.0}],
    "FFNO": [{"modes": (3, 4), "width": 6, "layers": 2}],
    "GNO": [{"kernel": "fields", "width": 6}, {"dimension": 1, "coordinates": False}],
    "LNO": [{"kernel": "positions", "width": 6}, {"dimension": 3, "width": 6, "waves": False}],
    "MGNO": [{"levels": (16,), "radii": (0.2, 0.5), "between": (0.4,), "width": 6}],
    "MgNO": [
        {"cycle": {"levels": 3}, "width": 6},
        {"cycle": {"levels": 2, "restricts": "residual", "guess": "zero", "initial": "poisson"}},
        {"cycle": {"levels": 2, "prolongation": [4]}, "dimension": 3, "width": 4, "layers": 2},
    ],
    "T1": [{"modes": (3, 4), "width": 6}, {"modes": (3, 4), "bases": "fourier", "width": 6}],
    "NeuralSpectralNetwork": [{"points": (8, 9), "modes": (3, 4), "width": 6}],
}
VARIANTS = [(name, settings) for name, several in SMALL.items() for settings in several]
# Settings that no file of this size has weights for: numbers without end, of numbers and of layers.
ABSURD = [
    *(("FNO", change) for change in ({"width": 10**5}, {"layers": 10**9})),
    ("FNO", {"modes": [10**5] * 2, "dealias": None}),
    *(("TFNO", change) for change in ({"width": 10**5}, {"layers": 10**9}, {"modes": [10**5] * 2})),
    *(("FFNO", change) for change in ({"expansion": 10**8}, {"layers": 10**9})),
    *(("GNO", change) for change in ({"hidden": 10**6}, {"layers": 10**9}, {"functions": 10**9})),
    *(("LNO", change) for change in ({"rank": 10**9}, {"layers": 10**9}, {"functions": 10**6})),
    *(("MGNO", change) for change in ({"width": 10**6}, {"layers": 10**9})),
    *(("MgNO", change) for change in ({"width": 10**6}, {"layers": 10**12})),
    *(
        ("MgNO", {"cycle": c})
        for c in ({"levels": 60, "coarsest": 10**12}, {"sweeps": [10**12, 0]})
    ),
    *(("T1", change) for change in ({"width": 10**5}, {"layers": 10**9}, {"modes": [10**5] * 2})),
    *(("NeuralSpectralNetwork", change) for change in ({"width": 10**5}, {"layers": 10**9})),
    ("NeuralSpectralNetwork", {"points": [10**6] * 2, "modes": [10**5] * 2}),
]
# Reads files within 256 MiB beyond what a process has with all modules in it.
READER = """
import resource, sys, time
from pathlib import Path
import torch
from nwidth.errors import FileFormatError
from nwidth.operators.architectures import ARCHITECTURES, architecture
from nwidth.operators.model_file import load_model

for name in ARCHITECTURES:
    architecture(name)
torch.set_num_threads(1)
load_model(sys.argv[1], "some-operator")
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 28),) * 2)
for path in sys.argv[2:]:
    before = time.process_time()
    try:
        load_model(path, "some-operator")
        print("read")
    except FileFormatError as error:
        print(f"{time.process_time() - before < 5} {error}")
"""


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_it_is_the_network_that_was_stored(name, settings, precision):
    """Weights bit by bit and laid out alike, on which sums depend; no random number is drawn."""
    network = architecture(name)(seed=3, **settings).to(precision)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
    arrays, before = weight_arrays(network), torch.get_rng_state()
    again = restored_network(type(network), network.describe(), precision, arrays, "m.h5")
    assert torch.equal(before, torch.get_rng_state()) and again.describe() == network.describe()
    pairs = zip(network.named_parameters(), again.named_parameters(), strict=True)
    for (here, one), (there, other) in pairs:
        assert here == there and torch.equal(one, other) and one.stride() == other.stride()
        assert one.dtype == other.dtype == precision and other.requires_grad and other.is_leaf
    assert {*weight_arrays(again)} == {*arrays}


def test_every_network_is_tried():
    assert {*SMALL} == {*ARCHITECTURES} == {name for name, _ in ABSURD}


def test_later_changes_of_the_arrays_do_not_reach_it():
    network = FNO(modes=(3,), width=4, layers=1)
    arrays = {name: array.copy() for name, array in weight_arrays(network).items()}
    again = restored_network(FNO, network.describe(), torch.float32, arrays, "m.h5")
    arrays["lift.bias"][:] = 7.0
    assert torch.equal(again.lift.bias, network.lift.bias)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda arrays: arrays.pop("lift.bias"), "lift.bias is missing"),
        (lambda arrays: arrays.update(more=np.ones(1)), "more is not among them"),
        (lambda arrays: arrays.clear(), "its settings make more than the 0 arrays in it"),
        (lambda arrays: arrays["lift.bias"].fill(np.nan), "lift.bias holds NaN"),
        (
            lambda arrays: arrays.update({"lift.bias": np.ones(4)}),
            r"lift.bias of shape \(4,\) and type float32, got \(4,\) and float64",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(change, what):
    network = FNO(modes=(3,), width=4, layers=1)
    arrays = {name: array.copy() for name, array in weight_arrays(network).items()}
    change(arrays)
    with pytest.raises(FileFormatError, match=rf"m\.h5: .*{what}"):
        restored_network(FNO, network.describe(), torch.float32, arrays, "m.h5")
    # Nothing is left behind: other networks are built as before.
    assert torch.equal(FNO(modes=(3,), width=4, layers=1).lift.weight, network.lift.weight)


def test_settings_out_of_range_are_told_as_such():
    network = FNO(modes=(3,), width=4, layers=1)
    with pytest.raises(InputError, match="FNO: width: expected an integer"):
        settings = {**network.describe(), "width": 0}
        restored_network(FNO, settings, torch.float32, weight_arrays(network), "m.h5")


def test_crafted_files_cost_no_memory(tmp_path):
    """Each absurd file is refused in seconds and megabytes; one whose weights fit is read."""
    honest, files = tmp_path / "honest.h5", []
    # Of the kind for which PyTorch imports most, once in a process.
    save_model(honest, "some-operator", TFNO(**SMALL["TFNO"][0]), {}, {})
    for k, (name, change) in enumerate(ABSURD):
        files.append(tmp_path / f"{k}.h5")
        save_model(files[-1], "some-operator", architecture(name)(**SMALL[name][0]), {}, {})
        arrays, told = load_archive(files[-1], "some-operator")
        told["settings"] = {**told["settings"], **change}
        save_archive(files[-1], "some-operator", arrays, told)
    # The full weight of a low rank has 4e15 bytes, its factors one megabyte: names and shapes fit.
    settings = {"modes": (10**5, 10**5), "rank": 1e-9, "width": 100, "layers": 1}
    with torch.device("meta"):
        shapes = {n: tuple(p.shape) for n, p in TFNO(**settings).state_dict().items()}
    weights = {f"weights/{name}": np.ones(shape, "float32") for name, shape in shapes.items()}
    told = {"version": 2, "architecture": "TFNO", "settings": settings, "precision": "float32"}
    save_archive(tmp_path / "thin.h5", "some-operator", weights, told)
    command = [sys.executable, "-c", READER, honest, *files, tmp_path / "thin.h5"]
    before = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert time.perf_counter() - before < 120 and run.returncode == 0, run.stderr
    *refused, last = run.stdout.splitlines()
    assert len(refused) == len(ABSURD) and last == "read"
    for line, case in zip(refused, ABSURD, strict=True):
        assert line.startswith("True"), case
        assert "expected weight " in line or "exactly the weights of its arch" in line, (case, line)
