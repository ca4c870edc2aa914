"""Operators that couple every point to its neighbours along the axes, matrix-free."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_flags, require_instance
from nwidth.arrays import as_floating
from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.diffusion_operator import three_dimensional, three_dimensional_faces
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]


class StarOperator(LinearOperator):
    """A matrix of star-shaped stencils on a box of points, symmetric or not, real or complex.

        (A u)_i = d_i u_i - sum_k (below_k,i u_{i - e_k} + above_k,i+1 u_{i + e_k})

    Couplings sit on faces: face f of an axis lies between points f - 1 and f. The adjoint has
    `below` and `above` exchanged and the conjugate diagonal.

    Args:
        diagonal: d, real or complex, the shape of the unknowns, 1 to 3 axes.
        below: real couplings to the point before, one array per axis with n_k + 1 layers along axis
            k and the shape of the unknowns otherwise; the outer layers count on periodic axes only,
            where they are the same face. A single point there is its own neighbour: its couplings
            become part of the diagonal.
        above: the same for the point after.
        periodic: which axes are periodic; none by default.

    Raises `InputError` for shapes that do not fit and `NonFiniteError` for NaN and infinity.

    >>> ones = np.ones(4)
    >>> A = StarOperator(np.full(3, 2.0 + 1.0j), [ones], [0.5 * ones])
    >>> A.apply(np.array([1.0, 0.0, 0.0])).tolist()
    [(2+1j), (-1+0j), 0j]
    """

    def __init__(
        self,
        diagonal: Array,
        below: Sequence[Array],
        above: Sequence[Array],
        periodic: Sequence[bool] | None = None,
    ):
        diagonal = as_floating(diagonal, "diagonal")
        require_instance(below, "below", Sequence)
        require_instance(above, "above", Sequence)
        below = [as_floating(t, f"below[{k}]") for k, t in enumerate(below)]
        above = [as_floating(t, f"above[{k}]") for k, t in enumerate(above)]
        shape, d = diagonal.shape, diagonal.ndim
        if not 1 <= d <= 3 or len(below) != d or len(above) != d or min(shape) < 1:
            raise InputError(
                "star operator: expected 1 to 3 axes with a point each and one array of couplings "
                f"per axis, got a diagonal of shape {shape}, {len(below)} below, {len(above)} above"
            )
        for name, couplings in (("below", below), ("above", above)):
            for k, t in enumerate(couplings):
                wanted = (*shape[:k], shape[k] + 1, *shape[k + 1 :])
                if t.shape != wanted or t.dtype.kind != "f":
                    raise InputError(
                        f"{name}[{k}]: expected real couplings of shape {wanted}, got {t.dtype} of "
                        f"shape {t.shape}"
                    )
                _require_finite(t, f"{name}[{k}]")
        _require_finite(diagonal, "diagonal")
        self.periodic = (False,) * d if periodic is None else require_flags(periodic, "periodic", d)
        for k, t in enumerate((*below, *above)):
            if self.periodic[k % d] and (t.take(0, axis=k % d) != t.take(-1, axis=k % d)).any():
                raise InputError(
                    f"axis {k % d}: expected the first and last layer of the couplings of a "
                    "periodic axis to agree, they are one face"
                )
        self.dtype = np.result_type(diagonal, *below, *above)
        real = np.empty(0, self.dtype).real.dtype
        self.domain_shape = self.range_shape = shape
        lower = [np.ascontiguousarray(t, dtype=real) for t in below]
        upper = [np.ascontiguousarray(t, dtype=real) for t in above]
        entries = np.array(diagonal, dtype=self.dtype, order="C")
        for k, n in enumerate(shape):
            if self.periodic[k] and n == 1:  # the point is its own neighbour
                entries -= lower[k].take([0], axis=k) + upper[k].take([0], axis=k)
                lower[k] = upper[k] = np.zeros_like(lower[k])
        self.diagonal, self.below, self.above = entries, tuple(lower), tuple(upper)

    @cached_property
    def transpose(self) -> "StarOperator":
        """The operator of the transposed matrix (not conjugated)."""
        if all(b is a for b, a in zip(self.below, self.above, strict=True)):
            return self
        return StarOperator(self.diagonal, self.above, self.below, self.periodic)

    @cached_property
    def couplings(self) -> tuple[Any, ...]:
        """What kernels need: couplings of three axes, a row of zeros, periodic axes."""
        return (
            *three_dimensional_faces(self.below),
            *three_dimensional_faces(self.above),
            np.zeros(self.domain_shape[-1], self.dtype),
            (False,) * (3 - len(self.periodic)) + self.periodic,
        )

    def residual_into(self, out: Array, f: Array, u: Array) -> None:
        """Set out = f - A u; all contiguous and of the operator's dtype, `out` not u or f."""
        from nwidth.solvers._star_operator_numba import RESIDUAL

        self._run(out, u, f, f, RESIDUAL)

    def jacobi_into(self, out: Array, f: Array, u: Array, weight: Array) -> None:
        """Set out = u + weight (f - A u), all as in `residual_into`."""
        from nwidth.solvers._star_operator_numba import JACOBI

        self._run(out, u, f, weight, JACOBI)

    def gauss_seidel(self, u: Array, f: Array, forward: Sequence[bool]) -> None:
        """Relax A u = f in place, point after point in C order, each axis forward or backward."""
        from nwidth.solvers._star_operator_numba import gauss_seidel

        d = len(self.periodic)
        directions = (True,) * (3 - d) + require_flags(forward, "forward", d)
        arrays = (three_dimensional(v) for v in (u, f, self._inverse_diagonal))
        row = np.empty(u.shape[-1], self.dtype)
        gauss_seidel(*arrays, *self.couplings, row, directions)

    @cached_property
    def _inverse_diagonal(self) -> Array:
        return np.reciprocal(self.diagonal)

    def _run(self, out: Array, u: Array, f: Array, weight: Array, kind: int) -> None:
        from nwidth.solvers._star_operator_numba import apply

        arrays = (three_dimensional(v) for v in (out, u, self.diagonal))
        apply(*arrays, *self.couplings, three_dimensional(f), three_dimensional(weight), kind)

    def _apply(self, u: Any) -> Any:
        from nwidth.solvers._star_operator_numba import PRODUCT

        u = np.ascontiguousarray(u, dtype=self.dtype)
        out = np.empty_like(u)
        self._run(out, u, u, u, PRODUCT)
        return out

    def _adjoint(self, v: Any) -> Any:
        # A* v is the conjugate of A^T applied to the conjugate of v.
        return np.conj(self.transpose._apply(np.conj(v)))

    def to_sparse(self) -> Any:
        """Return the matrix as a SciPy CSR array, unknowns in C order."""
        import scipy.sparse as sp

        size = self.shape[0]
        number = np.arange(size).reshape(self.domain_shape)
        rows, columns, values = [number.ravel()], [number.ravel()], [self.diagonal.ravel()]
        for k, n in enumerate(self.domain_shape):
            points = np.moveaxis(number, k, 0)
            below, above = np.moveaxis(self.below[k], k, 0), np.moveaxis(self.above[k], k, 0)
            pairs = [(points[:-1], points[1:], below[1:n], above[1:n])]
            if self.periodic[k]:
                pairs.append((points[-1:], points[:1], below[:1], above[n:]))
            for before, after, down, up in pairs:
                rows += [after.ravel(), before.ravel()]
                columns += [before.ravel(), after.ravel()]
                values += [-down.ravel(), -up.ravel()]
        entries = (np.concatenate(rows), np.concatenate(columns))
        return sp.csr_array((np.concatenate(values), entries), shape=(size, size))

    def scaled(self, scale: float, dtype: Any) -> "StarOperator":
        """Return the operator times a real number, in the precision of a real or complex dtype."""
        single = np.dtype(dtype) in (np.float32, np.complex64)
        real = np.dtype(np.float32 if single else np.float64)
        kind = np.result_type(real, np.complex64) if self.dtype.kind == "c" else real
        below = [(t * scale).astype(real) for t in self.below]
        symmetric = self.transpose is self
        above = below if symmetric else [(t * scale).astype(real) for t in self.above]
        return StarOperator((self.diagonal * scale).astype(kind), below, above, self.periodic)


def _require_finite(values: Array, name: str) -> None:
    if not np.isfinite(values).all():
        raise NonFiniteError(f"{name}: expected finite numbers; check the coefficients")
