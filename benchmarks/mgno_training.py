"""MgNO: a step of training against the published formulas in plain PyTorch, and Darcy flow.

The plain network is written here from the formulas: modules of `torch.nn`, channels first, its
transposed convolutions set by hand for 85 points, as the published code has them for its grids. It
is given the weights of ours, and the outputs are compared before anything is timed. CPU seconds of
one thread.

The training on Darcy flow takes 100 CPU seconds for 10 epochs where bfloat16 is in hardware, and
goes on where it was interrupted:

    python benchmarks/mgno_training.py --epochs 30 --data FOLDER

FOLDER is that of `neural_operators.py`; the 1000 + 200 fields of two-phase Darcy flow on 85^2 of
421^2 nodes are generated there where they are not found.
"""

import time
from pathlib import Path

import numpy as np
import torch
from operator_data import data_sets
from report import Row, finish, interleave, parse_arguments
from torch import nn
from torch.nn import functional

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators import (
    Augmentation,
    Execution,
    LearnedCycle,
    MgNO,
    NeuralOperator,
    TrainingOptions,
    TrainingReport,
    relative_h1,
)
from nwidth.operators.training.mixed_precision import has_bf16, mixed

PEER = "plain PyTorch"
SIZES = (85, 43, 22, 11, 6, 3)
STENCILS = tuple(3 if n % 2 else 4 for n in SIZES[:-1])
BATCH = 10
BUDGET, TARGET = 1100.0, 1.7


def main() -> None:
    arguments = parse_arguments(
        __doc__,
        data=("runs/data", "folder of the data sets"),
        epochs=(0, "passes of the training on Darcy flow, 0: none"),
        width=(32, "channels of the network that is trained"),
    )
    torch.set_num_threads(1)
    rows = step_rows(repeats=2 if arguments.quick else 7)
    if arguments.epochs and not arguments.quick:
        rows += training_rows(Path(arguments.data), arguments.epochs, arguments.width)
    finish("MgNO", rows, arguments)


class PlainCycle(nn.Module):
    """V(1, 0), twice on the coarsest grid; f is restricted."""

    def __init__(self, f: int, u: int):
        super().__init__()

        def three(out: int, incoming: int, stride: int = 1) -> nn.Conv2d:
            return nn.Conv2d(incoming, out, 3, stride, padding=1, bias=False)

        last = len(SIZES) - 1
        self.S = nn.ModuleList(
            nn.ModuleList(three(u, f) for _ in range(2 if k == last else 1))
            for k in range(last + 1)
        )
        self.A = nn.ModuleList(
            nn.ModuleList(three(f, u) for _ in range(min(2, k) if k == last else min(1, k)))
            for k in range(last + 1)
        )
        self.R = nn.ModuleList(three(f, f, 2) for _ in range(last))
        self.Pi = nn.ModuleList(three(u, u, 2) for _ in range(last))
        self.P = nn.ModuleList(
            nn.ConvTranspose2d(u, u, size, 2, padding=1, bias=False) for size in STENCILS
        )

    def forward(self, f: torch.Tensor) -> torch.Tensor:
        """Return W f."""
        us = [self.S[0][0](f)]
        for k in range(1, len(SIZES)):
            u, f = self.Pi[k - 1](us[-1]), self.R[k - 1](f)
            for A, S in zip(self.A[k], self.S[k], strict=True):
                u = u + S(f - A(u))
            us.append(u)
        u = us.pop()
        for P in reversed(self.P):
            u = us.pop() + P(u)
        return u


class PlainNetwork(nn.Module):
    """gelu(W v + k v + b), layer by layer, and a sum."""

    def __init__(self, width: int, layers: int):
        super().__init__()
        pairs = list(zip([1] + [width] * (layers - 1), [width] * layers, strict=True))
        self.cycles = nn.ModuleList(PlainCycle(f, u) for f, u in pairs)
        self.pointwise = nn.ModuleList(nn.Conv2d(f, u, 1) for f, u in pairs)
        self.output = nn.Conv2d(width, 1, 1, bias=False)

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """Return the output field."""
        for cycle, pointwise in zip(self.cycles, self.pointwise, strict=True):
            v = functional.gelu(cycle(v) + pointwise(v))
        return self.output(v)


@torch.no_grad()
def give(ours: MgNO, plain: PlainNetwork) -> None:
    """Copy the weights."""
    for mine, theirs in zip(ours.cycles, plain.cycles, strict=True):
        last = len(SIZES) - 1
        for k in range(last + 1):  # ours count from the coarsest
            for name in ("S", "A"):
                pairs = zip(getattr(mine, name)[last - k], getattr(theirs, name)[k], strict=True)
                for weight, module in pairs:
                    module.weight.copy_(weight)
        for k in range(last):
            for name in ("R", "Pi", "P"):
                getattr(theirs, name)[k].weight.copy_(getattr(mine, name)[last - 1 - k])
    for mine, theirs in zip(
        [*ours.pointwise, ours.output], [*plain.pointwise, plain.output], strict=True
    ):
        theirs.weight.copy_(mine.weight[..., None, None])
        if mine.bias is not None:
            theirs.bias.copy_(mine.bias)


def step_rows(repeats: int) -> list[Row]:
    """Time forward and backward passes of a batch at 85^2."""
    axes = Grid.uniform((85, 85)).axes
    v, u = torch.randn(2, BATCH, 1, 85, 85)
    published = LearnedCycle(
        levels=len(SIZES),
        prolongation=STENCILS,
        guess="restricted",
        counted_from="finest",
        initial="random",
    )
    ours = MgNO(cycle=published, width=24, layers=4, boundary="zeros")
    plain = PlainNetwork(24, 4)
    give(ours, plain)
    with torch.no_grad():
        apart = float((ours(v, axes) - plain(v)).abs().max() / plain(v).abs().max())
    assert apart < 1e-5, f"the same network differs by {apart}"
    number = sum(p.numel() for p in ours.parameters())
    assert number == sum(p.numel() for p in plain.parameters())
    recommended = MgNO(cycle=LearnedCycle(levels=5, guess="zero"), width=32)

    def step(network: nn.Module, *grid: object, precision: str = "full") -> object:
        def run() -> None:
            network.zero_grad(set_to_none=True)
            with mixed(precision, v.device):
                out = network(v, *grid)
            relative_h1(out.float(), u, axes).mean().backward()

        return run

    contenders = {PEER: step(plain), "full": step(ours, axes), "other": step(recommended, axes)}
    halves = has_bf16(v.device)
    if halves:
        contenders |= {
            "bf16": step(ours, axes, precision="bf16"),
            "plain bf16": step(plain, precision="bf16"),
            "other bf16": step(recommended, axes, precision="bf16"),
        }
    seconds = interleave(contenders, repeats, time.process_time)
    note = f"published form, {number} parameters, batch {BATCH}; outputs apart by {apart:.0e}"
    task = "training step, 85 x 85"
    mixed_task = f"{task}, bf16"
    best = f"guess zero, width 32, {sum(p.numel() for p in recommended.parameters())} parameters"
    rows = [
        Row(task, seconds["full"], seconds[PEER], PEER, unit="CPU-s", goal=1.0, note=note),
        Row(
            f"{task}, ours as recommended",
            seconds["other"],
            seconds[PEER],
            PEER,
            "CPU-s",
            note=best,
        ),
    ]
    if halves:
        other = f"{PEER}, bf16"
        rows += [
            Row(mixed_task, seconds["bf16"], seconds["plain bf16"], other, "CPU-s", 1.0),
            Row(mixed_task, seconds["bf16"], seconds[PEER], PEER, "CPU-s"),
            Row(
                f"{mixed_task}, recommended", seconds["other bf16"], seconds["plain bf16"], other,
                "CPU-s", note=best,
            ),
        ]  # fmt: skip
    return rows


def training_rows(folder: Path, epochs: int, width: int) -> list[Row]:
    """Train on 85^2 Darcy flow, three quarters of the epochs at 43^2, and report the errors."""
    files = data_sets()["darcy-85"].prepare(folder)
    precision = "bf16" if has_bf16(torch.device("cpu")) else "full"
    options = TrainingOptions(
        epochs=epochs, batch_size=BATCH, learning_rate=2e-3, loss="h1", validation=0.0,
        execution=Execution(precision=precision),
    )  # fmt: skip
    network = MgNO(cycle=LearnedCycle(levels=5, guess="zero"), width=width, points=85)
    model = NeuralOperator(network, inputs="permeability", output="pressure")
    stem = folder / f"mgno-{width}-{epochs}"
    clock, spent = Clock(), stem.with_suffix(".cpu")

    def progress(report: TrainingReport) -> None:
        if report.epoch_ended:
            with spent.open("a") as file:
                file.write(f"{report.epoch} {clock.lap():.3f} {report.training_loss:.6f}\n")
            print(f"epoch {report.epoch} of {epochs}, loss {report.training_loss:.4f}", flush=True)

    with FieldDataset.open(files.train) as train, FieldDataset.open(files.test) as test:
        clock.lap()
        model.fit(
            train, options, augmentation=Augmentation(coarse=0.75, symmetries=True),
            progress=progress, checkpoint=stem.with_suffix(".checkpoint.h5"),
        )  # fmt: skip
        samples, errors = len(train), model.evaluate(test)
        coarse = np.asarray(test["permeability"][:, ::2, ::2])
        known = np.asarray(test["pressure"][:, ::2, ::2])
    halved = model.predict({"permeability": coarse})
    apart = np.linalg.norm((halved - known).reshape(len(known), -1), axis=1)
    apart = float(np.mean(apart / np.linalg.norm(known.reshape(len(known), -1), axis=1)))
    model.save(stem.with_suffix(".h5"))
    # A training that was interrupted repeats the epochs since its last checkpoint.
    laps = {}
    for line in spent.read_text().splitlines():
        epoch, seconds, _ = line.split()
        laps[epoch] = float(seconds)
    total = sum(laps.values())
    note = (
        f"{epochs} epochs of {samples} samples, {total:.0f} CPU-s, {precision}, width {width}; H1 "
        f"{errors['relative_h1_mean']:.2%}, on half the points {apart:.2%}"
    )
    target = f"{TARGET} % within {BUDGET:.0f} CPU-s"
    error = 100 * errors["relative_l2_mean"]
    met = total <= BUDGET
    return [Row("Darcy flow, 85 x 85", error, TARGET, target, "%", 1.0 if met else None, note=note)]


class Clock:
    """CPU seconds since the last question."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def lap(self) -> float:
        """Return the seconds since the last call."""
        now = time.process_time()
        seconds, self.last = now - self.last, now
        return seconds


if __name__ == "__main__":
    main()
