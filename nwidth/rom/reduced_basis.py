"""A reduced model: answers in microseconds, each with a bound of its error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import save_archive
from nwidth.arguments import require_choice, require_instance, require_integer
from nwidth.arrays import (
    as_floating,
    namespace,
    real_floating,
    require_finite,
    require_shape,
    to_numpy,
)
from nwidth.errors import InputError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.archived_parts import archived_box, archived_part, archived_parts, restored
from nwidth.rom.device_online_stage import device_online_stage
from nwidth.rom.online_stage import OnlineStage
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.parameter_expressions import ParameterExpressions
from nwidth.rom.reduced_model import (
    asked_parameters,
    inside_box,
    leading_columns,
    lifted,
    warn_outside,
)
from nwidth.rom.reduced_solution import (
    STATUSES,
    ReducedSolution,
    ReducedSolutions,
    energy_bounds,
)
from nwidth.rom.stability.stability_bound import (
    StabilityBound,
    stability_from_archived,
    stability_of,
)

Array = NDArray[Any]

#: What the reduced equations are tested with.
TESTS = ("galerkin", "least-squares")


@dataclass(frozen=True, eq=False)
class ReducedBasis:
    """The reduced model of an affine problem, with a certificate; made by `GrowingBasis`.

        V^H A(mu) V x = V^H f(mu),    or    x = argmin ||f(mu) - A(mu) V x||'
        ||u(mu) - V x||  <=  ||f(mu) - A(mu) V x||' / stability(mu)  +  round-off

    in the norm of X and its dual. A query assembles, factorizes, solves and bounds in one compiled
    call whose cost knows nothing of the size of A: of the order of Q N^2 + N^3 / 6 products for
    `x` (2 N^3 / 3 without symmetry) and Q^2 N^2 / 2 for the bound. Reference: Rozza, Huynh & Patera
    (2008), doi:10.1007/s11831-008-9019-9, sections 3 and 4.

    Attributes:
        problem: the reduced problem of N unknowns, with theta and phi.
        residual: R, shape (rows, Q_f + N Q), with ||f - A V x||' <= ||R z|| + |z| . allowance and
            z = (phi_q, -theta_q x_i), as `ResidualBasis` gives them.
        allowance: what rounding may add for each |z_k|, that of the lift V x included.
        stability: a lower bound of the stability constant of the problem itself.
        basis: V, shape (n, N), orthonormal columns in X, or None if fields are not wanted.
        box: the parameters it was made for, or None.
        test: "galerkin" or "least-squares".
        about: whatever is to stay with the model, such as its grid; JSON-able.

    Raises `InputError` for parts that do not fit together.
    """

    problem: AffineProblem
    residual: Array
    allowance: Array
    stability: StabilityBound
    basis: Array | None = None
    box: ParameterBox | None = None
    test: str = "galerkin"
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_choice(self.test, "test", TESTS)
        require_instance(self.about, "about", Mapping)
        require_instance(self.problem, "problem", AffineProblem)
        N, Q, Qf = self.size, len(self.problem.matrices), len(self.problem.sources)
        if self.problem.matrices.kind != "dense":
            raise InputError("problem: expected a reduced one, with dense matrices")
        require_stability(self.stability, Q)
        for name, shape in (
            ("residual", (None, Qf + N * Q)),
            ("allowance", (Qf + N * Q,)),
            ("basis", (None, N)),
        ):
            if name != "basis" or self.basis is not None:
                array = np.asarray(as_floating(getattr(self, name), name))
                require_finite(require_shape(array, shape, name), name)
                object.__setattr__(self, name, array)
        if self.allowance.dtype.kind != "f" or (self.allowance < 0).any():
            raise InputError("allowance: expected real numbers >= 0")
        if self.box is not None:
            require_instance(self.box, "box", ParameterBox)

    @property
    def size(self) -> int:
        """Number N of basis vectors."""
        return self.problem.size

    def __len__(self) -> int:
        return self.size

    def solve(self, mu: Any) -> ReducedSolution:
        """Return the answer for one parameter, a number or shape (p,).

        Raises `InputError` for another shape and for coefficients that do not fit,
        `NonFiniteError` for NaN and infinity. Outside of the box it warns once.
        """
        stage = self._stage
        if type(mu) is not np.ndarray or mu.dtype is not _FLOAT:
            mu = to_numpy(real_floating(mu, "mu"))
        mus = np.array(mu, np.float64, ndmin=2)
        if mu.ndim > 1 or (self.box is not None and mus.shape[1] != self.box.dimension):
            raise self._unlike(mu.shape)
        row = stage(mus, *self._row(mus[0]))[0]
        bound, stability, inside, code, residual = row[stage.unknowns :].tolist()
        if code == len(STATUSES):
            self.problem.coefficients(mus)  # says which number is not finite
        if not inside:
            warn_outside(self, _OUTSIDE)
        x = row[: stage.unknowns]
        return ReducedSolution(
            x.view(np.complex128) if stage.is_complex else x,
            bound,
            stability,
            inside == 1,
            STATUSES[int(code)],
            residual,
            bound * stability**0.5 if self._coercive and stability > 0 else _INFINITE,
        )

    def solve_many(self, mus: Any) -> ReducedSolutions:
        """Return the answers for many parameters (m, p), to rounding those of one by one.

        Threads share them; for CuPy arrays batched linear algebra of the device does, and the
        answers stay there.
        """
        xp = namespace(mus)
        asked = np.array(to_numpy(real_floating(mus, "mu")), np.float64)
        if asked.ndim != 2 or (self.box is not None and asked.shape[1] != self.box.dimension):
            raise self._unlike(asked.shape)
        theta, phi = self.problem.coefficients(asked)
        if xp.__name__ != "numpy":
            return self._on_device(xp, mus, asked, theta, phi)
        rows, N = self._stage(asked, theta, phi), self._stage.unknowns
        bound, stability, inside, code, residual = rows[:, N:].T
        if not inside.all():
            warn_outside(self, _OUTSIDE)
        x = np.ascontiguousarray(rows[:, :N])
        return ReducedSolutions(
            x.view(np.complex128) if self._stage.is_complex else x,
            bound,
            stability,
            inside == 1,
            code.astype(np.int8),
            residual,
            energy_bounds(bound, stability, self._coercive),
        )

    def lift(self, x: Any) -> Array:
        """Return the fields V x, shape (..., n) for x (..., N)."""
        return lifted(self.basis, x, self.size)

    def predict(self, inputs: Mapping[str, Any]) -> Array:
        """Return the fields (m, n) for the parameters (m, p) under the name "mu"."""
        return self.lift(self.solve_many(asked_parameters(inputs)).x)

    def truncated(self, N: int) -> Self:
        """Return the model of the first N basis vectors.

        It is that of a basis which had stopped there; its allowances are those of the larger one.
        """
        if require_integer(N, "N", 0) > self.size:
            raise InputError(f"N: expected at most {self.size}, got {N}")
        columns = len(self.problem.sources) + N * len(self.problem.matrices)
        return type(self)(
            self.problem.truncated(N),
            leading_columns(self.residual, columns),
            self.allowance[:columns],
            self.stability,
            None if self.basis is None else self.basis[:, :N],
            self.box,
            self.test,
            self.about,
        )

    def save(self, path: str | Path, *, basis: bool = True) -> None:
        """Write the model to one HDF5 file, whole or not at all, with its basis or without.

        Functions theta and phi are code and are not written: bring them to `load`, or use
        `ParameterExpressions`.
        """
        save_archive(path, _KIND, *self.archived(basis=basis))

    def archived(self, *, basis: bool = True) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays and a description."""
        arrays: dict[str, Array] = {"residual": self.residual, "allowance": self.allowance}
        told: dict[str, Any] = {"test": self.test, "about": dict(self.about)}
        if basis and self.basis is not None:
            arrays["basis"] = self.basis
        own, parts = archived_parts(
            {name: getattr(self, name) for name in ("problem", "stability", "box")}
        )
        return arrays | own, told | parts

    @classmethod
    def load(cls, path: str | Path, theta: Any = None, phi: Any = None) -> Self:
        """Read a model back; executes nothing and opens no other file.

        `theta` and `phi` are the functions they were, if they were functions. Raises
        `FileFormatError` for a file whose parts do not fit together.
        """

        def read(arrays: dict[str, Array], told: dict[str, Any], given: Mapping[str, Any]) -> Any:
            return cls.from_archived(arrays, told, **given)

        return restored(path, _KIND, read, {"theta": theta, "phi": phi})

    @classmethod
    def from_archived(
        cls, arrays: dict[str, Array], told: dict[str, Any], theta: Any = None, phi: Any = None
    ) -> Self:
        """Return the model of what `archived` gave, with functions as `load` takes them."""
        return cls(
            AffineProblem.from_archived(*archived_part(arrays, told, "problem"), theta, phi),
            arrays["residual"],
            arrays["allowance"],
            stability_from_archived(*archived_part(arrays, told, "stability")),
            np.asfortranarray(arrays["basis"]) if "basis" in arrays else None,
            archived_box(arrays, told),
            told["test"],
            told["about"],
        )

    @cached_property
    def _stage(self) -> OnlineStage:
        theta = self.problem.theta
        return OnlineStage(
            *self._reduced,
            self.residual,
            self.allowance,
            self.stability,
            self.box,
            least_squares=self.test == "least-squares",
            real_theta=not self.problem.is_complex
            or (isinstance(theta, ParameterExpressions) and not theta.is_complex),
        )

    def _on_device(
        self, xp: Any, mus: Any, asked: Array, theta: Array, phi: Array
    ) -> ReducedSolutions:
        """Return the answers in another library, that of `mus`."""
        inside = inside_box(self, asked, _OUTSIDE)
        tables = (*self._reduced, self.residual, self.allowance)
        x, bound, stability, codes, residual = device_online_stage(
            mus,
            (theta, phi),
            tables,
            lambda theta: stability_of(self.stability, theta),
            least_squares=self.test == "least-squares",
        )
        energy = energy_bounds(bound, stability, self._coercive)
        return ReducedSolutions(x, bound, stability, xp.asarray(inside), codes, residual, energy)

    @cached_property
    def _coercive(self) -> bool:
        return getattr(self.stability, "constant", None) == "coercivity"

    @property
    def _reduced(self) -> tuple[Array, Array]:
        """V^H A_q V and V^H f_q as arrays (Q, N, N) and (Q_f, N)."""
        matrices, sources = self.problem.matrices.matrices, self.problem.sources.matrices
        return np.stack(list(matrices)), np.stack(list(sources))

    def _row(self, mu: Array) -> tuple[Array, Array]:
        """Return theta (1, Q) and phi (1, Q_f), quickly where functions give what they must."""
        rows, kind = [], self._stage.dtype
        for given, count in self._functions:
            values = given(mu)
            try:
                values = np.array(values, ndmin=2)
            except ValueError:  # rows of different lengths
                return self.problem.coefficients(mu[None])
            if values.dtype is not kind and values.dtype is _FLOAT:  # real in a complex problem
                values = values.astype(kind)
            if values.dtype is not kind or values.shape != (1, count):
                return self.problem.coefficients(mu[None])
            rows.append(values)
        return rows[0], rows[1]

    @cached_property
    def _functions(self) -> tuple[tuple[Any, int], ...]:
        """Theta and phi as functions of one parameter, and how many numbers they return."""
        problem = self.problem
        return tuple(
            (given if callable(given) else lambda mu: None, len(span))
            for given, span in ((problem.theta, problem.matrices), (problem.phi, problem.sources))
        )

    def _unlike(self, shape: tuple[int, ...]) -> InputError:
        p = "p" if self.box is None else self.box.dimension
        return InputError(
            f"mu: expected shape ({p},) for one, (m, {p}) for many parameters, got {shape}"
        )


def require_stability(stability: Any, terms: int) -> StabilityBound:
    """Return a stability bound of so many terms, or raise `InputError`.

    >>> from nwidth.rom.stability import MinTheta
    >>> require_stability(MinTheta([[1.0, 1.0]], [0.5]), 2).name
    'min-theta'
    """
    if not hasattr(stability, "terms") or not callable(getattr(stability, "lower", None)):
        raise InputError(
            "stability: expected a lower bound of the stability constant, such as MinTheta, got "
            f"{stability!r:.80}"
        )
    if stability.terms != terms:
        raise InputError(f"stability: expected {terms} terms, got {stability.terms}")
    return stability


_KIND = "reduced-basis"
_FLOAT = np.dtype(np.float64)
_INFINITE = float("inf")
_OUTSIDE = "the bound holds where its stability bound does, but may be large"
