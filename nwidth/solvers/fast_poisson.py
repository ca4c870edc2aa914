"""Fast Poisson: the exact inverse of the constant-coefficient flux operator, by fast transforms."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import as_floating, product_along
from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.meshes import _parity_series as parity
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.spectral_equivalence import spectral_equivalence

Kinds = Sequence[tuple[str, str]]

EPS = float(np.finfo(np.float64).eps)

# (centering, lower, upper) -> transform, its type, and the shift s of the angles pi (k + s) / m.
_TRANSFORMS: dict[tuple[str, str, str], tuple[str, int, float]] = {
    ("node", "dirichlet", "dirichlet"): ("sine", 1, 1.0),
    ("node", "neumann", "neumann"): ("cosine", 1, 0.0),
    ("node", "dirichlet", "neumann"): ("sine", 3, 0.5),
    ("node", "neumann", "dirichlet"): ("cosine", 3, 0.5),
    ("cell", "dirichlet", "dirichlet"): ("sine", 2, 1.0),
    ("cell", "neumann", "neumann"): ("cosine", 2, 0.0),
    ("cell", "dirichlet", "neumann"): ("sine", 4, 0.5),
    ("cell", "neumann", "dirichlet"): ("cosine", 4, 0.5),
}
# Precisions that have matrix products of their own.
_DENSE = (np.dtype(np.float32), np.dtype(np.float64))
_FORWARD: dict[str, Callable[..., Any]] = {"sine": scipy.fft.dst, "cosine": scipy.fft.dct}
_BACKWARD: dict[str, Callable[..., Any]] = {"sine": scipy.fft.idst, "cosine": scipy.fft.idct}


class FastPoisson(LinearOperator):
    """The inverse of -div(grad u) + c u in flux form on a uniform grid, for any mix of walls.

    With the control volumes W (half ones at Neumann nodes), the operator K with coefficient one is
    diagonal in the orthonormal sines, cosines or Fourier modes Q that the boundaries ask for::

        K = W^1/2 Q L Q^T W^1/2,      L = c + sum over axes of (4 / h^2) sin^2(theta / 2)
        K^-1 = W^-1/2 Q L^-1 Q^T W^-1/2

    Nodes take DST-I (Dirichlet), DCT-I (Neumann), DST-III and DCT-III (mixed); cells, whose
    boundary lies half a cell away, take DST-II, DCT-II, DST-IV and DCT-IV; periodic axes the FFT.
    If no side is Dirichlet and c = 0, constants are in the kernel of K and this is the
    pseudo-inverse: the total of the right-hand side is ignored and the solution has weighted mean
    zero. Robin sides and non-uniform axes are for `FastDiagonalization`.

    Reference: B. Buzbee, G. Golub, C. Nielson, SIAM J. Numer. Anal. 7 (1970) 627,
    doi:10.1137/0707049; the transforms: G. Strang, doi:10.1137/S0036144598336745.

    Args:
        grid: uniform along every axis, 1 to 3 dimensions.
        kinds: per axis (lower, upper), each "dirichlet" or "neumann"; not used on periodic axes.
            Nodes on a Dirichlet side are not among the unknowns.
        reaction: c >= 0.
        workers: threads of the transforms; None follows `scipy.fft.set_workers`.

    Attributes: `weights`, the control volumes W of the unknowns; `singular`, whether constants are
    in the kernel; `smallest_eigenvalue`, the smallest non-zero eigenvalue of W^-1 K. `of` builds
    the inverse that belongs to an operator, and `spectral_bounds` says how close the two are.

    Shapes: unknowns have `domain_shape`; `solve` and `energy` take leading sample axes too.
    float32 stays float32. Cost O(N log N). For n unknowns along an axis the transform has length
    n + 1 (DST-I), n - 1 (DCT-I) or n (all others). Where the length has a prime factor above 31,
    products with the dense matrix Q take the place of a sine or cosine transform up to 768
    unknowns (2048 for DST-I and DCT-I); on periodic axes and beyond, such a length costs several
    times more.

    Raises `InputError` for a grid that is not uniform, an unknown kind, an axis without unknowns.

    >>> grid = Grid.uniform((4,), upper=3.0)
    >>> FastPoisson(grid, [("dirichlet", "dirichlet")]).solve(np.ones(2)).round(12).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self, grid: Grid, kinds: Kinds, *, reaction: float = 0.0, workers: int | None = None
    ):
        require_instance(grid, "grid", Grid)
        pairs = np.shape(kinds) if isinstance(kinds, Sequence) else ()
        if pairs != (grid.dimension, 2):
            raise InputError(
                f"kinds: expected {grid.dimension} pairs (lower, upper), one per axis, "
                f"got {kinds!r:.80}"
            )
        if workers is not None:
            workers = require_integer(workers, "workers", 1)
        self.grid, self.workers, self.dtype = grid, workers, np.dtype(np.float64)
        self.reaction = require_number(reaction, "reaction", "[0, inf)")
        self.kinds = tuple(
            ("periodic", "periodic") if axis.periodic else (str(lower), str(upper))
            for axis, (lower, upper) in zip(grid.axes, kinds, strict=True)
        )
        axes = range(grid.dimension)
        spacings = [_spacing(axis) for axis in grid.axes]
        angles = [_angles(axis, *kind) for axis, kind in zip(grid.axes, self.kinds, strict=True)]
        self.domain_shape = self.range_shape = tuple(len(theta) for theta in angles)
        # Transforms act on the last axes, counted from the end, so that sample axes may lead.
        self._last = {k: k - grid.dimension for k in axes}
        self._periodic = [self._last[k] for k in axes if grid.axes[k].periodic]
        self._real = {
            self._last[k]: _TRANSFORMS[grid.axes[k].centering, *self.kinds[k]][:2]
            for k in axes
            if not grid.axes[k].periodic
        }
        self._matrices: dict[tuple[int, np.dtype], NDArray[Any]] = {}
        self._spacings = spacings
        eigenvalues, scale, counts = np.zeros(()), np.ones(()), np.ones(())
        for k in axes:
            along = tuple(-1 if j == k else 1 for j in axes)
            scale = scale * _scale(grid.axes[k], *self.kinds[k], len(angles[k])).reshape(along)
            theta, count = angles[k], np.ones(len(angles[k]))
            if self._periodic and self._last[k] == self._periodic[-1]:
                theta, count = theta[: len(theta) // 2 + 1], _conjugates(len(theta))
            eigenvalues = eigenvalues + (4 * np.sin(theta / 2) ** 2 / spacings[k] ** 2).reshape(
                along
            )
            counts = counts * count.reshape(along)
        eigenvalues = eigenvalues + self.reaction
        self.singular = bool(eigenvalues.flat[0] == 0.0)
        self.properties = frozenset(
            {"symmetric", f"positive {'semi' if self.singular else ''}definite"}
        )
        if self.singular:
            eigenvalues.flat[0] = np.inf
        self.smallest_eigenvalue = float(eigenvalues.min())
        self.weights = np.prod(spacings) / scale**2
        self._constants = {np.dtype(np.float64): (scale, 1 / (eigenvalues * np.prod(spacings)))}
        self._squares_weight = counts / (eigenvalues * np.prod(spacings))

    @classmethod
    def of(cls, operator: DiffusionOperator, grid: Grid, **options: Any) -> "FastPoisson":
        """Return the inverse with the boundary types of an operator on a uniform grid.

        Where the outer faces of a side couple to a wall, the side is Dirichlet. The operator itself
        may have any coefficients: `spectral_bounds` tells what the inverse is worth for it. Its
        reaction enters with the smallest ratio to the control volumes (the mean, if that is zero
        and no side is Dirichlet), in the scale of the faces: the inverse of an operator with
        constant a and c is exact up to the factor a.
        """
        require_instance(operator, "operator", DiffusionOperator)
        kinds: list[tuple[str, str]] = []
        for k, faces in enumerate(operator.faces):
            walls = [bool(faces.take(end, axis=k).any()) for end in (0, -1)]
            lower, upper = ("dirichlet" if wall else "neumann" for wall in walls)
            kinds.append((lower, upper))
        fast = cls(grid, kinds, **options)
        if fast.domain_shape != operator.domain_shape:
            raise InputError(
                f"operator: expected the unknowns {fast.domain_shape} of the grid {grid.shape}, "
                f"got {operator.domain_shape}; Robin nodes are for FastDiagonalization"
            )
        if operator.reaction is None or not operator.reaction.any():
            return fast
        ratios = operator.reaction / fast.weights
        c = ratios.min() if not fast.singular or ratios.all() else ratios.mean()
        bounds = fast.spectral_bounds(DiffusionOperator(operator.faces, None, operator.periodic))
        scale = float(np.sqrt(bounds[0] * bounds[1]))
        return cls(grid, kinds, reaction=float(c) / scale, **options) if scale > 0 else fast

    @property
    def transform_error(self) -> float:
        """A bound of the relative rounding of Q^T v in float64, in the 2-norm.

        Reference: N. Higham (2002), Accuracy and Stability of Numerical Algorithms,
        doi:10.1137/1.9780898718027, section 24.1, and 3.5 where matrices take their place.
        """
        error = 0.0
        for axis, n in zip(range(-self.grid.dimension, 0), self.domain_shape, strict=True):
            product = (n + 4) * n**0.5 if self._slow(axis) else 0.0
            error += max(product, 8 * float(np.log2(2 * n)))
        return EPS * error

    def spectral_bounds(self, operator: DiffusionOperator) -> tuple[float, float]:
        """Return (lower, upper) such that lower v.Kv <= v.Av <= upper v.Kv for every v.

        Both are equal up to round-off if and only if this is the inverse of a multiple of A, see
        `spectral_equivalence`.
        """
        faces = [self._faces(k) for k in range(self.grid.dimension)]
        own = np.broadcast_to(self.reaction * self.weights, self.domain_shape)
        return spectral_equivalence(operator, faces, own)

    def diagonal(self) -> NDArray[np.float64]:
        """Return the diagonal of the fluxes of K, without the reaction."""
        total = np.zeros(self.domain_shape)
        for k, n in enumerate(self.domain_shape):
            faces, at = self._faces(k), (slice(None),) * k
            total += faces[(*at, slice(0, n))] + faces[(*at, slice(1, n + 1))]
        return total

    def _faces(self, k: int) -> NDArray[np.float64]:
        """Return the transmissibilities of K across axis k, to be broadcast along the others."""
        n, axis = self.domain_shape[k], self.grid.axes[k]
        along = np.ones(n + 1)
        for end, kind in zip((0, -1), self.kinds[k], strict=True):
            wall = 2.0 if axis.centering == "cell" else 1.0
            along[end] = {"neumann": 0.0, "dirichlet": wall, "periodic": 1.0}[kind]
        faces = along.reshape([-1 if j == k else 1 for j in range(self.grid.dimension)])
        faces = faces / self._spacings[k]
        for j, other in enumerate(self.grid.axes):
            if j != k:
                halves = _scale(other, *self.kinds[j], self.domain_shape[j]) ** 2
                shape = [-1 if i == j else 1 for i in range(self.grid.dimension)]
                faces = faces * (self._spacings[j] / halves).reshape(shape)
        return faces

    def solve(self, b: NDArray[Any]) -> NDArray[Any]:
        """Return K^-1 b for one right-hand side or a stack `(..., *domain_shape)`."""
        b = self._checked(b)
        scale, inverse = self._constants_of(b.dtype)
        return scale * self._backward(inverse * self._forward(scale * b))

    def energy(self, b: NDArray[Any]) -> Any:
        """Return b . K^-1 b, as a sum of squares, for one b or each of a stack; always float64.

        It costs half a solve: one transform instead of two.
        """
        b = self._checked(b)
        scale, _ = self._constants_of(b.dtype)
        modes = self._forward(scale * b)
        squares = np.square(modes.real) if np.iscomplexobj(modes) else np.square(modes, out=modes)
        if np.iscomplexobj(modes):
            squares += np.square(modes.imag)
        squares *= self._squares_weight
        axes = tuple(range(-self.grid.dimension, 0))
        return np.sum(squares, axis=axes, dtype=np.float64)

    def _apply(self, u: Any) -> Any:
        return self.solve(u)

    def _adjoint(self, v: Any) -> Any:
        return self.solve(v)

    def _checked(self, b: NDArray[Any]) -> NDArray[Any]:
        """Return b as real floating numbers, or raise."""
        b = as_floating(b, "right-hand side")
        if b.dtype.kind == "c" or b.shape[b.ndim - self.grid.dimension :] != self.domain_shape:
            raise InputError(
                f"right-hand side: expected real numbers of shape {self.domain_shape} (sample axes "
                f"may lead), got {b.dtype} of shape {b.shape}"
            )
        return b

    def _constants_of(self, dtype: np.dtype) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the scale W^-1/2 h^d/2 and the inverse eigenvalues in the dtype of the input."""
        if dtype not in self._constants:
            scale, inverse = self._constants[np.dtype(np.float64)]
            self._constants[dtype] = scale.astype(dtype), inverse.astype(dtype)
        return self._constants[dtype]

    def _forward(self, v: NDArray[Any]) -> NDArray[Any]:
        """Return Q^T v; v may be overwritten."""
        options: dict[str, Any] = {"norm": "ortho", "workers": self.workers, "overwrite_x": True}
        for axis, (name, kind) in self._real.items():
            if self._slow(axis) and v.dtype in _DENSE:
                v = product_along(self._matrix(axis, v.dtype), v, axis)
            else:
                v = _FORWARD[name](v, kind, axis=axis, **options)
        if self._periodic:
            v = scipy.fft.rfftn(v, axes=self._periodic, norm="ortho", workers=self.workers)
        return v

    def _backward(self, c: NDArray[Any]) -> NDArray[Any]:
        """Return Q c; c may be overwritten."""
        if self._periodic:
            lengths = [self.domain_shape[axis] for axis in self._periodic]
            c = scipy.fft.irfftn(
                c, s=lengths, axes=self._periodic, norm="ortho", workers=self.workers
            )
        options: dict[str, Any] = {"norm": "ortho", "workers": self.workers, "overwrite_x": True}
        for axis, (name, kind) in self._real.items():
            if self._slow(axis) and c.dtype in _DENSE:
                c = product_along(self._matrix(axis, c.dtype).T, c, axis)
            else:
                c = _BACKWARD[name](c, kind, axis=axis, **options)
        return c

    def _slow(self, axis: int) -> bool:
        """Whether the transform along an axis is slower than products with its matrix."""
        if axis not in self._real:
            return False
        (name, kind), n = self._real[axis], self.domain_shape[axis]
        length = n if kind > 1 else n + 1 if name == "sine" else n - 1
        return parity.pays(length, n, n, first_kind=kind == 1)

    def _matrix(self, axis: int, dtype: np.dtype) -> NDArray[Any]:
        """Return Q^T for one axis."""
        if (axis, dtype) not in self._matrices:
            (name, kind), n = self._real[axis], self.domain_shape[axis]
            Q = _FORWARD[name](np.eye(n), kind, axis=0, norm="ortho")
            self._matrices[axis, dtype] = Q.astype(dtype)
        return self._matrices[axis, dtype]


def _spacing(axis: Axis) -> float:
    """Return the spacing of a uniform axis, or raise."""
    if axis.spacing is None:
        raise InputError(
            f"axis {axis.name}: expected equidistant points for fast transforms, got a non-uniform "
            "axis; solve with multigrid instead"
        )
    return axis.spacing


def _angles(axis: Axis, lower: str, upper: str) -> NDArray[np.float64]:
    """Return the angles theta of the modes along one axis, one per unknown."""
    if axis.periodic:
        return 2 * np.pi * np.arange(axis.size) / axis.size
    if (axis.centering, lower, upper) not in _TRANSFORMS:
        raise InputError(
            f"axis {axis.name}: expected kinds 'dirichlet' or 'neumann', got {(lower, upper)}"
        )
    unknowns = axis.size
    if axis.centering == "node":
        unknowns -= (lower == "dirichlet") + (upper == "dirichlet")
    if unknowns < 1:
        raise InputError(
            f"axis {axis.name}: expected at least one unknown between the Dirichlet sides, got "
            f"{axis.size} nodes; refine the axis"
        )
    intervals = axis.size if axis.centering == "cell" else axis.size - 1
    shift = _TRANSFORMS[axis.centering, lower, upper][2]
    return np.pi * (np.arange(unknowns) + shift) / intervals


def _scale(axis: Axis, lower: str, upper: str, unknowns: int) -> NDArray[np.float64]:
    """Return sqrt(h / w): sqrt(2) at Neumann nodes, whose control volumes are halves."""
    scale = np.ones(unknowns)
    if axis.centering == "node" and not axis.periodic:
        scale[0] *= np.sqrt(2.0) if lower == "neumann" else 1.0
        scale[-1] *= np.sqrt(2.0) if upper == "neumann" else 1.0
    return scale


def _conjugates(n: int) -> NDArray[np.float64]:
    """Return how many of the n Fourier modes each mode of the real FFT stands for."""
    k = np.arange(n // 2 + 1)
    return np.where((k == 0) | (2 * k == n), 1.0, 2.0)
