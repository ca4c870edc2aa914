"""The tau method: equations of the lowest coefficients, bordered by boundary conditions."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.spectral.polynomial_basis import PolynomialBasis

Array = NDArray[Any]
Coefficient = float | Callable[[Array], Array]
Condition = tuple[str, int] | Array


class TauMethod:
    """Linear differential equations sum_m a_m(x) d^m u / dx^m = f with K conditions, in any basis.

        [ B_i v                      ]   [ values_i ]    i = 0, ..., K - 1
        [ sum_j (L p_j, p_k)_k v_j   ] = [ f_k      ]    k = 0, ..., n - K - 1

    The highest K equations give way to the conditions. The matrix is dense, O(n^3) once and O(n^2)
    per right-hand side, and its condition grows as n^(2m): a short way to any equation with some
    hundred unknowns, and the judge of `GalerkinRecombination` and `Ultraspherical`, which are O(n).
    Reference: Canuto, Hussaini, Quarteroni & Zang (2006), doi:10.1007/978-3-540-30726-6.

    Args:
        basis: `ChebyshevBasis` or `LegendreBasis`.
        coefficients: a_0, a_1, ..., numbers or functions of x.
        conditions: each ("lower" or "upper", order of the derivative) or n numbers B_i.

    Raises `InputError` for other arguments and singular matrices.

    >>> from nwidth.solvers.spectral import ChebyshevBasis
    >>> basis = ChebyshevBasis(16, 0.0, 1.0)
    >>> decay = TauMethod(basis, [lambda x: 2 * x, 1.0], [("lower", 0)])
    >>> u = basis.backward(decay.solve(np.zeros(16), [1.0]))
    >>> bool(abs(u - np.exp(-basis.points**2)).max() < 1e-13)
    True
    """

    def __init__(
        self,
        basis: PolynomialBasis,
        coefficients: Sequence[Coefficient],
        conditions: Sequence[Condition],
    ):
        self.basis = require_instance(basis, "basis", PolynomialBasis)
        self.rows = boundary_rows(basis, conditions)
        n, fine = basis.size, basis.resized((3 * basis.size + 1) // 2)
        total, slopes = np.zeros((n, n)), np.eye(n)
        for m, a in enumerate(several(coefficients)):
            slopes = basis.derivative(slopes, 1 if m else 0)
            values = fine.backward(basis.resampled(slopes, fine)) * coefficient(a, m, fine.points)
            total += fine.resampled(fine.forward(values), basis).T
        self.matrix = np.vstack([self.rows, total[: n - len(self.rows)]])
        scale = abs(self.matrix).max(axis=1)
        if scale.min() > 0.0:
            lu, pivots, _ = scipy.linalg.lapack.dgetrf(self.matrix / scale[:, None])
            self._factors = lu, pivots
        if scale.min() == 0.0 or abs(np.diag(self._factors[0])).min() < 1e-15:
            raise InputError("conditions: expected those that settle u, got a singular matrix")
        self._scale = scale

    def solve(self, f: Array, values: Any = None) -> Array:
        """Return the coefficients of u for those of f, shape (..., n), and values (..., K).

        Computed on the host in float64, then in the dtype of f.
        """
        f = to_numpy(as_floating(f, "f"))
        right = bordered(f, values, len(self.rows), self.basis.size)
        flat = (right / self._scale).reshape(-1, self.basis.size).T
        return scipy.linalg.lu_solve(self._factors, flat).T.reshape(f.shape).astype(f.dtype)


def boundary_rows(basis: PolynomialBasis, conditions: Sequence[Condition]) -> Array:
    """Return the rows of conditions, shape (K, n), from pairs (side, order) or rows themselves.

    >>> from nwidth.solvers.spectral import ChebyshevBasis
    >>> boundary_rows(ChebyshevBasis(3), [("lower", 0), ("upper", 1)]).tolist()
    [[1.0, -1.0, 1.0], [0.0, 1.0, 4.0]]
    """
    rows = []
    for condition in several(conditions):
        if isinstance(condition, tuple) and len(condition) == 2 and condition[0] in SIDES:
            order = condition[1]
            if isinstance(order, int) and not isinstance(order, bool) and order >= 0:
                rows.append(basis.boundary_values(order)[SIDES.index(condition[0])])
                continue
        row = np.asarray(condition)
        if (
            isinstance(condition, tuple)
            or row.shape != (basis.size,)
            or row.dtype.kind not in "iuf"
        ):
            raise InputError(
                f"conditions: expected ('lower' or 'upper', order) or {basis.size} real numbers, "
                f"got {condition!r:.80}"
            )
        rows.append(require_finite(row.astype(np.float64), "conditions"))
    if len(rows) >= basis.size:
        raise InputError(f"conditions: expected fewer than {basis.size}, got {len(rows)}")
    return np.array(rows).reshape(len(rows), basis.size)


SIDES = ("lower", "upper")


def coefficient(a: Any, order: int, x: Array) -> Array:
    """Return the values of a coefficient at points."""
    try:
        values = np.asarray(a(x) if callable(a) else a)
    except ValueError:  # rows of different lengths
        values = np.empty(0)
    if values.dtype.kind not in "iuf" or values.shape not in ((), x.shape):
        raise InputError(
            f"coefficients: expected a number or a function of x for order {order}, got {a!r:.80}"
        )
    return require_finite(values + np.zeros_like(x), "coefficients")


def bordered(f: Array, values: Any, count: int, n: int) -> Array:
    """Return right-hand sides with the values of conditions in front of the first n - K entries."""
    if f.shape[-1:] != (n,):
        raise InputError(f"f: expected shape (..., {n}), got {f.shape}")
    values = np.zeros(count) if values is None else as_floating(values, "values")
    if values.shape[-1:] != (count,):
        raise InputError(f"values: expected shape (..., {count}), got {values.shape}")
    values = np.broadcast_to(values, (*f.shape[:-1], count))
    if values.dtype.kind == "c" and f.dtype.kind != "c":
        raise InputError("values: expected real numbers, as those of f")
    kind = np.complex128 if f.dtype.kind == "c" else np.float64
    return np.concatenate([values, f[..., : n - count]], axis=-1).astype(kind)


def several(items: Any) -> list[Any]:
    """Return a list of one or more items."""
    if not isinstance(items, Sequence | np.ndarray) or isinstance(items, str) or len(items) == 0:
        raise InputError(f"coefficients, conditions: expected lists, got {items!r:.80}")
    return list(items)
