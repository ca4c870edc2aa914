"""FNO against neuraloperator's: steps, predictions, memory, errors; T1 against FNO.

Both networks have the same modes, width, layers, linear lifting and projection, and both see the
same normalized fields in the same order, with the same loss, AdamW, learning rates and epochs. Ours
runs through `NeuralOperator.fit` from an HDF5 file; the peer through a bare loop over tensors in
memory. Each handles walls and coordinates its own way: ours by end-point-aware coordinates and a
longer period, the peer by its grid embedding, without padding (its default, and its fastest) and
with zero padding (more accurate).

The 16 x 16 data are third-party: node values with the first node on the wall (every 26th of 421
points, so the last one is at 390/420 and not on the other wall), treated as a node grid of the box
they span. The other data are generated where --data does not have them (Darcy: minutes;
Navier-Stokes: a quarter of an hour). Trainings on them are remembered in --folder: interrupted, the
same command goes on.

    python benchmarks/fno_training.py --only darcy --data DATA --folder RUNS --cpu 800

`--only` takes one of: steps, memory, small, t1, darcy; without it the first three are run. Seconds
of training, and all of one thread, are CPU-seconds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from fno_peer import (
    PEER,
    Result,
    network,
    peer_network,
    sizes,
    train_ours,
    train_peer,
)
from operator_data import data_sets
from report import Row, finish, interleave, parse_arguments

from nwidth.fields import Field, FieldDataset
from nwidth.meshes import Grid
from nwidth.operators import (
    FNO,
    T1,
    AdamW,
    Augmentation,
    Cosine,
    H1Loss,
    NeuralOperator,
    TrainingOptions,
    TrainingReport,
    relative_l2,
)

PEER_PADDING = 0.25
PARTS = ("steps", "memory", "small", "t1", "darcy")


def main() -> None:
    arguments = parse_arguments(
        __doc__ or "",
        only=("", "one part of " + ", ".join(PARTS)),
        third=("../shared/data", "folder of darcy_*_16.h5"),
        data=("runs/data", "folder of generated data"),
        folder=("runs/fno_training", "folder of trainings that can go on"),
        cpu=(800.0, "CPU-seconds of the training on Darcy flow at 85 x 85"),
    )
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    parts = [arguments.only] if arguments.only else ["steps", "memory", "small"]
    if not {*parts} <= {*PARTS}:
        raise SystemExit(f"--only: expected one of {', '.join(PARTS)}, got {arguments.only}")
    rows: list[Row] = []
    for part in parts:
        rows += {
            "steps": step_rows,
            "memory": memory_rows,
            "small": small_rows,
            "t1": t1_rows,
            "darcy": darcy_rows,
        }[part](arguments)
    finish("FNO and T1: training", rows, arguments)


def step_rows(arguments: argparse.Namespace) -> list[Row]:
    """Time one step of training (batch of 20) and predictions of 20 samples and of one."""
    rows: list[Row] = []
    for threads in (1,) if arguments.quick else (2, 1):
        torch.set_num_threads(threads)
        for n in (64, 85):
            rows += network_rows(n, threads, repeats=2 if arguments.quick else 5)
    torch.set_num_threads(1)
    rows.append(t1_step_row(2 if arguments.quick else 7))
    return rows


def network_rows(n: int, threads: int, repeats: int) -> list[Row]:
    """Time both networks on one grid."""
    axes = Grid.uniform((n, n)).axes
    ours, peer = network(n), peer_network(n)
    v, u = torch.rand(2, 20, 1, n, n)
    calls: dict[str, Callable] = {"ours": lambda v: ours(v, axes)}
    models: dict[str, torch.nn.Module] = {"ours": ours}
    if peer is not None:
        calls["peer"], models["peer"] = peer, peer
    optimizers = {
        name: torch.optim.AdamW(m.parameters(), fused=True if name == "ours" else None)
        for name, m in models.items()
    }

    def step(name: str) -> None:
        optimizers[name].zero_grad()
        relative_l2(calls[name](v), u, axes).mean().backward()
        optimizers[name].step()

    @torch.no_grad()
    def infer(name: str) -> None:
        calls[name](v)

    @torch.no_grad()
    def infer_one(name: str) -> None:
        calls[name](v[:1])

    rows = []
    goals = (2.0 if n == 85 else 1.5, 1.0, 1.0)
    tasks = ("batch of 20, training step", "batch of 20, prediction", "prediction of one")
    for task, run, goal in zip(tasks, (step, infer, infer_one), goals, strict=True):
        # One thread is timed by its processor seconds: others on the machine do not count.
        clock = time.process_time if threads == 1 else time.perf_counter
        times = interleave({k: (lambda k=k, run=run: run(k)) for k in calls}, repeats, clock)
        rows.append(
            Row(
                f"{n} x {n}, {task}",
                times["ours"],
                times.get("peer"),
                PEER,
                goal=goal,
                threads=threads,
                note=f"{sizes(n)} parameters",
            )
        )
    return rows


def t1_step_row(repeats: int) -> Row:
    """Time a step of T1 beside one of our FNO, on ten vorticities of 64 x 64 points."""
    axes = Grid.periodic((64, 64)).axes
    fno, t1 = flow_fno(), flow_t1()
    v, u = torch.rand(20, 10, 64, 64), torch.rand(20, 1, 64, 64)
    c, d = t1.analysis(v, axes), t1.analysis(u, axes)
    optimizers = [torch.optim.AdamW(m.parameters(), fused=True) for m in (t1, fno)]

    def step(optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor]) -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    times = interleave(
        {
            "ours": lambda: step(optimizers[0], lambda: (t1.coefficients(c) - d).norm()),
            "fno": lambda: step(optimizers[1], lambda: relative_l2(fno(v, axes), u, axes).mean()),
        },
        repeats,
        time.process_time,
    )
    counts = [sum(p.numel() for p in m.parameters()) for m in (t1, fno)]
    note = f"{counts[0]} and {counts[1]} parameters; errors: see --only t1"
    task = "64 x 64 vorticity, batch of 20, training step of T1"
    return Row(task, times["ours"], times["fno"], "our FNO", goal=3.0, note=note)


def memory_rows(arguments: argparse.Namespace) -> list[Row]:
    """Measure the largest resident memory of two steps at 421 x 421, batch of 4, width 32."""
    found: dict[str, float | None] = {"peer": None}
    for who in ("ours",) if arguments.quick else ("ours", "peer"):
        done = subprocess.run(
            [sys.executable, __file__, "--measure-memory", who], capture_output=True, text=True
        )
        found[who] = float(done.stdout) if done.returncode == 0 and done.stdout.strip() else None
    task, goal = "421 x 421, batch of 4, width 32, training: peak memory", 1.0
    note = "the peer takes longer than a quick run" if arguments.quick else ""
    return [
        Row(task, found["ours"], found["peer"], PEER, unit="GB", goal=goal, note=note),
        Row(task, found["ours"], 4.0, "the goal", unit="GB", goal=goal),
    ]


def measure_memory(who: str) -> None:
    """Print the peak memory of this process in GB after two steps."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    axes = Grid.uniform((421, 421)).axes
    model = network(421) if who == "ours" else peer_network(421)
    if model is None:
        return
    v, u = torch.rand(2, 4, 1, 421, 421)
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        p = model(v, axes) if who == "ours" else model(v)
        relative_l2(p, u, axes).mean().backward()
        optimizer.step()
    # Not getrusage, whose maximum counts the process that started this one, too.
    peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    print(int(peak) * 1024 / 1e9)


def small_rows(arguments: argparse.Namespace) -> list[Row]:
    """Measure test errors and training times over several seeds, the contenders in turn."""
    quick, folder = arguments.quick, Path(arguments.third)
    seeds = range(1 if quick else 3)
    epochs, factor = (2, 2) if quick else (20, 3)
    tasks = ("test error, equal epochs", "training, equal epochs", "test error, equal time")
    if not (folder / "darcy_train_16.h5").exists():
        note = f"data absent: no darcy_train_16.h5 in {folder}"
        return [Row(f"16 x 16 Darcy, {t}", None, None, PEER, note=note) for t in tasks]
    ours: list[Result] = []
    longer: list[Result] = []
    peers: dict[str, list[Result | None]] = {PEER: []}
    if not quick:
        peers[f"{PEER}, padding {PEER_PADDING}"] = []
    with tempfile.TemporaryDirectory() as scratch:
        train, test = (converted(folder, name, Path(scratch)) for name in ("train", "test"))
        for seed in seeds:
            options = [
                TrainingOptions(
                    epochs=e, batch_size=32, loss=H1Loss(0.05), validation=0.0, seed=seed
                )
                for e in (epochs, factor * epochs)
            ]
            ours.append(train_ours(train, test, options[0]))
            longer.append(train_ours(train, test, options[1]))
            for name, results in peers.items():
                padding = None if name == PEER else PEER_PADDING
                results.append(train_peer(train, test, options[0], padding))
        train.close()
        test.close()
    rows = []
    for name, theirs in peers.items():
        for task, us, k in zip(tasks, (ours, ours, longer), (0, 1, 0), strict=True):
            note = f"median of {len(us)} seeds, {epochs} epochs of batches of 32, loss H1(0.05), "
            note += f"{sizes(16)} parameters; {spread(us, k)} and {spread(theirs, k)}"
            if us is longer:
                times = [
                    statistics.median(r.seconds for r in s if r) for s in (us, theirs) if all(s)
                ]
                spent = " and ".join(f"{t:.0f}" for t in times)
                note += f"; ours {factor * epochs} epochs: {spent} CPU-s"
            rows.append(
                Row(
                    f"16 x 16 Darcy, {task}",
                    statistics.median(o[k] for o in us),
                    statistics.median(t[k] for t in theirs if t) if all(theirs) else None,
                    name,
                    unit=("1", "CPU-s")[k],
                    goal=1.0,
                    note=note,
                )
            )
    return rows


def spread(results: list, k: int) -> str:
    """Return the least and largest of some results in words."""
    values = [result[k] for result in results if result]
    return f"{min(values):.4g} to {max(values):.4g}" if values else "absent"


def converted(folder: Path, name: str, scratch: Path) -> FieldDataset:
    """Write the plain HDF5 arrays as one of our data sets."""
    with h5py.File(folder / f"darcy_{name}_16.h5") as file:
        fields = {"permeability": file["x"][:].astype("f4"), "pressure": file["y"][:]}
    grid = Grid.uniform((16, 16), upper=390 / 420)
    dataset = FieldDataset.create(
        scratch / f"{name}.h5", grid, dict.fromkeys(fields, "1"), dtype="float32"
    )
    dataset.extend(fields)
    dataset.finish()
    return dataset


def flow_fno() -> FNO:
    return FNO(10, 1, (12, 12), width=32, layers=4)


def flow_t1() -> T1:
    return T1(10, 1, (8, 8), bases="fourier", width=48, layers=4)


def t1_rows(arguments: argparse.Namespace) -> list[Row]:
    """Train T1 and our FNO for the same CPU-seconds from w(t), ..., w(t + 9) to w(t + 19)."""
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    train, test = (flow(Path(arguments.data), folder, what) for what in ("train", "test"))
    names = {"inputs": "past", "output": "later"}
    recipes = {
        "T1": (flow_t1, {"epochs": 21, "learning_rate": 6e-3}),
        "FNO": (flow_fno, {"epochs": 3, "learning_rate": 3e-3}),
    }
    found = {}
    for name, (make, options) in recipes.items():
        run = Run(folder / f"windows_{name}")
        model = NeuralOperator(make(), **names)
        settings = TrainingOptions(batch_size=20, validation=0.0, **options)
        model.fit(train, settings, progress=run.progress, checkpoint=run.checkpoint)
        found[name] = (model.evaluate(test)["relative_l2_mean"], run.seconds)
    (ours, cpu), (theirs, spent) = found["T1"], found["FNO"]
    epochs = [recipes[name][1]["epochs"] for name in ("T1", "FNO")]
    note = f"{epochs[0]} and {epochs[1]} epochs, {len(train)} samples"
    steps = [-(-len(train) // 20) * count for count in epochs]
    step = [found[name][1] / n for name, n in zip(("T1", "FNO"), steps, strict=True)]
    tasks = "Navier-Stokes 64 x 64, nu = 1e-3, w(20) from w(1..10)"
    return [
        Row(f"{tasks}: test error", ours, theirs, "our FNO", unit="1", goal=1.0, note=note),
        Row(f"{tasks}: training", cpu, spent, "our FNO", unit="CPU-s", note=note),
        Row(f"{tasks}: step, with all else", *step, "our FNO", goal=3.0, note=note),
    ]


def flow(data: Path, folder: Path, what: str) -> FieldDataset:
    """Return ten vorticities and a later one per sample, written from the trajectories.

    The flow does not know the time: for training each trajectory gives four samples, which begin at
    t = 1, 9, 17 and 25, and for the test one, from t = 1.
    """
    target = folder / f"windows_{what}.h5"
    if target.exists():
        found = FieldDataset.open(target)
        if found.complete:
            return found
        found.close()
    files = data_sets()["navier-stokes-1e-3"].prepare(data)
    with FieldDataset.open(files.train if what == "train" else files.test) as source:
        layout = {"past": Field("1", (10,)), "later": "1"}
        made = FieldDataset.create(target, source.grid, layout, dtype="float32", overwrite=True)
        for k in range(0, len(source), 50):
            w = np.asarray(source["vorticity"][k : k + 50])  # times 1, 2, ...
            for t in (0, 8, 16, 24) if what == "train" else (0,):
                past = np.moveaxis(w[:, t : t + 10], 1, -1)
                made.extend({"past": past, "later": w[:, t + 19]})
    made.finish()
    return made


def darcy_rows(arguments: argparse.Namespace) -> list[Row]:
    """Train on 1000 samples of two-phase flow at 85 x 85 within a budget of CPU-seconds."""
    folder, cpu = Path(arguments.folder), float(arguments.cpu)
    folder.mkdir(parents=True, exist_ok=True)
    files = data_sets()["darcy-85"].prepare(Path(arguments.data))
    run = Run(folder / f"darcy_{cpu:g}")
    # Measured on an idle core: 3.5 CPU-seconds per epoch on 43 x 43 points, 12 on 85 x 85.
    epochs, coarse = max(2, round(cpu / (0.85 * 3.5 + 0.15 * 12))), 0.85
    options = TrainingOptions(
        epochs=epochs,
        batch_size=20,
        learning_rate=4e-3,
        schedule=Cosine(warm_up=0.1),
        loss=H1Loss(0.05),
        validation=0.0,
        optimizer=AdamW(weight_decay=1e-4),
    )
    model = NeuralOperator(
        FNO(1, 1, (12, 12), padding=0.5, dirichlet=True),
        inputs="permeability",
        output="pressure",
    )
    with FieldDataset.open(files.train) as train, FieldDataset.open(files.test) as test:
        model.fit(
            train,
            options,
            augmentation=Augmentation(coarse=coarse, symmetries=True),
            progress=run.progress,
            checkpoint=run.checkpoint,
        )
        error = model.evaluate(test)["relative_l2_mean"]
    goal = 0.014 if run.seconds <= 490 else 0.012 if run.seconds <= 800 else 0.0076
    note = (
        f"1000/200 samples from 421 x 421; {run.seconds:.0f} CPU-s, {epochs} epochs, {coarse:.0%} "
        "of them at 43 x 43; symmetries of the square, loss H1(0.05)"
    )
    return [
        Row("Darcy 85 x 85: test error", error, goal, "the goal", unit="1", goal=1.0, note=note)
    ]


class Run:
    """The checkpoint of a training and the CPU-seconds behind each of its epochs."""

    def __init__(self, stem: Path):
        self.checkpoint, self._record = stem.with_suffix(".h5"), stem.with_suffix(".json")
        known = json.loads(self._record.read_text()) if self._record.exists() else {}
        self._spent: dict[str, float] = known if self.checkpoint.exists() else {}
        self._start = time.process_time()
        self._before: float | None = None

    def progress(self, report: TrainingReport) -> None:
        """Note the seconds at the end of each epoch."""
        if not report.epoch_ended:
            return
        if self._before is None:
            self._before = self._spent.get(str(report.epoch - 1), 0.0)
        spent = time.process_time() - self._start
        self._spent[str(report.epoch)] = self._before + spent
        self._record.write_text(json.dumps(self._spent))

    @property
    def seconds(self) -> float:
        """CPU-seconds of the whole training."""
        return max(self._spent.values(), default=0.0)


if __name__ == "__main__":
    if "--measure-memory" in sys.argv:
        measure_memory(sys.argv[-1])
    else:
        main()
