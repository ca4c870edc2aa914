"""Random fields and fast Poisson solves at awkward sizes, against SciPy's transforms alone.

    python benchmarks/transforms.py [--quick] [--json FILE] [--rounds N]

A sine or cosine transform whose length has a large prime factor takes several times longer than one
without. The peer writes the same field and the same solve with `scipy.fft` on the same random
numbers; both results must agree to round-off. Process time at one thread.
"""

import time
from collections.abc import Callable

import numpy as np
from report import Row, finish, interleave, parse_arguments
from scipy import fft
from threadpoolctl import threadpool_limits

from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import FastPoisson


def plain_field(n: int, centering: str) -> Callable[[], np.ndarray]:
    """Return a sampler of the Gaussian field with alpha = 2, tau = 3 and closed sides, by SciPy."""
    k = np.arange(n)
    square = np.pi**2 * (k[:, None] ** 2 + k[None, :] ** 2)
    ends = np.where(k == 0, 1.0, 2**0.5)
    halves = np.where((k == 0) | ((k == n - 1) & (centering == "node")), 1.0, 0.5)
    scale = 3.0 / (square + 9.0) * np.multiply.outer(ends * halves, ends * halves)
    scale[0, 0] = 0.0

    def sample() -> np.ndarray:
        noise = np.random.default_rng(0).standard_normal((n, n))
        noise *= scale
        return fft.dctn(noise, type=1 if centering == "node" else 3, overwrite_x=True)

    return sample


def field_row(n: int, centering: str, rounds: int) -> Row:
    """Time one sample."""
    field = GaussianRandomField(Grid.uniform((n, n), centering=centering), 2.0, 3.0)
    contenders = {
        "ours": lambda: field.sample(np.random.default_rng(0)),
        "peer": plain_field(n, centering),
    }
    ours, peer = contenders["ours"](), contenders["peer"]()
    assert np.abs(ours - peer).max() < 1e-11 * np.abs(peer).max()
    seconds = interleave(contenders, rounds, time.process_time)
    return Row(
        f"random field, {n} x {n} {centering}s", seconds["ours"], seconds["peer"], "scipy.fft"
    )


def poisson_row(n: int, rounds: int) -> Row:
    """Time one solve with zero values on the sides of n x n nodes."""
    fast = FastPoisson(Grid.uniform((n, n)), [("dirichlet", "dirichlet")] * 2)
    b = np.random.default_rng(0).standard_normal((n - 2, n - 2))
    angle = np.pi * np.arange(1, n - 1) / (n - 1)
    along = 4 * np.sin(angle / 2) ** 2
    inverse = 1 / (along[:, None] + along)

    def plain() -> np.ndarray:
        return fft.idstn(inverse * fft.dstn(b, type=1), type=1)

    assert np.abs(fast.solve(b) - plain()).max() < 1e-10 * np.abs(plain()).max()
    seconds = interleave({"ours": lambda: fast.solve(b), "peer": plain}, rounds, time.process_time)
    return Row(f"fast Poisson, {n} x {n} nodes", seconds["ours"], seconds["peer"], "scipy.fft")


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0], rounds=(7, "rounds of each contender"))
    rounds = 3 if arguments.quick else arguments.rounds
    sizes = [("node", 420), ("node", 421), ("cell", 420), ("cell", 421)]
    if not arguments.quick:
        sizes += [("node", 1010), ("cell", 1021)]
    with threadpool_limits(1):
        rows = [field_row(n, centering, rounds) for centering, n in sizes]
        rows += [poisson_row(n, rounds) for n in (420, 421, *([] if arguments.quick else [1010]))]
    finish("Transforms at awkward sizes", rows, arguments)


if __name__ == "__main__":
    main()
