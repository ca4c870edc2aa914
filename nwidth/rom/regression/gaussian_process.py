"""Gaussian process regression: values with error bars from a few samples, noise or none."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_integer
from nwidth.arrays import require_finite, require_shape
from nwidth.rom.regression.regressor import asked_points, squared_distances, training_pairs
from nwidth.solvers._one_blas_thread import one_blas_thread

Array = NDArray[Any]

# Lengths are sought in this range, for points in [-1, 1]^p, and variances where values have one.
_LENGTHS = (2e-2, 2e2)
_SIGNALS = (1e-3, 1e5)
_NOISES = (1e-7, 1.0)
# Matrices up to this size are factorized faster by one thread than by several.
_ONE_THREAD = 400
# L-BFGS starts from each of these lengths, and later from the first and what was found before.
_STARTS = (0.7, 3.0)


class LikelihoodStatus(Enum):
    """How the search for the most likely lengths and noise ended; the text is the remedy."""

    CONVERGED = "the likelihood is at a maximum"
    MAX_ITERATIONS = "the iterations ran out; raise max_iterations"
    STALLED = "rounding ended the search; the lengths are as good as the samples tell"


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """Values y(x) = m + k(x)^T alpha of r independent Gaussian processes, found from m samples.

    `points` (m, p), `weights` alpha (r, m), `mean` (r,), `lengths` (r, p), `signal` and `noise`
    (r,) the standard deviations of the process and of the noise, `left_out` and
    `left_out_deviation` (m, r) the errors and error bars at samples that are left out while the
    lengths are kept, `likelihood` (r,) log p, `status` of each search.

    Error bars are those of the process, whose lengths come from the samples; they are no bounds.
    Use `certify` for a bound.
    """

    kernel: str
    points: Array
    weights: Array
    mean: Array
    lengths: Array
    signal: Array
    noise: Array
    left_out: Array
    left_out_deviation: Array
    likelihood: Array
    status: tuple[LikelihoodStatus, ...]

    name = "gaussian-process"

    def predict(self, points: Any) -> Array:
        """Return the means (k, r) at points (k, p)."""
        x = asked_points(points, self.points.shape[1])
        columns = [self._covariance(k, x) @ alpha for k, alpha in enumerate(self.weights)]  # 2.25
        return np.stack(columns, axis=1) + self.mean

    def deviations(self, points: Any) -> Array:
        """Return the standard deviations (k, r) of the values without noise; they are no bounds."""
        from scipy.linalg import solve_triangular

        x = asked_points(points, self.points.shape[1])
        columns = []
        for k, L in enumerate(self._factors):
            v = solve_triangular(L, self._covariance(k, x).T, lower=True)  # line 5
            columns.append(np.maximum(self.signal[k] ** 2 - (v * v).sum(axis=0), 0))  # line 6
        return np.sqrt(np.stack(columns, axis=1))

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and a description for a file."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        return arrays, {"kernel": self.kernel, "status": [s.name for s in self.status]}

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return what `archived` gave; KeyError or ValueError for anything else."""
        kernel = require_choice(told["kernel"], "kernel", tuple(KERNELS))
        status = tuple(LikelihoodStatus[name] for name in told["status"])
        m, p = arrays["points"].shape
        r = len(status)
        shapes = ((m, p), (r, m), (r,), (r, p), (r,), (r,), (m, r), (m, r), (r,))
        for name, shape in zip(_ARRAYS, shapes, strict=True):
            require_finite(require_shape(arrays[name], shape, name), name)
        if not all((arrays[name] > 0).all() for name in ("lengths", "signal", "noise")):
            raise ValueError("expected lengths and deviations > 0")
        return cls(kernel=kernel, status=status, **{name: arrays[name] for name in _ARRAYS})

    def _covariance(self, k: int, x: Array) -> Array:
        square = squared_distances(x / self.lengths[k], self.points / self.lengths[k])
        return self.signal[k] ** 2 * KERNELS[self.kernel](square)[0]

    @cached_property
    def _factors(self) -> list[Array]:
        """Cholesky factors of the covariances of the samples, for error bars alone."""
        m = len(self.points)
        covariances = (self._covariance(k, self.points) for k in range(len(self.mean)))
        return [
            np.linalg.cholesky(K + (noise**2 + signal**2 * _jitter(m)) * np.eye(m))
            for K, signal, noise in zip(covariances, self.signal, self.noise, strict=True)
        ]


def gaussian_process(
    points: Any, values: Any, *, kernel: str = "auto", max_iterations: int = 200
) -> GaussianProcess:
    """Return the Gaussian process that is most likely to have given these values.

        y ~ N(m, K + s_n^2),    K_ij = s_f^2 k(sum_l (x_il - x_jl)^2 / l_l^2)
        y(x) = m + k(x)^T (K + s_n^2)^-1 (y - m)

    with a length l_l for each axis and a noise s_n, found by L-BFGS from the gradient of log p,
    equation (5.9), for each column of the values. Left-out errors are equations (5.10-5.12): they
    need no further factorization. Reference: Rasmussen & Williams (2006),
    doi:10.7551/mitpress/3206.001.0001, Algorithm 2.1.

    Args:
        points: different ones (m, p), scaled to about [-1, 1]^p; up to a thousand or so.
        values: (m, r).
        kernel: "squared-exponential" for smooth functions, "matern-5/2" for those with two
            derivatives, or "auto": that of the smaller left-out error.
        max_iterations: of each search.

    Raises `InputError` for shapes that do not fit, fewer than two points and repeated ones.

    >>> x = np.linspace(-1, 1, 9)[:, None]
    >>> found = gaussian_process(x, np.sin(3 * x), kernel="squared-exponential")
    >>> bool(abs(found.predict([[0.3]]) - np.sin(0.9)).max() < 1e-3)
    True
    """
    x, y = training_pairs(points, values)
    require_choice(kernel, "kernel", (*KERNELS, "auto"))
    limit = require_integer(max_iterations, "max_iterations", 1)
    with one_blas_thread() if len(x) <= _ONE_THREAD else nullcontext():
        found = [_fitted(name, x, y, limit) for name in KERNELS if kernel in (name, "auto")]
    return min(found, key=lambda model: float(np.square(model.left_out).sum()))


def _fitted(kernel: str, x: Array, y: Array, max_iterations: int) -> GaussianProcess:
    squares = np.stack([np.subtract.outer(a, a) ** 2 for a in x.T])
    columns: dict[str, list[Any]] = {name: [] for name in (*_ARRAYS[1:], "status")}
    start = None
    for values in y.T:
        mean, scale = values.mean(), values.std() or 1.0
        z = (values - mean) / scale
        theta, status = _most_likely(z, squares, KERNELS[kernel], start, max_iterations)
        start = theta
        signal, lengths, noise = scale * np.exp(theta[0]), np.exp(theta[1:-1]), np.exp(theta[-1])
        _, value, alpha, inverse = _likelihood(theta, z, squares, KERNELS[kernel])
        error = alpha / np.diagonal(inverse)  # (5.12)
        for name, entry in zip(
            columns,
            (
                *(alpha / scale, mean, lengths, signal, noise * signal, error * scale),
                *(scale / np.sqrt(np.diagonal(inverse)), value - len(z) * np.log(scale), status),
            ),
            strict=True,
        ):
            columns[name].append(entry)
    arrays = {name: np.array(columns[name]) for name in _ARRAYS[1:]}
    for name in ("left_out", "left_out_deviation"):
        arrays[name] = arrays[name].T
    return GaussianProcess(kernel, x, status=tuple(columns["status"]), **arrays)


def _most_likely(
    y: Array,
    squares: Array,
    kernel: Callable[[Array], tuple[Array, Array]],
    former: Array | None,
    max_iterations: int,
) -> tuple[Array, LikelihoodStatus]:
    """Return log s_f, log l_1, ..., log l_p, log s_n / s_f, and how the search ended."""
    from scipy.optimize import minimize

    def negative(theta: Array) -> tuple[float, Array]:
        try:
            gradient, value, _, _ = _likelihood(theta, y, squares, kernel)
        except np.linalg.LinAlgError:  # not positive definite to rounding: too far, turn back
            return 1e25, np.zeros_like(theta)
        return -value, -gradient

    p = len(squares)
    bounds = np.log([_SIGNALS, *[_LENGTHS] * p, _NOISES])
    starts = [np.array([0.0, *np.log([length] * p), np.log(1e-4)]) for length in _STARTS]
    starts = starts if former is None else [starts[0], former]
    found = min(
        (
            minimize(
                negative,
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": max_iterations},
            )
            for start in starts
        ),
        key=lambda result: float(result.fun),
    )
    ended = {0: LikelihoodStatus.CONVERGED, 1: LikelihoodStatus.MAX_ITERATIONS}
    return found.x, ended.get(found.status, LikelihoodStatus.STALLED)


def _likelihood(
    theta: Array, y: Array, squares: Array, kernel: Callable[[Array], tuple[Array, Array]]
) -> tuple[Array, float, Array, Array]:
    """Return gradient and value of log p(y), alpha = K^-1 y and K^-1."""
    from scipy.linalg import cho_solve
    from scipy.linalg.lapack import dpotri

    n = len(y)
    signal, noise = np.exp(2 * theta[0]), np.exp(2 * theta[-1])
    scaled = squares * np.exp(-2 * theta[1:-1])[:, None, None]
    k, slope = kernel(scaled.sum(axis=0))
    L = np.linalg.cholesky(signal * (k + (noise + _jitter(n)) * np.eye(n)))  # line 2
    alpha = cho_solve((L, True), y)  # line 3
    value = -0.5 * y @ alpha - np.log(np.diagonal(L)).sum() - 0.5 * n * np.log(2 * np.pi)  # line 7
    lower = dpotri(L, lower=1)[0]
    inverse = np.tril(lower) + np.tril(lower, -1).T
    M = np.outer(alpha, alpha) - inverse  # (5.9): d log p = tr(M dK) / 2
    lengths = 0.5 * signal * np.einsum("ab,jab->j", M * slope, scaled)
    gradient = [y @ alpha - n, *lengths, signal * noise * np.trace(M)]
    return np.array(gradient), float(value), alpha, inverse


def _squared_exponential(square: Array) -> tuple[Array, Array]:
    """Return k = exp(-r^2 / 2) and -dk / d(r^2 / 2), equation (4.9)."""
    k = np.exp(-0.5 * square)
    return k, k


def _matern(square: Array) -> tuple[Array, Array]:
    """Return k = (1 + s + s^2 / 3) exp(-s), s = sqrt(5) r, -dk / d(r^2 / 2), equation (4.17)."""
    s = np.sqrt(5 * square)
    decay = np.exp(-s)
    return (1 + s + s * s / 3) * decay, 5 / 3 * (1 + s) * decay


def _jitter(n: int) -> float:
    """Return what the diagonal gets, relative to the signal, so that Cholesky does not end."""
    return 4 * n * float(np.finfo(np.float64).eps)


KERNELS = {"squared-exponential": _squared_exponential, "matern-5/2": _matern}
_ARRAYS = (
    *("points", "weights", "mean", "lengths", "signal", "noise"),
    *("left_out", "left_out_deviation", "likelihood"),
)
