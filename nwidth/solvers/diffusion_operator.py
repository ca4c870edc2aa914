"""The matrix-free operator of diffusion in flux form."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_flags, require_instance
from nwidth.arrays import namespace, real_floating, to_numpy
from nwidth.errors import InputError
from nwidth.kernels import kernel_module
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]

# Below this many unknowns one pass takes a fraction of a millisecond, and a thread that has to wait
# for a busy core costs more than a second thread can save: from 2^17 on, two idle cores save a
# quarter of a solve, but one other busy process makes the same solve several times slower.
THREADED_SIZE = 2**19


class DiffusionOperator(LinearOperator):
    """Diffusion in flux form, known by the transmissibilities of its faces.

        (A u)_i = sum_f T_f (u_i - u_j) + d_i u_i

    Symmetric and, with a Dirichlet face or a reaction d > 0, positive definite. Differences are
    taken before they are weighted, so constants are mapped to exact zeros.

    Args:
        faces: one array per axis, `faces[k]` with n_k + 1 layers along axis k and the shape of the
            unknowns otherwise. The outer two layers couple to a Dirichlet wall whose value is zero
            (or has moved to the right-hand side); they are 0 on Neumann sides. On a periodic axis
            both are the same, the coupling of the last point to the first. All T >= 0.
        reaction: d >= 0 on the unknowns, or None.
        periodic: which axes are periodic; none by default.

    float32 faces give a float32 operator, CuPy faces one that works on the device. 1 to 3
    dimensions.
    Raises `InputError` for shapes that do not fit together, negative or non-finite T or d.

    >>> A = DiffusionOperator((np.ones(4),))
    >>> A.apply(np.array([1.0, 2.0, 1.0])).tolist()
    [0.0, 2.0, 0.0]
    >>> A.to_sparse().diagonal().tolist()
    [2.0, 2.0, 2.0]
    """

    def __init__(
        self,
        faces: Sequence[Array],
        reaction: Array | None = None,
        periodic: Sequence[bool] | None = None,
    ):
        d = len(require_instance(faces, "faces", Sequence, np.ndarray))
        faces = [real_floating(t, f"faces[{k}]") for k, t in enumerate(faces)]
        if reaction is not None:
            reaction = real_floating(reaction, "reaction")
        if not 1 <= d <= 3 or any(np.ndim(t) != d for t in faces):
            raise InputError(
                f"faces: expected one array per axis for 1 to 3 axes, each of that dimension, got "
                f"shapes {[np.shape(t) for t in faces]}"
            )
        shape = tuple(faces[k].shape[k] - 1 for k in range(d))
        for k, t in enumerate(faces):
            wanted = (*shape[:k], shape[k] + 1, *shape[k + 1 :])
            if t.shape != wanted or min(shape) < 1:
                raise InputError(
                    f"faces[{k}]: expected shape {wanted} with at least one unknown per axis, "
                    f"got {t.shape}"
                )
        if reaction is not None and reaction.shape != shape:
            raise InputError(f"reaction: expected shape {shape}, got {reaction.shape}")
        arrays = [*faces, *([] if reaction is None else [reaction])]
        xp, dtype = namespace(*arrays), np.result_type(*(t.dtype for t in arrays))
        self.dtype = np.dtype(np.float32 if dtype == np.float32 else np.float64)
        self.domain_shape = self.range_shape = shape
        self.periodic = (False,) * d if periodic is None else require_flags(periodic, "periodic", d)
        self.faces = tuple(xp.ascontiguousarray(t, dtype=self.dtype) for t in faces)
        self.reaction = (
            None if reaction is None else xp.ascontiguousarray(reaction, dtype=self.dtype)
        )
        self._check_values()
        #: Whether constants are in the kernel: no wall and no reaction anywhere.
        self.singular = not self._grounded()
        definite = "positive semidefinite" if self.singular else "positive definite"
        self.properties = frozenset({"symmetric", definite})

    @property
    def xp(self) -> Any:
        """The library of the arrays, NumPy or CuPy."""
        return namespace(self.faces[0])

    def _check_values(self) -> None:
        """Raise for negative or non-finite couplings and for a periodic seam that differs."""
        named = [(f"faces[{k}]", t) for k, t in enumerate(self.faces)]
        for name, t in [*named, ("reaction", self.reaction)]:
            # NaN fails the first comparison, infinity the second.
            if t is not None and not (t.min() >= 0 and t.max() < np.inf):
                raise InputError(
                    f"{name}: expected finite numbers >= 0, got values from {t.min()} to {t.max()};"
                    " check that the coefficient is positive and neither huge nor tiny"
                )
        for k, t in enumerate(self.faces):
            if self.periodic[k] and not self.xp.array_equal(t.take(0, axis=k), t.take(-1, axis=k)):
                raise InputError(
                    f"faces[{k}]: expected the first and last layer of a periodic axis to agree"
                )

    def _grounded(self) -> bool:
        """Whether some unknown is tied to a wall or a reaction."""
        walls = (
            t.take([0, -1], axis=k).any() for k, t in enumerate(self.faces) if not self.periodic[k]
        )
        return any(map(bool, walls)) or (self.reaction is not None and bool(self.reaction.any()))

    @cached_property
    def diagonal(self) -> Array:
        """The diagonal of the matrix, shape of the unknowns."""
        out = (
            self.xp.zeros(self.domain_shape, self.dtype)
            if self.reaction is None
            else +self.reaction
        )
        for k, t in enumerate(self.faces):
            if self.periodic[k] and self.domain_shape[k] == 1:
                continue  # the point is its own neighbour
            n = self.domain_shape[k]
            out += _layers(t, k, 0, n)
            out += _layers(t, k, 1, n + 1)
        return out

    @cached_property
    def kernel_arguments(self) -> tuple[Any, ...]:
        """What kernels need: the faces of three axes, reaction, a row of zeros, periodic axes."""
        return (
            *three_dimensional_faces(self.faces),
            self.xp.zeros((0, 0, 0), self.dtype)
            if self.reaction is None
            else three_dimensional(self.reaction),
            self.xp.zeros(self.domain_shape[-1], self.dtype),
            (False,) * (3 - len(self.periodic)) + self.periodic,
        )

    def apply_with_energy(self, out: Array, u: Array, products: Array) -> None:
        """Set out = A u without allocating; `products` gets the parts of u . A u, one per row.

        All three are contiguous and of the operator's dtype; `products` is float64, one entry per
        row of the last axis. For iterations that own their work space.
        """
        shape = (1,) * (3 - u.ndim) + u.shape
        kernel_module("nwidth.solvers._diffusion_operator", u).apply(
            out.reshape(shape),
            u.reshape(shape),
            *self.kernel_arguments,
            products,
            u.size >= THREADED_SIZE,
        )

    def _apply(self, u: Any) -> Any:
        u = self.xp.ascontiguousarray(u, dtype=self.dtype)
        out = self.xp.empty_like(u)
        self.apply_with_energy(out, u, self.xp.empty(u.size // u.shape[-1]))
        return out

    def _adjoint(self, v: Any) -> Any:
        return self._apply(v)

    def energy(self, u: Array) -> float:
        """Return u . A u, the square of the energy norm."""
        u = self.xp.ascontiguousarray(u, dtype=self.dtype)
        products = self.xp.empty(u.size // u.shape[-1])
        self.apply_with_energy(self.xp.empty_like(u), u, products)
        return float(products.sum())

    def to_sparse(self) -> Any:
        """Return the matrix as a SciPy CSR array, unknowns in C order."""
        import scipy.sparse as sp

        shape, size = self.domain_shape, self.shape[0]
        number = np.arange(size).reshape(shape)
        rows, columns = [number.ravel()], [number.ravel()]
        values = [to_numpy(self.diagonal).ravel()]
        for k, t in enumerate(map(to_numpy, self.faces)):
            n = shape[k]
            pairs = [(_layers(number, k, 0, n - 1), _layers(number, k, 1, n), _layers(t, k, 1, n))]
            if self.periodic[k] and n > 1:
                first, last = _layers(number, k, 0, 1), _layers(number, k, n - 1, n)
                pairs.append((last, first, _layers(t, k, 0, 1)))
            for one, other, coupling in pairs:
                rows += [one.ravel(), other.ravel()]
                columns += [other.ravel(), one.ravel()]
                values += [-coupling.ravel()] * 2
        entries = (np.concatenate(rows), np.concatenate(columns))
        return sp.csr_array((np.concatenate(values), entries), shape=(size, size))

    def astype(self, dtype: Any, scale: float = 1.0) -> "DiffusionOperator":
        """Return the operator, times a scale, in another precision."""
        if np.dtype(dtype) == self.dtype and scale == 1.0:
            return self
        faces = [(t * scale).astype(dtype) for t in self.faces]
        reaction = None if self.reaction is None else (self.reaction * scale).astype(dtype)
        return DiffusionOperator(faces, reaction, self.periodic)


def three_dimensional(u: Array) -> Array:
    """Return the view of an array with leading axes of length one, three axes in all."""
    return u.reshape((1,) * (3 - u.ndim) + u.shape)


def three_dimensional_faces(faces: Sequence[Array]) -> list[Array]:
    """Return face arrays of three axes; absent axes have no couplings.

    In one dimension axis 1 has two layers of zeros; an absent axis 0 is a single number, by which
    kernels know that they work in two dimensions.
    """
    views = [three_dimensional(t) for t in faces]
    xp, dtype, n = namespace(*faces), faces[-1].dtype, faces[-1].shape[-1] - 1
    if len(views) == 1:
        views.insert(0, xp.zeros((1, 2, n), dtype))
    if len(views) == 2:
        views.insert(0, xp.zeros((1, 1, 1), dtype))
    return views


def _layers(u: Array, k: int, start: int, stop: int) -> Array:
    """Return a range of layers along axis k."""
    return u[(slice(None),) * k + (slice(start, stop),)]
