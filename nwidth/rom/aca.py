"""ACA: adaptive cross approximation of a matrix that is never formed."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_integers, require_limit, require_number
from nwidth.arrays import Seed, as_floating, generator, power_of_two, require_finite
from nwidth.errors import InputError
from nwidth.rom.selection_status import SelectionStatus
from nwidth.rom.skeleton import Skeleton

Array = NDArray[Any]

# Pivots and errors below so many units of the largest entry's last place are round-off.
_ROUND_OFF = 8


def aca(
    entries: Callable[[Any, Any], Any],
    shape: tuple[int, int],
    rtol: float = 1e-6,
    *,
    max_rank: int | None = None,
    samples: int = 500,
    seed: Seed = 0,
) -> Skeleton:
    """Approximate a matrix from a few of its rows and columns, chosen by partial pivoting.

        j_k = argmax_j |E_{k-1}(i_k, j)|,    v_k = E_{k-1}(i_k, :) / E_{k-1}(i_k, j_k),
        u_k = E_{k-1}(:, j_k),    E_k = E_{k-1} - u_k v_k^T,    i_{k+1} = argmax_{i new} |u_k(i)|

    until |u_k| |v_k| <= rtol ||S_k||_F, S_k = sum_{j<=k} u_j v_j^T, whose norm is updated.
    References: Bebendorf (2000), doi:10.1007/PL00005410; the norm: Bebendorf & Rjasanow (2003),
    doi:10.1007/s00607-002-1469-6.

    That criterion alone can be met while whole blocks are unseen. So the mean square of random
    entries' remainders, which follow each step, must say ||E_k||_F <= rtol ||S_k||_F too; else the
    row of the largest of them comes next. What happens in less than a hundredth of the entries can
    still be missed by 500 samples: `Skeleton.error_estimate` tests with products.

    Args:
        entries: `entries(i, j)` returns A(i, j) for integer arrays of indices that broadcast, such
            as `lambda i, j: kernel(x[i], y[j])`; called for single rows and columns.
        shape: (m, n).
        rtol: good values 1e-2 to 1e-12.
        max_rank: limit on the number of rows and columns.
        samples: number of random entries.
        seed: of these.

    The result's `error` is that of the random entries. Time is O(k^2 (m + n)) and k (m + n)
    entries. Raises `InputError` for entries of a wrong shape or not finite.

    >>> x, y = np.linspace(0, 1, 300), np.linspace(2, 3, 200)
    >>> found = aca(lambda i, j: 1 / abs(x[i] - y[j]), (300, 200), 1e-8)
    >>> found.rank, found.error < 1e-8, found.status.name
    (7, True, 'CONVERGED')
    """
    m, n = _shape(shape)
    rtol = require_number(rtol, "rtol", "[0, 1)")
    limit = require_limit(max_rank, "max_rank", min(m, n))
    rng = generator(seed)
    samples = require_integer(samples, "samples", 1)
    si, sj = rng.integers(m, size=samples), rng.integers(n, size=samples)
    remainder = _asked(entries, si, sj, "random entries")
    # Squares of very large or small entries would leave the range.
    scale = remainder.real.dtype.type(power_of_two(remainder.view(remainder.real.dtype)))
    remainder = remainder * scale
    C, R = (np.zeros((0, k), remainder.dtype) for k in (m, n))
    U, V = C, R
    rows: list[int] = []
    cols: list[int] = []
    used = np.zeros(m, bool)
    floor = _ROUND_OFF * float(np.finfo(remainder.dtype).eps)
    largest, square, row = float(np.abs(remainder).max()), 0.0, 0
    while True:
        # 1. The row's remainder and its largest entry.
        used[row] = True
        given = scale * _asked(entries, row, np.arange(n), f"row {row}")
        largest = max(largest, float(np.abs(given).max()))
        v = given - U[:, row] @ V
        v[cols] = 0
        j = int(np.abs(v).argmax())
        step = 0.0
        if abs(v[j]) > floor * largest:
            # 2. The column through it, and one more term.
            column = scale * _asked(entries, np.arange(m), j, f"column {j}")
            largest = max(largest, float(np.abs(column).max()))
            u = column - V[:, j] @ U
            u[rows] = 0
            v = v / v[j]
            square += _term(U, V, u, v)
            step = float(np.linalg.norm(u)) * float(np.linalg.norm(v))
            C, R = np.vstack([C, column]), np.vstack([R, given])
            U, V = np.vstack([U, u]), np.vstack([V, v])
            remainder = remainder - u[si] * v[sj]
            rows.append(row)
            cols.append(j)
            next_row = int(np.where(used, -1, np.abs(u)).argmax())
        # 3. Both estimates of the error.
        size = float(np.sqrt(max(square, 0.0)))
        missed = float(np.sqrt(m * n * np.mean(np.abs(remainder) ** 2)))
        waiting = np.where(used[si], -1, np.abs(remainder))
        worst = int(waiting.argmax())
        target = max(rtol, floor) * size
        if step <= target and missed <= target:
            small = max(step, missed) <= rtol * size
            status = SelectionStatus.CONVERGED if small else SelectionStatus.EXHAUSTED
        elif len(rows) == limit:
            status = SelectionStatus.MAX_RANK if limit < min(m, n) else SelectionStatus.CONVERGED
        elif step <= target and waiting[worst] <= floor * largest:
            status = SelectionStatus.EXHAUSTED
        else:
            row = int(si[worst]) if step <= target else next_row
            continue
        break
    error = missed / size if size else missed
    return Skeleton(
        C.T / scale,
        R[:, cols] / scale,
        R / scale,
        row_indices=np.array(rows, np.int64),
        column_indices=np.array(cols, np.int64),
        error=error,
        status=status,
    )


def _term(U: Array, V: Array, u: Array, v: Array) -> float:
    """Return ||S + u v^T||_F^2 - ||S||_F^2 for S = U^T V."""
    cross = (U.conj() @ u) * (V.conj() @ v)
    return float(2 * cross.real.sum()) + (float(np.linalg.norm(u)) * float(np.linalg.norm(v))) ** 2


def _shape(shape: Any) -> tuple[int, int]:
    """Return numbers of rows and columns."""
    sizes = require_integers(shape, "shape", 1)
    if len(sizes) != 2:
        raise InputError(f"shape: expected numbers of rows and columns, got {shape!r:.80}")
    return sizes[0], sizes[1]


def _asked(entries: Callable[[Any, Any], Any], i: Any, j: Any, what: str) -> Array:
    """Return entries as a floating-point array, or say what is wrong with them."""
    if not callable(entries):
        raise InputError(
            f"entries: expected a function of row and column indices, got {entries!r:.80}; for an "
            "array A give lambda i, j: A[i, j]"
        )
    found = np.array(as_floating(entries(i, j), "entries"))
    wanted = np.broadcast_shapes(np.shape(i), np.shape(j))
    if found.shape != wanted:
        raise InputError(f"entries: expected shape {wanted} of {what}, got {found.shape}")
    return require_finite(found, f"entries of {what}")
