"""Interpolation of scattered values by radial functions, whose width is that of the least error."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_number
from nwidth.arrays import require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom.regression.regressor import asked_points, squared_distances, training_pairs

Array = NDArray[Any]

# Degree of the polynomials that a kernel needs beside it (-1: none), and whether it has a width.
KERNELS = {
    "linear": (0, False),
    "thin-plate-spline": (1, False),
    "cubic": (1, False),
    "multiquadric": (0, True),
    "gaussian": (-1, True),
}
# Shape parameters that are tried, for points in [-1, 1]^p.
_SHAPES = np.geomspace(0.05, 10, 16)
# Interpolation matrices beyond this condition number are left alone.
_CONDITION = 1e13


@dataclass(frozen=True, eq=False)
class RadialBasisFunctions:
    """Values y(x) = sum_i c_i phi(eps |x - x_i|) + p(x) that interpolate m samples.

    `centres` x_i (m, p), `coefficients` (m, r) and of 1, x_1, ..., x_p or fewer `tail` (t, r),
    `shape` eps, `left_out` (m, r) errors at samples that are left out, `condition` of the matrix.
    """

    kernel: str
    shape: float
    centres: Array
    coefficients: Array
    tail: Array
    left_out: Array
    condition: float

    name = "radial-basis-functions"

    def predict(self, points: Any) -> Array:
        """Return values (k, r) at points (k, p)."""
        x = asked_points(points, self.centres.shape[1])
        phi = _radial(self.kernel, self.shape, squared_distances(x, self.centres))
        return phi @ self.coefficients + _polynomials(x, KERNELS[self.kernel][0]) @ self.tail

    def deviations(self, points: Any) -> None:
        """Return None: an interpolant has no error bars."""
        return

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and a description for a file."""
        told = {name: getattr(self, name) for name in ("kernel", "shape", "condition")}
        return {name: getattr(self, name) for name in _ARRAYS}, told

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return what `archived` gave; KeyError or ValueError for anything else."""
        kernel = require_choice(told["kernel"], "kernel", tuple(KERNELS))
        m, p = arrays["centres"].shape
        r = arrays["coefficients"].shape[1]
        t = _polynomials(arrays["centres"], KERNELS[kernel][0]).shape[1]
        for name, size in zip(_ARRAYS, ((m, p), (m, r), (t, r), (m, r)), strict=True):
            require_finite(require_shape(arrays[name], size, name), name)
        shape = require_number(told["shape"], "shape", "(0, inf)")
        condition = require_number(told["condition"], "condition", "[0, inf)")
        return cls(kernel, shape, condition=condition, **{n: arrays[n] for n in _ARRAYS})


def radial_basis_functions(
    points: Any, values: Any, *, kernel: str = "auto", shape: float | None = None
) -> RadialBasisFunctions:
    """Return the interpolant by radial functions with the smallest error at left-out samples.

        [ phi  P ] [c]   [y]
        [ P^T  0 ] [d] = [0],      y_i - y^(-i)(x_i) = c_i / (M^-1)_ii

    M is the whole matrix. The second equation, Rippa (1999), doi:10.1023/A:1018975909870, equation
    (9), gives all m errors for one inverse, and eps is the one of 16 for which they are smallest.
    Matrices of condition numbers above 1e13 are not considered.

    Args:
        points: different ones (m, p), scaled to about [-1, 1]^p.
        values: (m, r).
        kernel: "linear", "thin-plate-spline" or "cubic", which have no width; "multiquadric" or
            "gaussian", for smooth functions; "auto": that of the smallest error.
        shape: eps > 0 of "multiquadric" and "gaussian"; by default the best.

    Raises `InputError` for repeated points, and if there are too few points, or they lie too much
    on a line, for a polynomial of the kernel's degree.

    >>> x = np.linspace(-1, 1, 9)[:, None]
    >>> found = radial_basis_functions(x, np.sin(3 * x))
    >>> found.kernel, bool(abs(found.predict([[0.3]]) - np.sin(0.9)).max() < 1e-4)
    ('gaussian', True)
    """
    x, y = training_pairs(points, values)
    require_choice(kernel, "kernel", (*KERNELS, "auto"))
    if shape is not None:
        shape = require_number(shape, "shape", "(0, inf)")
    square = squared_distances(x, x)
    best, least = None, np.inf
    for name, (_, has_width) in KERNELS.items():
        if kernel not in (name, "auto"):
            continue
        shapes = [shape] if shape is not None else _SHAPES if has_width else [1.0]
        for eps in shapes:
            found = _interpolant(name, float(eps), x, y, square)
            total = np.inf if found is None else float(np.square(found.left_out).sum())
            if total < least:
                best, least = found, total
    if best is None:
        raise InputError(
            f"points: {len(x)} samples are too few, or lie too much on a line, for the kernel "
            f"{kernel!r}; bring more of them or choose another kernel"
        )
    return best


def _interpolant(
    kernel: str, shape: float, x: Array, y: Array, square: Array
) -> RadialBasisFunctions | None:
    """Return the interpolant of a kernel and a shape; None if its matrix is nearly singular."""
    m, P = len(x), _polynomials(x, KERNELS[kernel][0])
    t = P.shape[1]
    if m <= t:
        return None
    M = np.zeros((m + t, m + t))
    M[:m, :m] = _radial(kernel, shape, square)
    M[:m, m:], M[m:, :m] = P, P.T
    try:
        inverse = np.linalg.inv(M)
    except np.linalg.LinAlgError:
        return None
    condition = float(np.linalg.norm(M, 1) * np.linalg.norm(inverse, 1))
    diagonal = np.diagonal(inverse)[:m]
    if not condition < _CONDITION or not diagonal.all():
        return None
    right = np.concatenate([y, np.zeros((t, y.shape[1]))])
    both = inverse @ right
    both += inverse @ (right - M @ both)  # the inverse alone loses digits that a step regains
    left_out = both[:m] / diagonal[:, None]
    if not np.isfinite(left_out).all():
        return None
    return RadialBasisFunctions(kernel, shape, x, both[:m], both[m:], left_out, condition)


def _radial(kernel: str, shape: float, square: Array) -> Array:
    """Return phi(eps r) of squared distances r^2; those that are conditionally definite by sign."""
    s = shape * shape * square
    if kernel == "gaussian":
        return np.exp(-s)
    if kernel == "multiquadric":
        return -np.sqrt(1 + s)
    if kernel == "cubic":
        return s**1.5
    if kernel == "linear":
        return -np.sqrt(s)
    return 0.5 * s * np.log(np.where(s > 0, s, 1))


def _polynomials(x: Array, degree: int) -> Array:
    """Return 1, x_1, ..., x_p at points, as many as the degree (-1, 0 or 1) has."""
    columns = [np.ones(len(x)), *x.T][: 1 + x.shape[1] if degree > 0 else degree + 1]
    return np.stack(columns, axis=1) if columns else np.zeros((len(x), 0))


_ARRAYS = ("centres", "coefficients", "tail", "left_out")
