"""Outputs of reduced models, corrected by an adjoint solution, with a bound of what is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import save_archive
from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS
from nwidth.rom.affine_problem import AffineProblem, Coefficients
from nwidth.rom.archived_parts import archived_part, restored
from nwidth.rom.compensated_matrix import CompensatedMatrix
from nwidth.rom.growing_basis import GrowingBasis
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.reduced_basis import ReducedBasis
from nwidth.rom.reduced_model import one_parameter
from nwidth.rom.reduced_solution import STATUSES, ReducedStatus

Array = NDArray[Any]

_KIND = "dual-weighted-output"
_ARRAYS = ("outputs", "sources", "matrices")
# Entries of symmetric matrices may differ by so many units of the last place of the largest.
_SYMMETRIC = 64


class OutputValue(NamedTuple):
    """The output for one parameter.

    Attributes:
        value: s_N, the corrected output, a number.
        bound: upper bound of |s - s_N|; infinite unless `status` is CERTIFIED.
        plain: the output of the reduced solution, without its correction.
        inside: whether the parameter lies in the boxes of both models.
        status: a `ReducedStatus`.
    """

    value: Any
    bound: float
    plain: Any
    inside: bool
    status: ReducedStatus


@dataclass(frozen=True, eq=False)
class OutputValues:
    """Outputs for many parameters, as arrays with the names of `OutputValue`."""

    value: Array
    bound: Array
    plain: Array
    inside: Array
    codes: Array

    def __len__(self) -> int:
        return len(self.bound)

    def __getitem__(self, j: int) -> OutputValue:
        return OutputValue(
            self.value[j][()],
            float(self.bound[j]),
            self.plain[j][()],
            bool(self.inside[j]),
            STATUSES[int(self.codes[j])],
        )


@dataclass(frozen=True, eq=False)
class DualWeightedOutput:
    """The output s(mu) = l(mu) u(mu) of a reduced model, with its error to second order.

        s_N  =  l V x  +  (W y)^T r,      r = f - A V x,      A^T psi = l^T,   psi ~ W y
        |s - s_N|  =  |(psi - W y)^T r|  <=  ||r_dual||' ||r||' / alpha  +  round-off

    with l(mu) u = sum_q lambda_q(mu) l_q^H u and alpha, the stability constant. The residual r of
    the reduced solution, weighted by the adjoint solution, is the main part of the output's error;
    what is left is the product of two errors. Each of the problems has a reduced model of its own.
    If A is symmetric and l = f^T, as for the mean temperature over a heat source, u is its own
    adjoint: the correction then costs nothing and the bound is the square ||r||'^2 / alpha.
    References: Pierce & Giles (2000), doi:10.1137/S0036144598349423; Rozza, Huynh & Patera (2008),
    doi:10.1007/s11831-008-9019-9, section 11.

    Round-off: the tables l_q V, W^T f_q, W^T A_q V are computed in twice the working precision
    (`CompensatedMatrix`), so that each entry is correct to its last place; the bound is raised by
    (N + M + terms + 16) eps times the sum of the moduli of all products.

    Made by `DualWeightedOutput.of` from the bases of `greedy` or from `GrowingBasis`.

    Attributes:
        primal: the model of A u = f.
        dual: the model of the adjoint problem, or None if u is its own adjoint.
        outputs: l_q V, shape (Ql, N).
        sources: W^T f_q, shape (Qf, M).
        matrices: W^T A_q V, shape (Q, M, N).

    >>> from nwidth.rom.stability import MinTheta
    >>> A = [np.diag([1.0, 2.0]), np.diag([1.0, 0.0])]
    >>> problem = AffineProblem(lambda mu: [1.0, mu[0]], A, lambda mu: [1.0], [[1.0, 1.0]])
    >>> alpha, X = MinTheta([[1.0, 1.0]], [1.0]), np.diag([2.0, 2.0])
    >>> primal = GrowingBasis(problem, X, alpha)
    >>> primal.extend([0.6, 0.5])
    1
    >>> compliance = DualWeightedOutput.of(primal).evaluate([1.0])
    >>> float(compliance.value.round(3)), compliance.bound < 0.02  # s = 1 / 2 + 1 / 2
    (0.992, True)
    """

    primal: ReducedBasis
    dual: ReducedBasis | None
    outputs: Array
    sources: Array
    matrices: Array

    def __post_init__(self) -> None:
        require_instance(self.primal, "primal", ReducedBasis)
        dual = self.primal if self.dual is None else self.dual
        require_instance(dual, "dual", ReducedBasis)
        problem, N, M = self.primal.problem, self.primal.size, dual.size
        Q, Qf, Ql = len(problem.matrices), len(problem.sources), len(dual.problem.sources)
        if len(dual.problem.matrices) != Q:
            raise InputError(f"dual: expected {Q} terms, got {len(dual.problem.matrices)}")
        for name, shape in zip(_ARRAYS, ((Ql, N), (Qf, M), (Q, M, N)), strict=True):
            values = as_floating(np.asarray(getattr(self, name)), name)
            require_finite(require_shape(values, shape, name), name)

    @classmethod
    def of(cls, primal: GrowingBasis, dual: GrowingBasis | None = None) -> Self:
        """Return the output of two bases; the dual one is of `dual_problem`.

        Without one the output is s = f(mu)^T u, for symmetric A. Raises `InputError` where A is
        not symmetric then, where the dual problem is not that of the primal one, or where norms
        differ.
        """
        require_instance(primal, "primal", GrowingBasis)
        problem, V = primal.problem, primal.basis
        if "operator" in (problem.matrices.kind, problem.sources.kind):
            raise InputError(
                "problem: expected matrices with entries, got operators, whose products cannot be "
                "checked"
            )
        if dual is None:
            _require_symmetric(primal)
            W, l_q = V, problem.sources.matrices
        else:
            require_instance(dual, "dual", GrowingBasis)
            _require_adjoint(primal, dual)
            W, l_q = dual.basis, dual.problem.sources.matrices
        if V.shape[1] == 0 or W.shape[1] == 0:
            raise InputError("basis: expected one vector at least, got none; extend it first")
        f = np.stack(list(problem.sources.matrices), axis=1)
        rows, functionals = CompensatedMatrix(W.T), CompensatedMatrix(np.stack(list(l_q)))
        matrices = [
            _pairs(rows, *_product(CompensatedMatrix(A), V)) for A in problem.matrices.matrices
        ]
        return cls(
            primal.model(),
            None if dual is None else dual.model(),
            _product(functionals, V)[0],
            _pairs(rows, f, np.zeros_like(f)).T.copy(),
            np.stack(matrices),
        )

    def evaluate(self, mu: Any) -> OutputValue:
        """Return the output for one parameter, a number or shape (p,)."""
        return self.evaluate_many(one_parameter(mu, "evaluate_many"))[0]

    def evaluate_many(self, mus: Any) -> OutputValues:
        """Return the outputs for many parameters (m, p)."""
        primal = self.primal.solve_many(mus)
        dual = primal if self.dual is None else self.dual.solve_many(mus)
        theta, phi = self.primal.problem.coefficients(mus)
        weights = phi if self.dual is None else self.dual.problem.coefficients(mus)[1]
        x, y = primal.x, dual.x
        parts, sizes = [], []
        for q, row in enumerate(self.outputs):
            parts.append(weights[:, q] * (x @ row))
            sizes.append(np.abs(weights[:, q]) * (np.abs(x) @ np.abs(row)))
        plain = np.sum(parts, axis=0)
        for q, f in enumerate(self.sources):
            parts.append(phi[:, q] * (y @ f))
            sizes.append(np.abs(phi[:, q]) * (np.abs(y) @ np.abs(f)))
        for q, A in enumerate(self.matrices):
            parts.append(-theta[:, q] * np.sum((y @ A) * x, axis=1))
            moduli = (np.abs(y) @ np.abs(A)) * np.abs(x)
            sizes.append(np.abs(theta[:, q]) * np.sum(moduli, axis=1))
        unit = (x.shape[1] + y.shape[1] + len(parts) + 16) * EPS
        unit *= 2 if np.iscomplexobj(parts) else 1
        with np.errstate(invalid="ignore", over="ignore"):
            bound = np.minimum(primal.residual * dual.bound, dual.residual * primal.bound)
            bound = bound * (1 + 4 * EPS) + unit * np.sum(sizes, axis=0)
        codes = np.maximum(primal.codes, dual.codes)
        bound[~np.isfinite(bound) | (codes != 0)] = np.inf
        return OutputValues(np.sum(parts, axis=0), bound, plain, primal.inside & dual.inside, codes)

    def truncated(self, N: int, M: int | None = None) -> Self:
        """Return the output by the first N vectors, and the first M (N by default) of the dual."""
        M = N if M is None else M
        most = self.primal.size if self.dual is None else self.dual.size
        if require_integer(M, "M", 0) > most or (self.dual is None and M != N):
            raise InputError(f"M: expected at most {most}, or N where there is no dual, got {M}")
        return type(self)(
            self.primal.truncated(N),
            None if self.dual is None else self.dual.truncated(M),
            self.outputs[:, :N],
            self.sources[:, :M],
            self.matrices[:, :M, :N],
        )

    def save(self, path: str | Path) -> None:
        """Write tables and models, without the fields of their bases, to one HDF5 file."""
        arrays: dict[str, Array] = {name: getattr(self, name) for name in _ARRAYS}
        told: dict[str, Any] = {}
        for name in ("primal", "dual"):
            model = getattr(self, name)
            if model is not None:
                own, told[name] = model.archived(basis=False)
                arrays |= {f"{name}/{key}": value for key, value in own.items()}
        save_archive(path, _KIND, arrays, told)

    @classmethod
    def load(
        cls, path: str | Path, theta: Any = None, phi: Any = None, weights: Any = None
    ) -> Self:
        """Read an output back; executes nothing and opens no other file.

        `theta`, `phi` and `weights`, the coefficients lambda of the output, are the functions they
        were, if they were functions.
        """

        def read(arrays: dict[str, Array], told: dict[str, Any], given: Mapping[str, Any]) -> Any:
            models = {
                name: ReducedBasis.from_archived(
                    *archived_part(arrays, told, name), given["theta"], given[own]
                )
                for name, own in (("primal", "phi"), ("dual", "weights"))
                if name in told
            }
            return cls(models["primal"], models.get("dual"), *(arrays[name] for name in _ARRAYS))

        return restored(path, _KIND, read, {"theta": theta, "phi": phi, "weights": weights})


def dual_problem(problem: AffineProblem, outputs: Any, coefficients: Coefficients) -> AffineProblem:
    """Return the adjoint problem A(mu)^T psi = sum_q lambda_q(mu) conj(l_q) of an output.

    Its coercivity and inf-sup constants are those of the problem itself, with respect to conj(X).

    Args:
        problem: A(mu), with entries; real operators may be known by their action.
        outputs: l_q, shape (Ql, n) or (n,), of the output sum_q lambda_q l_q^H u.
        coefficients: function mu -> lambda (Ql,).

    >>> problem = AffineProblem(lambda mu: [1.0], [[[1.0, 2.0], [0.0, 1.0]]], None, [[1.0, 1.0]])
    >>> dual_problem(problem, [0.0, 1.0], lambda mu: [1.0]).matrix(0.0).tolist()
    [[1.0, 0.0], [2.0, 1.0]]
    """
    require_instance(problem, "problem", AffineProblem)
    span = problem.matrices
    if span.kind != "operator":
        transposed = [A.T for A in span.matrices]
    elif span.dtype.kind != "c":
        transposed = [A.H for A in span.matrices]
    else:
        raise InputError("problem: expected matrices with entries, got complex operators")
    rows = np.atleast_2d(as_floating(np.asarray(outputs), "outputs"))
    return AffineProblem(
        problem.theta, MatrixSpan(transposed), coefficients, MatrixSpan(rows.conj())
    )


def _product(A: CompensatedMatrix, V: Array) -> tuple[Array, Array]:
    """Return A V as the sum of two numbers."""
    zero = np.zeros((A.shape[0], V.shape[1]))
    return A.subtract(-V, zero, zero)


def _pairs(rows: CompensatedMatrix, high: Array, low: Array) -> Array:
    """Return W^T (high + low), correct to the last place."""
    zero = np.zeros((rows.shape[0], high.shape[1]))
    return rows.subtract(-low, *rows.subtract(-high, zero, zero))[0]


def _require_symmetric(primal: GrowingBasis) -> None:
    """Raise unless u can be its own adjoint."""
    for q, A in enumerate(primal.problem.matrices.matrices):
        if abs(A - A.T).max() > _SYMMETRIC * EPS * abs(A).max():
            raise InputError(
                f"dual: expected a basis of the adjoint problem, as A_q number {q} is not "
                "symmetric; see dual_problem"
            )
    if primal.inner_product.dtype.kind == "c":
        raise InputError("inner product: expected a real X where u is its own adjoint")


def _require_adjoint(primal: GrowingBasis, dual: GrowingBasis) -> None:
    """Raise unless the matrices of one basis are transposed in the other, and norms agree."""
    ours, theirs = primal.problem.matrices, dual.problem.matrices
    fits = ours.shape == theirs.shape and len(ours) == len(theirs)
    pairs = zip(ours.matrices, theirs.matrices, strict=False)
    if not fits or theirs.kind == "operator" or any(abs(A.T - B).max() > 0 for A, B in pairs):
        raise InputError("dual: expected the basis of the problem that dual_problem returns")
    X, Y = primal.inner_product.matrix, dual.inner_product.matrix
    if abs(X.conj() - Y).max() > 0:
        raise InputError("dual: expected the inner product of conj(X), X that of the primal basis")
