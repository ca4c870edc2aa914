"""Dynamic mode decomposition with control: a small linear system that answers to inputs."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_number
from nwidth.arrays import as_floating, power_of_two, real_floating, require_finite, require_shape
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.dynamic_modes import reduced, require_misfits, require_pydmd
from nwidth.rom.field_geometry import FieldGeometry
from nwidth.rom.trajectory import Trajectory

Array = NDArray[Any]

_KIND = "controlled-modes"
# Times count as steps of the model up to this part of a step.
_ON_STEP = 1e-3
# Singular values of states and inputs together below this part of the largest are round-off.
_ROUND_OFF = 1e-12


@dataclass(frozen=True, eq=False)
class ControlledModes:
    """Fields u_j ~ V z_j of the system z_{j+1} = A z_j + B w_j, w_j the inputs.

    `basis` V as rows (r, *shape), orthonormal, `matrix` A (r, r), `control_matrix` B (r, q),
    `initial` z_0 (r,), `start` and `step` of time, `is_real` whether the data were, `error` and
    `held_out_error` the misfits of the data and of the times that were held out, relative to
    their size.

    >>> model = ControlledModes(np.eye(2), 0.5 * np.eye(2), np.array([[1.0], [0.0]]),
    ...                         np.array([0.0, 4.0]), 0.0, 0.1, True, 0.0, None)
    >>> model.predict([0.0, 0.1, 0.2], [2.0, 0.0]).tolist()
    [[0.0, 4.0], [2.0, 2.0], [1.0, 1.0]]
    """

    basis: Array
    matrix: Array
    control_matrix: Array
    initial: Array
    start: float
    step: float
    is_real: bool
    error: float
    held_out_error: float | None

    @property
    def rank(self) -> int:
        """Number r of states."""
        return len(self.matrix)

    @property
    def eigenvalues(self) -> Array:
        """Eigenvalues of A: factors over one step."""
        return np.linalg.eigvals(self.matrix)

    def predict(self, times: Any, control: Any) -> Array:
        """Return fields (times, *shape) under inputs (steps, q), from the data's first state.

        `times` are steps of the model, start + j step with j up to the number of inputs.
        """
        t = np.atleast_1d(np.asarray(real_floating(times, "times"), np.float64))
        w = _inputs(control, self.control_matrix.shape[1], self.is_real)
        steps = np.round((require_finite(t, "times") - self.start) / self.step).astype(int)
        on_step = np.abs(t - self.start - steps * self.step) <= _ON_STEP * self.step
        if t.ndim != 1 or not on_step.all() or (steps < 0).any() or (steps > len(w)).any():
            raise InputError(
                f"times: expected {self.start:g} + j {self.step:g}, j = 0, ..., {len(w)}, the "
                "number of inputs; give one input for each step"
            )
        u = np.tensordot(self._states(w)[steps], self.basis, axes=(-1, 0))
        return u.astype(self.basis.dtype)

    def save(self, path: str | Path) -> None:
        """Write the model to one HDF5 file, whole or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        save_archive(path, _KIND, arrays, {name: getattr(self, name) for name in _NUMBERS})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model back; executes nothing, opens no other file and needs no PyDMD."""
        arrays, told = load_archive(path, _KIND)
        try:
            parts: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
            parts |= {name: told[name] for name in _NUMBERS}
            found = cls(**parts)
            r = len(found.basis)
            shapes = ((r, *found.basis.shape[1:]), (r, r), (r, None), (r,))
            for name, shape in zip(_ARRAYS, shapes, strict=True):
                array = require_finite(require_shape(arrays[name], shape, name), name)
                kinds = "f" if told["is_real"] else "fc"
                if array.dtype.kind not in kinds or array.size == 0:
                    raise InputError(f"{name}: expected numbers, got {array.dtype} {array.shape}")
            FieldGeometry().require_modes(found.basis, "basis")
            require_number(found.start, "start", "(-inf, inf)")
            require_number(found.step, "step", "(0, inf)")
            require_misfits(told)
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not controlled modes ({error})") from None
        return found

    def _states(self, w: Array) -> Array:
        """Return z_0, ..., z_K."""
        z = np.empty((len(w) + 1, self.rank), np.result_type(self.matrix, w))
        z[0] = self.initial
        with np.errstate(over="ignore", invalid="ignore"):
            forced = w @ self.control_matrix.T
            for j, push in enumerate(forced):
                z[j + 1] = self.matrix @ z[j] + push
        if not np.isfinite(z).all():
            raise NonFiniteError(
                "prediction: expected finite numbers, but a growing state is beyond the range; "
                "predict fewer steps"
            )
        return z


def controlled_modes(
    data: Any,
    control: Any,
    times: Any = None,
    *,
    rank: int | None = None,
    rtol: float = 1e-8,
    held_out: int = 0,
    output: str | None = None,
    sample: int = 0,
) -> ControlledModes:
    """Return the linear system that fits a trajectory and its inputs best, computed by PyDMD.

        [A B] = Y [X; W]^+,    X = [z_0 ... z_{T-1}],  Y = [z_1 ... z_T],  W = [w_0 ... w_{T-1}]

    of the POD scores z_j. What the inputs do is told apart from what the system does by itself,
    which needs inputs that vary. References: Proctor, Brunton & Kutz (2016),
    doi:10.1137/15M1013857, section 3.2; PyDMD: Demo, Tezzele & Rozza (2018),
    doi:10.21105/joss.00530.

    Args:
        data: fields (times, *shape), real or complex, or a `FieldDataset`.
        control: inputs w_j (times - 1, q), or (times - 1,) for one, each from u_j to u_{j+1}.
        times: of an array, with equal steps; 0, 1, 2, ... by default.
        rank: number of states; by default that of the POD modes with sigma_k > rtol sigma_1.
        rtol: good values: 1e-8 for exact data, the level of the noise for others.
        held_out: so many last times are kept from the fit, and give `held_out_error`.
        output: name of the field of a data set; not needed if it has one only.
        sample: the number of its trajectory.

    Raises `ImportError` without PyDMD; `InputError` for shapes that do not fit, and if states and
    inputs together are not independent: inputs that repeat, or are fed back from the state.
    """
    dmd = require_pydmd()
    whole = Trajectory.of(data, times, output, sample)
    kept, rest = whole.cut(held_out)
    w = _inputs(control, None, whole.is_real)
    if len(w) != len(whole.times) - 1:
        raise InputError(
            f"control: expected {len(whole.times) - 1} inputs, one less than the times, got "
            f"{len(w)}"
        )
    basis, scores = reduced(kept, rank, rtol)
    own = w[: len(kept.times) - 1]
    # Squares of very large or small numbers would leave the range.
    unit, own_units = power_of_two(scores.view(np.float64)), power_of_two(np.abs(own), (0,))
    scores, own = scores * unit, own * own_units
    # In units of their own, so that the pseudo-inverse sees states and inputs alike.
    units = np.abs(own).max(axis=0)
    if not units.all():
        raise InputError("control: expected inputs that do not all vanish; use dynamic_modes")
    sizes = np.linalg.norm(scores[:-1], axis=0)
    columns = np.concatenate([scores[:-1] / np.where(sizes > 0, sizes, 1), own / units], axis=1)
    sigma = np.linalg.svd(columns, compute_uv=False)
    if len(columns) < columns.shape[1] or sigma[-1] <= _ROUND_OFF * sigma[0]:
        raise InputError(
            f"control: {len(columns)} steps do not tell {scores.shape[1]} states and "
            f"{w.shape[1]} inputs apart; lower rank, or bring inputs that vary more"
        )
    r = scores.shape[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of condition numbers, which were looked at
        found = dmd.DMDc(svd_rank=r, svd_rank_omega=columns.shape[1])
        found.fit(scores.T, own.T)
    U = found.basis  # the scores in the coordinates of PyDMD
    model = ControlledModes(
        basis=basis,
        matrix=U @ found.operator.as_numpy_array @ U.conj().T,
        control_matrix=found.B * (own_units / unit),
        initial=scores[0] / unit,
        start=float(whole.times[0]),
        step=kept.step,
        is_real=whole.is_real,
        error=0.0,
        held_out_error=None,
    )
    fields = model.predict(whole.times, w)
    n = len(kept.times)
    return replace(
        model,
        error=kept.error_of(fields[:n]),
        held_out_error=rest.error_of(fields[n:]) if held_out else None,
    )


def _inputs(control: Any, count: int | None, is_real: bool) -> Array:
    """Return inputs (steps, q)."""
    w = np.asarray(as_floating(control, "control"))
    w = w[:, None] if w.ndim == 1 else w
    if w.ndim != 2 or w.size == 0 or count not in (None, w.shape[1]):
        raise InputError(
            f"control: expected shape (steps, {'q' if count is None else count}), got {w.shape}"
        )
    if is_real and w.dtype.kind == "c":
        raise InputError(f"control: expected real inputs, as the fields are real, got {w.dtype}")
    return require_finite(w, "control")


_ARRAYS = ("basis", "matrix", "control_matrix", "initial")
_NUMBERS = ("start", "step", "is_real", "error", "held_out_error")
