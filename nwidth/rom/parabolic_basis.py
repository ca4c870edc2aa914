"""A reduced parabolic model: trajectories in microseconds per step, with a bound at every time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import save_archive
from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import as_floating, real_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS
from nwidth.rom.archived_parts import archived_box, archived_part, archived_parts, restored
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.parabolic_problem import ParabolicProblem, known_functions
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.reduced_model import (
    asked_parameters,
    inside_box,
    leading_columns,
    lifted,
    one_parameter,
)
from nwidth.rom.reduced_solution import ReducedStatus
from nwidth.rom.stability.stability_bound import (
    StabilityBound,
    stability_from_archived,
    stability_of,
)

Array = NDArray[Any]

_KIND = "parabolic-basis"
_OUTSIDE = "the bound holds where its stability bound does, but may be large"
_ARRAYS = ("residual", "allowance", "initial_error", "initial_allowance")


class ReducedTrajectory(NamedTuple):
    """The answer for one parameter at the times of the problem.

    Attributes:
        x: coordinates (K + 1, N) of the trajectory in the basis.
        bound: upper bounds (K + 1,) of |||u - V x||| from the start to each time; infinite unless
            `status` is CERTIFIED.
        energy: |||V x||| from the start to each time, (K + 1,).
        stability: lower bound of the coercivity constant that was used.
        inside: whether the parameter lies in the box of the model.
        status: a `ReducedStatus`.
    """

    x: Array
    bound: Array
    energy: Array
    stability: float
    inside: bool
    status: ReducedStatus


@dataclass(frozen=True, eq=False)
class ReducedTrajectories:
    """The answers for many parameters, as arrays whose first axis counts them.

    The attributes are those of `ReducedTrajectory`; `trajectories[j]` is one of them.
    """

    x: Array
    bound: Array
    energy: Array
    stability: Array
    inside: Array
    status: tuple[ReducedStatus, ...]

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, j: int) -> ReducedTrajectory:
        return ReducedTrajectory(
            self.x[j],
            self.bound[j],
            self.energy[j],
            float(self.stability[j]),
            bool(self.inside[j]),
            self.status[j],
        )


@dataclass(frozen=True, eq=False)
class ParabolicBasis:
    """The reduced model of a parabolic problem, with certificate; by `GrowingParabolicBasis`.

        M_N (x^k - x^(k-1)) / dt + A_N (w x^k + (1 - w) x^(k-1)) = V^H f^k,   A_N = V^H A V, ...

    The error e = u - V x is bounded at every time t_K in the space-time energy norm,

        |||e|||^2  =  e^K . M e^K  +  dt sum_(k<=K) Re ē^k . A ē^k,    ē^k = w e^k + (1 - w) e^(k-1)
                  <=  e^0 . M e^0  +  dt / alpha sum_(k<=K) (||r^k||')^2

    with r^k, the residual of step k, and alpha, the coercivity constant of A with respect to X.
    For implicit Euler, w = 1, this is the bound of Grepl & Patera (2005),
    doi:10.1051/m2an:2005006, section 4, and Haasdonk & Ohlberger (2008),
    doi:10.1051/m2an:2008001. For every w >= 1/2 it follows from M (e^k - e^(k-1)) / dt + A ē^k =
    r^k tested with ē^k, where

        Re ē^k . M (e^k - e^(k-1))  >=  (e^k . M e^k - e^(k-1) . M e^(k-1)) / 2
        Re ē^k . r^k  <=  (||r^k||')^2 / (2 alpha)  +  Re ē^k . A ē^k / 2

    so that the dissipation of Crank-Nicolson's method, w = 1/2, is that of the mid-points ē^k.
    Neither A nor the coefficients of the residuals have to be symmetric or real.

    Residuals r^k = f^k - A V x̄^k - M V (x^k - x^(k-1)) / dt are measured as those of stationary
    problems are (`ResidualBasis`), M_q standing as further terms beside A_q, with what rounding
    adds. Bounds hold for V x in exact numbers; the sum V x itself is rounded.

    Attributes:
        problem: the reduced problem of N unknowns.
        residual: coordinates R of the residual's terms, shape (rows, Qf + N (Q + Q_m)).
        allowance: what rounding adds to the residual for each term.
        initial_error: B_q with (e . M_q e)^1/2 <= |B_q c| + |c| . b_q for the error e of the
            initial value sum_j c_j u_0j, projected on the first N = 0, 1, ... vectors; shape
            (N + 1, Q_m, J, J).
        initial_allowance: b_q, what rounding adds, shape (N + 1, Q_m, J).
        stability: a lower bound of the coercivity constant of the problem itself.
        basis: V, shape (n, N), orthonormal columns in X, or None if fields are not wanted.
        box: the parameters it was made for, or None.

    Raises `InputError` for parts that do not fit together.
    """

    problem: ParabolicProblem
    residual: Array
    allowance: Array
    initial_error: Array
    initial_allowance: Array
    stability: StabilityBound
    basis: Array | None = None
    box: ParameterBox | None = None

    def __post_init__(self) -> None:
        require_instance(self.problem, "problem", ParabolicProblem)
        N, elliptic, start = self.size, self.problem.problem, self.problem.start
        if "sparse" in (elliptic.matrices.kind, self.problem.mass.kind):
            raise InputError("problem: expected a reduced one, with dense matrices")
        require_coercivity(self.stability, len(elliptic.matrices))
        columns = len(elliptic.sources) + N * (len(elliptic.matrices) + len(start.matrices))
        Qm, J = len(start.matrices), len(start.sources)
        shapes: dict[str, tuple[int | None, ...]] = {
            "residual": (None, columns),
            "allowance": (columns,),
            "initial_error": (N + 1, Qm, J, J),
            "initial_allowance": (N + 1, Qm, J),
            "basis": (None, N),
        }
        for name, shape in shapes.items():
            if name == "basis" and self.basis is None:
                continue
            values = as_floating(np.asarray(getattr(self, name)), name)
            require_finite(require_shape(values, shape, name), name)
            if name.endswith("allowance") and not (np.isrealobj(values) and (values >= 0).all()):
                raise InputError(f"{name}: expected real numbers >= 0")
            object.__setattr__(self, name, values)
        if self.box is not None:
            require_instance(self.box, "box", ParameterBox)

    @property
    def size(self) -> int:
        """Number N of basis vectors."""
        return self.problem.size

    def __len__(self) -> int:
        return self.size

    def solve(self, mu: Any) -> ReducedTrajectory:
        """Return the answer for one parameter, a number or shape (p,)."""
        return self.solve_many(one_parameter(mu))[0]

    def solve_many(self, mus: Any) -> ReducedTrajectories:
        """Return the answers for many parameters (m, p), shared by threads, the same as one by one.

        Raises `InputError` for other shapes and for coefficients that do not fit, `NonFiniteError`
        for NaN and infinity. Outside of the box it warns once.
        """
        from nwidth.rom._parabolic_basis_numba import march, threads

        mus = np.asarray(real_floating(np.asarray(mus), "mu"), np.float64)
        p = "p" if self.box is None else self.box.dimension
        if mus.ndim != 2 or (self.box is not None and mus.shape[1] != p):
            raise InputError(
                f"mu: expected shape ({p},) for one, (m, {p}) for many parameters, got {mus.shape}"
            )
        theta, phi, masses, c = self.problem.coefficients(mus)
        inside = inside_box(self, mus, _OUTSIDE)
        K, lower = self.problem.steps, stability_of(self.stability, theta)
        x = np.zeros((len(mus), K + 1, self.size), self._dtype)
        bound, energy = np.zeros((2, len(mus), K + 1))
        safety = 1 + (K + 16) * EPS
        theta, phi, c = (np.ascontiguousarray(v, self._dtype) for v in (theta, phi, c))
        with np.errstate(all="ignore"):
            march(
                *(theta, phi, np.ascontiguousarray(masses), c, lower, *self._tables),
                *(self.problem.dt, self.problem.weight, safety, x, bound, energy, threads()),
            )
        regular = np.asarray(np.isfinite(x).all(axis=(1, 2)))
        bound[~(np.isfinite(bound) & regular[:, None])] = np.inf
        status = tuple(
            ReducedStatus.UNSTABLE if not alpha > 0
            else ReducedStatus.CERTIFIED if good else ReducedStatus.SINGULAR
            for alpha, good in zip(lower, regular, strict=True)
        )  # fmt: skip
        return ReducedTrajectories(x, bound, energy, lower, inside, status)

    def lift(self, x: Any) -> Array:
        """Return the fields V x, shape (..., n) for x (..., N)."""
        return lifted(self.basis, x, self.size)

    def predict(self, inputs: Mapping[str, Any]) -> Array:
        """Return trajectories (m, K + 1, n) for the parameters (m, p) under the name "mu"."""
        return self.lift(self.solve_many(asked_parameters(inputs)).x)

    def truncated(self, N: int) -> Self:
        """Return the model of the first N basis vectors."""
        if require_integer(N, "N", 1) > self.size:
            raise InputError(f"N: expected at most {self.size}, got {N}")
        elliptic, start = self.problem.problem, self.problem.start
        columns = len(elliptic.sources) + N * (len(elliptic.matrices) + len(start.matrices))
        basis = None if self.basis is None else self.basis[:, :N]
        return type(self)(
            _leading(self.problem, N),
            leading_columns(self.residual, columns),
            self.allowance[:columns],
            self.initial_error[: N + 1],
            self.initial_allowance[: N + 1],
            self.stability,
            basis,
            self.box,
        )

    def save(self, path: str | Path, *, basis: bool = True) -> None:
        """Write the model to one HDF5 file, whole or not at all, with its basis or without.

        Functions are code and are not written: bring them to `load`, or use `ParameterExpressions`.
        """
        save_archive(path, _KIND, *self.archived(basis=basis))

    def archived(self, *, basis: bool = True) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays and a description."""
        arrays: dict[str, Array] = {name: getattr(self, name) for name in _ARRAYS}
        if basis and self.basis is not None:
            arrays["basis"] = self.basis
        own, told = archived_parts(
            {name: getattr(self, name) for name in ("problem", "stability", "box")}
        )
        return arrays | own, told

    @classmethod
    def load(cls, path: str | Path, **functions: Any) -> Self:
        """Read a model back; executes nothing and opens no other file.

        `theta`, `phi`, `mass_coefficients`, `initial_coefficients` are the functions they were, if
        they were functions. Raises `FileFormatError` for a file whose parts do not fit together.
        """
        return restored(path, _KIND, cls.from_archived, known_functions(functions))

    @classmethod
    def from_archived(
        cls, arrays: dict[str, Array], told: dict[str, Any], functions: Mapping[str, Any]
    ) -> Self:
        """Return the model of what `archived` gave, with functions as `load` takes them."""
        return cls(
            ParabolicProblem.from_archived(*archived_part(arrays, told, "problem"), functions),
            arrays["residual"],
            arrays["allowance"],
            arrays["initial_error"],
            arrays["initial_allowance"],
            stability_from_archived(*archived_part(arrays, told, "stability")),
            arrays.get("basis"),
            archived_box(arrays, told),
        )

    @cached_property
    def _dtype(self) -> np.dtype:
        problem, start = self.problem.problem, self.problem.start
        complex_ = problem.is_complex or start.is_complex
        arrays = (self.residual, self.problem.signals, self.initial_error)
        complex_ |= any(array.dtype.kind == "c" for array in arrays)
        return np.dtype(np.complex128 if complex_ else np.float64)

    @cached_property
    def _tables(self) -> tuple[Array, ...]:
        """What the kernel takes, matrices transposed."""
        parts = (self.problem.problem.matrices, self.problem.mass)
        AT, MT = (np.stack([A.T for A in span.matrices]) for span in parts)
        F = np.stack(list(self.problem.problem.sources.matrices))
        initial = np.stack(list(self.problem.initial.matrices))
        tables = (AT, MT, F, initial, self.problem.loads, self.residual.T)
        missed = np.ascontiguousarray(self.initial_error[-1].swapaxes(1, 2), self._dtype)
        return (
            *(np.ascontiguousarray(table, self._dtype) for table in tables),
            *(np.ascontiguousarray(self.allowance), missed),
            np.ascontiguousarray(self.initial_allowance[-1]),
        )


def _leading(problem: ParabolicProblem, N: int) -> ParabolicProblem:
    """Return the reduced problem of the first N unknowns."""
    mass = np.stack([M[:N, :N] for M in problem.mass.matrices])
    initial = np.stack([u[:N] for u in problem.initial.matrices])
    return replace(
        problem, problem=problem.problem.truncated(N), mass=MatrixSpan(mass), initial=initial
    )


def require_coercivity(stability: StabilityBound, terms: int) -> None:
    """Raise `InputError` unless the bound is of the coercivity constant of so many terms."""
    if not hasattr(stability, "lower") or not hasattr(stability, "terms"):
        raise InputError(f"stability: expected a stability bound, got {stability!r:.80}")
    if stability.constant != "coercivity" or stability.terms != terms:
        raise InputError(
            f"stability: expected a bound of the coercivity constant of {terms} terms, got one of "
            f"the {stability.constant} constant of {stability.terms}"
        )
