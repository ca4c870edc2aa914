"""The matrix-free nine-point operator in two dimensions."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import require_finite
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import THREADED_SIZE, DiffusionOperator
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]


class NinePointOperator(LinearOperator):
    """A symmetric operator that couples every point of a plane grid with its eight neighbours.

        (A u)_i = s_i u_i + sum_j T_ij (u_i - u_j)

    s is the sum of row i, what reactions and walls bring in; T_ij = -A_ij are the couplings, each
    stored once. Differences are taken before they are weighted, so constants are mapped to exact
    zeros where s is zero. Couplings of full tensors and Galerkin products may be negative; then the
    signs do not tell whether A is definite.

    Args:
        sums: s, shape (n0, n1).
        east: between (i, j) and (i + 1, j), shape (n0 - 1, n1).
        north: between (i, j) and (i, j + 1), shape (n0, n1 - 1).
        north_east: between (i, j) and (i + 1, j + 1), shape (n0 - 1, n1 - 1).
        north_west: between (i + 1, j) and (i, j + 1), shape (n0 - 1, n1 - 1).
        definite: True if A is known to be positive definite, False if it is known to be positive
            semidefinite; None promises no more than s, T >= 0 do.

    float32 arrays give a float32 operator. Axes are not periodic. Raises `InputError` for shapes
    that do not fit together and `NonFiniteError` for NaN and infinity.

    >>> one = np.ones((1, 1))
    >>> A = NinePointOperator(np.ones((2, 2)), np.ones((1, 2)), np.ones((2, 1)), one, 0 * one)
    >>> A.apply(np.array([[1.0, 1.0], [1.0, 2.0]])).tolist()
    [[0.0, 0.0], [0.0, 5.0]]
    >>> A.diagonal.tolist()
    [[4.0, 3.0], [3.0, 4.0]]
    """

    def __init__(
        self,
        sums: Array,
        east: Array,
        north: Array,
        north_east: Array,
        north_west: Array,
        *,
        definite: bool | None = None,
    ):
        if definite is not None and not isinstance(definite, bool | np.bool_):
            raise InputError(f"definite: expected True, False or None, got {definite!r:.80}")
        parts = [np.asarray(part) for part in (sums, east, north, north_east, north_west)]
        if parts[0].ndim != 2 or parts[0].size == 0:
            raise InputError(f"sums: expected shape (n0, n1), not empty, got {np.shape(sums)}")
        n0, n1 = parts[0].shape
        shapes = [(n0, n1), (n0 - 1, n1), (n0, n1 - 1), (n0 - 1, n1 - 1), (n0 - 1, n1 - 1)]
        names = ("sums", "east", "north", "north_east", "north_west")
        for name, part, shape in zip(names, parts, shapes, strict=True):
            if part.shape != shape or part.dtype.kind not in "fiu":
                raise InputError(
                    f"{name}: expected real numbers of shape {shape}, got {part.dtype} of shape "
                    f"{part.shape}"
                )
            require_finite(part, name)
        single = np.result_type(*parts) == np.float32
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self.domain_shape = self.range_shape = (n0, n1)
        #: Sums and couplings with zeros where neighbours are missing, shape (5, n0 + 1, n1 + 1).
        self.stencil = np.zeros((5, n0 + 1, n1 + 1), self.dtype)
        for own, part in zip(_parts(self.stencil), parts, strict=True):
            own[...] = part
        if definite is None and min(part.min(initial=0) for part in parts) >= 0:
            definite = bool(self.sums.any())
        #: Whether A is positive definite (True), semidefinite (False), or neither is known (None).
        self.definite = definite
        promised = {True: {"positive definite"}, False: {"positive semidefinite"}, None: set()}
        self.properties = frozenset({"symmetric", *promised[definite]})
        #: Whether constants are in the kernel: all sums of rows are zero.
        self.singular = not self.sums.any()

    @classmethod
    def of(cls, operator: DiffusionOperator) -> "NinePointOperator":
        """Return an operator in flux form as a nine-point operator without diagonal couplings.

        Raises `InputError` for other than two axes and for periodic axes.

        >>> A = NinePointOperator.of(DiffusionOperator((np.ones((3, 1)), np.ones((2, 2)))))
        >>> A.sums.tolist(), A.east.tolist()
        ([[3.0], [3.0]], [[1.0]])
        """
        if not isinstance(operator, DiffusionOperator):
            raise InputError(f"operator: expected a DiffusionOperator, got {operator!r:.80}")
        if len(operator.domain_shape) != 2 or any(operator.periodic):
            raise InputError(
                "operator: expected two axes that are not periodic, got shape "
                f"{operator.domain_shape}, periodic {operator.periodic}"
            )
        t0, t1 = operator.faces
        shape = operator.domain_shape
        sums = np.zeros(shape, operator.dtype) if operator.reaction is None else +operator.reaction
        sums[0] += t0[0]
        sums[-1] += t0[-1]
        sums[:, 0] += t1[:, 0]
        sums[:, -1] += t1[:, -1]
        none = np.zeros((shape[0] - 1, shape[1] - 1), operator.dtype)
        definite = not operator.singular
        return cls(sums, t0[1:-1], t1[:, 1:-1], none, none, definite=definite)

    @classmethod
    def of_stencil(cls, stencil: Array, definite: bool | None = None) -> "NinePointOperator":
        """Return the operator of a stencil of shape (5, n0 + 1, n1 + 1), see `stencil`."""
        return cls(*_parts(stencil), definite=definite)

    @property
    def sums(self) -> Array:
        """Sums of the rows."""
        return _parts(self.stencil)[0]

    @property
    def faces(self) -> tuple[Array, ...]:
        """The couplings: east, north, north-east, north-west."""
        return _parts(self.stencil)[1:]

    @property
    def east(self) -> Array:
        """Couplings along axis 0."""
        return _parts(self.stencil)[1]

    @property
    def north(self) -> Array:
        """Couplings along axis 1."""
        return _parts(self.stencil)[2]

    @property
    def north_east(self) -> Array:
        """Couplings along the diagonal."""
        return _parts(self.stencil)[3]

    @property
    def north_west(self) -> Array:
        """Couplings along the other diagonal."""
        return _parts(self.stencil)[4]

    @cached_property
    def diagonal(self) -> Array:
        """The diagonal of the matrix, shape of the unknowns."""
        s = self.stencil
        out = s[0, :-1, :-1] + s[1, :-1, :-1] + s[1, 1:, :-1] + s[2, :-1, :-1] + s[2, :-1, 1:]
        out += s[3, :-1, :-1] + s[3, 1:, 1:] + s[4, 1:, :-1] + s[4, :-1, 1:]
        return out

    @cached_property
    def zeros(self) -> Array:
        """The row that stands beyond the first and the last one."""
        return np.zeros(self.domain_shape[1], self.dtype)

    @property
    def threaded(self) -> bool:
        """Whether kernels use threads."""
        return self.shape[0] >= THREADED_SIZE

    def apply_with_energy(self, out: Array, u: Array, products: Array) -> None:
        """Set out = A u without allocating; `products` gets the parts of u . A u, one per row.

        `out` and `u` are contiguous and of the operator's dtype; `products` is float64 of length
        n0. For iterations that own their work space.
        """
        from nwidth.solvers._nine_point_numba import apply

        apply(out, u, self.stencil, self.zeros, products, self.threaded)

    def residual_into(self, out: Array, f: Array, u: Array) -> None:
        """Set out = f - A u without allocating."""
        from nwidth.solvers._nine_point_numba import residual

        residual(out, f, u, self.stencil, self.zeros, self.threaded)

    def _apply(self, u: Any) -> Any:
        u = np.ascontiguousarray(u, dtype=self.dtype)
        out = np.empty_like(u)
        self.apply_with_energy(out, u, np.empty(len(u)))
        return out

    def _adjoint(self, v: Any) -> Any:
        return self._apply(v)

    def energy(self, u: Array) -> float:
        """Return u . A u, the square of the energy norm where A is positive definite."""
        u = np.ascontiguousarray(u, dtype=self.dtype)
        products = np.empty(len(u))
        self.apply_with_energy(np.empty_like(u), u, products)
        return float(products.sum())

    def to_sparse(self) -> Any:
        """Return the matrix as a SciPy CSR array, unknowns in C order."""
        import scipy.sparse as sp

        number = np.arange(self.shape[0]).reshape(self.domain_shape)
        rows, columns, values = [number.ravel()], [number.ravel()], [self.diagonal.ravel()]
        pairs = [
            (number[:-1], number[1:]),
            (number[:, :-1], number[:, 1:]),
            (number[:-1, :-1], number[1:, 1:]),
            (number[1:, :-1], number[:-1, 1:]),
        ]
        for (one, other), coupling in zip(pairs, self.faces, strict=True):
            rows += [one.ravel(), other.ravel()]
            columns += [other.ravel(), one.ravel()]
            values += [-coupling.ravel()] * 2
        entries = (np.concatenate(rows), np.concatenate(columns))
        return sp.csr_array((np.concatenate(values), entries), shape=self.shape)

    def astype(self, dtype: Any, scale: float = 1.0) -> "NinePointOperator":
        """Return the operator, times a positive scale, in another precision."""
        if np.dtype(dtype) == self.dtype and scale == 1.0:
            return self
        return self.of_stencil((self.stencil * scale).astype(dtype), self.definite)


def _parts(stencil: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return views of sums, east, north, north-east and north-west couplings."""
    return (
        stencil[0, :-1, :-1],
        stencil[1, 1:-1, :-1],
        stencil[2, :-1, 1:-1],
        stencil[3, 1:-1, 1:-1],
        stencil[4, 1:-1, 1:-1],
    )
