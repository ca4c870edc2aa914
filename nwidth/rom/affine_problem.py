"""A problem that depends affinely on its parameters, large or reduced."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arrays import as_floating, real_floating, require_finite, to_numpy
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.affine_decomposition import AffineDecomposition
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.parameter_expressions import ParameterExpressions
from nwidth.solvers.linear_operator import LinearOperator, as_operator

Array = NDArray[Any]
#: theta(mu), the coefficients (Q,) of one parameter: a function, formulas, or a decomposition,
#: whose beta they are.
Coefficients = Callable[[Any], Any] | AffineDecomposition | ParameterExpressions


@dataclass(frozen=True)
class AffineProblem:
    """The problem A(mu) u = f(mu) whose parameters stand before fixed matrices and vectors.

        A(mu) = sum_q theta_q(mu) A_q,    f(mu) = sum_q phi_q(mu) f_q

    It is exact if the problem is affine, and an approximation if theta and A_q = A(mu_q) come from
    an `AffineDecomposition`. `reduce` gives the same problem in the space of a few basis vectors,
    which is solved in a time that knows nothing of the size of A. Reference: Rozza, Huynh & Patera
    (2008), doi:10.1007/s11831-008-9019-9, section 2.4.

    Args:
        theta: function mu -> (Q,), `ParameterExpressions`, which files hold, or the decomposition
            of the operator.
        matrices: the Q square matrices A_q: dense, sparse, or LinearOperators.
        phi: function mu -> (Q_f,), `ParameterExpressions`, or the decomposition of the source.
        sources: the vectors f_q, shape (Q_f, n).

    Raises `InputError` for matrices that are not square or do not fit the sources.

    >>> A = [np.diag([2.0, 3.0]), np.eye(2)]
    >>> problem = AffineProblem(lambda mu: (1, mu), A, lambda mu: (mu,), [[4.0, 9.0]])
    >>> problem.solve(1.0).tolist()
    [1.3333333333333333, 2.25]
    """

    theta: Coefficients | None
    matrices: MatrixSpan
    phi: Coefficients | None
    sources: MatrixSpan

    def __post_init__(self) -> None:
        for name, kind in (("matrices", 2), ("sources", 1)):
            given = getattr(self, name)
            if name == "sources" and not isinstance(given, MatrixSpan):
                given = as_floating(np.asarray(given), "sources")
            span = given if isinstance(given, MatrixSpan) else MatrixSpan(given)
            object.__setattr__(self, name, span)
            if len(span.shape) != kind:
                raise InputError(f"{name}: expected {kind} axes each, got shape {span.shape}")
        if self.matrices.shape[0] != self.matrices.shape[1]:
            raise InputError(f"matrices: expected square ones, got {self.matrices.shape}")
        if self.sources.shape != self.matrices.shape[:1]:
            raise InputError(
                f"sources: expected length {self.matrices.shape[0]}, got {self.sources.shape[0]}"
            )
        for name, coefficients, span in self._terms():
            known = coefficients is None or callable(coefficients)
            if not known and not isinstance(coefficients, AffineDecomposition):
                raise InputError(
                    f"{name}: expected a function or a decomposition, got {coefficients!r:.80}"
                )
            if isinstance(coefficients, AffineDecomposition) and coefficients.rank != len(span):
                raise InputError(
                    f"{name}: its decomposition has {coefficients.rank} terms, got {len(span)}"
                )
            if isinstance(coefficients, ParameterExpressions) and len(coefficients) != len(span):
                raise InputError(
                    f"{name}: expected {len(span)} formulas, one for each term, got "
                    f"{len(coefficients)}"
                )

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.matrices.shape[0]

    @cached_property
    def is_complex(self) -> bool:
        """Whether matrices, sources or coefficients are declared complex."""
        kinds = {self.matrices.dtype.kind, self.sources.dtype.kind}
        return "c" in kinds or any(_complex_values(c) for c in (self.theta, self.phi))

    def coefficients(self, mus: Any) -> tuple[Array, Array]:
        """Return theta (m, Q) and phi (m, Q_f) of parameters (m, p), float64 or complex128.

        Formulas and decompositions take all parameters at once, functions one after the other, as
        arrays (p,). Raises `InputError` for another number of coefficients, and for complex ones if
        all that is given is real; `NonFiniteError` for NaN and infinity.
        """
        mus = np.asarray(to_numpy(real_floating(mus, "mu")), np.float64)
        if mus.ndim != 2:
            raise InputError(f"mu: expected shape (m, p), got {mus.shape}")
        require_finite(mus, "mu")
        kind = np.complex128 if self.is_complex else np.float64
        found = []
        for name, given, span in self._terms():
            values = _table(given, mus, len(span), name)
            if values.dtype.kind == "c" and not self.is_complex:
                raise InputError(
                    f"{name}: expected real coefficients of a real problem, got complex ones; if "
                    "it is meant to be complex, give one of its matrices as A.astype(complex)"
                )
            found.append(require_finite(values.astype(kind, copy=False), f"{name} (mu, term)"))
        return found[0], found[1]

    def matrix(self, mu: Any) -> Any:
        """Return A(mu) as what the A_q are: dense, sparse, or an operator."""
        return self.matrices.combine(_values(self.theta, mu, "theta"))

    def operator(self, mu: Any) -> LinearOperator:
        """Return A(mu) as an operator, for Krylov methods."""
        return as_operator(self.matrix(mu))

    def source(self, mu: Any) -> Array:
        """Return f(mu)."""
        return self.sources.combine(_values(self.phi, mu, "phi"))

    def solve(self, mu: Any) -> Array:
        """Return u(mu) by elimination; of dense matrices, as reduced problems have them."""
        if self.matrices.kind != "dense":
            raise InputError(
                "solve: expected dense matrices; give operator(mu) and source(mu) to a Krylov "
                "method or nwidth.solvers.solve_matrix, or reduce the problem first"
            )
        try:
            return np.linalg.solve(self.matrix(mu), self.source(mu))
        except np.linalg.LinAlgError:
            raise InputError(
                f"solve: expected a regular matrix, got a singular one at {mu}"
            ) from None

    def reduce(self, V: Any, W: Any = None) -> "AffineProblem":
        """Return the problem W^H A(mu) V x = W^H f(mu) of few unknowns, u ~ V x.

        V and W, by default V, have the shape (n, N). Each A_q is multiplied by V once.
        """
        V = self._basis(V, "V")
        W = V if W is None else self._basis(W, "W")
        if W.shape != V.shape:
            raise InputError(f"W: expected the shape of V, {V.shape}, got {W.shape}")
        small, source = self.matrices.project(V, W), self.sources.project(W)
        return AffineProblem(self.theta, MatrixSpan(small), self.phi, MatrixSpan(source))

    def truncated(self, N: int) -> "AffineProblem":
        """Return the problem of the first N unknowns, of dense matrices as reduced ones are."""
        if self.matrices.kind != "dense" or not 0 <= N <= self.size:
            raise InputError(
                f"truncated: expected dense matrices of {N} unknowns at least, got "
                f"{self.matrices.kind} ones of {self.size}"
            )
        matrices = np.stack([A[:N, :N] for A in self.matrices.matrices])
        sources = np.stack([f[:N] for f in self.sources.matrices])
        return AffineProblem(self.theta, MatrixSpan(matrices), self.phi, MatrixSpan(sources))

    def save(self, path: str | Path) -> None:
        """Write matrices, vectors, formulas and decompositions to one HDF5 file.

        Plain functions theta and phi and the coefficient functions of decompositions are code and
        are not written: bring them to `load`. Raises `InputError` for LinearOperators.
        """
        save_archive(path, _KIND, *self.archived())

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays and a description; not functions, which are code."""
        arrays: dict[str, Array] = {}
        told: dict[str, Any] = {"kind": self.matrices.kind, "shape": self.matrices.shape}
        arrays["values"], places = self.matrices.table()
        if self.matrices.kind == "sparse":
            arrays["places"] = places
        arrays["sources"] = self.sources.table()[0]
        for name in ("theta", "phi"):
            coefficients = getattr(self, name)
            if isinstance(coefficients, AffineDecomposition | ParameterExpressions):
                parts, told[name] = coefficients.archived()
                arrays |= {f"{name}/{key}": value for key, value in parts.items()}
        return arrays, told

    @classmethod
    def load(cls, path: str | Path, theta: Any = None, phi: Any = None) -> Self:
        """Read a problem back; executes nothing.

        `theta` and `phi` are the functions they were, or the coefficient functions of the
        decompositions in the file; formulas are in the file. Without functions the matrices can be
        read but not combined.
        """
        try:
            return cls.from_archived(*load_archive(path, _KIND), theta, phi)
        except InputError as error:
            if theta is None and phi is None:
                raise FileFormatError(f"{path}: not an affine problem ({error})") from None
            raise  # of the functions that were given
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise FileFormatError(f"{path}: not an affine problem ({error})") from None

    @classmethod
    def from_archived(
        cls, arrays: dict[str, Array], told: dict[str, Any], theta: Any = None, phi: Any = None
    ) -> Self:
        """Return the problem of what `archived` gave, with functions as `load` takes them."""
        matrices = _matrices(arrays, told)
        given = [
            _restored(name, function, arrays, told)
            for name, function in (("theta", theta), ("phi", phi))
        ]
        return cls(given[0], matrices, given[1], MatrixSpan(arrays["sources"]))

    def _terms(self) -> tuple[tuple[str, Coefficients | None, MatrixSpan], ...]:
        return ("theta", self.theta, self.matrices), ("phi", self.phi, self.sources)

    def _basis(self, V: Any, name: str) -> Array:
        V = as_floating(np.asarray(V), name)
        if V.ndim != 2 or len(V) != self.size or V.shape[1] == 0:
            raise InputError(f"{name}: expected shape ({self.size}, N), got {V.shape}")
        return require_finite(V, name)


_KIND = "affine-problem"


def _values(coefficients: Coefficients | None, mu: Any, name: str) -> Array:
    """Return the coefficients of one parameter."""
    if coefficients is None:
        raise InputError(
            f"{name}: this problem has no function, which files do not hold; give it to load"
        )
    if isinstance(coefficients, AffineDecomposition):
        return coefficients.beta(mu)
    return require_finite(np.asarray(as_floating(coefficients(mu), name)), name)


def _table(coefficients: Coefficients | None, mus: Array, count: int, name: str) -> Array:
    """Return the coefficients of many parameters, (m, count)."""
    if isinstance(coefficients, AffineDecomposition):
        own = coefficients.training.values.ndim
        values = coefficients.beta(mus[:, 0] if own == 1 and mus.shape[1] == 1 else mus)
    elif isinstance(coefficients, ParameterExpressions):
        values = coefficients(mus)
    else:
        rows = [_values(coefficients, mu, name) for mu in mus]
        for mu, row in zip(mus, rows, strict=True):
            if row.shape != (count,):
                raise InputError(
                    f"{name}: expected {count} coefficients, shape ({count},), got shape "
                    f"{row.shape} at mu = {mu.tolist()}"
                )
        values = np.stack(rows) if rows else np.zeros((0, count))
    if values.shape != (len(mus), count):
        raise InputError(f"{name}: expected shape {(len(mus), count)}, got {values.shape}")
    return values


def _complex_values(coefficients: Coefficients | None) -> bool:
    """Return whether coefficients say of themselves that they are complex."""
    if isinstance(coefficients, AffineDecomposition):
        return coefficients.interpolation.functions.dtype.kind == "c"
    return isinstance(coefficients, ParameterExpressions) and coefficients.is_complex


def _matrices(arrays: dict[str, Array], told: dict[str, Any]) -> MatrixSpan:
    """Return the matrices of a file."""
    import scipy.sparse as sp

    shape = tuple(told["shape"])
    if told["kind"] == "dense":
        return MatrixSpan(arrays["values"].reshape(-1, *shape))
    where = tuple(arrays["places"].T)
    return MatrixSpan([sp.csr_array((v, where), shape=shape) for v in arrays["values"]])


def _restored(name: str, given: Any, arrays: dict[str, Array], told: dict[str, Any]) -> Any:
    """Return the formulas or the decomposition of a file, or the function that was given."""
    if name not in told:
        return given
    own = {
        key.removeprefix(f"{name}/"): a for key, a in arrays.items() if key.startswith(f"{name}/")
    }
    if "expressions" in told[name]:
        if given is not None:
            raise InputError(f"{name}: expected none, as the file has its formulas")
        return ParameterExpressions.from_archived(own, told[name])
    found = AffineDecomposition.from_archived(own, told[name])
    return found if given is None else found.with_functions(given)
