"""Our FNO against neuraloperator's on third-party 16 x 16 Darcy data, trained equally.

Both networks have the same modes, width, layers, linear lifting and projection, and both see the
same normalized fields in the same order, with the same loss, AdamW, learning rates and epochs. Ours
runs through `NeuralOperator.fit` from an HDF5 file; the peer through a bare loop over tensors in
memory. Each handles walls and coordinates its own way: ours by end-point-aware coordinates and a
longer period, the peer by its grid embedding, without padding (its default, and its fastest) and
with zero padding (more accurate).

The data are node values with the first node on the wall (every 26th of 421 points, so the last one
is at 390/420 and not on the other wall); they are treated as a node grid of the box they span.
"""

import math
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from report import Row, finish, interleave, parse_arguments

from nwidth.arrays import generator
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators import FNO, NeuralOperator, SpectralConv, TrainingOptions, relative_l2
from nwidth.operators.training_data import TrainingData

PEER = "neuraloperator"
PADDING = 0.5
PEER_PADDING = 0.25
DARCY = {"inputs": "permeability", "output": "pressure"}


def main() -> None:
    arguments = parse_arguments(__doc__, data=("../shared/data", "folder of darcy_*_16.h5"))
    warnings.filterwarnings("ignore")
    rows = training_rows(Path(arguments.data), quick=arguments.quick)
    for threads in (2, 1):
        torch.set_num_threads(threads)
        for n in (16, 64, 85):
            rows += network_rows(n, threads, repeats=2 if arguments.quick else 5)
        if not arguments.quick:
            for n in (16, 43, 64, 85):
                rows.append(layer_row(n, threads))
    finish("FNO: ours and neuraloperator's", rows, arguments)


def training_rows(folder: Path, *, quick: bool) -> list[Row]:
    """Measure test errors and training times over several seeds, the contenders in turn."""
    torch.set_num_threads(2)
    seeds = range(1 if quick else 3)
    options = [
        TrainingOptions(epochs=3 if quick else 20, batch_size=32, validation=0.0, seed=s)
        for s in seeds
    ]
    tasks = ("test error, relative L2", "training")
    if not (folder / "darcy_train_16.h5").exists():
        note = f"data absent: no darcy_train_16.h5 in {folder}"
        return [Row(f"16 x 16 Darcy, {t}", None, None, PEER, note=note) for t in tasks]
    with tempfile.TemporaryDirectory() as scratch:
        train, test = (converted(folder, name, Path(scratch)) for name in ("train", "test"))
        ours: list[tuple[float, float]] = []
        peers: dict[str, list[tuple[float, float] | None]] = {PEER: []}
        if not quick:
            peers[f"{PEER}, padding {PEER_PADDING}"] = []
        for option in options:
            ours.append(train_ours(train, test, option))
            for name, results in peers.items():
                padding = None if name == PEER else PEER_PADDING
                results.append(train_peer(train, test, option, padding))
        train.close()
        test.close()
    note = (
        f"median of {len(ours)} seeds, {options[0].epochs} epochs of batches of 32, "
        f"{sizes(16)} parameters"
    )
    return [
        Row(
            f"16 x 16 Darcy, {task}",
            statistics.median(o[k] for o in ours),
            statistics.median(t[k] for t in theirs if t) if all(theirs) else None,
            name,
            unit=("1", "s")[k],
            goal=1.0,
            threads=2,
            note=f"{note}; {spread(ours, k)} and {spread(theirs, k)}",
        )
        for name, theirs in peers.items()
        for k, task in enumerate(tasks)
    ]


def spread(results: list, k: int) -> str:
    """Return the least and largest of some results in words."""
    values = [result[k] for result in results if result]
    return f"{min(values):.4g} to {max(values):.4g}" if values else "absent"


def converted(folder: Path, name: str, scratch: Path) -> FieldDataset:
    """Write the plain HDF5 arrays as one of our data sets."""
    import h5py

    with h5py.File(folder / f"darcy_{name}_16.h5") as file:
        fields = {"permeability": file["x"][:].astype("f4"), "pressure": file["y"][:]}
    grid = Grid.uniform((16, 16), upper=390 / 420)
    dataset = FieldDataset.create(
        scratch / f"{name}.h5", grid, dict.fromkeys(fields, "1"), dtype="float32"
    )
    dataset.extend(fields)
    dataset.finish()
    return dataset


def modes_of(n: int) -> int:
    return 7 if n < 32 else 12


def network(n: int, seed: int = 0) -> FNO:
    return FNO(1, 1, (modes_of(n),) * 2, width=32, layers=4, padding=PADDING, seed=seed)


def peer_network(n: int, seed: int = 0, padding: float | None = None) -> torch.nn.Module | None:
    """Return the peer with as many numbers: |k| < m on one axis, 0 <= k < m on the other."""
    try:
        from neuralop.models import FNO as PeerFNO
    except ImportError:
        return None
    torch.manual_seed(seed)
    m = modes_of(n)
    return PeerFNO(
        n_modes=(2 * m - 1, 2 * m - 2),
        in_channels=1,
        out_channels=1,
        hidden_channels=32,
        n_layers=4,
        lifting_channel_ratio=0,
        projection_channel_ratio=4,
        use_channel_mlp=False,
        domain_padding=padding,
    )


def size_of(model: torch.nn.Module) -> int:
    return sum(p.numel() * (2 if p.is_complex() else 1) for p in model.parameters())


def sizes(n: int) -> str:
    """Return the numbers of parameters of both sides, complex ones counted twice."""
    peer = peer_network(n)
    return f"{size_of(network(n))} and {'-' if peer is None else size_of(peer)}"


def train_ours(
    train: FieldDataset, test: FieldDataset, options: TrainingOptions
) -> tuple[float, float]:
    """Return test error and seconds."""
    model = NeuralOperator(network(16, options.seed), **DARCY)
    start = time.perf_counter()
    model.fit(train, options)
    seconds = time.perf_counter() - start
    return model.evaluate(test)["relative_l2_mean"], seconds


def train_peer(
    train: FieldDataset, test: FieldDataset, options: TrainingOptions, padding: float | None
) -> tuple[float, float] | None:
    """Return test error and seconds of the peer in a bare loop."""
    model = peer_network(16, options.seed, padding)
    if model is None:
        return None
    # The same normalized tensors, made by an untrained model of ours.
    fitted = NeuralOperator(FNO(1, 1, (2, 2), width=2, layers=1), **DARCY).fit(
        train, TrainingOptions(epochs=1, batch_size=1000, validation=0.0)
    )
    sets = [
        TrainingData(
            d, ("permeability",), "pressure", np.arange(len(d)), fitted.normalizers, torch.zeros(1)
        )
        for d in (train, test)
    ]
    (v, u), (v_test, u_test) = (d.batch(np.arange(len(d))) for d in sets)
    axes, shift = train.grid.axes, sets[0].shift
    # The fused form that ours uses refuses the peer's complex parameters.
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=options.optimizer.weight_decay)
    steps = math.ceil(len(v) / options.batch_size) * options.epochs
    step, start = 0, time.perf_counter()
    for epoch in range(options.epochs):
        order = torch.tensor(generator(options.seed, 1, epoch).permutation(len(v)))
        for some in order.split(options.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate_at(step, steps)
            optimizer.zero_grad()
            relative_l2(model(v[some]) + shift, u[some], axes).mean().backward()
            optimizer.step()
            step += 1
    seconds = time.perf_counter() - start
    with torch.no_grad():
        return relative_l2(model(v_test) + shift, u_test, axes).mean().item(), seconds


def network_rows(n: int, threads: int, repeats: int) -> list[Row]:
    """Time one step of training (batch of 20) and one prediction."""
    axes = Grid.uniform((n, n)).axes
    ours, peer = network(n), peer_network(n)
    v, u = torch.rand(2, 20, 1, n, n)
    calls = {"ours": lambda: ours(v, axes)}
    models = {"ours": ours}
    if peer is not None:
        calls["peer"], models["peer"] = (lambda: peer(v)), peer
    optimizers = {
        name: torch.optim.AdamW(m.parameters(), fused=True if name == "ours" else None)
        for name, m in models.items()
    }

    def step(name: str) -> None:
        optimizers[name].zero_grad()
        relative_l2(calls[name](), u, axes).mean().backward()
        optimizers[name].step()

    @torch.no_grad()
    def infer(name: str) -> None:
        calls[name]()

    rows = []
    for task, run, goal in (("training step", step, 1.5), ("prediction", infer, 1.0)):
        times = interleave({k: (lambda k=k, run=run: run(k)) for k in calls}, repeats)
        rows.append(
            Row(
                f"{n} x {n}, batch of 20, {task}",
                times["ours"],
                times.get("peer"),
                PEER,
                goal=goal,
                threads=threads,
                note=f"{sizes(n)} parameters",
            )
        )
    return rows


def layer_row(n: int, threads: int) -> Row:
    """Time the spectral layer alone, forward and backward."""
    m = modes_of(n)
    axes = Grid.uniform((n, n), periodic=True).axes
    ours = SpectralConv(32, 32, (m, m))
    v = torch.rand(20, 32, n, n, requires_grad=True)
    calls = {"ours": lambda: ours(v, axes).square().sum().backward()}
    try:
        from neuralop.layers.spectral_convolution import SpectralConv as PeerConv

        peer = PeerConv(32, 32, (2 * m - 1, 2 * m - 2), bias=False)
        calls["peer"] = lambda: peer(v).square().sum().backward()
    except ImportError:
        pass
    times = interleave(calls, 5)
    task = f"{n} x {n}, batch of 20, spectral layer, forward and backward"
    return Row(task, times["ours"], times.get("peer"), PEER, goal=1.0, threads=threads)


if __name__ == "__main__":
    main()
