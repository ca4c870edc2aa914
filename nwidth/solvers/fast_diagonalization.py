"""Fast diagonalization: the exact inverse of a separable flux operator on any tensor grid."""

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_flags, require_instance, require_number
from nwidth.arrays import as_floating, product_along, real_floating
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.spectral_equivalence import spectral_equivalence

Array = NDArray[Any]

EPS = float(np.finfo(np.float64).eps)

# Unknowns along an axis, at most: eigenvectors take 8 n^2 bytes and of the order of n^3 operations.
LARGEST = 4096


class FastDiagonalization(LinearOperator):
    """The inverse of K = sum_k T_k x (W_j on the other axes) + c W, by eigenvectors of each axis.

    T_k is the one-dimensional flux matrix of axis k, W_k the diagonal of its control widths, W the
    product of these. With the eigenpairs of W_k^-1/2 T_k W_k^-1/2 = Q_k L_k Q_k^T, which are found
    once,

        K^-1 = W^-1/2 (Q_1 x ... x Q_d) (L_1 + ... + L_d + c)^-1 (Q_1 x ... x Q_d)^T W^-1/2

    is one product with a dense matrix per axis and direction: 4 N (n_1 + ... + n_d) operations at
    the speed of matrix products, on non-uniform axes and with Dirichlet, Neumann, Robin (one
    coefficient per side) and periodic sides alike. Where the axes are uniform without Robin sides,
    `FastPoisson` does the same by transforms.

    Reference: R. Lynch, J. Rice, D. Thomas, Numer. Math. 6 (1964) 185, doi:10.1007/BF01386067.

    Args:
        transmissibilities: per axis n_k + 1 numbers >= 0, those of the walls at the ends (0 on
            Neumann sides; on periodic axes both the coupling of the last point to the first).
        widths: per axis n_k control widths > 0.
        periodic: which axes are periodic; none by default.
        reaction: c >= 0.

    Attributes: `weights`, the control volumes W; `singular`, whether constants are in the kernel
    (then this is the pseudo-inverse, with weighted mean zero); `smallest_eigenvalue`, the smallest
    non-zero one of W^-1 K; `accuracy`, the relative distance of K from what the computed
    eigenpairs invert, about 1e-16 times the ratio of the largest to the smallest eigenvalue.

    Shapes: unknowns have `domain_shape`; `solve` and `energy` take leading sample axes too.
    float32 stays float32. Raises `InputError` for numbers that do not fit and axes with more than
    4096 unknowns.

    >>> inverse = FastDiagonalization([np.ones(3)], [np.ones(2)])
    >>> inverse.solve(np.ones(2)).round(12).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        transmissibilities: Sequence[Array],
        widths: Sequence[Array],
        periodic: Sequence[bool] | None = None,
        *,
        reaction: float = 0.0,
    ):
        require_instance(transmissibilities, "transmissibilities", Sequence)
        d = len(require_instance(widths, "widths", Sequence))
        wraps = (False,) * d if periodic is None else require_flags(periodic, "periodic", d)
        if not len(transmissibilities) == d >= 1:
            raise InputError(
                f"fast diagonalization: expected as many transmissibilities as widths, one array "
                f"per axis, got {len(transmissibilities)} and {d}"
            )
        self.reaction = require_number(reaction, "reaction", "[0, inf)")
        self.dtype, self.periodic = np.dtype(np.float64), wraps
        self._t = [real_floating(t, "transmissibilities").astype("f8") for t in transmissibilities]
        self._w = [real_floating(w, "widths").astype("f8") for w in widths]
        for k in range(d):
            _check_axis(k, self._t[k], self._w[k])
        self.domain_shape = self.range_shape = tuple(len(w) for w in self._w)
        axes = [_Modes(t, w, wrap) for t, w, wrap in zip(self._t, self._w, wraps, strict=True)]
        eigenvalues = reduce(np.add.outer, [axis.eigenvalues for axis in axes]) + self.reaction
        self.singular = bool(eigenvalues.flat[0] == 0.0)
        kind = f"positive {'semi' if self.singular else ''}definite"
        self.properties = frozenset({"symmetric", kind})
        if self.singular:
            eigenvalues.flat[0] = np.inf
        self.smallest_eigenvalue = float(eigenvalues.min())
        self.weights = reduce(np.multiply.outer, self._w)
        self.accuracy = prod(1 + axis.accuracy for axis in axes) - 1
        double = (1 / np.sqrt(self.weights), 1 / eigenvalues, [axis.vectors for axis in axes])
        self._constants: dict[np.dtype, Any] = {np.dtype(np.float64): double}

    @classmethod
    def of(cls, operator: DiffusionOperator, widths: Sequence[Array]) -> "FastDiagonalization":
        """Return the inverse of the largest separable operator below a given one.

        `widths` are the control widths of its unknowns, per axis. The transmissibilities over the
        area of each layer of faces, and the reaction over the volumes, are replaced by their
        minima: the inverse is that of the operator itself if a and c are constant and so is the
        coefficient of each Robin side; `spectral_bounds` tells what it is worth otherwise.
        """
        require_instance(operator, "operator", DiffusionOperator)
        came = tuple(map(np.size, require_instance(widths, "widths", Sequence)))
        if came != operator.domain_shape:
            raise InputError(
                f"widths: expected {operator.domain_shape} numbers per axis, got {came}"
            )
        layers = []
        for k, faces in enumerate(operator.faces):
            others = tuple(j for j in range(len(widths)) if j != k)
            layers.append((faces / _area(widths, k)).min(axis=others))
        reaction = 0.0
        if operator.reaction is not None:
            reaction = float((operator.reaction / reduce(np.multiply.outer, widths)).min())
        return cls(layers, widths, operator.periodic, reaction=reaction)

    def spectral_bounds(self, operator: DiffusionOperator) -> tuple[float, float]:
        """Return (lower, upper) such that lower v.Fv <= v.Av <= upper v.Fv for every v.

        F is what the computed eigenpairs invert; the bounds hold its distance from K, `accuracy`.
        Both are 1 up to that if this is the inverse of A; lower is at most 0 if no bound is known.
        """
        faces = []
        for k, t in enumerate(self._t):
            along = [-1 if j == k else 1 for j in range(len(self._t))]
            faces.append(t.reshape(along) * _area(self._w, k))
        own = self.reaction * self.weights if self.reaction else None
        lower, upper = spectral_equivalence(operator, faces, own)
        return lower * (1 - self.accuracy), upper * (1 + self.accuracy)

    @property
    def transform_error(self) -> float:
        """A bound of the relative rounding of the products with Q^T in float64, in the 2-norm.

        Products of n terms are exact to n eps relative to those of absolute values, and these are
        at most sqrt(n) times larger. Reference: N. Higham (2002), doi:10.1137/1.9780898718027,
        section 3.5.
        """
        return EPS * sum((n + 4) * n**0.5 for n in self.domain_shape)

    def solve(self, b: Array) -> Array:
        """Return K^-1 b for one right-hand side or a stack `(..., *domain_shape)`."""
        b = self._checked(b)
        scale, inverse, vectors = self._constants_of(b.dtype)
        modes = self._products(scale * b, [q.T for q in vectors])
        modes *= inverse
        return scale * self._products(modes, vectors)

    def energy(self, b: Array) -> Any:
        """Return b . K^-1 b, as a sum of squares, for one b or each of a stack; always float64."""
        b = self._checked(b)
        scale, inverse, vectors = self._constants_of(b.dtype)
        modes = self._products(scale * b, [q.T for q in vectors])
        modes *= modes
        modes *= inverse
        return np.sum(modes, axis=tuple(range(-len(self._w), 0)), dtype=np.float64)

    def _apply(self, u: Any) -> Any:
        return self.solve(u)

    def _adjoint(self, v: Any) -> Any:
        return self.solve(v)

    def _checked(self, b: Array) -> Array:
        """Return b as real floating numbers, or raise."""
        b = as_floating(b, "right-hand side")
        if b.dtype.kind == "c" or b.shape[b.ndim - len(self._w) :] != self.domain_shape:
            raise InputError(
                f"right-hand side: expected real numbers of shape {self.domain_shape} (sample axes "
                f"may lead), got {b.dtype} of shape {b.shape}"
            )
        return b

    def _constants_of(self, dtype: np.dtype) -> Any:
        """Return W^-1/2, the inverse eigenvalues and the eigenvectors in the dtype of the input."""
        if dtype not in self._constants:
            scale, inverse, vectors = self._constants[np.dtype(np.float64)]
            converted = [q.astype(dtype) for q in vectors]
            self._constants[dtype] = scale.astype(dtype), inverse.astype(dtype), converted
        return self._constants[dtype]

    def _products(self, v: Array, matrices: Sequence[Array]) -> Array:
        """Return v multiplied by one matrix along each of the last axes."""
        for k, matrix in enumerate(matrices):
            v = product_along(matrix, v, k - len(matrices))
        return v


class _Modes:
    """Eigenvalues and eigenvectors of W^-1/2 T W^-1/2 for one axis, and how exact they are."""

    def __init__(self, t: Array, w: Array, wraps: bool):
        from scipy.linalg import eigh_tridiagonal

        root = 1 / np.sqrt(w)
        if len(w) == 1:
            q = np.ones((1, 1))
        elif wraps:
            diagonal, beside = np.diag((t[:-1] + t[1:]) * root**2), np.arange(len(w) - 1)
            diagonal[beside, beside + 1] -= t[1:-1] * root[:-1] * root[1:]
            diagonal[0, -1] -= t[0] * root[0] * root[-1]
            q = np.linalg.eigh(diagonal, UPLO="U")[1]
        else:
            q = eigh_tridiagonal((t[:-1] + t[1:]) * root**2, -t[1:-1] * root[:-1] * root[1:])[1]
        grounded = not wraps and (t[0] > 0 or t[-1] > 0)
        if not grounded:  # the constant is known exactly
            q[:, 0] = np.sqrt(w) / np.sqrt(w.sum())
        # Each product of B = T^1/2 D W^-1/2 with a vector takes differences before it weights them,
        # so that Rayleigh quotients |B q|^2 are exact to a few more digits than the eigenvalues.
        u = root[:, None] * q
        before = u[-1:] if wraps else np.zeros_like(u[:1])
        after = np.zeros_like(u[:1])
        strength = np.sqrt(t[:-1] if wraps else t)[:, None]
        jumps = np.diff(np.concatenate([before, u] + ([] if wraps else [after])), axis=0)
        fluxes = strength * jumps
        self.vectors = q
        self.eigenvalues = np.sum(fluxes**2, axis=0)
        first = 0 if grounded else 1
        if not grounded:
            self.eigenvalues[0] = 0.0
        part = fluxes[:, first:] / np.sqrt(self.eigenvalues[first:])
        n, largest = len(w), float(self.eigenvalues.max(initial=0.0))
        rounding = 0.0
        if len(part[0]):
            rounding = 8 * n * EPS * np.sqrt(largest / self.eigenvalues[first:].min())
        #: Distances of Q^T Q and L^-1/2 Q^T (...) Q L^-1/2 from the identity, and their rounding.
        self.accuracy = float(
            np.linalg.norm(q.T @ q - np.eye(n))
            + np.linalg.norm(part.T @ part - np.eye(part.shape[1]))
            + rounding
            + 2 * n * EPS
        )


def _area(widths: Sequence[Array], k: int) -> Array:
    """Return the areas of faces across axis k, with length 1 along it."""
    ones = [np.ones(1) if j == k else w for j, w in enumerate(widths)]
    return reduce(np.multiply.outer, ones)


def _check_axis(k: int, t: Array, w: Array) -> None:
    """Raise unless transmissibilities and widths make a one-dimensional flux matrix."""
    if w.ndim != 1 or t.shape != (len(w) + 1,) or len(w) < 1:
        raise InputError(
            f"axis {k}: expected n widths and n + 1 transmissibilities, n >= 1, got shapes "
            f"{w.shape} and {t.shape}"
        )
    if not (t.min() >= 0 and t.max() < np.inf and w.min() > 0 and w.max() < np.inf):
        raise InputError(
            f"axis {k}: expected finite transmissibilities >= 0 and widths > 0, got from {t.min()} "
            f"to {t.max()} and from {w.min()} to {w.max()}"
        )
    if len(w) > LARGEST:
        raise InputError(
            f"axis {k}: expected at most {LARGEST} unknowns, whose eigenvectors fit into memory, "
            f"got {len(w)}; coarsen the grid"
        )
    if len(w) > 1 and not t[1:-1].all():
        raise InputError(
            f"axis {k}: expected every face between neighbours to couple them, got faces with "
            "transmissibility 0"
        )
