"""The inner product of fields on points: ones, weights of the points, or a matrix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import require_finite
from nwidth.errors import InputError
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.matrix_products import frobenius_norm
from nwidth.rom.oblique_qr import oblique_qr
from nwidth.rom.row_norm import point_weights

Array = NDArray[Any]

_PARTS = ("data", "indices", "indptr")
# Norms of modes in files differ from one by round-off; what differs by more is no mode of these.
_UNIT = 1e-2


@dataclass(frozen=True, eq=False)
class FieldGeometry:
    """The inner product (u, v) = sum_i w_i u_i conj(v_i), or v^H X u, of flat fields.

    `weights` w has the shape of a field, or is None; `product` is that of X, or None.

    >>> FieldGeometry.of([1, 4], None, (2,)).root
    array([1., 2.])
    """

    weights: Array | None = None
    product: InnerProduct | None = None

    @classmethod
    def of(cls, weights: Any, inner_product: Any, shape: tuple[int, ...]) -> Self:
        """Return the geometry of fields of a shape from what users give."""
        if weights is not None and inner_product is not None:
            raise InputError("inner product: expected weights of points or a matrix, got both")
        weights = None if weights is None else point_weights(weights, shape)
        product = None if inner_product is None else InnerProduct.of(inner_product, prod(shape))
        return cls(weights, product)

    @property
    def root(self) -> Array | None:
        """The roots of the weights, flat, or none."""
        return None if self.weights is None else np.sqrt(self.weights).ravel()

    def root_as(self, dtype: Any) -> Array:
        """Return the roots of the weights, or one; `InputError` if weights leave a dtype's range.

        >>> FieldGeometry.of([1e80, 1.0], None, (2,)).root_as(np.dtype(np.float64)).tolist()
        [1e+40, 1.0]
        """
        if self.weights is None or self.root is None:
            return np.ones(1, dtype)
        with np.errstate(over="ignore", under="ignore"):
            weights = self.weights.astype(dtype)
        if not ((weights > 0) & np.isfinite(weights)).all():
            raise InputError(
                f"weights: expected numbers in the range of {dtype}, as the fields are, got "
                f"{self.weights.min():.1e} to {self.weights.max():.1e}; take fields in float64, or "
                "other units"
            )
        return self.root.astype(dtype)

    def coordinates(self, rows: Array) -> tuple[Array, Callable[[Array], Array], float]:
        """Return rows with the inner products of flat fields, the way back, and what is lost.

        Rows with orthonormal coordinates are turned into orthonormal fields. By the third result,
        >= 1, round-off of the fields is enlarged: under X it may be as rough as fields can be,

            eps ||F|| sqrt(||X||_inf) / ||F||_X

        >>> X = np.array([[2.0, 1.0], [1.0, 2.0]])
        >>> rows, back, _ = FieldGeometry.of(None, X, (2,)).coordinates(np.eye(2))
        >>> bool(np.allclose(rows @ rows.T, X)), bool(np.allclose(back(rows), np.eye(2)))
        (True, True)
        """
        if self.product is not None:
            Q, R = oblique_qr(rows.T, self.product)
            size = frobenius_norm(R)
            rough = float(abs(self.product.matrix).sum(axis=1).max()) ** 0.5
            lost = rough * frobenius_norm(rows) / size if size else 1.0
            kind = np.result_type(rows, np.complex64) if Q.dtype.kind == "c" else rows.dtype
            return R.T, lambda modes: (modes @ Q.T).astype(kind), max(1.0, lost)
        if self.root is None:
            return rows, lambda modes: modes, 1.0
        root = self.root_as(rows.real.dtype)
        return rows * root, lambda modes: modes / root, 1.0

    def inner(self, rows: Array, modes: Array) -> Array:
        """Return (f, u_k) for flat fields f (m, n) and u_k (r, n), shape (m, r)."""
        if self.product is not None:
            found = self.product.inner(modes.T, rows.T).T
            double = found.dtype.kind == np.result_type(rows, modes).kind
            return found.astype(np.result_type(rows, modes)) if double else found
        if self.weights is not None:
            rows = rows * self.weights.ravel().astype(rows.real.dtype)
        return rows @ modes.conj().T

    def norm(self, rows: Array) -> Array:
        """Return the norms of flat fields (m, n)."""
        if self.product is not None:
            return np.asarray(self.product.norm(rows.T))
        return np.linalg.norm(rows if self.root is None else rows * self.root, axis=1)

    def require_modes(self, modes: Any, name: str) -> Array:
        """Return modes (r, *shape) of a file, or raise `ValueError` unless their norms are one.

        >>> FieldGeometry().require_modes(np.array([[0.6, 0.8]]), "modes").shape
        (1, 2)
        """
        if modes.ndim < 2 or modes.dtype.kind not in "fc":
            raise ValueError(f"{name}: expected fields, got {modes.dtype} of shape {modes.shape}")
        require_finite(modes, name)
        # One by one, as all of them may fill the memory.
        norms = [float(self.norm(mode.reshape(1, -1))[0]) for mode in modes]
        if not all(abs(norm - 1) <= _UNIT for norm in norms):
            raise ValueError(f"{name}: expected norms of one in their inner product")
        return modes

    def archived(self) -> dict[str, Array]:
        """Return the arrays that a file keeps."""
        if self.weights is not None:
            return {"weights": self.weights}
        if self.product is None:
            return {}
        matrix = self.product.matrix
        if isinstance(matrix, np.ndarray):
            return {"inner_product/matrix": matrix}
        return {f"inner_product/{part}": getattr(matrix, part) for part in _PARTS}

    @classmethod
    def from_archived(cls, arrays: Mapping[str, Array], shape: tuple[int, ...]) -> Self:
        """Return what `archived` gave, checked; raises `ValueError` or `KeyError`."""
        import scipy.sparse as sp

        matrix = arrays.get("inner_product/matrix")
        if matrix is None and any(name.startswith("inner_product/") for name in arrays):
            data, indices, indptr = (arrays[f"inner_product/{part}"] for part in _PARTS)
            size = (len(indptr) - 1,) * 2
            matrix = sp.csr_array((data, indices, indptr), shape=size)
            matrix.check_format(full_check=True)
        return cls.of(arrays.get("weights"), matrix, shape)
