"""Which of two ways of a spectral transform is faster: estimated, or measured once."""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import log2, prod

import torch
from torch import Tensor

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import AxisBasis
from nwidth.operators.spectral.pruned_fft import PrunedFFT
from nwidth.operators.spectral.spectral_transform import (
    MatrixTransform,
    SpectralTransform,
    frequencies,
)

METHODS = ("estimate", "measure", "matrices", "fft")

# Products with matrices do this many times as many operations in a second as fast transforms, of
# one axis and of several, whose strided data the fast ones move about.
_ADVANTAGE = (20.0, 60.0)
# Estimates that differ by more are trusted; others are measured.
_DOUBT = 3.0

# The faster way by circumstances, for this process.
_measured: dict[tuple, str] = {}


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def spectral_transform(
    bases: tuple[AxisBasis, ...],
    axes: tuple[Axis, ...],
    target: tuple[Axis, ...],
    modes: tuple[int, ...],
    channels: int,
    method: str,
    dtype: torch.dtype,
    device: torch.device,
    threads: int,
) -> SpectralTransform:
    """Return the transform between these grids, by matrices or by fast Fourier transforms.

    "estimate" counts operations, and so chooses alike in every process. "measure" times both where
    that leaves a doubt, once for the same sizes, modes, channels, precision, device and number of
    threads; another process may then choose otherwise and differ in the last digits. "matrices"
    and "fft" are those.

    Raises `InputError` for "fft" on axes that it does not serve.
    """
    fast = PrunedFFT(bases, axes, target, modes)
    serves = fast.serves(bases, axes, target, modes)
    if method == "fft" and not serves:
        raise InputError(
            "method 'fft': expected Fourier modes on uniform periodic axes of one box that "
            f"resolve them, got {[basis.name for basis in bases]} on {[*axes, *target]}; "
            "use 'estimate' or 'matrices'"
        )
    gain = _expected_gain(bases, fast) if serves else 0.0
    doubt = _DOUBT if method == "measure" else 1.0
    if method == "fft" or (method != "matrices" and gain > doubt):
        return fast
    matrices = MatrixTransform(bases, axes, target, modes, dtype, device)
    if method == "matrices" or gain <= 1 / doubt:
        return matrices
    key = (fast.sizes, fast.target, modes, channels, dtype, device, threads)
    if key not in _measured:
        both = {"matrices": matrices, "fft": fast}
        _measured[key] = faster(both, fast.sizes, channels, dtype, device)
    return fast if _measured[key] == "fft" else matrices


def faster(
    transforms: dict[str, SpectralTransform],
    sizes: tuple[int, ...],
    channels: int,
    dtype: torch.dtype,
    device: torch.device,
) -> str:
    """Return the name of the faster transform, there and back, for fields of about 2^18 numbers."""
    batch = max(1, (1 << 18) // (prod(sizes) * channels))
    x = torch.ones(batch, *sizes, channels, dtype=dtype, device=device)
    with torch.no_grad():
        seconds = {
            name: _least_seconds(lambda t=t: t.synthesise(t.analyse(x)), device)  # type: ignore[misc]
            for name, t in transforms.items()
        }
    return min(seconds, key=lambda name: seconds[name])


def _least_seconds(call: Callable[[], Tensor], device: torch.device, repeats: int = 4) -> float:
    """Return the least time of several calls; the first counts as warm-up."""
    least = float("inf")
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if repeat:
            least = min(least, time.perf_counter() - start)
    return least


def _expected_gain(bases: Sequence[AxisBasis], fast: PrunedFFT) -> float:
    """Return how many times faster fast transforms should be than matrices, by operations."""
    ends = (fast.sizes, fast.target)
    slow = sum(_matrix_operations(sizes, bases, fast.modes) for sizes in ends)
    return slow / (
        _ADVANTAGE[len(fast.modes) > 1] * sum(_fast_operations(sizes, fast.modes) for sizes in ends)
    )


def _matrix_operations(
    sizes: Sequence[int], bases: Sequence[AxisBasis], modes: Sequence[int]
) -> float:
    """Return the multiplications per channel of one transform by matrices."""
    widths, total = frequencies(bases, modes), 0.0
    for k, (n, width) in enumerate(zip(sizes, widths, strict=True)):
        # The first axis is real to complex, further ones are complex: four products.
        total += prod(widths[:k]) * prod(sizes[k + 1 :]) * width * n * (4 if k else 2)
    return total


def _fast_operations(sizes: Sequence[int], modes: Sequence[int]) -> float:
    """Return the multiplications per channel of one transform by pruned fast transforms."""
    total, before = 0.0, 1
    for k, (n, m) in enumerate(zip(sizes, modes, strict=True)):
        total += before * prod(sizes[k + 1 :]) * n * log2(n) * (2 if k else 1)
        before *= 2 * m - 1 if k else m
    return total
