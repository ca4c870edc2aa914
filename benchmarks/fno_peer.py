"""The two networks of `fno_training.py`, ours and neuraloperator's, and how each is trained."""

import math
import time
from typing import NamedTuple

import numpy as np
import torch

from nwidth.arrays import generator
from nwidth.fields import FieldDataset
from nwidth.operators import FNO, NeuralOperator, TrainingOptions, relative_l2
from nwidth.operators.training.losses import loss_named
from nwidth.operators.training.training_data import TrainingData

PEER = "neuraloperator"
PADDING = 0.5
DARCY = {"inputs": "permeability", "output": "pressure"}


class Result(NamedTuple):
    """Test error and CPU-seconds of a training."""

    error: float
    seconds: float


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


def train_ours(train: FieldDataset, test: FieldDataset, options: TrainingOptions) -> Result:
    """Train through `NeuralOperator.fit`."""
    model = NeuralOperator(network(16, options.seed), **DARCY)
    start = time.process_time()
    model.fit(train, options)
    seconds = time.process_time() - start
    return Result(model.evaluate(test)["relative_l2_mean"], seconds)


def train_peer(
    train: FieldDataset, test: FieldDataset, options: TrainingOptions, padding: float | None
) -> Result | None:
    """Train the peer in a bare loop; None where it is absent."""
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
    loss = loss_named(options.loss)
    steps = math.ceil(len(v) / options.batch_size) * options.epochs
    step, start = 0, time.process_time()
    for epoch in range(options.epochs):
        order = torch.tensor(generator(options.seed, 1, epoch).permutation(len(v)))
        for some in order.split(options.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate_at(step, steps)
            optimizer.zero_grad()
            loss(model(v[some]) + shift, u[some], axes).mean().backward()
            optimizer.step()
            step += 1
    seconds = time.process_time() - start
    with torch.no_grad():
        error = relative_l2(model(v_test) + shift, u_test, axes).mean().item()
    return Result(error, seconds)
