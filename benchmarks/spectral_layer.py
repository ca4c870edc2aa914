"""The spectral layer alone, forward and backward: ours against a peer's, and our ways of it.

Equal modes, channels and parameters; float32, batches of 20 with 32 channels, channels first. Rows
of the layer's two transforms compare the one that is estimated to be faster with the other. One
thread is measured in CPU time, which other processes disturb least, two threads by the clock.
"""

import math
import time
import warnings

import torch
from report import Row, finish, interleave, parse_arguments

from nwidth.meshes import Grid
from nwidth.operators import SpectralConv

PEER = "neuraloperator"
CHANNELS, BATCH = 32, 20
SIZES = ((16, 7), (43, 12), (64, 12), (85, 12))
NAMES = ("fourier", "cosine")
METHODS = (((64, 64), 12), ((64, 64), 31), ((1024,), 64), ((1024,), 256), ((8192,), 512))


def main() -> None:
    arguments = parse_arguments(__doc__)
    warnings.filterwarnings("ignore")
    repeats = 3 if arguments.quick else 7
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rows += [layer_row(n, m, threads, repeats) for n, m in SIZES]
    torch.set_num_threads(1)
    rows += [basis_row(64, 12, repeats)]
    rows += [method_row(grid, m, repeats) for grid, m in METHODS[: 2 if arguments.quick else None]]
    finish("Spectral layer, forward and backward", rows, arguments)


def trained(layer: torch.nn.Module, v: torch.Tensor, *axes: object) -> None:
    layer(v, *axes).square().sum().backward()


def layer_row(n: int, modes: int, threads: int, repeats: int) -> Row:
    """Compare with the peer's layer of as many numbers."""
    axes = Grid.periodic((n, n)).axes
    ours = SpectralConv(CHANNELS, CHANNELS, (modes, modes))
    v = torch.rand(BATCH, CHANNELS, n, n, requires_grad=True)
    calls = {"ours": lambda: trained(ours, v, axes)}
    try:
        from neuralop.layers.spectral_convolution import SpectralConv as PeerConv

        peer = PeerConv(CHANNELS, CHANNELS, (2 * modes - 1, 2 * modes - 2), bias=False)
        calls["peer"] = lambda: trained(peer, v)
    except ImportError:
        pass
    clock = time.process_time if threads == 1 else time.perf_counter
    times = interleave(calls, repeats, clock)
    task = f"{n} x {n}, {modes} modes"
    note = "CPU time" if threads == 1 else "by the clock"
    return Row(task, times["ours"], times.get("peer"), PEER, goal=1.0, threads=threads, note=note)


def basis_row(n: int, modes: int, repeats: int) -> Row:
    """Compare cosines, in real arithmetic, with Fourier modes."""
    v = torch.rand(BATCH, CHANNELS, n, n, requires_grad=True)
    layers = {name: SpectralConv(CHANNELS, CHANNELS, (modes,) * 2, name) for name in NAMES}
    axes = {"fourier": Grid.periodic((n, n)).axes, "cosine": Grid.uniform((n, n)).axes}
    times = interleave(
        {name: (lambda k=name: trained(layers[k], v, axes[k])) for name in NAMES},
        repeats,
        time.process_time,
    )
    return Row(
        f"{n} x {n}, {modes} modes, cosine", times["cosine"], times["fourier"], "ours, fourier"
    )


def method_row(grid: tuple[int, ...], modes: int, repeats: int) -> Row:
    """Compare the transform that is estimated to be faster with the other one."""
    axes = Grid.periodic(grid).axes
    batch = max(1, 2**18 // (math.prod(grid) * CHANNELS))
    v = torch.rand(batch, CHANNELS, *grid, requires_grad=True)
    layers = {
        method: SpectralConv(CHANNELS, CHANNELS, (modes,) * len(grid), method=method)
        for method in ("estimate", "matrices", "fft")
    }
    times = interleave(
        {name: (lambda k=layer: trained(k, v, axes)) for name, layer in layers.items()},
        repeats,
        time.process_time,
    )
    slower = max(("matrices", "fft"), key=lambda name: times[name])
    return Row(
        f"{' x '.join(map(str, grid))}, {modes} modes, batch {batch}, the estimated transform",
        times["estimate"],
        times[slower],
        f"ours, by {slower}",
    )


if __name__ == "__main__":
    main()
