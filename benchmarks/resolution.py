"""Are layers and networks functions, or grids? The same input on two grids, ours and a peer's.

A linear layer that maps functions gives one output, on whichever grid a band-limited input is
known: rows say by how much outputs differ, in the largest norm, between grids nested and not, odd
and even, of every basis in one to three dimensions. Whole networks have pointwise functions, which
alias: rows compare outputs at common points, in L2, of random networks and of networks that were
trained for a moment on the coarse grid, as they are and with activations evaluated without aliases.
The peer gets the same input, and the same training. Ours is to stay below a limit; its rows without
a peer show that limit in its place.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from report import Row, finish, parse_arguments
from torch import Tensor

from nwidth.meshes import Axis, Grid
from nwidth.operators import FNO, SpectralConv, relative_l2

PEER = "neuraloperator"
LIMIT, NETWORK_LIMIT = 1e-10, 1e-3
BASES = ("fourier", "cosine", "sine", "chebyshev")
MIXES = (
    ("chebyshev", "fourier"),
    ("fourier", "sine"),
    ("sine", "fourier", "cosine"),
    ("fourier", "chebyshev", "fourier"),
)
COARSE, MODES, WIDTH = 85, 12, 32


def main() -> None:
    arguments = parse_arguments(__doc__)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    rows = [layer_row((name,) * d) for d in (1, 2, 3) for name in BASES]
    rows += [layer_row(names) for names in MIXES]
    rows += [peer_layer_row(n) for n in (COARSE, COARSE - 1)]
    rows += [peer_output_row(n) for n in (COARSE, COARSE - 1)]
    steps = 10 if arguments.quick else 40
    for walls in (False, True):
        rows += network_rows(walls, 0)
        rows += network_rows(walls, steps)
    finish("Resolution: functions or grids", rows, arguments)


# -- linear layers ---------------------------------------------------------------------------------


def grids_of(name: str) -> list[Callable[[int], Axis]]:
    """Return the kinds of axes that a basis lives on."""
    if name == "fourier":
        return [lambda n: Axis.uniform(n, 1.0, 3.0, periodic=True)]
    kinds = [
        lambda n: Axis.uniform(n, 1.0, 3.0),
        lambda n: Axis.uniform(n, 1.0, 3.0, centering="cell"),
    ]
    return [*kinds, lambda n: Axis.chebyshev(n, 1.0, 3.0)]


def layer_row(names: tuple[str, ...]) -> Row:
    """Return the largest difference of a layer's output over many grids, float64."""
    torch.manual_seed(0)
    d, modes = len(names), 5
    layer = SpectralConv(3, 3, (modes,) * d, names).double()
    target = tuple(Axis.uniform(9 - k, 1.25, 2.75) for k in range(d))
    sizes = ((21, 22, 41, 63), (19, 20, 37), (15, 16))[d - 1]
    outs = []
    for n in sizes:
        for kind in range(3):
            axes = []
            for k, name in enumerate(names):
                kinds = grids_of(name)
                axes.append(kinds[(kind + k) % len(kinds)](n + k))
            outs.append(layer(band_limited(layer, axes), tuple(axes), target).detach())
    spread = max(float((out - outs[0]).abs().max()) for out in outs) / float(outs[0].abs().max())
    kind = "nodes, cells, Chebyshev points" if names != ("fourier",) * d else "periodic points"
    return Row(
        f"layer, {' x '.join(names)}",
        spread,
        LIMIT,
        "limit",
        unit="1",
        goal=1.0,
        note=f"{len(outs)} grids of {sizes[0]} to {sizes[-1]} {kind} per axis, float64",
    )


def band_limited(layer: SpectralConv, axes: list[Axis]) -> Tensor:
    """Return random sums of products of the layer's modes at the points."""
    rng = np.random.default_rng(0)
    fields = np.zeros((layer.in_channels, *(axis.size for axis in axes)))
    for field in fields:
        for _ in range(3):
            term = np.ones(())
            for basis, axis, m in zip(layer.bases, axes, layer.modes, strict=True):
                c = rng.standard_normal(basis.coefficients(m))
                term = np.multiply.outer(term, basis.synthesis_matrix(axis, m) @ c)
            field += term
    return torch.tensor(fields)[None]


def waves(n: int, channels: int = 3) -> Tensor:
    """Return periodic fields of |k| <= 4 on n x n points, float32."""
    rng = np.random.default_rng(1)
    x = 2 * np.pi * np.arange(n) / n
    fields = np.zeros((channels, n, n))
    for field in fields:
        for k, m in rng.integers(-4, 5, (6, 2)):
            field += rng.standard_normal() * np.cos(k * x[:, None] + m * x + rng.random())
    return torch.tensor(fields, dtype=torch.float32)[None]


def difference(coarse: Tensor, fine: Tensor) -> float:
    """Return the relative L2 difference at the points of the coarse grid, those of even number."""
    fine = fine[..., ::2, ::2]
    return float((coarse - fine).norm() / fine.norm())


def peer_layer() -> torch.nn.Module | None:
    try:
        from neuralop.layers.spectral_convolution import SpectralConv as PeerConv
    except ImportError:
        return None
    torch.manual_seed(0)
    return PeerConv(3, 3, (2 * MODES - 1, 2 * MODES - 2), bias=False)


@torch.no_grad()
def peer_layer_row(n: int) -> Row:
    """Compare one layer of each on n and 2 n periodic points per axis, float32."""
    torch.manual_seed(0)
    layer, peer = SpectralConv(3, 3, (MODES, MODES)), peer_layer()
    ours = [layer(waves(m), Grid.periodic((m, m)).axes) for m in (n, 2 * n)]
    theirs = None if peer is None else difference(*(peer(waves(m)) for m in (n, 2 * n)))
    return Row(
        f"layer, {n}^2 to {2 * n}^2 periodic points",
        difference(*ours),
        theirs,
        PEER,
        unit="1",
        goal=1.0 if n % 2 else None,
        note="float32, |k| <= 4" + "; both at round-off" * (n % 2 == 0),
    )


@torch.no_grad()
def peer_output_row(n: int) -> Row:
    """Compare the output on 2 n points for input on n points with that for input on 2 n."""
    torch.manual_seed(0)
    layer, peer = SpectralConv(3, 3, (MODES, MODES)), peer_layer()
    coarse, fine = (Grid.periodic((m, m)).axes for m in (n, 2 * n))
    direct = layer(waves(2 * n), fine)
    ours = float((layer(waves(n), coarse, fine) - direct).norm() / direct.norm())
    theirs = None
    if peer is not None:
        direct = peer(waves(2 * n))
        out = peer(waves(n), output_shape=(2 * n, 2 * n))
        theirs = float((out - direct).norm() / direct.norm())
    return Row(
        f"layer, {n}^2 in, {2 * n}^2 out, to {2 * n}^2 in and out",
        ours,
        theirs,
        PEER,
        unit="1",
        goal=1.0,
        note="float32, |k| <= 4; the peer's output_shape",
    )


# -- whole networks --------------------------------------------------------------------------------


def axes_of(n: int, walls: bool) -> tuple[Axis, ...]:
    """Return n periodic points per axis, or n nodes between walls."""
    return Grid.uniform((n, n)).axes if walls else Grid.periodic((n, n)).axes


def problem(axes: tuple[Axis, ...], samples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return smooth random fields a, and u = (1 - Laplace / 40)^-1 a, exact on any grid.

    Both are sums of cosines and sines of few waves, even about the walls where there are some.
    """
    rng = np.random.default_rng(seed)
    turns = [(1 if axis.periodic else 0.5) * 2 * np.pi for axis in axes]
    x, y = np.meshgrid(*(axis.points for axis in axes), indexing="ij")
    a, u = np.zeros((2, samples, 1, *x.shape))
    for sample in range(samples):
        for k in range(5):
            for m in range(5):
                shifts = 0 if turns[0] < 4 else 2 * np.pi * rng.random(2)
                wave = rng.standard_normal() * math.exp(-0.3 * (k * k + m * m))
                px, py = np.broadcast_to(shifts, 2)
                term = wave * np.cos(turns[0] * k * x + px) * np.cos(turns[1] * m * y + py)
                a[sample] += term
                u[sample] += term / (1 + (turns[0] * k) ** 2 / 40 + (turns[1] * m) ** 2 / 40)
    return torch.tensor(a), torch.tensor(u)


def trained(
    model: torch.nn.Module, call: Callable[[Tensor], Tensor], walls: bool, steps: int
) -> None:
    """Take some steps of AdamW on 43^2 points."""
    if steps == 0:
        return
    axes = axes_of(43, walls)
    a, u = (t.to(next(model.parameters()).real.dtype) for t in problem(axes, 32, 5))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        some = slice(step % 4 * 8, step % 4 * 8 + 8)
        optimizer.zero_grad()
        relative_l2(call(a[some]), u[some], axes).mean().backward()
        optimizer.step()


def network_rows(walls: bool, steps: int) -> list[Row]:
    """Compare networks on 85 and 170 points (169 nodes) per axis."""
    fine = 2 * COARSE - walls
    where = f"{COARSE}^2 to {fine}^2 {'nodes' if walls else 'periodic points'}"
    state = f"{steps} steps at 43^2" if steps else "untrained"
    peer = peer_difference(walls, steps)
    bases = "chebyshev" if walls else "fourier"
    settings: dict[str, dict[str, Any]] = {
        "as it is": {},
        "trapezoid rule": {"quadrature": 2},
        "without aliases": {"bases": bases, "padding": 0.0, "dealias": 16},
    }
    if not walls:
        del settings["trapezoid rule"]  # which is exact there
    rows = []
    for name, options in settings.items():
        value, error = own_difference(walls, steps, options)
        exact = name == "without aliases"
        rows.append(
            Row(
                f"FNO, {where}, {state}, {name}",
                value,
                LIMIT if exact else peer,
                "limit" if exact else f"{PEER}{', padded' * walls}",
                unit="1",
                goal=None if name == "trapezoid rule" else 1.0,
                note=f"{'float64' if exact else 'float32'}; limit {NETWORK_LIMIT:g} "
                f"{'met' if value <= NETWORK_LIMIT else 'not met'}"
                + (f"; test error {error:.3f}" if steps else "")
                + (f"; {bases}, {options['dealias']} modes" if exact else ""),
            )
        )
    return rows


def own_difference(walls: bool, steps: int, options: dict[str, Any]) -> tuple[float, float]:
    """Return the difference between grids of our network, and its error on the coarse one."""
    dtype = torch.float64 if "dealias" in options else torch.float32
    model = FNO(1, 1, (MODES, MODES), width=WIDTH, layers=4, **options).to(dtype)
    trained(model, lambda v: model(v, axes_of(43, walls)), walls, steps)
    outs, errors = [], []
    with torch.no_grad():
        for n in (COARSE, 2 * COARSE - walls):
            axes = axes_of(n, walls)
            a, u = (t.to(dtype) for t in problem(axes, 2, 9))
            outs.append(model(a, axes))
            errors.append(relative_l2(outs[-1], u, axes).mean().item())
    return difference(*outs), errors[0]


def peer_difference(walls: bool, steps: int) -> float | None:
    """Return the difference between grids of the peer's network."""
    try:
        from neuralop.models import FNO as PeerFNO
    except ImportError:
        return None
    torch.manual_seed(0)
    peer = PeerFNO(
        n_modes=(2 * MODES - 1, 2 * MODES - 2),
        in_channels=1,
        out_channels=1,
        hidden_channels=WIDTH,
        n_layers=4,
        lifting_channel_ratio=0,
        projection_channel_ratio=4,
        use_channel_mlp=False,
        domain_padding=0.25 if walls else None,
    )
    trained(peer, peer, walls, steps)
    with torch.no_grad():
        sizes = (COARSE, 2 * COARSE - walls)
        outs = [peer(problem(axes_of(n, walls), 2, 9)[0].float()) for n in sizes]
    return difference(*outs)


if __name__ == "__main__":
    main()
