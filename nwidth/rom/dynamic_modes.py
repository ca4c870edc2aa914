"""Dynamic mode decomposition: modes of a trajectory that grow, decay and turn, each at one rate."""

import warnings
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_choice, require_integer, require_number
from nwidth.arrays import power_of_two, real_floating, require_finite, require_shape
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.pod import pod
from nwidth.rom.trajectory import Trajectory

Array = NDArray[Any]

METHODS = ("exact", "optimized")
_KIND = "dynamic-modes"
# Eigenvalues of one step below this part of the largest are those of noise.
_NOTHING = 1e-14
# Relative misfit at which the search for rates ends, and how many steps it may take.
_TOLERANCE, _STEPS = 1e-10, 60
# Part of the times that each trial of the bagged decomposition sees.
_BAG = 0.6


class DynamicModesStatus(Enum):
    """Whether the search for the rates ended well; the text of a failure is its remedy."""

    CONVERGED = "the rates fit the data to the tolerance of the search"
    STALLED = (
        "the best rates found leave `error` of the data: noise, or too few modes; take trials to "
        "see how sure they are, or another rank"
    )


@dataclass(frozen=True, eq=False)
class DynamicModes:
    """Fields u(t) ~ sum_k b_k phi_k exp(omega_k (t - t_0)).

    `modes` phi_k (r, *shape) and `amplitudes` b_k (r,) complex, `rates` omega_k (r,): the real part
    is growth, the imaginary part angular frequency. `start` t_0; `is_real` whether the data were.
    `error` is the misfit of the data relative to their size, `held_out_error` that of the times
    that were held out, None without; `deviations` (r,) the standard deviations of the rates over
    the trials, None without: they are no bounds. `status` of the search for the rates.

    >>> modes, one = np.array([[1.0, 2.0]], complex), np.ones(1, complex)
    >>> model = DynamicModes("exact", modes, -one, 3 * one, 0.0, True, 0.0, None, None,
    ...                      DynamicModesStatus.CONVERGED)
    >>> model.predict([0.0, 1.0]).round(3).tolist()
    [[3.0, 6.0], [1.104, 2.207]]
    """

    method: str
    modes: Array
    rates: Array
    amplitudes: Array
    start: float
    is_real: bool
    error: float
    held_out_error: float | None
    deviations: Array | None
    status: DynamicModesStatus

    @property
    def rank(self) -> int:
        """Number r of modes."""
        return len(self.rates)

    def predict(self, times: Any) -> Array:
        """Return fields (times, *shape) at any times, a number or shape (times,).

        Raises `NonFiniteError` for times at which a growing mode is beyond the range.
        """
        t = np.asarray(real_floating(times, "times"), np.float64)
        if t.ndim > 1:
            raise InputError(f"times: expected a number or shape (times,), got {t.shape}")
        require_finite(t, "times")
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            factors = np.exp(np.multiply.outer(t - self.start, self.rates)) * self.amplitudes
            u = np.tensordot(factors, self.modes, axes=(-1, 0))
        if not np.isfinite(u).all():
            raise NonFiniteError(
                "prediction: expected finite numbers, but a growing mode is beyond the range; "
                f"stay nearer to the data, which start at {self.start:g}"
            )
        single = self.modes.dtype == np.complex64
        u = u.astype(np.complex64) if single else u
        return np.ascontiguousarray(u.real) if self.is_real else u

    def save(self, path: str | Path) -> None:
        """Write the modes to one HDF5 file, whole or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.deviations is not None:
            arrays["deviations"] = self.deviations
        told = {name: getattr(self, name) for name in _NUMBERS}
        save_archive(path, _KIND, arrays, {**told, "status": self.status.name})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read modes back; executes nothing, opens no other file and needs no PyDMD."""
        arrays, told = load_archive(path, _KIND)
        try:
            parts: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
            parts |= {name: told[name] for name in _NUMBERS}
            status = DynamicModesStatus[told["status"]]
            found = cls(**parts, deviations=arrays.get("deviations"), status=status)
            r = len(found.modes)
            for name, kind in (("rates", "c"), ("amplitudes", "c"), ("deviations", "f")):
                numbers = getattr(found, name)
                if numbers is not None:
                    require_finite(require_shape(numbers, (r,), name), name)
                    if numbers.dtype.kind != kind or (kind == "f" and (numbers < 0).any()):
                        raise InputError(f"{name}: expected numbers of another kind")
            require_finite(found.modes, "modes")
            require_choice(found.method, "method", METHODS)
            if found.modes.ndim < 2 or found.modes.dtype.kind != "c" or found.modes.size == 0:
                raise InputError(f"modes: expected complex fields, got {found.modes.shape}")
            require_misfits(told)
            found.predict(require_number(found.start, "start", "(-inf, inf)"))
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not dynamic modes ({error})") from None
        return found


def dynamic_modes(
    data: Any,
    times: Any = None,
    *,
    method: str = "exact",
    rank: int | None = None,
    rtol: float = 1e-8,
    held_out: int = 0,
    trials: int = 0,
    seed: int = 0,
    output: str | None = None,
    sample: int = 0,
) -> DynamicModes:
    """Return the modes and rates of a trajectory, computed by PyDMD from its POD scores.

        exact:      Y X^+ phi_k = exp(omega_k dt) phi_k,   X = [u_0 ... u_{T-1}], Y = [u_1 ... u_T]
        optimized:  sum_j ||u(t_j) - sum_k b_k phi_k exp(omega_k t_j)||^2 = min over omega, b phi

    The second takes times in any distance and is not biased by noise; with `trials`, random parts
    of the times give mean and deviation of the rates (bagging). References: Tu, Rowley,
    Luchtenburg, Brunton & Kutz (2014), doi:10.3934/jcds.2014.1.391; Askham & Kutz (2018),
    doi:10.1137/M1124176; Sashidhar & Kutz (2022), doi:10.1098/rsta.2021.0199; PyDMD: Demo, Tezzele
    & Rozza (2018), doi:10.21105/joss.00530.

    Args:
        data: fields (times, *shape), real or complex, or a `FieldDataset`.
        times: of an array, increasing; 0, 1, 2, ... by default. "exact" needs equal steps.
        method: "exact" or "optimized". With inputs: `controlled_modes`.
        rank: number of modes; by default that of the POD modes with sigma_k > rtol sigma_1.
        rtol: good values: 1e-8 for exact data, the level of the noise for others.
        held_out: so many last times are kept from the fit, and give `held_out_error`.
        trials: of "optimized"; good values: 0, or 20 to 100.
        seed: an integer, of the trials.
        output: name of the field of a data set; not needed if it has one only.
        sample: the number of its trajectory.

    Raises `ImportError` without PyDMD; `InputError` for data that vanish, too few times, times that
    do not suit the method and ranks that the data do not have.
    """
    dmd = require_pydmd()
    require_choice(method, "method", METHODS)
    if require_integer(trials, "trials", 0) and method != "optimized":
        raise InputError("trials: expected 0 with method='exact'; use method='optimized'")
    require_integer(seed, "seed", 0)
    whole = Trajectory.of(data, times, output, sample)
    kept, rest = whole.cut(held_out)
    basis, scores = reduced(kept, rank, rtol)
    # Squares of very large or small numbers would leave the range.
    unit = power_of_two(scores.view(np.float64))
    scores = scores * unit
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if method == "exact":
            small, rates, amplitudes = _exact(dmd, scores, kept.step)
            deviations = None
        else:
            found = _optimized(dmd, scores, kept.times - kept.times[0], trials, seed)
            small, rates, amplitudes = found.modes, found.eigs, found.amplitudes
            deviations = found.eigenvalues_std if trials else None
    modes = np.tensordot(small.T, basis, axes=(-1, 0))
    model = DynamicModes(
        method=method,
        modes=modes.astype(np.complex64 if basis.real.dtype == np.float32 else np.complex128),
        rates=np.asarray(rates, np.complex128),
        amplitudes=np.asarray(amplitudes, np.complex128) / unit,
        start=float(kept.times[0]),
        is_real=whole.is_real,
        error=0.0,
        held_out_error=None,
        deviations=None if deviations is None else np.asarray(deviations, np.float64),
        status=DynamicModesStatus.CONVERGED,
    )
    late = any("failed to converge" in str(warning.message) for warning in told)
    error = kept.error_of(model.predict(kept.times))
    late &= error > _TOLERANCE
    return replace(
        model,
        error=error,
        held_out_error=rest.error_of(model.predict(rest.times)) if held_out else None,
        status=DynamicModesStatus.STALLED if late else DynamicModesStatus.CONVERGED,
    )


def require_pydmd() -> ModuleType:
    """Return PyDMD, or say how to install it."""
    try:
        import pydmd
    except ModuleNotFoundError as error:
        if error.name != "pydmd":
            raise
        raise ModuleNotFoundError(
            "dynamic mode decomposition needs PyDMD, which is not installed; run: "
            "pip install nwidth[dmd]",
            name="pydmd",
        ) from None
    return pydmd


def require_misfits(told: dict[str, Any]) -> None:
    """Raise `InputError` unless a file tells errors that can be, and whether the data were real.

    >>> require_misfits({"is_real": True, "error": 0.0, "held_out_error": None})
    """
    if type(told["is_real"]) is not bool:
        raise InputError(f"is_real: expected true or false, got {told['is_real']!r:.80}")
    require_number(told["error"], "error", "[0, inf]")
    if told["held_out_error"] is not None:
        require_number(told["held_out_error"], "held_out_error", "[0, inf]")


def reduced(kept: Trajectory, rank: int | None, rtol: float) -> tuple[Array, Array]:
    """Return POD modes (r, *shape) of a trajectory and its scores (times, r).

    Decompositions of the scores are those of the fields: the modes are orthonormal.
    """
    limit = len(kept.times) - 1
    if rank is not None and require_integer(rank, "rank", 1) > limit:
        raise InputError(
            f"rank: expected at most {limit}, one less than the times, got {rank}; bring more times"
        )
    found = pod(kept.fields, rtol, max_rank=min(limit, rank or limit))
    if found.rank == 0:
        raise InputError("data: expected fields that do not all vanish; there is nothing to fit")
    if rank is not None and found.rank < rank:
        raise InputError(
            f"rank: the data have {found.rank} modes above rtol = {rtol:g}, got {rank}; lower one"
        )
    scores = found.coefficients(kept.fields)
    double = np.complex128 if scores.dtype.kind == "c" else np.float64
    return found.modes, np.ascontiguousarray(scores, double)


def _exact(dmd: ModuleType, scores: Array, step: float) -> tuple[Array, Array, Array]:
    """Return modes as columns, rates and amplitudes of the least misfit over all times."""
    found = dmd.DMD(svd_rank=scores.shape[1], exact=True, opt=True)
    try:
        found.fit(scores.T)
    except np.linalg.LinAlgError:
        raise InputError(
            f"rank: the {scores.shape[1]} modes are not independent; take fewer, or a larger rtol"
        ) from None
    alive = np.abs(found.eigs) > _NOTHING * np.abs(found.eigs).max()
    rates = np.log(found.eigs[alive].astype(np.complex128)) / step
    return found.modes[:, alive], rates, found.amplitudes[alive]


def _optimized(dmd: ModuleType, scores: Array, times: Array, trials: int, seed: int) -> Any:
    """Return PyDMD's fit. Its trials draw from NumPy's global state, which is left as it was."""
    found = dmd.BOPDMD(
        svd_rank=scores.shape[1],
        num_trials=trials,
        trial_size=_BAG,
        varpro_opts_dict={"tol": _TOLERANCE, "maxiter": _STEPS},
    )
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        return found.fit(scores.T, times)
    finally:
        np.random.set_state(state)  # noqa: NPY002


_ARRAYS = ("modes", "rates", "amplitudes")
_NUMBERS = ("method", "start", "is_real", "error", "held_out_error")
