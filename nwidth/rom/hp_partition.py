"""hp reduced basis: a tree of parameter boxes, each with a small basis of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import save_archive
from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import Seed, as_floating, real_floating, require_finite
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.archived_parts import archived_part, restored
from nwidth.rom.full_solution import full_solution
from nwidth.rom.greedy import GreedyResult, GreedyStatus, greedy
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.reduced_basis import ReducedBasis
from nwidth.rom.reduced_solution import ReducedSolution, ReducedSolutions
from nwidth.rom.stability import StabilityBound

Array = NDArray[Any]

# Lines through a box along which solutions are compared, to choose the axis to halve.
LINES = 16


@dataclass(frozen=True, eq=False)
class HpReducedBasis:
    """Reduced models on the boxes of a partition; a query goes down a tree to its own.

    Node k of the tree is cut at `cuts[k]` of axis `axes[k]` into the nodes `children[k]`, the lower
    half first; for axis -1 it is the leaf `children[k, 0]`. `statuses` tell for each leaf whether
    its basis meets the tolerance. Reference: Eftang, Patera & Ronquist (2010),
    doi:10.1137/090780122.
    """

    box: ParameterBox
    axes: Array
    cuts: Array
    children: Array
    leaves: tuple[ReducedBasis, ...]
    statuses: tuple[GreedyStatus, ...]

    @property
    def converged(self) -> bool:
        """Whether all leaves meet the tolerance."""
        return all(status is GreedyStatus.CONVERGED for status in self.statuses)

    @property
    def size(self) -> int:
        """The largest number of vectors in a leaf."""
        return max(leaf.size for leaf in self.leaves)

    def leaf_of(self, mus: Any) -> Array:
        """Return the numbers of the leaves, (m,), that parameters (m, p) fall into.

        Faces belong to the lower half; parameters outside of the box to the leaf that is next.
        """
        mus = np.atleast_2d(np.asarray(real_floating(mus, "mu"), float))
        if mus.shape[1:] != (self.box.dimension,):
            raise InputError(
                f"mu: expected shape ({self.box.dimension},) or (m, {self.box.dimension}), got "
                f"{mus.shape}"
            )
        require_finite(mus, "mu")
        node = np.zeros(len(mus), int)
        while (inner := np.flatnonzero(self.axes[node] >= 0)).size:
            at = node[inner]
            upper = mus[inner, self.axes[at]] > self.cuts[at]
            node[inner] = self.children[at, upper.astype(int)]
        return self.children[node, 0]

    def solve(self, mu: Any) -> tuple[ReducedSolution, int]:
        """Return the answer of one parameter, and the number of the leaf it is from."""
        leaf = int(self.leaf_of(mu)[0])
        return self.leaves[leaf].solve(mu), leaf

    def solve_many(self, mus: Any) -> tuple[ReducedSolutions, Array]:
        """Return the answers for (m, p), and the leaves (m,); x has zeros behind small bases."""
        leaf = self.leaf_of(mus)
        mus = np.asarray(real_floating(mus, "mu"), float).reshape(-1, self.box.dimension)
        parts: dict[str, Array] = {}
        for k in np.unique(leaf) if len(leaf) else [0]:
            own = np.flatnonzero(leaf == k)
            found = self.leaves[k].solve_many(mus[own])
            for name, values in vars(found).items():
                shape = (len(mus), self.size) if name == "x" else (len(mus),)
                out = parts.setdefault(name, np.zeros(shape, values.dtype))
                if name == "x":
                    out[own, : values.shape[1]] = values
                else:
                    out[own] = values
        return ReducedSolutions(**parts), leaf

    def lift(self, x: Any, leaf: Any) -> Array:
        """Return the fields V x: (n,) for x (N,) and a leaf, (m, n) for (m, N) and leaves (m,)."""
        x, leaf = as_floating(np.asarray(x), "x"), np.asarray(leaf)
        if leaf.dtype.kind not in "iu" or ((leaf < 0) | (leaf >= len(self.leaves))).any():
            raise InputError(f"leaf: expected numbers of the {len(self.leaves)} leaves")
        if leaf.ndim == 0:
            model = self.leaves[int(leaf)]
            return model.lift(x[..., : model.size])
        if x.shape[:-1] != leaf.shape or len(leaf) == 0:
            raise InputError(f"x: expected one row for each leaf, got {x.shape} and {leaf.shape}")
        return np.stack([self.lift(*pair) for pair in zip(x, leaf, strict=True)])

    def save(self, path: str | Path, *, basis: bool = True) -> None:
        """Write tree and leaves to one HDF5 file, with the bases or without.

        Functions theta and phi are code and are not written, as for `ReducedBasis`.
        """
        arrays = {name: getattr(self, name) for name in _TREE}
        told: dict[str, Any] = {"statuses": [status.name for status in self.statuses]}
        for name, part in (("box", self.box.archived()), *(
            (f"leaf{k}", leaf.archived(basis=basis)) for k, leaf in enumerate(self.leaves)
        )):  # fmt: skip
            arrays |= {f"{name}/{key}": value for key, value in part[0].items()}
            told[name] = part[1]
        save_archive(path, _KIND, arrays, told)

    @classmethod
    def load(cls, path: str | Path, theta: Any = None, phi: Any = None) -> Self:
        """Read a model back; executes nothing and opens no other file.

        Raises `FileFormatError` for a file whose parts do not fit together.
        """

        def read(arrays: dict[str, Array], told: dict[str, Any], given: Mapping[str, Any]) -> Any:
            statuses = tuple(GreedyStatus[name] for name in told["statuses"])
            box = ParameterBox.from_archived(*archived_part(arrays, told, "box"))
            leaves = [
                ReducedBasis.from_archived(*archived_part(arrays, told, f"leaf{k}"), **given)
                for k in range(len(statuses))
            ]
            axes, cuts, children = (arrays[name] for name in _TREE)
            _require_tree(axes, cuts, children, box, leaves)
            return cls(box, axes, cuts, children, tuple(leaves), statuses)

        return restored(path, _KIND, read, {"theta": theta, "phi": phi})


_KIND = "hp-reduced-basis"
_TREE = ("axes", "cuts", "children")


def _require_tree(
    axes: Array, cuts: Array, children: Array, box: ParameterBox, leaves: list[ReducedBasis]
) -> None:
    """Raise unless each query ends at a leaf: children come behind their node, leaves exist."""
    count = len(axes)
    inner = axes >= 0
    fits = axes.shape == cuts.shape and children.shape == (count, 2) and count > 0
    if not fits or {axes.dtype.kind, children.dtype.kind} != {"i"} or cuts.dtype != np.float64:
        raise FileFormatError("the arrays of the tree do not fit together")
    below = children[inner]
    if not (
        (axes < box.dimension).all()
        and np.isfinite(cuts).all()
        and (below > np.flatnonzero(inner)[:, None]).all()
        and (below < count).all()
        and np.array_equal(np.sort(children[~inner, 0]), np.arange(len(leaves)))
        and all(leaf.box is not None and leaf.box.dimension == box.dimension for leaf in leaves)
    ):
        raise FileFormatError("the tree has branches that lead nowhere")


def hp_partition(
    problem: AffineProblem,
    box: ParameterBox,
    rtol: float = 1e-4,
    *,
    stability: StabilityBound,
    max_size: int = 20,
    max_leaves: int = 256,
    samples: int = 64,
    inner_product: Any = None,
    solve: Callable[[Array], Any] | None = None,
    progress: Callable[[ParameterBox, GreedyResult], Any] | None = None,
    seed: Seed = 0,
    **options: Any,
) -> HpReducedBasis:
    """Return reduced models on boxes that are halved until small bases meet the tolerance.

        1.  greedy search in the box with at most N_max vectors
        2.  if the tolerance is not met, halve the box, and do the same with both halves

    The axis to halve is the one along which reduced solutions change most from end to end. A query
    costs as much as a basis of N_max vectors, however large the box is. Reference: Eftang, Patera &
    Ronquist (2010), doi:10.1137/090780122, whose boxes are those around anchor points.

    Args:
        problem: A(mu) and f(mu).
        box: of the parameters.
        rtol: as in `greedy`: the bound is to be at most atol + rtol ||u_N||.
        stability: lower bound of the stability constant, positive in the box.
        max_size: N_max. Good values: 10 to 30.
        max_leaves: limit on the number of boxes; at it, the boxes that do not meet the tolerance
            stay as they are, and their status says so.
        samples: training parameters of each box: Sobol points, and up to as many corners.
        inner_product: X, as in `greedy`.
        solve: mu -> u(mu) by any code, as in `greedy`.
        progress: called with each box and its greedy search.
        seed: of the Sobol points.
        **options: further arguments of `greedy`.

    Solutions of a box are used again in others where their parameters are chosen again. Raises as
    `greedy` does.

    >>> from nwidth.rom.stability import MinTheta
    >>> A, f = [np.diag([1.0, 2.0, 3.0]), np.diag([3.0, 1.0, 1.0])], [[1.0, 1.0, 1.0]]
    >>> problem = AffineProblem(lambda mu: (1, mu[0]), A, lambda mu: (1,), f)
    >>> alpha = MinTheta([[1.0, 1.0]], [3.0])  # A_1 + A_2 >= 3
    >>> box = ParameterBox(0.1, 10, log=True)
    >>> model = hp_partition(problem, box, 1e-2, stability=alpha, max_size=2)
    >>> model.converged, len(model.leaves), model.leaf_of([5.0]).tolist()
    (True, 4, [3])
    """
    require_instance(box, "box", ParameterBox)
    max_leaves = require_integer(max_leaves, "max_leaves", 1)
    require_integer(samples, "samples", 1)
    require_instance(problem, "problem", AffineProblem)
    if solve is not None and not callable(solve):
        raise InputError(f"solve: expected a function or None, got {solve!r:.80}")
    product = InnerProduct.of(inner_product, problem.size)
    snapshot = full_solution(problem, solve)
    known: dict[bytes, Array] = {}

    def remembered(mu: Array) -> Array:
        if mu.tobytes() not in known:
            known[mu.tobytes()] = snapshot(mu)
        return known[mu.tobytes()]

    axes, cuts, children = [-1], [0.0], [[0, 0]]
    leaves: list[ReducedBasis] = []
    statuses: list[GreedyStatus] = []
    todo = [(0, box)]
    while todo:
        node, part = todo.pop()
        old = [mu for mu in map(np.frombuffer, known) if part.contains(mu)]
        training = np.unique(np.stack([*_training(part, samples, seed), *old]), axis=0)
        result = greedy(problem, training, rtol, stability=stability, inner_product=product,
                        max_size=max_size, box=part, solve=remembered, **options)  # 1  # fmt: skip
        if progress is not None:
            progress(part, result)
        full = len(leaves) + len(todo) + 2 > max_leaves
        if result.status is not GreedyStatus.MAX_SIZE or full:
            children[node] = [len(leaves), 0]
            leaves.append(result.model)
            statuses.append(result.status)
        else:
            axes[node] = _axis(part, result.model)  # 2
            lower, upper = part.halves(axes[node])
            cuts[node], children[node] = lower.upper[axes[node]], [len(axes), len(axes) + 1]
            todo += [(len(axes) + 1, upper), (len(axes), lower)]
            axes, cuts, children = axes + [-1] * 2, cuts + [0.0] * 2, children + [[0, 0]] * 2
        # Faces belong to two boxes, so that neighbours have solutions in common.
        known = {
            key: u
            for key, u in known.items()
            if any(part.contains(np.frombuffer(key)) for _, part in todo)
        }
    return HpReducedBasis(
        box, np.array(axes), np.array(cuts), np.array(children), tuple(leaves), tuple(statuses)
    )


def _training(box: ParameterBox, samples: int, seed: Seed) -> Array:
    """Return the training parameters of a box."""
    points = box.sobol(samples, seed)
    if 2**box.dimension > samples:
        return points
    return np.concatenate([box.grid(2), points])


def _axis(box: ParameterBox, model: ReducedBasis) -> int:
    """Return the axis along which reduced solutions change most, from one face to the other."""
    t = box.unit(box.sobol(LINES))
    change = []
    for axis in range(box.dimension):
        ends = []
        for side in (0.0, 1.0):
            t[:, axis], kept = side, t[:, axis].copy()
            ends.append(model.solve_many(box.at(t)).x)
            t[:, axis] = kept
        change.append(float(np.linalg.norm(ends[1] - ends[0], axis=1).mean()))
    return int(np.argmax(change))
