"""What training rows say beforehand: mean and covariance of fields and readings together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.rom.remainder import scale_of
from nwidth.rom.row_source import RowSource

Array = NDArray[Any]


class Reconstruction(NamedTuple):
    """Fields estimated from readings, and their standard deviation at every point.

    `field` has shape (..., *shape), `deviation`, the same for all readings, `shape`.
    """

    field: Array
    deviation: Array


@dataclass(frozen=True)
class GaussianPrior:
    """Mean and covariance of a field f and of the readings v of p sensors, as far as they matter.

    Readings with noise of covariance Gamma are answered by the best affine estimate, which is the
    posterior mean of a normal distribution:

        f(y)  ~  E f(y) + K_y (v - E v),      K_y = cov(f(y), v) (cov(v) + Gamma)^-1

    Covariances are kept as factors, cov(v) = S^H S and cov(f(y), v) = S_f(y)^T conj(S), with one
    row for each direction in which readings vary. No number is squared: K comes from the
    least-squares problem min |[S; G] M - [I; 0]| with Gamma = G^H G, and what it leaves, times
    S_f, has the variance of the error as its square; to this comes the variance of what no reading
    tells. Reference: A. Stuart (2010), Inverse problems: a Bayesian perspective,
    doi:10.1017/S0962492910000061, section 2 (linear observations, normal prior).

    Mean and covariance are estimated from N rows, which fit themselves better than new ones: for
    s readings, what stays unknown is raised by the factor whose square is

        (N - 1) / (N - 1 - s)  (1 + 1/N) (N - 2) / (N - 2 - s),

    the expected squared error of least squares on new, normally distributed readings over that on
    the rows themselves (Breiman & Freedman 1983, How many variables should be entered in a
    regression equation?).

    `fields` S_f (r, *shape), `readings` S (r, p), with r <= p; `spread` (*shape) is the standard
    deviation of the rest; `count` is N.

    >>> x, y = np.linspace(0, 1, 40)[:, None], np.linspace(0, 1, 50)
    >>> data = np.exp(-x * y)
    >>> prior = GaussianPrior.of(data, data[:, [10, 40]])
    >>> found = prior.posterior(data[20, [10, 40]], [0, 1], np.zeros((0, 2)))
    >>> bool(abs(found.field - data[20]).max() < 1e-3), found.deviation.shape
    (True, (50,))
    """

    fields: Array
    readings: Array
    mean_field: Array
    mean_readings: Array
    spread: Array
    count: int

    @classmethod
    def of(cls, data: Any, values: Array) -> "GaussianPrior":
        """Return the prior from rows (N, *shape) and their readings (N, p).

        Rows may be whatever `RowSource` reads, a file as well as an array; they are read twice,
        some at a time. N should be several times p.
        """
        source = RowSource(data)
        count, *shape = source.shape
        if count != len(values):
            raise InputError(
                f"data: expected the {len(values)} rows that the readings are of, got {count}"
            )
        center, U, S = _directions(values)
        size = int(np.prod(shape))
        mean, squares = np.zeros(size, S.dtype), np.zeros(size, S.real.dtype)
        fields = np.zeros((len(S), size), S.dtype)
        for start, rows in source.blocks():
            mean += rows.sum(axis=0) / count
            fields += U[start : start + len(rows)].conj().T @ rows
        scale = scale_of(source.largest, source.dtype, 2.0)
        for start, rows in source.blocks():
            rest = rows - mean - U[start : start + len(rows)] @ fields
            squares += (np.abs(scale * rest) ** 2).sum(axis=0)
        spread = (np.sqrt(squares / max(count - 1, 1)) / scale).reshape(shape)
        fields = (fields / max(count - 1, 1) ** 0.5).reshape(len(S), *shape)
        return cls(fields, S, mean.reshape(shape), center, spread, count)

    @classmethod
    def of_span(cls, functions: Array, coefficients: Array, values: Array) -> "GaussianPrior":
        """Return the prior of rows that are sum_l c_l f_l, from c (N, n) and their readings (N, p).

        Exact if the readings determine c.
        """
        center, U, S = _directions(values)
        along = U.conj().T @ coefficients / max(len(values) - 1, 1) ** 0.5
        fields = np.tensordot(along, functions, axes=1)
        mean = np.tensordot(coefficients.mean(axis=0), functions, axes=1)
        spread = np.zeros(mean.shape, mean.real.dtype)
        return cls(fields, S, mean, center, spread, len(values))

    def posterior(self, readings: Array, sensors: Sequence[int], noise: Array) -> Reconstruction:
        """Return the estimate from readings (..., s) of s of the sensors, and its error bars.

        `noise` is a factor G of the covariance of their errors, shape (any, s).
        """
        r, sensors = len(self.readings), list(sensors)
        seen = np.concatenate([self.readings[:, sensors], noise])
        wanted = np.eye(len(seen), r, dtype=seen.dtype)
        M = np.linalg.lstsq(seen, wanted, rcond=None)[0]
        along = (readings - self.mean_readings[sensors]) @ M
        field = self.mean_field + np.tensordot(along, self.fields, axes=1)
        # What stays unknown, and the noise that comes in; only the first has to do with N.
        raised = self._raised(min(r, len(sensors)))
        E = np.concatenate([raised * (wanted[:r] - seen[:r] @ M), seen[r:] @ M])
        R = np.linalg.qr(E, mode="r")  # as long as E, with at most r rows
        deviation = raised * self.spread
        for row in R:
            deviation = np.hypot(deviation, np.abs(np.tensordot(row, self.fields, axes=1)))
        return Reconstruction(field, deviation)

    def _raised(self, s: int) -> float:
        """Return by what errors on new rows exceed those on the rows known, with s readings."""
        N = self.count
        own = (N - 1) / max(N - 1 - s, 1)
        return float((max(own, 1) * (1 + 1 / N) * max(N - 2, 1) / max(N - 2 - s, 1)) ** 0.5)


def _directions(values: Array) -> tuple[Array, Array, Array]:
    """Return the mean of readings (N, p), and U and S with (values - mean) = sqrt(N - 1) U S."""
    mean = values.mean(axis=0)
    U, s, V = np.linalg.svd(values - mean, full_matrices=False)
    r = int((s > max(values.shape) * np.finfo(s.dtype).eps * np.abs(values).max()).sum())
    return mean, U[:, :r], s[:r, None] * V[:r] / max(len(values) - 1, 1) ** 0.5
