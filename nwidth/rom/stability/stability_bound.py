"""Lower bounds of stability constants: what every one of them can do, and how they are read."""

from enum import Enum
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, require_finite
from nwidth.errors import FileFormatError, InputError

Array = NDArray[Any]


class SearchStatus(Enum):
    """Why a search for samples ended; the text of a failure is its remedy.

    >>> SearchStatus.MAX_SAMPLES.value
    'the number of samples was reached: raise max_samples or loosen rtol'
    """

    CONVERGED = "the gap was reached on the whole training set"
    MAX_SAMPLES = "the number of samples was reached: raise max_samples or loosen rtol"
    ROUND_OFF = "the largest gap is at a sample, where it is round-off: loosen rtol"


@runtime_checkable
class StabilityBound(Protocol):
    """A guaranteed lower bound of the stability constant of A(theta) = sum_q theta_q A_q.

        coercivity:  alpha(theta) = min_v  Re v^H A(theta) v / v^H X v
        inf-sup:     beta(theta)  = min_w max_v  |v^H A(theta) w| / (||v||_X ||w||_X)

    Errors are at most the dual norm of the residual over either. Reference: Rozza, Huynh & Patera
    (2008), doi:10.1007/s11831-008-9019-9, sections 2.3 and 4.2.
    """

    #: Which bound this is, in words, as reports say it.
    name: ClassVar[str]
    #: What it bounds: "coercivity" or "inf-sup".
    constant: ClassVar[str]

    @property
    def terms(self) -> int:
        """Q, the number of coefficients."""
        ...

    def lower(self, theta: Any) -> Array:
        """Return lower bounds (m,) for coefficients (m, Q); -inf or <= 0 says nothing is known."""
        ...

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays, and a description whose "name" is that of the bound."""
        ...

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return the bound of what `archived` gave, or raise `FileFormatError`."""
        ...


def stability_from_archived(arrays: dict[str, Array], told: dict[str, Any]) -> StabilityBound:
    """Return the bound of what `archived` gave, whichever it was.

    Raises `FileFormatError` for a bound that is not known here and for data that makes none.

    >>> from nwidth.rom.stability.min_theta import MinTheta
    >>> bound = MinTheta([[1.0, 1.0]], [0.5])
    >>> stability_from_archived(*bound.archived()).lower([[2.0, 3.0]]).round(12).tolist()
    [1.0]
    """
    from nwidth.rom import stability

    kinds: tuple[type[StabilityBound], ...] = (
        stability.MinTheta,
        stability.SuccessiveConstraints,
        stability.EigenvalueInterpolation,
        stability.InfSupAnchors,
    )
    name = told.get("name") if isinstance(told, dict) else None
    for kind in kinds:
        if kind.name == name:
            return kind.from_archived(arrays, told)
    known = ", ".join(kind.name for kind in kinds)
    raise FileFormatError(f"stability bound: expected one of {known}, got {name!r:.80}")


def require_coefficients(theta: Any, terms: int, *, allow_complex: bool = False) -> Array:
    """Return coefficients as float64 or complex128 of shape (m, Q), or raise `InputError`.

    >>> require_coefficients([1, 2], 2).tolist()
    [[1.0, 2.0]]
    """
    theta = as_floating(theta if hasattr(theta, "dtype") else np.asarray(theta), "theta")
    theta = np.atleast_2d(theta)
    if theta.ndim != 2 or theta.shape[1] != terms:
        raise InputError(
            f"theta: expected shape (m, {terms}), one coefficient per term, got {theta.shape}"
        )
    if theta.dtype.kind == "c" and not allow_complex:
        raise InputError(
            "theta: expected real coefficients, as this bound is of a Hermitian problem, got "
            f"{theta.dtype}; drop imaginary parts that are zero, or bound the inf-sup constant"
        )
    wide = np.complex128 if theta.dtype.kind == "c" else np.float64
    return require_finite(theta.astype(wide, copy=False), "theta")


def stability_of(stability: StabilityBound, theta: Array) -> Array:
    """Return lower bounds (m,) for coefficients (m, Q), complex ones without imaginary part too.

    Those of a complex problem are complex numbers, also where its matrices are Hermitian.

    >>> from nwidth.rom.stability.min_theta import MinTheta
    >>> stability_of(MinTheta([[1.0]], [0.5]), np.array([[2.0 + 0j]])).round(12).tolist()
    [1.0]
    """
    real = theta.dtype.kind != "c" or not theta.imag.any()
    return np.array(stability.lower(theta.real if real else theta), np.float64)


def require_stable(stability: StabilityBound, theta: Any, parameters: Any = None) -> Array:
    """Return the lower bounds of coefficients (m, Q), or raise where one is not positive.

    Args:
        stability: the bound.
        theta: coefficients (m, Q).
        parameters: the parameters (m, p) they belong to, for the message.

    Raises `InputError` that names the first sample that is not known to be stable.

    >>> from nwidth.rom.stability.min_theta import MinTheta
    >>> require_stable(MinTheta([[1.0, 1.0]], [0.5]), [[2.0, 3.0], [1.0, -4.0]])
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: sample 1: expected a positive coercivity constant, got the lower \
bound -inf (min-theta) for theta = [1.0, -4.0] (1 of 2 samples); drop these parameters or choose \
another bound
    """
    bounds = stability_of(stability, np.asarray(as_floating(theta, "theta")))
    bad = np.flatnonzero(~(bounds > 0))
    if len(bad) == 0:
        return bounds
    k = int(bad[0])
    where = f"theta = {np.atleast_2d(theta)[k].tolist()!r:.120}"
    if parameters is not None:
        where = f"mu = {np.asarray(parameters)[k].tolist()!r:.120}, {where}"
    raise InputError(
        f"sample {k}: expected a positive {stability.constant} constant, got the lower bound "
        f"{bounds[k]:.3g} ({stability.name}) for {where} ({len(bad)} of {len(bounds)} samples); "
        "drop these parameters or choose another bound"
    )


def relative_gap(lower: Any, upper: Any) -> Any:
    """Return 1 - lower / upper; infinite where the upper bound is not a positive number.

    It is at least one where the lower bound is not positive.

    >>> relative_gap(np.array([1.0, -1.0, 0.5]), np.array([2.0, 1.0, np.inf])).tolist()
    [0.5, 2.0, inf]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isfinite(upper) & (upper > 0), 1 - lower / upper, np.inf)
