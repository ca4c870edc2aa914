"""Empirical interpolation with other numbers of sensors than fields: sensors may fail."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_instance, require_integers
from nwidth.arrays import require_finite
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.basis_interpolation import BasisInterpolation
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation
from nwidth.rom.gaussian_prior import GaussianPrior, Reconstruction
from nwidth.rom.lebesgue_constants import lebesgue_constant
from nwidth.rom.row_source import RowSource

Array = NDArray[Any]

_KIND = "rectangular-eim"


class RectangularEIM:
    """Interpolation of f(x, y) from n fields f_l and p sensors that need not be as many.

        f(x, y)  ~  sum_lm D_lm f_l(y) v_m(x),    D = (F^+)^T,    F_lm = reading m of f_l

    with the pseudo-inverse of Moore and Penrose: of the combinations of fields that fit the
    readings v best, the one with the smallest coefficients. A sensor that fails takes a column of
    F with it and leaves the fields; a field that is withdrawn, a row. Both cost O(max(n, p)^2)
    operations on the QR factors of F (or of its transpose, if there are more sensors than fields),
    where a new pseudo-inverse costs O(max(n, p)^3); only where as many fields as sensors are left
    may the factors have to be made anew. Where F has lost its rank to round-off, singular values
    below it are cut. References: Casenave, Ern & Lelievre (2016), Variants of the empirical
    interpolation method, arXiv:1508.05330; Golub & Van Loan (2013), Matrix Computations, section
    6.5 (updates of QR factors).

    `fields` and `sensors` are the numbers of those that are left, from 0, and keep their names
    after failures; readings come in the order of `sensors`. `points` are the indices of the
    sensors left in the data (flat) or in their dictionary. `about` is a description that is kept
    with the model. Objects do not change: a failure gives a new one, which shares the fields with
    it; when a sensor works again, the former one is still there.

    >>> from nwidth.rom.eim import eim
    >>> x, y = np.linspace(0, 1, 60)[:, None], np.linspace(0, 1, 80)
    >>> data = 1 / (1 + 10 * x * y)
    >>> model = RectangularEIM.of(eim(data, rtol=1e-4), data)
    >>> left = model.without_sensor(2)
    >>> field = data[33]
    >>> bool(abs(left.interpolate(field[left.points]) - field).max() < 0.1)
    True
    """

    functions: Array
    matrix: Array
    prior: GaussianPrior
    about: dict[str, Any]
    _places: Array
    fields: tuple[int, ...]
    sensors: tuple[int, ...]

    def __init__(
        self,
        functions: Array,
        matrix: Array,
        points: Array,
        prior: GaussianPrior,
        about: Mapping[str, Any] | None = None,
    ):
        self.functions, self.matrix, self._places = functions, matrix, points
        self.prior, self.about = prior, dict(about or {})
        self.fields, self.sensors = tuple(range(matrix.shape[0])), tuple(range(matrix.shape[1]))
        self._factorize()

    @classmethod
    def of(
        cls,
        model: EmpiricalInterpolation | BasisInterpolation,
        data: Any = None,
        *,
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Take the fields and points that another method has chosen.

        With the data (rows, *shape) it was made from, whatever `eim` reads, `reconstruct` also
        knows what the fields cannot represent; without, it takes the rows of an empirical
        interpolation as combinations of its fields. A basis (`qdeim`, `s_opt`, ...) needs data.
        """
        require_instance(model, "model", EmpiricalInterpolation, BasisInterpolation)
        if model.rank == 0:
            raise InputError("model: expected at least one field and point, got rank 0")
        if isinstance(model, BasisInterpolation):
            if data is None:
                raise InputError("data: expected rows like those the basis was made from, got none")
            values = _values(data, model.shape, model.points)
            prior = GaussianPrior.of(data, values)
            return cls(model.basis, model.sampled, model.points, prior, about)
        if data is None:
            beta = model.coefficients(model.values)
            prior = GaussianPrior.of_span(model.functions, beta, model.values)
        else:
            source = RowSource(data)
            if source.shape != (len(model.values), *model.shape):
                raise InputError(
                    f"data: expected the {len(model.values)} rows that the model was made from, of "
                    f"shape {model.shape}, got shape {source.shape}"
                )
            prior = GaussianPrior.of(data, model.values)
        return cls(model.functions, model.matrix, model.points, prior, about)

    @classmethod
    def chosen(
        cls,
        data: Any,
        rows: Sequence[int],
        points: Sequence[int],
        *,
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Take chosen rows of the data (rows, *shape) as fields and chosen points as sensors.

        Points are flat indices; there may be more of them than rows, or fewer. Indices that repeat
        or lie outside raise `InputError`.
        """
        source = RowSource(data)
        flat = source.read()
        lines = _indices(rows, "rows", flat.shape[0])
        places = _indices(points, "points", flat.shape[1])
        values = flat[:, places]
        prior = GaussianPrior.of(flat.reshape(source.shape), values)
        functions = flat[lines].reshape(-1, *source.shape[1:])
        return cls(functions, values[lines], places, prior, about)

    @property
    def rank(self) -> int:
        """Number of fields left."""
        return len(self.fields)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a field."""
        return self.functions.shape[1:]

    @property
    def points(self) -> Array:
        """Indices of the sensors left."""
        return self._places[list(self.sensors)]

    @property
    def failed(self) -> tuple[int, ...]:
        """Numbers of the sensors that were taken out."""
        return tuple(m for m in range(self.matrix.shape[1]) if m not in self.sensors)

    def without_sensor(self, i: int) -> Self:
        """Return the interpolation from all sensors but number i, with the same fields."""
        k = self._place(i, self.sensors, "sensor")
        return self._left(self.fields, self.sensors[:k] + self.sensors[k + 1 :], k, "sensor")

    def without_field(self, j: int) -> Self:
        """Return the interpolation by all fields but number j, from the same sensors."""
        k = self._place(j, self.fields, "field")
        return self._left(self.fields[:k] + self.fields[k + 1 :], self.sensors, k, "field")

    def coefficients(self, readings: Any) -> Array:
        """Return beta with f(x, .) ~ sum_l beta_l f_l, of the fields left, shape (..., n).

        Readings, shape (..., p), are those of the sensors left. beta = D v by triangular solves.
        """
        v = self._checked(readings)
        beta = self._solve(v.reshape(-1, v.shape[-1]).T)
        return beta.T.reshape(*v.shape[:-1], len(self.fields))

    def interpolate(self, readings: Any) -> Array:
        """Return fields (..., *shape) from the readings (..., p) of the sensors left."""
        beta = self.coefficients(readings)
        if len(self.fields) < len(self.functions):
            some, beta = beta, np.zeros((*beta.shape[:-1], len(self.functions)), beta.dtype)
            beta[..., list(self.fields)] = some
        return np.tensordot(beta, self.functions, axes=(-1, 0))

    def lebesgue_constant(self) -> float:
        """Return max_y sum_m |sum_l D_lm f_l(y)|, by which readings' errors grow at most."""
        D = self.coefficients(np.eye(len(self.sensors), dtype=self.matrix.dtype))
        flat, left = self.functions.reshape(len(self.functions), -1), list(self.fields)
        return lebesgue_constant(lambda part: D @ part[left], flat)

    def reconstruct(self, readings: Any, noise: Any = None) -> Reconstruction:
        """Return the fields to be expected given readings with noise, and their error bars.

        The best affine estimate by mean and covariance of the training rows (`GaussianPrior`),
        whatever the fields are. The standard deviation counts what the sensors left do not tell
        and the noise, and that the training was finite; it is right on average over fields like
        those of the training, of which there should be several times as many as sensors.

        Args:
            readings: of the sensors left, shape (..., p).
            noise: of readings: one standard deviation, one per sensor left (p,), or a covariance
                matrix (p, p); none if they are exact.
        """
        return self.prior.posterior(self._checked(readings), self.sensors, self._noise(noise))

    def save(self, path: str | Path) -> None:
        """Write the model, with what has failed, to one HDF5 file, whole or not at all."""
        arrays = dict(zip(_ARRAYS, (self.functions, self.matrix, self._places), strict=True))
        arrays |= {f"prior/{name}": np.asarray(getattr(self.prior, name)) for name in _PRIOR}
        arrays |= {name: np.array(getattr(self, name), np.int64) for name in ("fields", "sensors")}
        save_archive(path, _KIND, arrays, self.about)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model back; executes nothing and opens no other file."""
        arrays, about = load_archive(path, _KIND)
        try:
            told: dict[str, Any] = {name: arrays[f"prior/{name}"] for name in _PRIOR}
            prior = GaussianPrior(**told | {"count": int(told["count"])})
            functions, matrix, points = (arrays[name] for name in _ARRAYS)
            found = cls(functions, matrix, points, prior, about)
            n, p = found.matrix.shape
            if (len(found.functions), len(points)) != (n, p):
                raise ValueError("the arrays do not fit together")
            found.fields = tuple(_indices(arrays["fields"], "fields", n).tolist())
            found.sensors = tuple(_indices(arrays["sensors"], "sensors", p).tolist())
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not a rectangular interpolation ({error})") from None
        found._factorize()
        return found

    def _left(self, fields: tuple[int, ...], sensors: tuple[int, ...], k: int, what: str) -> Self:
        """Return what is left without the k-th sensor or field."""
        from scipy.linalg import qr_delete

        new = object.__new__(type(self))
        new.functions, new.matrix, new._places = self.functions, self.matrix, self._places
        new.prior, new.about = self.prior, self.about
        new.fields, new.sensors = fields, sensors
        new._wide = self._wide
        excess = len(sensors) - len(fields)
        if excess * (1 if self._wide else -1) < 0:  # the factored matrix would be wide
            new._factorize()
        else:
            side = "row" if self._wide == (what == "sensor") else "col"
            new._Q, new._R = qr_delete(self._Q, self._R, k, 1, side, check_finite=False)
        return new

    def _factorize(self) -> None:
        """Factor F = Q R or, if there are more sensors than fields, F^T = Q R."""
        F = self.matrix[np.ix_(self.fields, self.sensors)]
        self._wide = F.shape[1] > F.shape[0]
        self._Q, self._R = np.linalg.qr(F.T if self._wide else F, mode="complete")

    def _solve(self, v: Array) -> Array:
        """Return D v for columns v: F^T beta = v in the sense of Moore and Penrose."""
        from scipy.linalg import solve_triangular
        from scipy.linalg.lapack import get_lapack_funcs

        k = self._R.shape[1]
        Q, R = self._Q[:, :k], self._R[:k]
        (trcon,) = get_lapack_funcs(("trcon",), (R,))
        if trcon(R)[0] < max(self._R.shape) * np.finfo(R.dtype).eps:
            F = self.matrix[np.ix_(self.fields, self.sensors)]
            return np.linalg.lstsq(F.T, v, rcond=None)[0]
        if self._wide:
            return solve_triangular(R, Q.conj().T @ v, check_finite=False)
        return Q.conj() @ solve_triangular(R, v, trans="T", check_finite=False)

    def _place(self, number: int, left: tuple[int, ...], what: str) -> int:
        """Return where a number stands among those left, if it is not the last of them."""
        if number not in left:
            raise InputError(f"{what}: expected one of those left, {_list(left)}, got {number!r}")
        if len(left) == 1:
            raise InputError(
                f"{what}: expected one that can be spared, but {number} is the only one left"
            )
        return left.index(number)

    def _checked(self, readings: Any) -> Array:
        v = np.asarray(readings)
        p = len(self.sensors)
        if v.ndim == 0 or v.shape[-1] != p or v.dtype.kind not in "biufc":
            raise InputError(
                f"readings: expected numbers whose last axis holds the {p} sensors left, "
                f"{_list(self.sensors)}, got shape {v.shape} of {v.dtype}"
            )
        if not np.isfinite(v).all():
            bad = self.sensors[int(np.argwhere(~np.isfinite(v))[0, -1])]
            raise InputError(
                f"readings: expected finite numbers, got NaN or infinity from sensor {bad}; take "
                f"it out with without_sensor({bad})"
            )
        # Integers, and numbers more precise than the model, take its precision.
        return v.astype(np.result_type(self.matrix.dtype, "c8" if v.dtype.kind == "c" else "f4"))

    def _noise(self, noise: Any) -> Array:
        """Return a factor G of the covariance G^H G of the readings' errors."""
        p, dtype = len(self.sensors), self.matrix.real.dtype
        if noise is None:
            return np.zeros((0, p), dtype)
        gamma = np.asarray(noise)
        if gamma.dtype.kind not in "biuf" or gamma.shape not in ((), (p,), (p, p)):
            raise InputError(
                f"noise: expected a standard deviation, {p} of them, or a covariance matrix of "
                f"shape {(p, p)} for the sensors {_list(self.sensors)}, got shape {gamma.shape}"
            )
        require_finite(gamma, "noise")
        if gamma.ndim < 2:
            if (gamma < 0).any():
                raise InputError(f"noise: expected standard deviations >= 0, got {gamma.min()}")
            return np.diag(np.broadcast_to(gamma, p)).astype(dtype)
        values, vectors = np.linalg.eigh(gamma)
        slack = p * np.finfo(np.float64).eps * abs(values).max()
        if abs(gamma - gamma.T).max() > slack or values[0] < -slack:
            raise InputError(
                "noise: expected a covariance matrix, symmetric with eigenvalues >= 0, got the "
                f"smallest eigenvalue {values[0]:.3g}"
            )
        return (np.sqrt(np.maximum(values, 0))[:, None] * vectors.T).astype(dtype)


def _values(data: Any, shape: tuple[int, ...], points: Array) -> Array:
    """Return the values of rows at points, shape (rows, points)."""
    source = RowSource(data)
    if source.shape[1:] != shape:
        raise InputError(f"data: expected rows of shape {shape}, got {source.shape[1:]}")
    return np.concatenate([rows[:, points] for _, rows in source.blocks()])


def _indices(indices: Any, name: str, count: int) -> Array:
    """Return indices below a count, none twice."""
    found = np.array(require_integers(indices, name, 0))
    if found.max() >= count or len({*found.tolist()}) < len(found):
        raise InputError(f"{name}: expected different indices below {count}, got {found.tolist()}")
    return found


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


_ARRAYS = ("functions", "matrix", "points")
_PRIOR = ("fields", "readings", "mean_field", "mean_readings", "spread", "count")
