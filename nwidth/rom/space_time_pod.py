"""POD of trajectories: modes in space and modes in time."""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_number
from nwidth.arrays import as_floating, require_finite, require_shape, to_numpy
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.field_geometry import FieldGeometry
from nwidth.rom.pod import pod
from nwidth.rom.selection_status import SelectionStatus

Array = NDArray[Any]

_KIND = "space-time-pod"


@dataclass(frozen=True, eq=False)
class SpaceTimePOD:
    """Trajectories f_j(t, x) ~ sum_ab c_jab phi_a(t) u_b(x), all modes orthonormal.

    `time_modes` (q, times), `space_modes` (r, *shape), `scores` (samples, q, r) the c_jab of the
    data, the inner product in time (`time_weights`) and in space (`weights` or `inner_product`),
    `error` of the data in the Frobenius norm relative to that of the data, `status`.

    >>> t, x = np.linspace(0, 1, 6)[:, None], np.linspace(0, 1, 9)
    >>> found = space_time_pod(np.stack([np.sin(t) * x, 2 * np.sin(t) * x]))
    >>> found.time_modes.shape, found.space_modes.shape, found.scores.shape
    ((1, 6), (1, 9), (2, 1, 1))
    """

    time_modes: Array
    space_modes: Array
    scores: Array
    time: FieldGeometry
    space: FieldGeometry
    error: float
    status: SelectionStatus

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a trajectory (times, *shape)."""
        return self.time_modes.shape[1], *self.space_modes.shape[1:]

    @property
    def ranks(self) -> tuple[int, int]:
        """Numbers of modes in time and in space."""
        return len(self.time_modes), len(self.space_modes)

    def coefficients(self, trajectories: Any) -> Array:
        """Return c_ab of trajectories (..., times, *shape), of their best combinations."""
        f, number = to_numpy(as_floating(trajectories, "trajectories")), len(self.shape)
        lead = f.shape[: f.ndim - number]
        if f.ndim < number or f.shape[len(lead) :] != self.shape:
            raise InputError(
                f"trajectories: expected an array whose last axes are {self.shape}, got {f.shape}"
            )
        require_finite(f, "trajectories")
        (q, r), times = self.ranks, self.shape[0]
        space = self.space_modes.reshape(r, prod(self.shape[1:]))
        inner = self.space.inner(f.reshape(prod(lead) * times, space.shape[1]), space)
        lines = np.moveaxis(inner.reshape(prod(lead), times, r), 1, 2).reshape(
            prod(lead) * r, times
        )
        found = self.time.inner(lines, self.time_modes).reshape(prod(lead), r, q)
        return np.moveaxis(found, 1, 2).reshape(*lead, q, r)

    def combine(self, coefficients: Any) -> Array:
        """Return trajectories (..., times, *shape) from coefficients (..., q, r)."""
        c = to_numpy(as_floating(coefficients, "coefficients"))
        if c.shape[-2:] != self.ranks:
            raise InputError(
                f"coefficients: expected the last axes to be {self.ranks}, got shape {c.shape}"
            )
        fields = np.tensordot(c, self.space_modes, axes=(-1, 0))  # (..., q, *shape)
        fields = np.moveaxis(fields, c.ndim - 2, 0)
        found = np.tensordot(self.time_modes, fields, axes=(0, 0))  # (times, ..., *shape)
        return np.moveaxis(found, 0, c.ndim - 2)

    def save(self, path: str | Path) -> None:
        """Write the decomposition to one HDF5 file, whole or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"time/{name}": array for name, array in self.time.archived().items()}
        arrays |= {f"space/{name}": array for name, array in self.space.archived().items()}
        save_archive(path, _KIND, arrays, {"error": self.error, "status": self.status.name})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a decomposition back; executes nothing and opens no other file."""
        arrays, told = load_archive(path, _KIND)
        try:
            time, space, scores = (arrays[name] for name in _ARRAYS)
            require_finite(require_shape(scores, (None, len(time), len(space)), "scores"), "scores")
            if time.ndim != 2 or scores.dtype != np.result_type(time, space):
                raise ValueError("time_modes, scores: expected shape (q, times), one dtype")
            parts = [
                {n.removeprefix(part): a for n, a in arrays.items() if n.startswith(part)}
                for part in ("time/", "space/")
            ]
            in_time = FieldGeometry.from_archived(parts[0], time.shape[1:])
            in_space = FieldGeometry.from_archived(parts[1], space.shape[1:])
            return cls(
                in_time.require_modes(time, "time_modes"),
                in_space.require_modes(space, "space_modes"),
                scores,
                in_time,
                in_space,
                require_number(told["error"], "error", "[0, inf)"),
                SelectionStatus[told["status"]],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not a space-time POD ({error})") from None


_ARRAYS = ("time_modes", "space_modes", "scores")


def space_time_pod(
    data: Any,
    rtol: float = 1e-8,
    *,
    max_ranks: tuple[int | None, int | None] = (None, None),
    time_weights: Any = None,
    weights: Any = None,
    inner_product: Any = None,
    method: str = "auto",
) -> SpaceTimePOD:
    """Return modes in time and in space of trajectories, a Tucker decomposition in two steps.

        F_(jt),x  ~  G_(jt),b u_b(x)         POD of all fields at all times, then
        G_(jb),t  ~  c_(jb),a phi_a(t)       POD of the histories of their coefficients

    In each step modes with sigma_k > rtol sigma_1 of that step are kept. What the two steps leave
    out is orthogonal, error^2 = error_1^2 + (1 - error_1^2) error_2^2, and at most twice the square
    of the best for these ranks. References: Vannieuwenhoven, Vandebril & Meerbergen (2012),
    doi:10.1137/110836067, on sequential truncation; Choi & Carlberg (2019), doi:10.1137/17M1120531,
    on modes in space and time.

    Args:
        data: trajectories (samples, times, *shape), real or complex.
        rtol: relative to the largest singular value. Good values: 1e-2 to 1e-12.
        max_ranks: limits on the numbers of modes in time and in space.
        time_weights: of the times, > 0, such as those of a quadrature; ones by default.
        weights: of the points, > 0, shape `shape`; ones by default.
        inner_product: `InnerProduct`, or a matrix, of flat fields, in place of weights.
        method: of `pod`.

    >>> t, x = np.linspace(0, 1, 20)[:, None], np.linspace(0, 1, 50)
    >>> speeds = np.linspace(0.1, 0.5, 8)[:, None, None]
    >>> found = space_time_pod(np.exp(-((x - speeds * t) ** 2)), rtol=1e-4)
    >>> found.ranks, found.error < 1e-4
    ((4, 3), True)
    """
    f = to_numpy(as_floating(data, "data"))
    if f.ndim < 3 or f.size == 0:
        raise InputError(
            f"data: expected trajectories (samples, times, *shape), got shape {f.shape}"
        )
    require_finite(f, "data")
    samples, times, shape = *f.shape[:2], f.shape[2:]
    if not isinstance(max_ranks, tuple | list) or len(max_ranks) != 2:
        raise InputError(
            f"max_ranks: expected a pair, of modes in time and in space, got {max_ranks!r:.80}"
        )
    limit_t, limit_x = max_ranks
    time_geometry = FieldGeometry.of(time_weights, None, (times,))
    # Weights of the times belong to the rows of the first step.
    root = np.ones(times) if time_geometry.root is None else time_geometry.root
    root = root.astype(f.real.dtype)
    rows = (f.reshape(samples, times, -1) * root[:, None]).reshape(-1, *shape)
    options = {"weights": weights, "inner_product": inner_product, "method": method}
    space = pod(rows, rtol, max_rank=limit_x, **options)
    r = space.rank
    assert space.scores is not None
    G = np.moveaxis(space.scores.reshape(samples, times, r), 1, 2) / root  # (samples, r, times)
    if r == 0:
        G = np.zeros((samples, 1, times), f.dtype)
    time = pod(G.reshape(-1, times), rtol, max_rank=limit_t, weights=time_weights, method=method)
    q = time.rank
    assert time.scores is not None
    scores = np.moveaxis(time.scores.reshape(samples, max(r, 1), q), 1, 2)[:, :, :r]
    statuses = {space.status, time.status} - {SelectionStatus.CONVERGED}
    status = SelectionStatus.CONVERGED if not statuses else statuses.pop()
    if SelectionStatus.MAX_RANK in (space.status, time.status):
        status = SelectionStatus.MAX_RANK
    left = (1 - space.error**2) * time.error**2
    return SpaceTimePOD(
        time.modes,
        space.modes,
        np.ascontiguousarray(scores),
        time_geometry,
        FieldGeometry(space.weights, space.inner_product),
        float(np.sqrt(space.error**2 + left)),
        status,
    )
