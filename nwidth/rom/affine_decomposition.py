"""Nonintrusive affine decomposition: A(mu) from a few matrices A(mu_m) of any code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_number
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.eim import eim
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation
from nwidth.rom.matrix_span import MatrixSpan, relative_difference
from nwidth.rom.selection_status import SelectionStatus
from nwidth.rom.training_parameters import TrainingParameters

Array = NDArray[Any]
#: g(mu, x), the values of a coefficient at points x; g(mu) where there are no points.
Coefficient = Callable[..., Any]


@dataclass(frozen=True)
class AffineDecomposition:
    """Coefficients beta with A(mu) ~ sum_m beta_m(mu) A(mu_m).

        F^T beta(mu) = z(mu),    F_mk = z_k(mu_m),    z_k(mu) = g_r(mu, x_k)

    z are the readings: values of the coefficient functions g_r at few points. Whoever has computed
    A(mu_m), by any code, gets A(mu) by d readings and a solve with the d x d matrix F.

    `parameters` are the mu_m, `indices` their rows in `training`. `points` are where each g_r is
    read, none for functions of mu alone; `interpolation` is the empirical interpolation of all
    these readings. `errors` (one for each g_r) are the training errors relative to the largest
    values `scales`; `held_out_errors` (samples, terms) the same for parameters that had no part in
    the choice. `status` says whether the tolerance was reached. Reference: Casenave, Ern & Lelievre
    (2014), arXiv:1307.4330.
    """

    training: TrainingParameters
    interpolation: EmpiricalInterpolation
    points: tuple[Array | None, ...]
    scales: Array
    errors: tuple[float, ...]
    status: SelectionStatus
    functions: tuple[Coefficient, ...] | None = None
    held_out_errors: Array | None = None

    @property
    def indices(self) -> Array:
        """Rows of the chosen parameters in the training set."""
        return self.interpolation.rows

    @property
    def parameters(self) -> Array:
        """The chosen parameters mu_m, at which matrices are needed."""
        return self.training.values[self.indices]

    @property
    def rank(self) -> int:
        """Number d of matrices."""
        return self.interpolation.rank

    @property
    def lebesgue(self) -> float:
        """The largest |beta(mu)|_1 of the training parameters."""
        return float(
            np.abs(self.interpolation.coefficients(self.interpolation.values)).sum(1).max()
        )

    def covers(self, mu: Any) -> bool:
        """Return whether parameters lie within the box of the training parameters."""
        return self.training.covers(mu)

    def readings(self, mu: Any) -> Array:
        """Return z(mu), shape (d,) or (many, d), each divided by the scale of its function."""
        rows, several = self.training.many(mu)
        functions = self._known_functions()
        parts = [
            tabulate(g, rows, self.points[r], r) / self.scales[r] for r, g in enumerate(functions)
        ]
        z = np.concatenate(parts, axis=1)[:, self.interpolation.points]
        return z if several else z[0]

    def beta(self, mu: Any) -> Array:
        """Return the coefficients, shape (d,) or (many, d); warns of mu outside of the box."""
        self.training.warn_outside(mu)
        return self.interpolation.coefficients(self.readings(mu))

    def compiled(self) -> Callable[[Any], Array]:
        """Return mu -> beta(mu) as one function compiled by Numba, for loops that are.

        The coefficient functions must be compiled by Numba themselves. It checks nothing.
        """
        from nwidth.rom._affine_coefficients_numba import compiled_coefficients

        functions = self._known_functions()
        if not all(hasattr(g, "py_func") for g in functions):
            raise InputError(
                "compiled: expected coefficient functions compiled by numba.njit, got plain "
                "Python; decorate them or call beta"
            )
        return compiled_coefficients(
            functions,
            self.points,
            self.scales,
            self.interpolation.points,
            self.interpolation.matrix,
        )

    def assemble(self, matrices: Any, mu: Any) -> Any:
        """Return sum_m beta_m(mu) A_m for matrices A_m = A(mu_m), or vectors, or operators.

        Give a `MatrixSpan` to have the matrices checked and patterns united only once.
        """
        return MatrixSpan.of(matrices, self.rank).combine(self.beta(mu))

    def coefficient_errors(self, mu: Any, points: Sequence[Any]) -> Array:
        """Return max_x |g_r(mu, x) - sum_m beta_m g_r(mu_m, x)| over scales, (samples, terms).

        `points` are as `affine_decomposition` takes them, or others.
        """
        functions = self._known_functions()
        rows, _ = self.training.many(mu)
        beta = self.interpolation.coefficients(self.readings(rows))
        found = []
        for r, (g, x) in enumerate(zip(functions, term_points(points, functions), strict=True)):
            defect = tabulate(g, rows, x, r) - beta @ tabulate(g, self.parameters, x, r)
            found.append(np.abs(defect).max(axis=1) / self.scales[r])
        return np.stack(found, axis=1)

    def matrix_errors(self, matrices: Any, mu: Any, exact: Any) -> Array:
        """Return ||A(mu) - sum_m beta_m A_m||_F / ||A(mu)||_F for parameters mu.

        `exact` is a function mu -> A(mu) or the sequence of these matrices, or of any entries of
        them if `matrices` are the same entries. Norms of operators are estimated by 8 products.
        A decomposition from entries that has no function for them reads those of `exact`.
        """
        rows, _ = self.training.many(mu)
        span = MatrixSpan.of(matrices, self.rank)
        wanted = (exact(row) for row in rows) if callable(exact) else exact
        if not callable(exact) and len(exact) != len(rows):
            raise InputError(f"exact: expected {len(rows)} matrices, got {len(exact)}")
        found = []
        for row, A in zip(rows, wanted, strict=True):
            beta = self.beta_of(A) if self.functions is None else self.beta(row)
            found.append(relative_difference(span.combine(beta), A))
        return np.array(found)

    def beta_of(self, A: Any) -> Array:
        """Return beta of a matrix from its entries at `points[0]`, after `matrix_deim`.

        They are all that is read of A, a dense or sparse matrix or a vector.
        """
        at = self.points[0]
        if len(self.points) > 1 or at is None or at.dtype.kind != "i" or at.ndim != 2:
            raise InputError(
                "beta_of: expected a decomposition by matrix_deim, got one by functions"
            )
        if len(A.shape) != at.shape[1]:
            raise InputError(f"beta_of: expected {at.shape[1]} axes, got shape {A.shape}")
        A = A.tocsr() if hasattr(A, "tocsr") else A
        return self.interpolation.coefficients(np.asarray(A[tuple(at.T)]).ravel() / self.scales[0])

    def with_functions(self, functions: Any) -> Self:
        """Return the decomposition with coefficient functions, which files do not hold."""
        known = term_functions(functions)
        if len(known) != len(self.points):
            raise InputError(f"functions: expected {len(self.points)}, got {len(known)}")
        return replace(self, functions=known)

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays and a description; not the coefficient functions."""
        model = self.interpolation
        arrays = {name: getattr(model, name) for name in ("rows", "points", "functions", "values")}
        arrays |= {"training": self.training.values, "scales": self.scales}
        arrays |= {f"x/{r}": x for r, x in enumerate(self.points) if x is not None}
        if self.held_out_errors is not None:
            arrays["held_out_errors"] = self.held_out_errors
        told = {"errors": model.errors, "status": model.status.name, "terms": len(self.points),
                "training_errors": self.errors, "reached": self.status.name}  # fmt: skip
        return arrays, told

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return the decomposition of what `archived` gave, without its functions."""
        model = EmpiricalInterpolation(
            arrays["rows"],
            arrays["points"],
            arrays["functions"],
            arrays["values"],
            tuple(told["errors"]),
            SelectionStatus[told["status"]],
        )
        return cls(
            TrainingParameters(arrays["training"]),
            model,
            tuple(arrays.get(f"x/{r}") for r in range(told["terms"])),
            arrays["scales"],
            tuple(told["training_errors"]),
            SelectionStatus[told["reached"]],
            None,
            arrays.get("held_out_errors"),
        )

    def save(self, path: str | Path) -> None:
        """Write all but the coefficient functions, which are code, to one HDF5 file."""
        save_archive(path, _KIND, *self.archived())

    @classmethod
    def load(cls, path: str | Path, functions: Any = None) -> Self:
        """Read a decomposition back; executes nothing, so bring the coefficient functions."""
        try:
            found = cls.from_archived(*load_archive(path, _KIND))
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not an affine decomposition ({error})") from None
        return found if functions is None else found.with_functions(functions)

    def _known_functions(self) -> tuple[Coefficient, ...]:
        if self.functions is None:
            raise InputError(
                "beta: this decomposition has no coefficient functions, which files do not hold; "
                "give them to load or with_functions"
            )
        return self.functions


_KIND = "affine-decomposition"
# The second stage ends at so many units of the last place: 1e-14 in double precision.
_ROUND_OFF = 45


def affine_decomposition(
    functions: Coefficient | Sequence[Coefficient],
    parameters: Any,
    points: Any,
    rtol: float = 1e-8,
    *,
    max_rank: int | None = None,
    held_out: Any = None,
) -> AffineDecomposition:
    """Decompose A(mu) from the functions of mu and x that its entries depend on.

    If A(mu) is linear in g(mu, .), such as a matrix with the kernel g, then empirical interpolation
    of g, a combination of the g(mu_m, .), is one of A. Several functions g_r must share beta, and
    are interpolated in two stages:

        1.  each g_r by itself to the tolerance; its points x^r_k are kept,
        2.  the vector z(mu) = (g_r(mu, x^r_k))_{r,k} to round-off; its parameters mu_m are kept.

    Reference: Casenave, Ern & Lelievre (2014), arXiv:1307.4330.

    Args:
        functions: g(mu, x), or several of them. mu is a number or an array (p,), x what
            `points` holds; the result has one number for each point. g(mu) without points returns
            a number or an array (k,).
        parameters: of training, shape (samples,) or (samples, p), all different.
        points: x, any array whose first axis counts points; for several functions a sequence of
            such arrays, None for functions of mu alone.
        rtol: of each function, relative to its largest value. Good values: 1e-4 to 1e-12.
        max_rank: limit on the number of matrices.
        held_out: parameters that have no part in the choice, for an honest error estimate.

    Raises `InputError` for repeated parameters, shapes that do not fit and functions that all
    vanish, `NonFiniteError` for NaN and infinity. A tolerance below round-off ends with
    `SelectionStatus.EXHAUSTED` and the `errors` that can be reached.

    >>> k, r = np.linspace(1, 3, 60), np.linspace(0, 2, 80)
    >>> wave = lambda k, r: np.exp(1j * k * r)
    >>> model = affine_decomposition(wave, k, r, rtol=1e-6, held_out=[1.234, 2.345])
    >>> model.rank, bool(model.held_out_errors.max() < 1e-6)
    (7, True)
    >>> kernel = np.subtract.outer(r[:40], -r[:40])
    >>> A = model.assemble([wave(k_m, kernel) for k_m in model.parameters], 1.7)
    >>> bool(abs(A - wave(1.7, kernel)).max() < 1e-6)
    True
    """
    training = TrainingParameters(parameters)
    rtol = require_number(rtol, "rtol", "[0, 1)")
    known = term_functions(functions)
    places = term_points(points if isinstance(functions, Sequence) else [points], known)
    tables = [tabulate(g, training.values, places[r], r) for r, g in enumerate(known)]
    return decompose(training, known, tables, places, rtol, max_rank, held_out)


def decompose(
    training: TrainingParameters,
    functions: tuple[Coefficient, ...] | None,
    tables: list[Array],
    places: list[Array | None],
    rtol: float,
    max_rank: int | None,
    held_out: Any,
) -> AffineDecomposition:
    """Return the decomposition of functions whose training values are known, (samples, points)."""
    scales = np.array([np.abs(table).max() for table in tables], tables[0].real.dtype)
    if not scales.any():
        raise InputError("functions: expected some that do not vanish, got zeros alone")
    scales[scales == 0] = 1
    stages = [eim(table, rtol, max_rank=max_rank) for table in tables]  # stage 1
    kept = [None if x is None else x[s.points] for x, s in zip(places, stages, strict=True)]
    states = {s.status for s in stages}
    if len(stages) == 1 and places[0] is not None:
        model = _at_points(stages[0], scales[0])
    else:
        z = np.concatenate(
            [
                (table if x is None else table[:, s.points]) / scale
                for table, x, s, scale in zip(tables, places, stages, scales, strict=True)
            ],
            axis=1,
        )
        model = eim(z, _ROUND_OFF * float(np.finfo(z.dtype).eps), max_rank=max_rank)  # stage 2
        states |= {model.status} & {SelectionStatus.MAX_RANK}
    beta = model.coefficients(model.values)
    errors = [
        float(np.abs(table - beta @ table[model.rows]).max() / scale)
        for table, scale in zip(tables, scales, strict=True)
    ]
    worst = [s for s in (SelectionStatus.MAX_RANK, SelectionStatus.EXHAUSTED) if s in states]
    status = worst[0] if worst else SelectionStatus.CONVERGED
    found = AffineDecomposition(
        training, model, tuple(kept), scales, tuple(errors), status, functions
    )
    if held_out is None:
        return found
    return replace(found, held_out_errors=found.coefficient_errors(held_out, places))


def _at_points(stage: EmpiricalInterpolation, scale: float) -> EmpiricalInterpolation:
    """Return an interpolation as that of its own readings: what is at its points alone."""
    values = stage.values / scale
    return EmpiricalInterpolation(
        stage.rows,
        np.arange(stage.rank),
        values[stage.rows],
        values,
        stage.errors,
        stage.status,
        stage.norm,
    )


def term_functions(functions: Any) -> tuple[Coefficient, ...]:
    """Return one function or several as a tuple."""
    several = tuple(functions) if isinstance(functions, Sequence) else (functions,)
    if not several or not all(callable(g) for g in several):
        raise InputError(
            f"functions: expected a function g(mu, x) or a sequence of them, got {functions!r:.80}"
        )
    return several


def term_points(points: Any, functions: tuple[Coefficient, ...]) -> list[Array | None]:
    """Return the points of each function, or none."""
    if not isinstance(points, Sequence) or len(points) != len(functions):
        raise InputError(
            f"points: expected a sequence with one array (or None) for each of the "
            f"{len(functions)} functions, got {type(points).__name__}"
        )
    arrays = [None if x is None else np.asarray(x) for x in points]
    for r, x in enumerate(arrays):
        if x is not None and (x.ndim == 0 or len(x) == 0):
            raise InputError(f"points[{r}]: expected an array of points, got shape {x.shape}")
    return arrays


def tabulate(g: Coefficient, parameters: Array, x: Array | None, r: int = 0) -> Array:
    """Return g(mu_j, x_i), one row for each parameter; numbers are checked."""
    name = f"functions[{r}]"
    rows = [
        np.atleast_1d(as_floating(np.asarray(g(mu) if x is None else g(mu, x)), name))
        for mu in parameters
    ]
    for j, row in enumerate(rows):
        if row.ndim != 1 or len(row) != (len(rows[0]) if x is None else len(x)):
            wanted = "numbers, always as many" if x is None else f"shape ({len(x)},)"
            raise InputError(f"{name}: expected {wanted}, got {row.shape} at parameter {j}")
    return require_finite(np.stack(rows), f"{name} (parameter, point)")
