"""The dual norm of reduced residuals in an orthonormal basis, with all that rounding may add."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS, LOST
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.compensated_matrix import CompensatedMatrix
from nwidth.rom.inner_product import InnerProduct

Array = NDArray[Any]

# What is new of a representative by less than this part of it is left to the allowance.
DROPPED = 5e-14
# Passes of Gram-Schmidt end when one leaves this part of the norm.
KEPT, PASSES = 0.5, 6
# Units of the last place up to which coefficients theta and phi are correct.
COEFFICIENTS = 4


class ResidualBasis:
    """The residuals of reduced solutions, measured by ||r(mu)||' <= ||R z|| + sum_k a_k |z_k|.

        r(mu) = f(mu) - A(mu) V x = sum_k c_k z_k,    z = (phi_1 ... phi_Qf, -theta_q x_i, ...)

    The columns c_k are the sources f_q and then, for each vector v_i of the basis, A_1 v_i, ...,
    A_Q v_i. Their Riesz representatives w_k = X^-1 c_k are orthonormalized as they come,

        w_k = sum_j q_j R_jk + d_k,    (q_i, q_j) = delta_ij + E_ij

    so that ||r||' needs R alone, and no square of a small number is ever formed. Reference:
    A. Buhr, C. Engwer, M. Ohlberger, S. Rave (2014), "A numerically stable a posteriori error
    estimator for reduced basis approximations of elliptic equations", arXiv:1407.8005.

    What rounding adds is measured where it can be, and bounded elsewhere. Products A_q v_i, their
    representatives and the remainders of Gram-Schmidt are computed in twice the working precision
    (`CompensatedMatrix`), as sums of two numbers, and the allowance of column k is

        a_k  =  ||d_k||                     the defect of the basis, measured: some eps ||w_k||
              + ||c_k - X w_k||'            the Riesz solves, as `InnerProduct.riesz_pair` bounds it
              + (K / 2 + 8) eps ||R_k||_2   products and sums of R z (Higham 2002,
                                            doi:10.1137/1.9780898718027, section 3.5), for K
                                            columns; theta and phi correct to 4 units
              + (N / 2 + 2) eps || |v_i| ||_|X| ||A_q v_1||' / ||v_1||    of columns A_q v_i, for
                                            u~ = fl(V x); the last two twice in complex numbers

    By the last term the bound holds for the computed lift u~, not only for V x: u~ - V x is at most
    g = (N / 2 + 2) eps sum_i |x_i| || |v_i| ||_|X|, and as no stability constant beta(mu) exceeds
    ||A(mu) v_1||' / ||v_1||, dividing the term by beta adds g at least.
    R is multiplied by 1 + ||E||_F / 2 and the rounding of norms, (rows + 8) eps. With these, for a
    lower bound beta of the stability constant,

        ||u - u~||_X  <=  (||R z||_2 + sum_k a_k |z_k| + 2^-480) (1 + 4 eps) / beta

    for the exact solution u of sum theta_q A_q u = sum phi_q f_q and any x, however it was found.
    The 2^-480, in each a_k as well, stands for squares that underflow.

    Args:
        problem: its matrices and sources; theta and phi are not asked.
        inner_product: X, or what `InnerProduct.of` takes; None is Euclid's.
        basis: columns (n, N) to begin with; `extend` adds others.
        product_error: relative error of products A_q v in the dual norm, where matrices are known
            by their action alone and products cannot be checked: an assumption. Matrices with
            entries need none.

    Raises `InputError` for sizes that do not fit and units in which squares leave the range of
    numbers, and `NonFiniteError` for NaN and infinity.

    >>> A = [np.diag([2.0, 0.0]), np.diag([0.0, 4.0])]
    >>> problem = AffineProblem(lambda mu: mu, A, lambda mu: [1.0], [[2.0, 4.0]])
    >>> residuals = ResidualBasis(problem, None, np.eye(2)[:, :1])
    >>> residuals.coefficients.shape, residuals.dual_norm([1.0, -1.0, 0.0]).round(12)
    ((2, 3), np.float64(4.0))
    """

    def __init__(
        self,
        problem: AffineProblem,
        inner_product: Any = None,
        basis: Any = None,
        *,
        product_error: float = 1e-14,
    ):
        require_instance(problem, "problem", AffineProblem)
        self.inner_product = InnerProduct.of(inner_product, problem.size)
        self._product_error = require_number(product_error, "product_error", "[0, inf)")
        matrices, sources = problem.matrices, problem.sources
        self._operators = matrices.kind == "operator"
        terms = matrices.matrices
        self._terms: Any = terms if self._operators else [CompensatedMatrix(A) for A in terms]
        #: Numbers of terms Q and of sources Qf.
        self.terms, self.sources = len(matrices), len(sources)
        self._complex = "c" in (
            self.inner_product.dtype.kind,
            matrices.dtype.kind,
            sources.dtype.kind,
        )
        #: For N = 0, 1, ... vectors of the basis, how many rows of the coefficients they need.
        self.row_counts: list[int] = []
        #: ||E||_F^2, what the basis of the representatives lacks to be orthonormal.
        self._defect = 0.0
        # Real vectors as rows; complex q as (Re q, Im q) and (-Im q, Re q), the rows of q and i q.
        width = problem.size * (2 if self._complex else 1)
        self._rows, self._count = np.zeros((0, width)), 0
        self._columns: list[Array] = []
        self._measured: list[float] = []
        self._rough: list[float] = []
        self._first = 0.0  # ||v_1||
        f = np.stack(list(sources.matrices), axis=1)
        f = f.astype(np.result_type(np.float64, f), copy=False)
        self._add(f, np.zeros_like(f), np.zeros(f.shape[1]))
        self.row_counts.append(self.rows)
        if basis is not None:
            self.extend(basis)

    @property
    def size(self) -> int:
        """Number N of vectors of the reduced basis."""
        return len(self._rough)

    @property
    def rows(self) -> int:
        """Number of orthonormal representatives."""
        return self._count // (2 if self._complex else 1)

    @property
    def columns(self) -> int:
        """Number Qf + N Q of columns."""
        return len(self._columns)

    def extend(self, V: Any) -> None:
        """Add vectors (n,) or (n, m) to the reduced basis; X-orthonormal ones serve best."""
        V = as_floating(np.asarray(V), "V")
        V = V[:, None] if V.ndim == 1 else V
        require_finite(require_shape(V, (self.inner_product.size, None), "V"), "V")
        if V.dtype.kind == "c" and not self._complex:
            self._become_complex()
        V = V.astype(np.complex128 if self._complex else np.float64)
        sizes = np.asarray(self.inner_product.norm(V))
        if not (sizes > 0).all():
            raise InputError(f"V: expected vectors that are not zero, number {np.argmin(sizes)} is")
        for v, size in zip(V.T, sizes, strict=True):
            self._first = self._first or float(size) / (1 + self.inner_product.norm_rounding)
            self._add(*self._products(v[:, None]))
            self._rough.append(self._roughness(v))
            self.row_counts.append(self.rows)

    @property
    def coefficients(self) -> Array:
        """R, shape (rows, columns); a column has no entries below the rows there were with it."""
        return self.truncated(self.size)[0]

    @property
    def allowance(self) -> Array:
        """a_k, shape (columns,): what rounding may add per unit of |z_k|."""
        return self.truncated(self.size)[1]

    def truncated(self, count: int) -> tuple[Array, Array]:
        """Return R and a_k for the first so many vectors of the reduced basis."""
        count = require_integer(count, "count", 0)
        if count > self.size:
            raise InputError(f"count: expected at most {self.size} vectors, got {count}")
        rows, columns = self.row_counts[count], self.sources + count * self.terms
        R = np.zeros((rows, columns), np.complex128 if self._complex else np.float64)
        for k, column in enumerate(self._columns[:columns]):
            R[: len(column), k] = column
        sizes = np.linalg.norm(R, axis=0)
        twice = 2 if self._complex else 1  # products of complex numbers are rounded in both parts
        a = np.array(self._measured[:columns]) + twice * (columns / 2 + 8) * EPS * sizes
        if count:
            first = sizes[self.sources : self.sources + self.terms]
            first = (first + a[self.sources : self.sources + self.terms]) / self._first
            rough = np.array(self._rough[:count])
            a[self.sources :] += (count / 2 + 2) * EPS * np.outer(rough, first).ravel()
        product = self.inner_product
        # ||Q y||^2 <= (1 + ||E||_F) ||y||^2, where E is measured with rounded products.
        unseen = self.rows * product.norm_rounding
        stretch = np.sqrt(1 + np.sqrt(self._defect) + unseen) * (1 + (rows + 8) * EPS)
        return R * stretch, a * (1 + product.norm_rounding) * (1 + (columns + 8) * EPS)

    def dual_norm(self, z: Any) -> Any:
        """Return an upper bound of ||sum_k c_k z_k||' for z (columns,) or (columns, m)."""
        z = require_finite(as_floating(np.asarray(z), "z"), "z")
        if z.ndim not in (1, 2) or len(z) != self.columns:
            raise InputError(f"z: expected {self.columns} numbers or rows, got shape {z.shape}")
        R, a = self.truncated(self.size)
        return (np.linalg.norm(R @ z, axis=0) + a @ np.abs(z) + LOST) * (1 + 4 * EPS)

    def _products(self, v: Array) -> tuple[Array, Array, Array]:
        """Return A_1 v, ..., A_Q v as columns high + low, and bounds of their errors."""
        if self._operators:
            high = np.stack([A.apply(v[:, 0]) for A in self._terms], axis=1)
            error = self._product_error * np.asarray(self.inner_product.dual_norm(high))
            return high, np.zeros_like(high), error
        zero = np.zeros_like(v)
        pairs = [A.subtract(-v, zero, zero) for A in self._terms]
        units = np.stack([A.allowance(v, zero)[:, 0] for A in self._terms], axis=1)
        high, low = (np.concatenate(parts, axis=1) for parts in zip(*pairs, strict=True))
        scaled = units.T / np.sqrt(self.inner_product.diagonal)
        return high, low, np.linalg.norm(scaled, axis=1) / np.sqrt(self.inner_product.lowest)

    def _roughness(self, v: Array) -> float:
        """Return || |v| ||_|X|, in complex numbers with room for their products."""
        square = float(np.abs(v) @ (abs(self.inner_product.matrix) @ np.abs(v)))
        return np.sqrt(square) * (1 + self.inner_product.size * EPS) * (2 if self._complex else 1)

    def _add(self, high: Array, low: Array, error: Array) -> None:
        """Orthonormalize the representatives of columns high + low, known up to `error`."""
        w, rest, unsolved = self.inner_product.riesz_pair(high, low)
        for k in range(w.shape[1]):
            R, defect = self._orthonormalize(self._real(w[:, k]), self._real(rest[:, k]))
            self._columns.append(R)
            self._measured.append(defect + float(unsolved[k]) + float(error[k]) + LOST)

    def _orthonormalize(self, high: Array, low: Array) -> tuple[Array, float]:
        """Return the coefficients of w = high + low and the norm of what they leave of it."""
        from nwidth.rom._compensated_products_numba import subtract_combination

        count, step = self._count, 2 if self._complex else 1
        Q = self._rows[:count]
        y, y_low = np.zeros(count), np.zeros(count)
        whole = size = self._norm(high)
        if not np.isfinite(whole) or (whole == 0 and high.any()):
            raise InputError(
                f"residual: expected columns whose squares are in the range of numbers, got a norm "
                f"of {whole}; bring matrices, sources or the inner product into other units"
            )
        work = 0.0
        for _ in range(PASSES):
            # w <- w - Q (Q^H X w), the sums of coefficients kept to the last digit.
            b = Q @ self._apply(high)
            subtract_combination(Q, b, high, low)
            total = y + b
            y_low += (y - (total - (total - y))) + (b - (total - y))
            y = total
            work += float(np.abs(b).sum())
            before, size = size, self._norm(high)
            if size > KEPT * before or size <= DROPPED * whole:
                break
        if size > DROPPED * whole:
            self._append(high / size)
            Q = self._rows[: self._count]
            y, y_low = np.append(y, np.zeros(step)), np.append(y_low, np.zeros(step))
            y[count] = size
            last = np.zeros(len(y))
            last[count] = size
            subtract_combination(Q, last, high, low)
        # w - Q y is what is left of w and the last digits of y.
        d = (y_low @ Q + low) + high
        hidden = (len(y) + 4) ** 2 * EPS**2 * self.inner_product.roughness * (work + whole)
        return (y[::2] + 1j * y[1::2] if self._complex else y), self._norm(d) + hidden

    def _append(self, q: Array) -> None:
        """Add q, and for complex numbers i q, to the basis; measure what it lacks."""
        step = 2 if self._complex else 1
        if self._count + step > len(self._rows):
            more = np.empty((max(2 * len(self._rows), 32), self._rows.shape[1]))
            more[: self._count] = self._rows[: self._count]
            self._rows = more
        self._rows[self._count] = q
        if self._complex:
            real, imaginary = np.split(q, 2)
            self._rows[self._count + 1] = np.concatenate([-imaginary, real])
        self._count += step
        products = self._rows[: self._count] @ self._apply(q)
        products[self._count - step] -= 1
        others = float(np.sum(products[: self._count - step] ** 2))
        self._defect += 2 * others + float(np.sum(products[self._count - step :] ** 2))

    def _become_complex(self) -> None:
        """Write what was real so far as complex numbers."""
        Q = self._rows[: self._count]
        zero = np.zeros_like(Q)
        pairs = np.stack([np.hstack([Q, zero]), np.hstack([zero, Q])], axis=1)
        self._rows = pairs.reshape(2 * self._count, 2 * Q.shape[1])
        self._count, self._defect, self._complex = 2 * self._count, 2 * self._defect, True

    def _real(self, w: Array) -> Array:
        """Return a vector as real numbers."""
        return np.concatenate([w.real, w.imag]) if self._complex else w.copy()

    def _apply(self, w: Array) -> Array:
        """Return X w of a vector in real numbers."""
        X = self.inner_product.matrix
        if not self._complex:
            return X @ w
        real, imaginary = np.split(w, 2)
        return self._real(X @ (real + 1j * imaginary))

    def _norm(self, w: Array) -> float:
        with np.errstate(over="ignore"):  # told where columns come in
            return float(np.sqrt(max(float(w @ self._apply(w)), 0.0)))
