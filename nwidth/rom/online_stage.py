"""The online stage of a reduced model: its tables, packed for one compiled call per query."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.rom._rounding_numba import EPS
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.stability.min_theta import MinTheta
from nwidth.rom.stability.stability_bound import StabilityBound, stability_of

Array = NDArray[Any]

# Entries of reduced matrices may differ from their adjoint by so many units of the last place of
# the largest, per unknown.
HERMITIAN = 64
# From so many parameters on, threads are woken.
THREADED = 256


class OnlineStage:
    """Solve sum_q theta_q A_q x = sum_q phi_q f_q for many coefficients, and bound the error.

        bound  =  (||R z|| + |z| . allowance) / stability,
        z = (phi_1 ... phi_Qf, -theta_1 x_1, ..., -theta_Q x_1, -theta_1 x_2, ...)

    "galerkin" solves the square system, by Cholesky's factorization if all A_q are Hermitian and
    theta is real, otherwise, and where that meets a pivot which is not positive, by Householder's
    QR, which needs no exchange of rows and is stable for every matrix. "least-squares" minimizes
    ||R z||, the dual norm of the residual, by QR of the columns of R, never of their squares.
    Many systems are solved eight at a time, side by side, one system by vectors of eight rows.
    References: N. Higham (2002), doi:10.1137/1.9780898718027, theorems 10.4 and 19.5.

    Args:
        matrices: A_q, shape (Q, N, N).
        sources: f_q, shape (Q_f, N).
        residual: R, shape (rows, Q_f + N Q).
        allowance: what rounding adds to the residual for each entry of |z|.
        stability: a lower bound of the stability constant; that of `MinTheta` is compiled too.
        box: of parameters, or None.
        least_squares: which of the two.
        real_theta: whether theta is known to be real.
    """

    def __init__(
        self,
        matrices: Array,
        sources: Array,
        residual: Array,
        allowance: Array,
        stability: StabilityBound,
        box: ParameterBox | None,
        *,
        least_squares: bool,
        real_theta: bool,
    ):
        Q, N = matrices.shape[:2]
        from nwidth.rom import _online_stage_numba as kernels
        from nwidth.rom._single_query_numba import solve_one

        self.stability, self._kernels = stability, kernels
        self.is_complex = any(part.dtype.kind == "c" for part in (matrices, sources, residual))
        self.dtype = np.dtype(complex if self.is_complex else float)
        table: list[Any] = []
        if isinstance(stability, MinTheta) and not self.is_complex:
            table = [stability.references, stability.constants, stability.defects]
        self._asks = not table
        cholesky = not least_squares and real_theta and hermitian(matrices)
        Qf = len(sources)
        if least_squares:
            left = residual[:, Qf:].reshape(len(residual), N, Q).transpose(2, 0, 1)
            right = residual[:, :Qf].T
        else:
            left, right = matrices, sources
        R = np.concatenate([residual[:, :Qf], -residual[:, Qf:]], axis=1)
        if self.is_complex:
            left, right, R = _with_imaginary(left, 2), _with_imaginary(right, 1), _real(R)
        self.unknowns = left.shape[2]
        rows, together = max(left.shape[1], self.unknowns), kernels.TOGETHER
        # One row more than the matrix has, for the source.
        leading = -(-max(rows, self.unknowns + 1) // together) * together
        left = np.pad(left, [(0, 0), (0, leading - left.shape[1]), (0, 0)])
        right = np.pad(right, [(0, 0), (0, leading - right.shape[1])])
        heights = _heights(left, rows)
        begins = [j // together * together if cholesky else 0 for j in range(self.unknowns)]
        ends = [leading if cholesky else -(-h // together) * together for h in heights]
        A = [left[:, i:k, j] for j, (i, k) in enumerate(zip(begins, ends, strict=True))]
        places = np.cumsum([0, *(part.size for part in A)])[:-1].tolist()
        starts = np.cumsum([0, *heights])[:-1].tolist()
        first, blocks = _row_blocks(R, kernels.TOGETHER)
        corners = [] if box is None else [box.lower, box.upper]
        tables: dict[str, list[Any]] = {"A": A, "F": [right], "R": blocks, "ALLOWANCE": [allowance],
                  "BOX": corners, "TABLE": table}  # fmt: skip
        told = {
            "N": self.unknowns,
            "TERMS": len(left),
            "SOURCES": len(right),
            "CHOLESKY": int(cholesky),
            "COMPLEX": int(self.is_complex),
            "COLUMNS": R.shape[1],
            "BLOCKS": len(first),
            "ROWS": rows,
            "LEADING": leading,
            "REFERENCES": len(table[0]) if table else 0,
            "PARAMETERS": 0 if box is None else box.dimension,
            # A factorization by QR may have to replace that by Cholesky.
            "MATRIX": max(sum(heights), self.unknowns**2),
            "HEIGHTS": kernels.SIZES,
            "STARTS": kernels.SIZES + len(heights),
            "PLACES": kernels.SIZES + 2 * len(heights),
            "FIRST": kernels.SIZES + 3 * len(heights),
        }
        parts = [np.zeros(0)]
        for name, arrays in tables.items():
            if name != "A":  # the first of all
                told[name] = sum(part.size for part in parts)
            parts += [np.ravel(array) for array in arrays]
        self._constants = np.concatenate(parts).astype(np.float64)
        self._layout = np.zeros(kernels.SIZES + 3 * len(heights) + len(first), np.int64)
        for name, value in told.items():
            self._layout[getattr(kernels, name)] = value
        self._layout[kernels.SIZES :] = [*heights, *starts, *places, *first]
        self._solve_one, self._width = solve_one, self.unknowns + kernels.BEHIND

    def __call__(self, mus: Array, theta: Array, phi: Array) -> Array:
        """Return rows of x (real and imaginary parts in turn) and what stands behind it.

        Args:
            mus: (m, p), float64.
            theta: (m, Q), of the `dtype`.
            phi: (m, Q_f), of the `dtype`. All are C contiguous and not read-only.
        """
        known = _NONE
        if self._asks:
            known = stability_of(self.stability, theta)
        if self.is_complex:
            theta, phi = theta.view(np.float64), phi.view(np.float64)
        m = len(mus)
        out = np.empty((m, self._width))
        if m == 1:
            self._solve_one(mus, theta, phi, known, self._constants, self._layout, out)
            return out
        if m < THREADED:
            self._kernels.solve(mus, theta, phi, known, self._constants, self._layout, out)
            return out
        threads = min(self._kernels.get_num_threads(), m // THREADED)
        self._kernels.solve_threaded(
            mus, theta, phi, known, self._constants, self._layout, out, threads
        )
        return out


_NONE = np.zeros(0)


def hermitian(matrices: Array) -> bool:
    """Return whether all matrices (Q, N, N) are Hermitian to rounding.

    >>> hermitian(np.array([[[1.0, 2.0], [2.0, 1.0]]]))
    True
    """
    defect = np.abs(matrices - matrices.conj().swapaxes(1, 2)).max(axis=(1, 2), initial=0)
    size = np.abs(matrices).max(axis=(1, 2), initial=0)
    return bool((defect <= HERMITIAN * EPS * max(matrices.shape[1], 1) * size).all())


def _real(values: Array) -> Array:
    """Return each entry a + ib of (..., r, c) as the block [[a, -b], [b, a]]."""
    out = np.empty((*values.shape[:-2], values.shape[-2], 2, values.shape[-1], 2))
    out[..., 0, :, 0] = out[..., 1, :, 1] = values.real
    out[..., 1, :, 0], out[..., 0, :, 1] = values.imag, -values.imag
    return out.reshape(*values.shape[:-2], 2 * values.shape[-2], 2 * values.shape[-1])


def _with_imaginary(values: Array, axes: int) -> Array:
    """Return the real forms of A_q and of i A_q in turn; of vectors, whose own form is a column."""
    if axes == 1:
        return _with_imaginary(values[:, :, None], 2)[:, :, 0]
    both = np.stack([_real(values), _real(1j * values)], axis=1)
    return both.reshape(2 * len(values), *both.shape[2:])


def _heights(left: Array, rows: int) -> list[int]:
    """Return where columns end, none before one that stands left of it, nor above the diagonal."""
    _, _, n = left.shape
    if rows == n:
        return [n] * n
    filled = np.where((left != 0).any(axis=0), np.arange(1, left.shape[1] + 1)[:, None], 0)
    ends = np.maximum(filled.max(axis=0, initial=0), np.arange(1, n + 1))
    return np.maximum.accumulate(ends).tolist()


def _row_blocks(R: Array, together: int) -> tuple[list[int], list[Array]]:
    """Return the first column of each block of rows that is not zero, and the blocks from there."""
    rows = -(-len(R) // together) * together
    R = np.pad(R, [(0, rows - len(R)), (0, 0)]).reshape(-1, together, R.shape[1])
    first = []
    for block in R:
        used = np.flatnonzero(block.any(axis=0))
        first.append(int(used[0]) if len(used) else R.shape[2])
    return first, [block[:, k:].T.ravel() for k, block in zip(first, R, strict=True)]
