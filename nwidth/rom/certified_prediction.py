"""What a certified surrogate returns: fields, each with a bound of its error."""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError, NotConvergedError

Array = NDArray[Any]


class CertificateStatus(Enum):
    """How a certificate ended; the text of a failure is its remedy."""

    CERTIFIED = "the bound holds, and is at most rtol if one was given"
    TOO_LARGE = "the bound exceeds rtol and polishing was switched off: polish, or loosen rtol"
    MAX_ITERATIONS = "polishing reached its iteration limit: raise max_iterations or loosen rtol"
    ROUND_OFF = "the bound is down to its round-off allowance: loosen rtol"
    UNSTABLE = (
        "the stability constant is not known to be positive here, so that no residual bounds the "
        "error: drop the parameter, or give a stability bound that covers it"
    )
    FAILED = "the solver failed while polishing: check the coefficients of this sample"


@dataclass(frozen=True, repr=False)
class CertifiedPrediction:
    """Predicted fields, float64, and bounds of their errors, one per sample.

    The bounds are to the *discrete* solution on the problem's grid: the error that the surrogate
    (and the polishing solver) leave. The error of the grid itself comes on top; `discretization`
    estimates it from two grids where it was asked for.

    Attributes:
        u: whole fields `(sample, *grid)`; prescribed boundary values are exact.
        bound: upper bound of ||u - u^||_E / ||u||_E, the relative error in the energy norm.
        bound_before: the same before polishing.
        absolute_bound: upper bound of ||u - u^||_E.
        l2_bound: upper bound of the relative error in L2; looser, as it follows from the energy.
        effectivity_limit: theory's limit for the ratio of the absolute bound to the true error.
        polished: whether the solver has improved the prediction.
        iterations: iterations that it took.
        status: one `CertificateStatus` per sample.
        rtol: what was asked for, or None.
        discretization: estimated relative discretization error per sample, or None.
    """

    u: Array
    bound: Array
    bound_before: Array
    absolute_bound: Array
    l2_bound: Array
    effectivity_limit: Array
    polished: Array
    iterations: Array
    status: tuple[CertificateStatus, ...]
    rtol: float | None = None
    discretization: Array | None = None

    def __len__(self) -> int:
        return len(self.bound)

    def scalars(self, index: int) -> dict[str, float]:
        """Return the certificate of one sample as numbers, to be stored beside its field."""
        names = ["bound", "bound_before", "l2_bound", "polished", "iterations"]
        if self.discretization is not None:
            names.append("discretization")
        return {name: float(getattr(self, name)[index]) for name in names}

    def checked(self) -> Self:
        """Return the prediction itself, or raise if any sample missed its tolerance."""
        failed = [i for i, s in enumerate(self.status) if s is not CertificateStatus.CERTIFIED]
        if not failed:
            return self
        first = failed[0]
        raise NotConvergedError(
            f"certificate: {len(failed)} of {len(self)} samples are not certified to "
            f"rtol = {self.rtol:g}; sample {first}: {self.status[first].value} "
            f"(bound {self.bound[first]:.1e})"
        )

    @classmethod
    def join(cls, parts: "list[CertifiedPrediction]") -> "CertifiedPrediction":
        """Return several chunks as one.

        Raises `InputError` for no chunks, or chunks that were asked for different things.
        """
        if not parts:
            raise InputError("join: expected at least one certified prediction, got none")
        optional = {(part.rtol, part.discretization is None) for part in parts}
        if len(optional) > 1:
            raise InputError("join: expected chunks certified with the same rtol and options")
        values: dict[str, Any] = {}
        for item in fields(cls):
            pieces = [getattr(part, item.name) for part in parts]
            if item.name == "status":
                values["status"] = tuple(status for piece in pieces for status in piece)
            elif item.name == "rtol" or pieces[0] is None:
                values[item.name] = pieces[0]
            else:
                values[item.name] = np.concatenate(pieces)
        return cls(**values)

    def __repr__(self) -> str:
        asked = "" if self.rtol is None else f", asked for {self.rtol:g}"
        lines = [
            f"CertifiedPrediction of {len(self)} fields {self.u.shape[1:]}",
            f"  relative energy error at most {_range(self.bound)}{asked}",
            f"  before polishing {_range(self.bound_before)}; polished "
            f"{int(self.polished.sum())}, {int(self.iterations.sum())} iterations in all",
            "  these bounds are to the discrete solution on the problem's grid;",
        ]
        if self.discretization is None:
            lines.append("  the error of the grid itself was not estimated")
        else:
            lines.append(f"  the error of the grid itself is about {_range(self.discretization)}")
        missed = [s for s in self.status if s is not CertificateStatus.CERTIFIED]
        if missed:
            lines.append(f"  {len(missed)} not certified: {missed[0].value}")
        return "\n".join(lines)


def _range(values: Array) -> str:
    """Return median and maximum."""
    if values.size == 0:
        return "nothing"
    return f"{np.median(values):.2e} (median), {np.max(values):.2e} (worst)"
