"""Inner products of vectors, their Riesz representatives and dual norms."""

from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS, LOST
from nwidth.rom.compensated_matrix import CompensatedMatrix
from nwidth.solvers.sparse_cholesky import SparseCholesky
from nwidth.solvers.sparse_operator import canonical

Array = NDArray[Any]

# Entries of X and of its adjoint may differ by so many units of the last place of the largest one.
HERMITIAN = 64
# Passes of Gram-Schmidt end when one of them leaves this part of the norm.
KEPT = 0.5
PASSES = 5
# Steps of inverse iteration for the smallest eigenvalue, and the part of it that is proved.
STEPS, PROVED = 8, 0.5


class InnerProduct:
    """The inner product of a Hermitian positive definite matrix X, factorized once.

        (u, v) = v^H X u,    ||u|| = sqrt((u, u)),    ||r||' = sup_v |v^H r| / ||v|| = ||X^-1 r||

    X^-1 r is the Riesz representative of the functional v -> v^H r, and ||.||' the dual norm in
    which residuals are measured. Reference: G. Rozza, D. Huynh, A. Patera (2008),
    doi:10.1007/s11831-008-9019-9, section 8.

    Args:
        matrix: X, sparse or dense, n x n. Sparse real ones are factorized by `SparseCholesky`,
            sparse complex ones by SuperLU, dense ones by Cholesky's method.

    Everything is float64 or complex128. Vectors are (n,), several are columns, (n, m). Raises
    `InputError` for matrices that are not square, Hermitian and positive definite, and for vectors
    that do not fit; `NonFiniteError` for NaN and infinity.

    >>> product = InnerProduct([[2.0, 0.0], [0.0, 8.0]])
    >>> product.norm(np.array([1.0, 1.0])) ** 2, product.dual_norm(np.array([2.0, 8.0])) ** 2
    (np.float64(10.000000000000002), np.float64(10.000000000000002))
    """

    def __init__(self, matrix: Any):
        import scipy.sparse as sp

        sparse = sp.issparse(matrix)
        X = canonical(matrix)
        kind = np.complex128 if X.dtype.kind == "c" else np.float64
        X = X.astype(kind, copy=False)
        if X.shape[0] != X.shape[1]:
            raise InputError(f"inner product: expected a square matrix, got shape {X.shape}")
        difference = abs(X - X.conj().T).max()
        largest = abs(X).max() if X.nnz else 0.0
        if difference > HERMITIAN * EPS * largest:
            raise InputError(
                "inner product: expected a Hermitian matrix, X and its adjoint differ by "
                f"{difference / largest:.1e} of the largest entry; take (X + X^H) / 2 if that is "
                "what is meant"
            )
        #: X as a CSR array, or dense if it was given so.
        self.matrix: Any = X if sparse else X.toarray()
        #: D, the diagonal of X.
        self.diagonal: Array = X.diagonal().real
        if not (self.diagonal > 0).all():
            where = int(np.argmin(self.diagonal))
            raise InputError(
                "inner product: expected a positive definite matrix, got "
                f"{self.diagonal[where]:g} on the diagonal in row {where}"
            )
        self._solve = _factorized(self.matrix)

    @classmethod
    def euclidean(cls, size: int) -> Self:
        """Return the inner product of the identity of a size.

        >>> float(InnerProduct.euclidean(2).norm([3.0, 4.0]))
        5.0
        """
        import scipy.sparse as sp

        return cls(sp.eye_array(require_integer(size, "size", 1), format="csr"))

    @classmethod
    def of(cls, given: Any, size: int) -> "InnerProduct":
        """Return an inner product, one of a matrix, or for None the Euclidean one, of a size.

        >>> InnerProduct.of(None, 3).size
        3
        """
        size = require_integer(size, "size", 1)
        if given is None:
            return cls.euclidean(size)
        product = given if isinstance(given, InnerProduct) else cls(given)
        if product.size != size:
            raise InputError(f"inner product: expected size {size}, got {product.size}")
        return product

    @property
    def size(self) -> int:
        """Number of unknowns n."""
        return self.matrix.shape[0]

    @property
    def dtype(self) -> np.dtype:
        """Type of the entries of X: float64 or complex128."""
        return self.matrix.dtype

    def apply(self, v: Any) -> Array:
        """Return X v."""
        return self.matrix @ self._checked(v, "v")

    def inner(self, U: Any, V: Any) -> Array:
        """Return U^H X V, for vectors a number, for columns a matrix."""
        return self._checked(U, "U").conj().T @ self.apply(V)

    def norm(self, v: Any) -> Any:
        """Return ||v||, for columns one number each."""
        v = self._checked(v, "v")
        return _root(v, self.matrix @ v)

    def riesz(self, r: Any) -> Array:
        """Return X^-1 r, the solve refined once."""
        return self._riesz(self._checked(r, "r"))

    def dual_norm(self, r: Any) -> Any:
        """Return ||r||', for columns one number each."""
        r = self._checked(r, "r")
        return _root(self._riesz(r), r)

    def dual_interval(self, r: Any) -> tuple[Any, Any]:
        """Return (lower, upper) bounds of ||r||', for columns one number each.

        With the representative w of r computed in twice the working precision and s = r - X w,

            | ||r||' - ||w|| |  <=  ||s||'  <=  ||D^-1/2 s||_2 / sqrt(lowest)

        and the norm of w is rounded by n eps roughness^2 of itself.
        """
        r = self._checked(r, "r")
        columns = r[:, None] if r.ndim == 1 else r
        w, rest, error = self.riesz_pair(columns, np.zeros_like(columns))
        size = self.norm(w + rest)
        rounding = self.norm_rounding + EPS * self.roughness
        slack = (error + size * rounding + LOST) * (1 + 8 * EPS)
        low, high = np.maximum(size - slack, 0.0), size + slack
        return (low[0], high[0]) if r.ndim == 1 else (low, high)

    def riesz_pair(self, high: Array, low: Array) -> tuple[Array, Array, Array]:
        """Return w, l and a bound of ||r - X (w + l)||' for columns r = high + low.

        One step of refinement with the residual in twice the working precision; its remainder is
        evaluated in the same way, and bounded as in `dual_interval`.
        """
        w = self._riesz(high)
        s = self._compensated.subtract(w, high, low)
        rest = self._riesz(s[0])
        left = self._compensated.subtract(rest, *s)
        allowance = self._compensated.allowance(w, high) + self._compensated.allowance(rest, s[0])
        scaled = (np.abs(left[0]) + np.abs(left[1]) + allowance).T / np.sqrt(self.diagonal)
        # Sums of n squares, and the square root of the lower bound.
        rounding = 1 + (self.size + 8) * EPS
        return w, rest, np.linalg.norm(scaled, axis=1) / np.sqrt(self.lowest) * rounding

    def orthonormalize(self, V: Any, against: Any = None, rtol: float = 1e-13) -> Array:
        """Return orthonormal columns Q, (n, k), that span what V adds to `against`.

            v <- v - Q (Q^H X v)    again and again until the norm halves no more

        Columns are taken in their order, and dropped where less than rtol of their norm is new.
        References: L. Giraud, J. Langou, M. Rozloznik (2005), doi:10.1016/j.camwa.2005.08.009, on
        repeated Gram-Schmidt.

        Args:
            V: (n, m), or one vector.
            against: orthonormal columns (n, N) that the result is orthogonal to as well.
            rtol: in [0, 1). Good values: 1e-8 to 1e-13; what is newer by less is round-off.

        >>> InnerProduct.euclidean(2).orthonormalize(np.array([[3.0, 6.0], [4.0, 8.0]])).tolist()
        [[0.6], [0.8]]
        """
        rtol = require_number(rtol, "rtol", "[0, 1)")
        V = self._checked(V, "V")
        V = V[:, None] if V.ndim == 1 else V
        start = np.zeros((self.size, 0)) if against is None else self._checked(against, "against")
        if start.ndim != 2:
            raise InputError(f"against: expected columns ({self.size}, N), got {start.shape}")
        count = start.shape[1]
        Q = np.empty((self.size, count + V.shape[1]), np.result_type(self.dtype, V, start), "F")
        Q[:, :count] = start
        for column in V.T:
            # Powers of two change no digit; squares then stay in the range of numbers.
            _, exponent = np.frexp(np.abs(column).max())
            v = column.astype(Q.dtype) * np.ldexp(1.0, np.clip(-exponent, -1000, 1000))
            first = before = self.norm(v)
            size = before
            for _ in range(PASSES):
                if not size > rtol * first:
                    break
                v -= Q[:, :count] @ (Q[:, :count].conj().T @ (self.matrix @ v))
                before, size = size, self.norm(v)
                if size > KEPT * before:
                    break
            if size > rtol * first:
                Q[:, count] = v / size
                count += 1
        return Q[:, start.shape[1] : count].copy()

    @cached_property
    def lowest(self) -> float:
        """A lower bound of the smallest eigenvalue of D^-1/2 X D^-1/2, D the diagonal of X.

        Half of what inverse iteration finds; that X - lowest D is definite is proved by its
        factorization, up to the rounding of that. Reference: S. M. Rump (2006),
        doi:10.1007/s10543-006-0056-1.
        """
        root = np.sqrt(self.diagonal)
        v = np.cos(np.arange(self.size) * 0.1) + 1.5  # no eigenvector is orthogonal to it in effect
        v = v.astype(self.dtype)
        value = 1.0
        for _ in range(STEPS):
            v /= np.linalg.norm(v)
            w = root * self._riesz(root * v)
            value, v = 1 / float(np.linalg.norm(w)), w
        while True:
            value *= PROVED
            try:
                _factorized(self._shifted(value))
            except InputError:
                continue
            return value

    @cached_property
    def roughness(self) -> float:
        """A number c with sqrt(|v|^T |X| |v|) <= c ||v||: what rounding of entries may cost.

        From |X_ij| <= sqrt(D_i D_j) it is sqrt(longest row / lowest).
        """
        longest = int(np.max(np.diff(self._compensated.matrix.indptr)))
        return float(np.sqrt(longest / self.lowest))

    @property
    def norm_rounding(self) -> float:
        """A bound of the relative rounding error of `norm`."""
        return (self.size + 8) * EPS * self.roughness**2

    @cached_property
    def _compensated(self) -> CompensatedMatrix:
        return CompensatedMatrix(self.matrix)

    def _shifted(self, value: float) -> Any:
        """Return X - value D."""
        import scipy.sparse as sp

        if isinstance(self.matrix, np.ndarray):
            return self.matrix - value * np.diag(self.diagonal)
        return sp.csr_array(self.matrix - value * sp.diags_array(self.diagonal))

    def _riesz(self, r: Array) -> Array:
        if r.dtype.kind == "c" and self.dtype.kind != "c":
            return self._solve(np.ascontiguousarray(r.real)) + 1j * self._solve(
                np.ascontiguousarray(r.imag)
            )
        return self._solve(r)

    def _checked(self, v: Any, name: str) -> Array:
        """Return vectors in double precision, checked."""
        v = as_floating(np.asarray(v), name)
        if v.ndim not in (1, 2) or v.shape[0] != self.size:
            raise InputError(
                f"{name}: expected shape ({self.size},) or ({self.size}, m), got {v.shape}"
            )
        kind = np.complex128 if v.dtype.kind == "c" else np.float64
        return require_finite(v.astype(kind, copy=False), name)


def _root(v: Array, w: Array) -> Any:
    """Return the roots of v^H w, which are not negative but for rounding."""
    return np.sqrt(np.maximum(np.sum(v.conj() * w, axis=0).real, 0.0))


def _factorized(X: Any) -> Any:
    """Return the function b -> X^-1 b, refined once, or raise `InputError` if X is indefinite."""
    if isinstance(X, np.ndarray):
        solve = _dense_factors(X)
    elif X.dtype.kind == "c":
        solve = _complex_factors(X)
    else:
        try:
            return SparseCholesky(X).solve
        except InputError as error:
            raise InputError(f"inner product: {error}") from None

    def refined(b: Array) -> Array:
        x = solve(b)
        return x + solve(b - X @ x)

    return refined


def _dense_factors(X: Array) -> Any:
    from scipy.linalg import cho_factor, cho_solve

    try:
        factors = cho_factor(X)
    except np.linalg.LinAlgError:
        raise _indefinite() from None
    pivots = np.abs(np.diagonal(factors[0])) ** 2
    if not (pivots > len(X) * EPS * pivots.max()).all():
        raise _indefinite()
    return lambda b: cho_solve(factors, b)


def _complex_factors(X: Any) -> Any:
    from scipy.sparse.linalg import splu

    options = {"SymmetricMode": True}
    try:
        lu = splu(X.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    except RuntimeError:
        raise _indefinite() from None
    pivots = lu.U.diagonal().real
    if not (lu.perm_c == lu.perm_r).all() or not (pivots > len(pivots) * EPS * pivots.max()).all():
        raise _indefinite()
    return lambda b: lu.solve(b.astype(X.dtype, copy=False))


def _indefinite() -> InputError:
    return InputError(
        "inner product: expected a positive definite matrix, its factorization meets a pivot that "
        "is not positive; add a mass matrix to a seminorm, or fix the unknowns on a boundary"
    )
