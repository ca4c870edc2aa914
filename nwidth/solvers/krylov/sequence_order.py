"""In which order to solve a sequence of systems so that neighbours are alike."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError

Array = NDArray[Any]

METHODS = ("auto", "greedy", "hilbert")

# Samples up to which the greedy chain looks at all of them; longer sequences are cut into groups
# of at most so many along the space-filling curve.
GROUP = 4000

# Bits of the Hilbert curve in all, and coordinates that it fills at most.
BITS, COORDINATES = 60, 4


def sequence_order(parameters: Any, method: str = "auto") -> Array:
    """Return a permutation that makes a path through parameters short, for recycling solvers.

        sum_s || P_order[s+1] - P_order[s] ||_2   small, and never above that of the given order

    "greedy" starts at the first sample and goes to the nearest one that is left, in O(N^2)
    distances; reference: the sorting of Wang et al. (2024), arXiv:2401.09516.
    "hilbert" orders the projections onto the leading principal directions along Hilbert's
    space-filling curve; reference: Skilling (2004), doi:10.1063/1.1751381. "auto" is greedy, above
    4000 samples within groups that follow each other on the curve. If the given order is the
    shorter one it is kept.

    Args:
        parameters: one parameter vector or field per sample, shape `(sample, ...)`, real or
            complex.
        method: one of the above.

    Raises `InputError` for an unknown method and for arrays without numbers or samples, and
    `NonFiniteError` for NaN and infinity.

    >>> sequence_order(np.array([0.0, 5.0, 1.0, 6.0])).tolist()
    [0, 2, 1, 3]
    """
    require_choice(method, "method", METHODS)
    try:
        values = as_floating(to_numpy(parameters), "parameters")
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"parameters: expected an array of numbers: {error}") from None
    if values.ndim == 0 or values.size == 0:
        raise InputError(f"parameters: expected shape (sample, ...), got {values.shape}")
    require_finite(values, "parameters")
    points = values.reshape(values.shape[0], -1)
    if points.dtype.kind == "c":
        points = np.concatenate([points.real, points.imag], axis=1)
    if method == "greedy" or (method == "auto" and len(points) <= GROUP):
        order = _greedy(points, 0)
    else:
        order = _hilbert(points)
        if method == "auto":
            order = _greedy_in_groups(points, order)
    given = np.arange(len(points))
    return order if path_length(points[order]) <= path_length(points) else given


def path_length(points: Array) -> float:
    """Return the sum of the distances from each sample to the next.

    >>> path_length(np.array([[0.0], [3.0], [1.0]]))
    5.0
    """
    return float(sum(np.linalg.norm(b - a) for a, b in pairwise(points)))


def _greedy(points: Array, start: int) -> Array:
    """Go to the nearest sample that is left; squares by |p|^2 - 2 p.q + |q|^2 of centred ones."""
    centred = points - points.mean(axis=0)
    left = np.arange(len(points))
    order = np.empty(len(points), int)
    squares = np.einsum("sn,sn->s", centred, centred)
    at = start
    for k in range(len(points)):
        order[k] = left[at]
        here = centred[at].copy()
        last = len(left) - 1 - k  # swap the visited one behind those that are left
        for a in (left, squares, centred):
            a[at], a[last] = np.copy(a[last]), np.copy(a[at])
        if last:
            at = int(np.argmin(squares[:last] - 2 * (centred[:last] @ here)))
    return order


def _greedy_in_groups(points: Array, order: Array) -> Array:
    """Sort groups of a space-filling order, each from the sample nearest to where one ended."""
    parts: list[Array] = []
    for group in np.array_split(order, -(-len(order) // GROUP)):
        near = points[group] - points[parts[-1][-1] if parts else group[0]]
        start = int(np.argmin(np.einsum("sn,sn->s", near, near)))
        parts.append(group[_greedy(points[group], start)])
    return np.concatenate(parts)


def _hilbert(points: Array) -> Array:
    """Order by the index on Hilbert's curve through the leading principal coordinates."""
    coordinates = _principal_coordinates(points)
    bits = BITS // coordinates.shape[1]
    low, span = coordinates.min(axis=0), np.ptp(coordinates, axis=0).max()
    cells = (coordinates - low) / (span or 1.0) * (2 ** min(bits, 30) - 1)
    return np.argsort(_hilbert_index(cells.astype(np.int64), min(bits, 30)), kind="stable")


def _principal_coordinates(points: Array) -> Array:
    """Return up to four coordinates of most variance, by the randomized range of the samples.

    Reference: Halko, Martinsson & Tropp (2011), doi:10.1137/090771806, algorithm 4.4.
    """
    centred = points - points.mean(axis=0)
    wanted = min(COORDINATES, *centred.shape)
    probe = np.random.default_rng(0).standard_normal((centred.shape[1], wanted + 4))
    sketch = centred @ probe.astype(centred.dtype)
    for _ in range(2):
        sketch = centred @ (centred.T @ np.linalg.qr(sketch)[0])
    basis = np.linalg.qr(sketch)[0]
    _, _, directions = np.linalg.svd(basis.T @ centred, full_matrices=False)
    return centred @ directions[:wanted].T


def _hilbert_index(cells: Array, bits: int) -> Array:
    """Return the place of integer coordinates `(sample, axis)` on Hilbert's curve (Skilling)."""
    x = cells.T.copy()
    axes = len(x)
    for q in (1 << b for b in range(bits - 1, 0, -1)):  # inverse undo
        for i in range(axes):
            inverted = (x[i] & q) != 0
            swap = np.where(inverted, 0, (x[0] ^ x[i]) & (q - 1))
            x[0] ^= np.where(inverted, q - 1, swap)
            x[i] ^= swap
    for i in range(1, axes):  # Gray encode
        x[i] ^= x[i - 1]
    flip = np.zeros_like(x[0])
    for q in (1 << b for b in range(bits - 1, 0, -1)):
        flip ^= np.where((x[-1] & q) != 0, q - 1, 0)
    x ^= flip
    index = np.zeros_like(x[0])
    for b in range(bits - 1, -1, -1):  # interleave
        for i in range(axes):
            index = (index << 1) | ((x[i] >> b) & 1)
    return index
