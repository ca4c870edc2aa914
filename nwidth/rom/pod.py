"""POD: the fields that carry most of the energy of given ones."""

import warnings
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_choice, require_integer, require_number
from nwidth.arrays import as_floating, power_of_two, require_finite, require_shape, to_numpy
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.field_basis import field_rows
from nwidth.rom.field_geometry import FieldGeometry
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.matrix_products import frobenius_norm
from nwidth.rom.method_of_snapshots import method_of_snapshots, squares_suffice
from nwidth.rom.randomized_svd import randomized_svd
from nwidth.rom.selection_status import SelectionStatus
from nwidth.rom.thin_svd import thin_svd

Array = NDArray[Any]

_KIND = "pod"
METHODS = ("auto", "qr", "snapshots", "randomized")

# Singular values below so many units of the largest one's last place are round-off.
ROUND_OFF = 8
# No value of a file is larger than the first one, but for rounding.
_FALLING = 1e-5


@dataclass(frozen=True, eq=False)
class POD:
    """Proper orthogonal decomposition, f_j ~ sum_k c_jk u_k with orthonormal modes u_k.

    `modes` (r, *shape), `singular_values` (r and, where they were computed, those left out),
    `scores` (rows, r) the coefficients c_jk of the data, None where the data were only streamed,
    `weights` of the points or `inner_product` of a matrix, None for ones, `error` of the data in
    the Frobenius norm relative to that of the data, `status`, and the `method` that was used.

    >>> data = np.outer([1.0, 2.0], [2.0, 0.0, 1.0])
    >>> found = pod(data)
    >>> found.rank, bool(abs(found.combine(found.scores) - data).max() < 1e-14)
    (1, True)
    """

    modes: Array
    singular_values: Array
    scores: Array | None
    weights: Array | None
    error: float
    status: SelectionStatus
    inner_product: InnerProduct | None = None
    method: str = "qr"

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
        rows, lead = self._rows(fields)
        return self._scores(rows).reshape(*lead, self.rank)

    def project(self, fields: Any) -> Array:
        """Return the best combinations sum_k (f, u_k) u_k of the modes for fields (..., *shape)."""
        return self.combine(self.coefficients(fields))

    def projection_error(self, fields: Any) -> Array:
        """Return ||f - sum_k (f, u_k) u_k|| for fields (..., *shape), in the norm of the modes.

        >>> found = pod(np.diag([4.0, 2.0, 1.0]), rtol=0.3)
        >>> found.projection_error([[0.0, 5.0, 3.0], [1.0, 1.0, 0.0]]).round(12).tolist()
        [3.0, 0.0]
        """
        rows, lead = self._rows(fields)
        rows = rows - self._scores(rows) @ self.modes.reshape(self.rank, prod(self.shape))
        return self._geometry.norm(rows).reshape(lead)

    def _rows(self, fields: Any) -> tuple[Array, tuple[int, ...]]:
        """Return fields (..., *shape) as flat rows, checked, and the first axes of theirs."""
        fields, number = to_numpy(as_floating(fields, "fields")), len(self.shape)
        lead = fields.shape[: fields.ndim - number]
        if fields.ndim < number or fields.shape[len(lead) :] != self.shape:
            raise InputError(
                f"fields: expected an array whose last axes are {self.shape}, got {fields.shape}"
            )
        return require_finite(fields, "fields").reshape(prod(lead), prod(self.shape)), lead

    def _scores(self, rows: Array) -> Array:
        """Return (f, u_k) for flat rows f."""
        return self._geometry.inner(rows, self.modes.reshape(self.rank, prod(self.shape)))

    @property
    def _geometry(self) -> FieldGeometry:
        return FieldGeometry(self.weights, self.inner_product)

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
        arrays = {"modes": self.modes, "singular_values": self.singular_values}
        if self.scores is not None:
            arrays["scores"] = self.scores
        told = {"error": self.error, "status": self.status.name, "method": self.method}
        save_archive(path, _KIND, arrays | self._geometry.archived(), told)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a decomposition back; executes nothing and opens no other file."""
        arrays, told = load_archive(path, _KIND)
        try:
            geometry = FieldGeometry.from_archived(arrays, arrays["modes"].shape[1:])
            found = cls(
                arrays["modes"],
                arrays["singular_values"],
                arrays.get("scores"),
                geometry.weights,
                require_number(told["error"], "error", "[0, inf)"),
                SelectionStatus[told["status"]],
                geometry.product,
                require_choice(told["method"], "method", (*METHODS, "streaming")),
            )
            found._check()
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not a POD ({error})") from None
        return found

    def _check(self) -> None:
        """Raise `ValueError` unless the arrays fit together and are what they are called."""
        modes = self._geometry.require_modes(self.modes, "modes")
        scores, sigma = self.scores, require_finite(self.singular_values, "singular_values")
        fits = sigma.ndim == 1 and len(sigma) >= self.rank and sigma.dtype == modes.real.dtype
        if not fits or (sigma < 0).any() or (sigma > sigma[:1] * (1 + _FALLING)).any():
            raise ValueError("singular_values: expected numbers >= 0, the largest one first")
        if scores is not None:
            require_finite(require_shape(scores, (None, self.rank), "scores"), "scores")
            if scores.dtype != modes.dtype:
                raise ValueError(f"scores: expected dtype {modes.dtype}, got {scores.dtype}")


def pod(
    data: Any,
    rtol: float = 1e-8,
    *,
    max_rank: int | None = None,
    weights: Any = None,
    inner_product: Any = None,
    method: str = "auto",
    seed: int = 0,
) -> POD:
    """Return the orthonormal fields that fit all rows of the data best, for every number of them.

        sum_j ||f_j - sum_{k<=r} (f_j, u_k) u_k||^2 = min = sum_{k>r} sigma_k^2

    The inner product is (u, v) = sum_i w_i u_i conj(v_i), or v^H X u of a matrix X. Modes with
    sigma_k > rtol sigma_1 are kept. References: Sirovich (1987), doi:10.1090/qam/910462; QR first:
    Chan (1982), doi:10.1145/355984.355990; random products: Halko, Martinsson & Tropp (2011),
    doi:10.1137/090771806.

    The eigenvalues of the Gram matrix of the data are wrong below the square root of round-off,
    where modes of pure noise would be kept. They are used only where that changes nothing: see
    `method_of_snapshots`. Data larger than memory: `streaming_pod`.

    Args:
        data: rows f_j, shape (rows, *shape), real or complex.
        rtol: relative to the largest singular value. Good values: 1e-2 to 1e-12.
        max_rank: limit on the number of modes.
        weights: of the points, > 0, such as `grid.weights`, shape `shape`; ones by default.
        inner_product: `InnerProduct`, or a Hermitian positive definite matrix X, of flat fields, in
            place of weights.
        method: "auto" takes "snapshots" for tolerances above about 1e-6, in float32 above about
            1e-2, and "qr" below; so does "snapshots", but warns, where squares do not deliver the
            tolerance. "randomized" is faster where few modes of many rows are kept; its error is a
            bound, but with a probability of 1e-10.
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
    geometry = FieldGeometry.of(weights, inner_product, shape)
    # Squares of very large or small numbers would leave the range.
    scale = power_of_two(np.ascontiguousarray(flat).view(flat.real.dtype))
    if scale != 1:
        flat = flat * flat.real.dtype.type(scale)
    flat, back, lost = geometry.coordinates(flat)
    floor = ROUND_OFF * float(np.finfo(rows.dtype).eps) * lost
    keep = max(rtol, floor)
    U, sigma, modes, error, method = _svd(flat, keep, limit, method, seed, flat.base is None)
    if (sigma[len(modes) :] > keep * sigma.max(initial=0.0)).any():
        status = SelectionStatus.MAX_RANK
    elif rtol < floor and len(modes) < min(flat.shape):
        status = SelectionStatus.EXHAUSTED
    else:
        status = SelectionStatus.CONVERGED
    with np.errstate(over="ignore"):
        sigma = sigma / sigma.dtype.type(scale)
    if not np.isfinite(sigma).all():
        raise InputError(
            f"data: expected fields whose singular values are in the range of {sigma.dtype}; "
            "choose other units"
        )
    modes = back(np.ascontiguousarray(modes))
    scores = (U * sigma[: len(modes)]).astype(modes.dtype, copy=False)
    sigma = sigma.astype(modes.real.dtype, copy=False)
    modes = np.ascontiguousarray(modes).reshape(-1, *shape)
    return POD(modes, sigma, scores, geometry.weights, error, status, geometry.product, method)


def _svd(
    flat: Array, keep: float, limit: int | None, method: str, seed: int, overwrite: bool
) -> tuple[Array, Array, Array, float, str]:
    """Return U, sigma, V*, the relative error, and the method that found them."""
    if method == "randomized":
        return (*randomized_svd(flat, keep, max_rank=limit, seed=seed), method)
    if method == "snapshots" or (method == "auto" and squares_suffice(keep, flat.dtype)):
        found = method_of_snapshots(flat, keep, limit)
        if found is not None:
            return (*found, "snapshots")
        if method == "snapshots":
            warnings.warn(
                f"pod: squares of singular values do not tell which lie above {keep:.1e} of the "
                'largest; method "qr" was used instead',
                UserWarning,
                stacklevel=3,
            )
    U, sigma, modes = thin_svd(flat, keep, limit, overwrite=overwrite)
    total = frobenius_norm(sigma)
    return U, sigma, modes, frobenius_norm(sigma[len(modes) :]) / total if total else 0.0, "qr"
