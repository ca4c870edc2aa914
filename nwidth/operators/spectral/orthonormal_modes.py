"""Coefficients in orthonormal functions of a box, by which norms can be taken in the spectrum."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_integer, require_number
from nwidth.arrays import real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import AxisBasis, Matrix, require_axes
from nwidth.operators.spectral.cosine_sine_modes import CosineModes, SineModes
from nwidth.operators.spectral.fourier_basis import FourierModes

ORTHONORMAL: dict[str, AxisBasis] = {
    basis.name: basis for basis in (CosineModes(), FourierModes(), SineModes())
}


# Modes looked at before more: matrices of all modes of long axes are large.
_TRIED_FIRST = 64


def coefficient_count(basis: str, modes: int) -> int:
    """Return how many real numbers `modes` modes have: a sine of frequency zero is none.

    >>> coefficient_count("fourier", 3), coefficient_count("cosine", 3)
    (5, 3)
    """
    return 2 * modes - 1 if basis == "fourier" else modes


@lru_cache(maxsize=256)
def orthonormal_frame(axis: Axis, modes: int, basis: str) -> tuple[Matrix, Matrix]:
    """Return the matrices A (K, n) from values to coefficients and S (n, K) back.

        c = A v,   v = S c,   (1/L) int v^2 dx = sum_k c_k^2     for functions of the basis

    "cosine": 1, sqrt(2) cos(pi k s); "sine": sqrt(2) sin(pi k s); "fourier": 1 and the pairs
    sqrt(2) cos(2 pi k s), sqrt(2) sin(2 pi k s), with s = (x - lower) / length. Raises
    `InputError`, saying the largest number, for more modes than the points tell apart.

    >>> A, S = orthonormal_frame(Axis.uniform(8, periodic=True), 3, "fourier")
    >>> A.shape, bool(np.allclose(A @ S, np.eye(5)))
    ((5, 8), True)
    """
    back = _functions(axis, modes, basis)
    there = ORTHONORMAL[basis].analysis_matrix(axis, modes)
    if basis == "fourier":
        there = np.delete(there, 1, axis=0)
    return there / _sizes(basis, len(there))[:, None], back


def _functions(axis: Axis, modes: int, basis: str) -> Matrix:
    """Return the values S (n, K) of the functions, without the cost of an analysis."""
    family = ORTHONORMAL[require_choice(basis, "basis", tuple(ORTHONORMAL))]
    values = family.synthesis_matrix(axis, family.require_resolved(axis, modes))
    if basis == "fourier":  # the imaginary part of frequency zero
        values = np.delete(values, 1, axis=1)
    scaled: Matrix = values * _sizes(basis, values.shape[1])
    return scaled


def _sizes(basis: str, count: int) -> Matrix:
    """Return how many times those of the basis the orthonormal functions are."""
    # Coefficients of waves are real and imaginary parts of half the amplitude.
    sizes = np.full(count, np.sqrt(0.5 if basis == "fourier" else 2.0))
    if basis != "sine":
        sizes[0] = 1.0
    return sizes


def is_orthonormal(axis: Axis, modes: int, basis: str) -> bool:
    """Whether the quadrature of an axis finds the functions orthonormal, too.

    Sums over its points then equal sums of squares of coefficients, exactly. It holds on uniform
    nodes, cells and periodic axes, except for the highest cosine of a node axis.

    >>> [is_orthonormal(Axis.uniform(8), m, "cosine") for m in (7, 8)]
    [True, False]
    """
    back = _functions(axis, modes, basis)
    gram = (back.T * (axis.widths / axis.length)) @ back
    return bool(np.allclose(gram, np.eye(len(gram)), rtol=0, atol=1e-9))


def modes_by_energy(
    u: Any, axes: Sequence[Axis], share: float = 1e-3, bases: str | Sequence[str] = "cosine"
) -> tuple[int, ...]:
    """Return the fewest modes per axis that leave out at most `share` of functions u.

    u (sample, channel, *grid). What is left out is measured in relative L2 norm per sample and
    averaged; each of d axes may leave out share / sqrt(d), which together is at most `share`.

    >>> axis = Axis.uniform(64, periodic=True)
    >>> u = np.sin(2 * np.pi * 5 * axis.points)[None, None]
    >>> modes_by_energy(u, (axis,), 1e-3, "fourier")
    (6,)

    Raises `InputError` if no number of modes that the points tell apart is enough, and for values
    that are not finite or do not fit the axes.
    """
    share = require_number(share, "share", "(0, 1)")
    d = len(axes) if isinstance(axes, Sequence) else 1
    axes, words = require_axes(axes, d, "modes by energy"), require_bases(bases, d, "bases")
    field = require_finite(to_numpy(real_floating(u, "modes by energy")), "modes by energy")
    sizes = tuple(axis.size for axis in axes)
    if field.ndim != d + 2 or field.shape[2:] != sizes or not field.size:
        raise InputError(
            f"modes by energy: expected shape (sample, channel, grid of {d} axes) on axes of the "
            f"same sizes, got {field.shape} on {list(sizes)}"
        )
    # Shares do not depend on scale: this one keeps squares of extreme values in range.
    largest = np.abs(field).max(axis=tuple(range(1, field.ndim)), keepdims=True)
    field = np.float64(field) / np.where(largest > 0, largest, 1.0)
    for k, axis in enumerate(axes):
        field = field * np.sqrt(axis.widths / axis.length).reshape(
            [-1 if j == k + 2 else 1 for j in range(field.ndim)]
        )
    total = (field**2).reshape(len(field), -1).sum(1)
    found = []
    for k, (axis, word) in enumerate(zip(axes, words, strict=True)):
        lines, limit, count = np.moveaxis(field, k + 2, -1), share / np.sqrt(d), _TRIED_FIRST
        rest = _left_out(lines, total, axis, word, count)
        while rest[-1] > limit and count < axis.size:
            count *= 4
            rest = _left_out(lines, total, axis, word, count)
        enough = np.flatnonzero(rest <= limit)
        if not len(enough):
            raise InputError(
                f"modes by energy: expected {word} modes that leave out {share:g} or less, but all "
                f"{len(rest)} of {axis} leave out {rest[-1]:.2g}; ask for less, or choose a basis "
                "whose ends suit the functions"
            )
        found.append(int(enough[0]) + 1)
    return tuple(found)


def _left_out(
    field: NDArray[np.float64], total: NDArray[np.float64], axis: Axis, word: str, count: int
) -> NDArray[np.float64]:
    """Return the mean share that 1, 2, ..., up to `count` modes along the last axis leave out.

    The values are multiplied by the roots of their weights.
    """
    family = ORTHONORMAL[require_choice(word, "bases", tuple(ORTHONORMAL))]
    most = family.resolved_modes(axis, min(count, axis.size))
    while most > 1 and not is_orthonormal(axis, most, word):
        most -= 1
    back = _functions(axis, most, word)
    c = field @ (back * np.sqrt(axis.widths / axis.length)[:, None])
    energy = (c**2).reshape(len(c), -1, c.shape[-1]).sum(1)
    if word == "fourier":
        energy = np.concatenate([energy[:, :1], energy[:, 1::2] + energy[:, 2::2]], axis=1)
    rest = np.clip(total[:, None] - np.cumsum(energy, axis=1), 0, None)
    shares: NDArray[np.float64] = np.sqrt(rest / np.where(total > 0, total, 1.0)[:, None]).mean(0)
    return shares


def require_bases(bases: Any, dimension: int, name: str) -> tuple[str, ...]:
    """Return the word of a basis for each axis, or raise `InputError`.

    >>> require_bases("sine", 2, "bases")
    ('sine', 'sine')
    """
    listed = (bases,) * dimension if isinstance(bases, str) else bases
    if not isinstance(listed, Sequence) or len(listed) != dimension:
        raise InputError(
            f"{name}: expected one word or one for each of {dimension} axes, got {bases!r}"
        )
    return tuple(require_choice(word, name, tuple(ORTHONORMAL)) for word in listed)


def require_modes(modes: Any, name: str) -> tuple[int, ...]:
    """Return positive numbers of modes for one to three axes, or raise `InputError`.

    >>> require_modes(4, "T1")
    (4,)
    """
    listed = (modes,) if isinstance(modes, int | np.integer) else modes
    if isinstance(listed, str) or not isinstance(listed, Sequence) or not 1 <= len(listed) <= 3:
        raise InputError(f"{name}: expected modes for one to three axes, got {modes!r}")
    return tuple(require_integer(m, f"modes[{k}]", 1) for k, m in enumerate(listed))
