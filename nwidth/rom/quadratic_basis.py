"""A reduced model of a quadratic problem: Newton's method on few unknowns, and a bound."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import save_archive
from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import real_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.archived_parts import archived_box, archived_part, archived_parts, restored
from nwidth.rom.jacobian_stability import JacobianStability
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.parameter_expressions import ParameterExpressions
from nwidth.rom.quadratic_answers import QuadraticAnswer, QuadraticAnswers
from nwidth.rom.quadratic_problem import coefficient_table, parameter_rows
from nwidth.rom.reduced_model import (
    asked_parameters,
    inside_box,
    leading_columns,
    lifted,
    one_parameter,
)

Array = NDArray[Any]

_KIND = "quadratic-basis"
_OUTSIDE = "the bound holds where there is one, but may be large"
_ARRAYS = ("tensors", "phis", "residual", "allowance", "spread", "basis")
# Parameters from which on a batch is shared by threads.
_SHARED = 64


@dataclass(frozen=True, eq=False)
class QuadraticBasis:
    """The reduced model of A(mu) u + B(u, u; mu) = f(mu), with a certificate.

        A_N(mu) x + T_N(mu)(x, x) = f_N(mu),    T_N of N^3 numbers for each quadratic term
        ||u(mu) - V x||  <=  beta / (2 gamma) (1 - sqrt(1 - tau)),    tau = 4 gamma eps / beta^2 < 1

    in the norm of X, with the dual norm eps of the residual, beta <= the stability constant of the
    Jacobian at V x, and gamma >= the continuity constant of B. It proves that a solution u exists
    within the bound, and that it is the only one within beta / (2 gamma), `radius`. Where tau >= 1
    nothing is known and the bound is infinite. References: Veroy & Patera (2005),
    doi:10.1002/fld.867, section 4; Brezzi, Rappaz & Raviart (1980), doi:10.1007/BF01395985.

    A query is one compiled call: Newton's method with a line search from the known solution whose
    coefficients are nearest, continuation from there where that fails, then residual and bound.
    Steps cost P N^3 + N^3 products, the residual as many as it has rows and columns, up to
    (Q_f + Q N + P N^2 / 2)^2. Made by `GrowingQuadraticBasis` or `quadratic_greedy`.

    Attributes:
        linear: the reduced A_q and f_q, with theta and phi.
        psi: the coefficients of the quadratic terms.
        tensors: (P, N, N, N), entries v_k . b_p(v_i, v_j) as [p, k, i, j], symmetric in i and j.
        stability: bound of the Jacobian's constant, with the anchors, parameters of known solution.
        phis: coefficients of the source at the anchors, (K, Q_f).
        residual: R with ||residual||' <= ||R z|| + sum_k a_k |z_k|; columns are the sources, then
            for each n A_1 v_n, ..., A_Q v_n, and of each p b_p(v_1, v_n), ..., b_p(v_n, v_n).
        allowance: a_k, what rounding may add.
        spread: sqrt(|v_i|^T |X| |v_i|) of each basis vector.
        basis: V, shape (n, N).
        box: the parameters it was made for, or None.

    Raises `InputError` for parts that do not fit together.
    """

    linear: AffineProblem
    psi: Callable[[Any], Any] | None
    tensors: Array
    stability: JacobianStability
    phis: Array
    residual: Array
    allowance: Array
    spread: Array
    basis: Array
    box: ParameterBox | None = None

    def __post_init__(self) -> None:
        require_instance(self.linear, "linear", AffineProblem)
        require_instance(self.stability, "stability", JacobianStability)
        if self.box is not None:
            require_instance(self.box, "box", ParameterBox)
        if self.linear.matrices.kind != "dense":
            raise InputError("linear: expected a reduced problem, with dense matrices")
        if self.linear.is_complex:
            raise InputError("linear: expected a real problem, got a complex one")
        for name in _ARRAYS:
            values = real_floating(np.asarray(getattr(self, name)), name).astype(np.float64)
            object.__setattr__(self, name, require_finite(values, name))
        N, Q, Qf = self.size, len(self.linear.matrices), len(self.linear.sources)
        P, K = len(self.stability.continuity), len(self.stability.thetas)
        columns = Qf + N * Q + P * N * (N + 1) // 2
        require_shape(self.tensors, (P, N, N, N), "tensors")
        require_shape(self.stability.thetas, (K, Q), "stability.thetas")
        require_shape(self.stability.states, (K, N), "stability.states")
        require_shape(self.phis, (K, Qf), "phis")
        require_shape(self.residual, (None, columns), "residual")
        require_shape(self.allowance, (columns,), "allowance")
        require_shape(self.spread, (N,), "spread")
        require_shape(self.basis, (None, N), "basis")
        if (self.allowance < 0).any() or (self.spread < 0).any():
            raise InputError("allowance, spread: expected numbers >= 0")
        if not (self.allowance > 0).any():
            raise InputError("allowance: expected positive ones, as bounds are never zero")

    @property
    def size(self) -> int:
        """Number N of basis vectors."""
        return self.linear.size

    def solve(self, mu: Any) -> QuadraticAnswer:
        """Return the answer for one parameter, a number or shape (p,).

        Raises `InputError` for another shape, `NonFiniteError` for NaN. Outside of the box it warns
        once.
        """
        return self.solve_many(one_parameter(mu))[0]

    def solve_many(self, mus: Any) -> QuadraticAnswers:
        """Return the answers for many parameters (m, p), shared by threads."""
        mus = parameter_rows(mus)
        inside = inside_box(self, mus, _OUTSIDE)
        if self.psi is None:
            raise InputError("psi: this model has no function; give it to load")
        theta, phi = self.linear.coefficients(mus)
        psi = coefficient_table(self.psi, mus, len(self.tensors), "psi")
        x, rows, steps = self._answers(theta, phi, psi)
        bound, stability, tau, residual, code = rows.T
        gamma = np.abs(psi) @ self.stability.continuity
        with np.errstate(divide="ignore"):
            radius = np.where(code == 0, stability / (2 * gamma), 0.0)
        return QuadraticAnswers(
            x, bound, radius, stability, tau, residual, steps, inside, code.astype(np.int8)
        )

    def lift(self, x: Any) -> Array:
        """Return the fields V x, shape (..., n) for x (..., N)."""
        return lifted(self.basis, x, self.size)

    def predict(self, inputs: Mapping[str, Any]) -> Array:
        """Return the fields (m, n) for the parameters (m, p) under the name "mu"."""
        return self.lift(self.solve_many(asked_parameters(inputs)).x)

    def truncated(self, N: int) -> Self:
        """Return the model of the first N basis vectors."""
        if require_integer(N, "N", 1) > self.size:
            raise InputError(f"N: expected at most {self.size}, got {N}")
        Q, Qf, P = len(self.linear.matrices), len(self.linear.sources), len(self.tensors)
        columns = Qf + N * Q + P * N * (N + 1) // 2
        return type(self)(
            self.linear.truncated(N),
            self.psi,
            self.tensors[:, :N, :N, :N],
            self.stability.truncated(N),
            self.phis,
            leading_columns(self.residual, columns),
            self.allowance[:columns],
            self.spread[:N],
            self.basis[:, :N],
            self.box,
        )

    def save(self, path: str | Path) -> None:
        """Write the model to one HDF5 file, whole or not at all.

        Functions theta, phi and psi are code and are not written: bring them to `load`, or use
        `ParameterExpressions`.
        """
        arrays: dict[str, Array] = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"stability/{key}": value for key, value in self.stability.archived().items()}
        formulas = self.psi if isinstance(self.psi, ParameterExpressions) else None
        own, told = archived_parts({"linear": self.linear, "box": self.box, "psi": formulas})
        save_archive(path, _KIND, arrays | own, told)

    @classmethod
    def load(cls, path: str | Path, theta: Any = None, phi: Any = None, psi: Any = None) -> Self:
        """Read a model back; executes nothing and opens no other file.

        `theta`, `phi` and `psi` are the functions they were, if they were functions. Raises
        `FileFormatError` for a file whose parts do not fit together.
        """

        def read(arrays: dict[str, Array], told: dict[str, Any], given: Mapping[str, Any]) -> Any:
            known = {field.name for field in fields(JacobianStability)}
            psi = given["psi"]
            if "psi" in told:
                psi = ParameterExpressions.from_archived(*archived_part(arrays, told, "psi"))
            stability = {name: arrays[f"stability/{name}"] for name in known}
            return cls(
                linear=AffineProblem.from_archived(
                    *archived_part(arrays, told, "linear"), given["theta"], given["phi"]
                ),
                psi=psi,
                stability=JacobianStability(**stability),
                box=archived_box(arrays, told),
                **{name: arrays[name] for name in _ARRAYS},
            )

        return restored(path, _KIND, read, {"theta": theta, "phi": phi, "psi": psi})

    @cached_property
    def _tables(self) -> tuple[tuple[Array, ...], tuple[Array, ...], tuple[Any, ...]]:
        """What the kernels take: the equations, the anchors, the certificate."""
        Q, P = len(self.linear.matrices), len(self.tensors)
        A = np.stack(list(self.linear.matrices.matrices)).reshape(Q, -1).astype(np.float64)
        F = np.stack(list(self.linear.sources.matrices)).astype(np.float64)
        T = np.ascontiguousarray(self.tensors.transpose(0, 3, 1, 2)).reshape(P, -1)
        table = self.stability
        anchors = (table.thetas, self.phis, table.psis, table.states)
        R = np.ascontiguousarray(self.residual.T)
        return (A, F, T), anchors, (R, self.allowance, self.spread, table.tables)

    def _answers(self, theta: Array, phi: Array, psi: Array) -> tuple[Array, Array, Array]:
        from nwidth.rom import _quadratic_basis_numba as kernels

        m, (equations, anchors, certificate) = len(theta), self._tables
        x, rows = np.empty((m, self.size)), np.empty((m, 5))
        status, steps, reached = np.zeros(m, np.int64), np.zeros(m, np.int64), np.empty(m)

        def run(part: slice) -> None:
            own = theta[part], phi[part], psi[part]
            kernels.solve(*own, *equations, anchors, x[part], status[part], steps[part],
                          reached[part])  # fmt: skip
            kernels.certify(*own, x[part], status[part], *certificate, rows[part])

        parts = kernels.get_num_threads() if m >= _SHARED else 1
        if parts == 1:
            run(slice(0, m))
            return x, rows, steps
        ends = np.linspace(0, m, 8 * parts + 1).astype(int)
        with ThreadPoolExecutor(parts) as pool:
            list(pool.map(run, [slice(a, b) for a, b in pairwise(ends)]))
        return x, rows, steps
