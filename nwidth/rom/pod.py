"""POD: the fields that carry most of the energy of given ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_choice, require_integer, require_number
from nwidth.arrays import as_floating, power_of_two, require_finite, to_numpy
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.field_basis import field_rows
from nwidth.rom.matrix_products import frobenius_norm
from nwidth.rom.randomized_svd import randomized_svd
from nwidth.rom.row_norm import point_weights
from nwidth.rom.selection_status import SelectionStatus
from nwidth.rom.thin_svd import thin_svd

Array = NDArray[Any]

_KIND = "pod"
METHODS = ("qr", "randomized")

# Singular values below so many units of the largest one's last place are round-off.
_ROUND_OFF = 8


@dataclass(frozen=True, eq=False)
class POD:
    """Proper orthogonal decomposition, f_j ~ sum_k c_jk u_k with orthonormal modes u_k.

    `modes` (r, *shape), `singular_values` (r and, where they were computed, those left out),
    `scores` (rows, r) the coefficients c_jk of the data, `weights` of the inner product or None,
    `error` of the data in the Frobenius norm relative to that of the data, `status`.

    >>> data = np.outer([1.0, 2.0], [2.0, 0.0, 1.0])
    >>> found = pod(data)
    >>> found.rank, bool(abs(found.combine(found.scores) - data).max() < 1e-14)
    (1, True)
    """

    modes: Array
    singular_values: Array
    scores: Array
    weights: Array | None
    error: float
    status: SelectionStatus

    @property
    def rank(self) -> int:
        """Number of modes."""
        return len(self.modes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a field."""
        return self.modes.shape[1:]

    @property
    def energy(self) -> Array:
        """Part of the sum of all squared norms that the first k modes carry, k = 1, ..., r."""
        squares = self.singular_values[: self.rank].astype(np.float64) ** 2
        return np.cumsum(squares) / squares.sum() * (1 - self.error**2)

    def coefficients(self, fields: Any) -> Array:
        """Return c_k = (f, u_k) of fields (..., *shape), of the best combination of the modes."""
        fields, number = to_numpy(as_floating(fields, "fields")), len(self.shape)
        lead = fields.shape[: fields.ndim - number]
        if fields.ndim < number or fields.shape[len(lead) :] != self.shape:
            raise InputError(
                f"fields: expected an array whose last axes are {self.shape}, got {fields.shape}"
            )
        require_finite(fields, "fields")
        fields = fields if self.weights is None else fields * self.weights
        return fields.reshape(*lead, -1) @ self.modes.reshape(self.rank, -1).conj().T

    def combine(self, coefficients: Any) -> Array:
        """Return fields (..., *shape) from coefficients (..., r)."""
        coefficients = to_numpy(as_floating(coefficients, "coefficients"))
        if coefficients.ndim == 0 or coefficients.shape[-1] != self.rank:
            raise InputError(
                f"coefficients: expected the last axis to hold the {self.rank} modes, got shape "
                f"{coefficients.shape}"
            )
        return np.tensordot(coefficients, self.modes, axes=(-1, 0))

    def save(self, path: str | Path) -> None:
        """Write the decomposition to one HDF5 file, whole or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.weights is not None:
            arrays["weights"] = self.weights
        save_archive(path, _KIND, arrays, {"error": self.error, "status": self.status.name})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a decomposition back; executes nothing and opens no other file."""
        arrays, told = load_archive(path, _KIND)
        try:
            found = cls(
                **{name: arrays[name] for name in _ARRAYS},
                weights=arrays.get("weights"),
                error=float(told["error"]),
                status=SelectionStatus[told["status"]],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not a POD ({error})") from None
        whole = found.modes.ndim > 1 and found.scores.shape[1:] == (found.rank,)
        if not whole or len(found.singular_values) < found.rank:
            raise FileFormatError(f"{path}: the arrays of the POD do not fit together")
        return found


def pod(
    data: Any,
    rtol: float = 1e-8,
    *,
    max_rank: int | None = None,
    weights: Any = None,
    method: str = "qr",
    seed: int = 0,
) -> POD:
    """Return the orthonormal fields that fit all rows of the data best, for every number of them.

        sum_j ||f_j - sum_{k<=r} (f_j, u_k) u_k||^2 = min = sum_{k>r} sigma_k^2

    The inner product is (u, v) = sum_i w_i u_i conj(v_i). Modes with sigma_k > rtol sigma_1 are
    kept. References: Sirovich (1987), doi:10.1090/qam/910462; QR first: Chan (1982),
    doi:10.1145/355984.355990; random products: Halko, Martinsson & Tropp (2011),
    doi:10.1137/090771806.

    The eigenvalues of the Gram matrix of the data are never used: they are wrong below the square
    root of round-off, where modes of pure noise would be kept.

    Args:
        data: rows f_j, shape (rows, *shape), real or complex.
        rtol: relative to the largest singular value. Good values: 1e-2 to 1e-12.
        max_rank: limit on the number of modes.
        weights: of the points, > 0, such as `grid.weights`, shape `shape`; ones by default.
        method: "qr", or "randomized", which is faster where few modes of many rows are kept; its
            error is estimated by fresh random vectors.
        seed: an integer, of "randomized".

    >>> x, y = np.linspace(0, 1, 30)[:, None], np.linspace(0, 1, 200)
    >>> found = pod(np.exp(-x * y), rtol=1e-6)
    >>> found.rank, found.error < 1e-6
    (5, True)
    """
    rtol = require_number(rtol, "rtol", "[0, 1)")
    rows = field_rows(data, "data")
    shape, flat = rows.shape[1:], rows.reshape(len(rows), -1)
    require_choice(method, "method", METHODS)
    limit = None if max_rank is None else require_integer(max_rank, "max_rank", 1)
    root = None
    if weights is not None:
        weights = point_weights(weights, shape).astype(flat.real.dtype)
        root = np.sqrt(weights).ravel()
        flat = flat * root
    # Squares of very large or small numbers would leave the range.
    scale = power_of_two(np.ascontiguousarray(flat).view(flat.real.dtype))
    if scale != 1:
        flat = flat * flat.real.dtype.type(scale)
    floor = _ROUND_OFF * float(np.finfo(flat.dtype).eps)
    keep = max(rtol, floor)
    if method == "qr":
        U, sigma, modes = thin_svd(flat, keep, limit, overwrite=flat.base is None)
        total = frobenius_norm(sigma)
        error = frobenius_norm(sigma[len(modes) :]) / total if total else 0.0
    else:
        U, sigma, modes, error = randomized_svd(flat, keep, max_rank=limit, seed=seed)
    if (sigma[len(modes) :] > keep * sigma.max(initial=0.0)).any():
        status = SelectionStatus.MAX_RANK
    elif rtol < floor and len(modes) < min(flat.shape):
        status = SelectionStatus.EXHAUSTED
    else:
        status = SelectionStatus.CONVERGED
    sigma = sigma / sigma.dtype.type(scale)
    scores = U * sigma[: len(modes)]
    modes = modes if root is None else modes / root
    modes = np.ascontiguousarray(modes).reshape(-1, *shape)
    return POD(modes, sigma, scores, weights, error, status)


_ARRAYS = ("modes", "singular_values", "scores")
