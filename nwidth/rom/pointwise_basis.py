"""A reduced model of a pointwise nonlinear problem, which reads the nonlinearity at few points."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import save_archive
from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import real_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.archived_parts import archived_box, archived_part, archived_parts, restored
from nwidth.rom.estimated_answer import STATUSES, EstimatedAnswer
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.pointwise_problem import Pointwise, pointwise
from nwidth.rom.quadratic_problem import parameter_rows
from nwidth.rom.reduced_model import asked_parameters, inside_box, lifted, one_parameter
from nwidth.rom.stability.stability_bound import StabilityBound, stability_from_archived

Array = NDArray[Any]

_KIND = "pointwise-basis"
_ARRAYS = (
    "projected", "triangle", "points", "residual", "allowance", "basis", "starts", "parameters",
)  # fmt: skip
# Parameters whose matrices are in memory at once.
_BLOCK = 1024
# Newton's method on the reduced equations.
MAX_ITERATIONS, HALVINGS, DECREASE, SMALL_STEP = 40, 12, 1e-4, 1e-9


@dataclass(frozen=True, eq=False)
class PointwiseBasis:
    """The reduced model of A(mu) u + E^T (w * g(E u; mu)) = f(mu) with g interpolated.

        g(E u; mu)  ~  sum_m c_m q_m,    L c = g at the points,    L_km = q_m(y_k)
        A_N(mu) x + H g(E_P V x; mu) = f_N(mu),    H = V^T E^T w q L^-1,   M columns

    by Newton's method; a step costs N^3 / 3 + N^2 M products, for all parameters side by side. The
    error estimate interpolates with all functions there are, some more than the M of the equations:

        estimate = ||f - A V x - E^T w sum_{m <= M'} c_m q_m||' / stability

    It is a bound if g(E V x; mu) lies in the span of all M' functions and g does not fall with u.
    Otherwise the interpolation error beyond the last point is unknown: **it is an estimate**, and
    may be too small. Where g falls with u at the points, max(0, -g') c_E is taken off the constant,
    with E^T w E <= c_E X. Reference: Grepl, Maday, Nguyen & Patera (2007),
    doi:10.1051/m2an:2007031, sections 5.2 and 5.3.

    Made by `nonlinear_eim`.

    Attributes:
        linear: the reduced A_q and f_q, with theta and phi.
        g, slope: the nonlinearity, see `PointwiseProblem`.
        stability: a lower bound of the coercivity constant of A(mu) alone.
        terms: M, the number of functions in the equations.
        projected: V^T E^T w q_m, shape (N, M').
        triangle: L, unit lower triangular, (M', M').
        points: the rows E_P V of E V at the points, (M', N).
        embedding: c_E.
        residual, allowance: R and a_k of the `ResidualBasis`; its sources are the f_q and the
            E^T w q_m.
        basis: V, (n, N).
        starts, parameters: coordinates (K, N) of known solutions, and their parameters (K, p).
        box: the parameters it was made for, or None.
    """

    linear: AffineProblem
    g: Pointwise | None
    slope: Pointwise | None
    stability: StabilityBound
    terms: int
    projected: Array
    triangle: Array
    points: Array
    embedding: float
    residual: Array
    allowance: Array
    basis: Array
    starts: Array
    parameters: Array
    box: ParameterBox | None = None

    def __post_init__(self) -> None:
        require_instance(self.linear, "linear", AffineProblem)
        if not isinstance(self.stability, StabilityBound):
            raise InputError(f"stability: expected a StabilityBound, got {self.stability!r:.80}")
        if self.box is not None:
            require_instance(self.box, "box", ParameterBox)
        if self.linear.matrices.kind != "dense":
            raise InputError("linear: expected a reduced problem, with dense matrices")
        for name in _ARRAYS:
            values = real_floating(np.asarray(getattr(self, name)), name).astype(np.float64)
            object.__setattr__(self, name, require_finite(values, name))
        N, Q, Qf = self.size, len(self.linear.matrices), len(self.linear.sources)
        M = len(self.triangle)
        if require_integer(self.terms, "terms", 1) > M:
            raise InputError(f"terms: expected at most {M}, got {self.terms}")
        require_number(self.embedding, "embedding", "[0, inf)")
        if self.stability.terms != Q:
            raise InputError(f"stability: expected {Q} terms, got {self.stability.terms}")
        shapes = {"projected": (N, M), "triangle": (M, M), "points": (M, N), "basis": (None, N),
                  "residual": (None, Qf + M + N * Q), "allowance": (Qf + M + N * Q,),
                  "starts": (len(self.parameters), N), "parameters": (None, None)}  # fmt: skip
        for name, shape in shapes.items():
            require_shape(getattr(self, name), shape, name)
        if not self.parameters.size or (self.allowance < 0).any():
            raise InputError("parameters, allowance: expected known solutions and numbers >= 0")
        if not (np.triu(self.triangle) == np.eye(M)).all():
            raise InputError("triangle: expected a unit lower triangular matrix")

    @property
    def size(self) -> int:
        """Number N of basis vectors."""
        return self.linear.size

    def solve(self, mu: Any) -> EstimatedAnswer:
        """Return the answer for one parameter, a number or shape (p,)."""
        return EstimatedAnswer(*(part[0] for part in self.solve_many(one_parameter(mu))))

    def solve_many(self, mus: Any) -> EstimatedAnswer:
        """Return the answers for many parameters (m, p), computed side by side."""
        mus = parameter_rows(mus)
        if mus.shape[1] != self.parameters.shape[1]:
            raise InputError(
                f"mu: expected {self.parameters.shape[1]} numbers each, got {mus.shape[1]}"
            )
        inside = inside_box(self, mus, "nothing was learnt of g there, and estimates mean little")
        blocks = [self._answers(mus[k : k + _BLOCK]) for k in range(0, len(mus), _BLOCK)]
        x, estimate, stability, residual, interpolation, iterations, code = (
            np.concatenate(part) for part in zip(*blocks, strict=True)
        )
        status = tuple(STATUSES[k] for k in code)
        return EstimatedAnswer(
            x, estimate, stability, residual, interpolation, iterations, inside, status
        )

    def lift(self, x: Any) -> Array:
        """Return the fields V x, shape (..., n) for x (..., N)."""
        return lifted(self.basis, x, self.size)

    def predict(self, inputs: Any) -> Array:
        """Return the fields (m, n) for the parameters (m, p) under the name "mu"."""
        return self.lift(self.solve_many(asked_parameters(inputs)).x)

    def save(self, path: str | Path) -> None:
        """Write the model to one HDF5 file; g and slope are code: bring them to `load`."""
        arrays: dict[str, Array] = {name: getattr(self, name) for name in _ARRAYS}
        told: dict[str, Any] = {"terms": self.terms, "embedding": self.embedding}
        own, parts = archived_parts(
            {name: getattr(self, name) for name in ("linear", "stability", "box")}
        )
        save_archive(path, _KIND, arrays | own, told | parts)

    @classmethod
    def load(
        cls, path: str | Path, g: Any = None, slope: Any = None, theta: Any = None, phi: Any = None
    ) -> Self:
        """Read a model back with its functions; executes nothing and opens no other file."""

        def read(arrays: dict[str, Array], told: dict[str, Any], given: Mapping[str, Any]) -> Any:
            return cls(
                linear=AffineProblem.from_archived(
                    *archived_part(arrays, told, "linear"), given["theta"], given["phi"]
                ),
                g=given["g"],
                slope=given["slope"],
                stability=stability_from_archived(*archived_part(arrays, told, "stability")),
                terms=told["terms"],
                embedding=told["embedding"],
                box=archived_box(arrays, told),
                **{name: arrays[name] for name in _ARRAYS},
            )

        functions = {"g": g, "slope": slope, "theta": theta, "phi": phi}
        return restored(path, _KIND, read, functions)

    def _answers(self, mus: Array) -> tuple[Array, ...]:
        """Return x, estimate, stability, residual, interpolation, iterations and codes."""
        theta, phi = self.linear.coefficients(mus)
        with np.errstate(all="ignore"):
            x, converged, iterations = self._newton(mus, theta, phi)
        x[~converged] = self.starts[0]  # where g is finite
        stability, residual, interpolation = self._estimate(x, mus, theta, phi)
        x[~converged] = np.nan
        code = np.where(converged, np.where(stability > 0, 0, 1), 2)
        residual[~converged] = interpolation[~converged] = np.inf
        with np.errstate(divide="ignore", invalid="ignore"):
            estimate = np.where(code == 0, residual / stability, np.inf)
        return x, estimate, stability, residual, interpolation, iterations, code

    def _newton(self, mus: Array, theta: Array, phi: Array) -> tuple[Array, Array, Array]:
        """Return x, whether Newton's method converged, and its steps, of all parameters."""
        A = np.tensordot(theta, np.stack(list(self.linear.matrices.matrices)), 1)
        f = phi @ np.stack(list(self.linear.sources.matrices))
        M = self.terms
        P = self.points[:M]
        H = np.linalg.solve(self.triangle[:M, :M].T, self.projected[:, :M].T).T
        spread = np.ptp(self.parameters, axis=0)
        near = (mus[:, None] - self.parameters) / np.where(spread > 0, spread, 1.0)
        x = self.starts[np.argmin(np.linalg.norm(near, axis=2), axis=1)].copy()
        done, steps = np.zeros(len(mus), bool), np.zeros(len(mus), int)
        going = np.arange(len(mus))

        def residual(x: Array, k: Array) -> Array:
            values = self._read("g", x @ P.T, mus[k].T[:, :, None], finite=False)
            return np.einsum("mij,mj->mi", A[k], x) + values @ H.T - f[k]

        for _ in range(MAX_ITERATIONS):
            if not len(going):
                break
            y = x[going]
            F = residual(y, going)
            slopes = self._read("slope", y @ P.T, mus[going].T[:, :, None], finite=False)
            J = A[going] + (H * slopes[:, None, :]) @ P
            d = _solved(J, -F)
            steps[going] += 1
            size = np.linalg.norm(y, axis=1)
            close = np.linalg.norm(d, axis=1) <= SMALL_STEP * np.maximum(
                size, np.linalg.norm(y + d, axis=1)
            )
            t, norm = np.ones(len(going)), np.linalg.norm(F, axis=1)
            waiting = ~close
            for _ in range(HALVINGS):
                if not waiting.any():
                    break
                trial = y[waiting] + t[waiting, None] * d[waiting]
                after = np.linalg.norm(residual(trial, going[waiting]), axis=1)
                fine = after <= (1 - DECREASE * t[waiting]) * norm[waiting]
                where = np.flatnonzero(waiting)
                t[where[~fine]] /= 2
                waiting[where[fine]] = False
            x[going] = y + t[:, None] * d
            done[going[close]] = True
            going = going[~close & ~waiting]
        return x, done & np.isfinite(x).all(axis=1), steps

    def _estimate(
        self, x: Array, mus: Array, theta: Array, phi: Array
    ) -> tuple[Array, Array, Array]:
        """Return stability constants, residual norms, and the parts of the last points."""
        M, Qf = self.terms, phi.shape[1]
        values = x @ self.points.T
        mu = mus.T[:, :, None]
        g = self._read("g", values, mu)
        c = np.linalg.solve(self.triangle, g.T).T
        # L is triangular: the first M coefficients are those of the equations.
        z = np.concatenate(
            [phi, -c, -(x[:, :, None] * theta[:, None, :]).reshape(len(x), -1)], axis=1
        )
        residual = np.linalg.norm(z @ self.residual.T, axis=1) + np.abs(z) @ self.allowance
        last = np.linalg.norm(c[:, M:] @ self.residual.T[Qf + M : Qf + self._count], axis=1)
        falling = np.maximum(-self._read("slope", values, mu).min(axis=1), 0.0)
        return self.stability.lower(theta) - falling * self.embedding, residual, last

    def _read(self, name: str, values: Array, mu: Any, *, finite: bool = True) -> Array:
        """Return the nonlinearity or its derivative at the points, checked."""
        function = getattr(self, name)
        if function is None:
            raise InputError(f"{name}: this model has no function; give g and slope to load")
        return pointwise(function, values, mu, name, finite=finite)

    @property
    def _count(self) -> int:
        """Number of interpolation functions M'."""
        return len(self.triangle)


def _solved(J: Array, b: Array) -> Array:
    """Return J^-1 b for many small systems, NaN where J is singular."""
    try:
        return np.linalg.solve(J, b[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        if len(J) == 1:
            return np.full_like(b, np.nan)
        half = len(J) // 2
        return np.concatenate([_solved(J[:half], b[:half]), _solved(J[half:], b[half:])])
