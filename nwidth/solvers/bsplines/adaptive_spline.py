"""A spline that stands in for a function, with the sites it was found by and how that ended."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, NotConvergedError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.spline import Spline

Array = NDArray[Any]

_KIND = "adaptive-spline"


class AdaptiveStatus(Enum):
    """How the search for knots ended; the text of a failure is its remedy."""

    CONVERGED = "the tolerance was reached"
    BUDGET = (
        "the budget of evaluations is spent: raise max_evaluations, loosen rtol beyond the noise "
        "of the values, or give atol where the function comes close to zero"
    )
    NOT_SMOOTH = (
        "the function jumps, or is no function of x alone: end the interval there, or split it "
        "in two"
    )
    ROUNDING = (
        "the tolerance is below what the rounding of the function's values allows: loosen rtol or "
        "atol"
    )
    UNSETTLED = (
        "the spline on these knots still differs from polynomials through neighbours: loosen rtol, "
        "give breaks where the function has kinks, or take degree 3"
    )


class AdaptiveSpline(Spline):
    """A spline through all values that were computed: call it instead of the function.

    It has all that a `Spline` has: s(x), s(x, order), `derivative()`, `antiderivative()`,
    `integral(a, b)`. What `auto_knots` returns; `save` and `load` keep it in a file.

    Attributes:
        sites, values: where the function was evaluated, (n,), increasing, and what it gave,
            (n, *components); s(sites) are these values but for rounding.
        errors: the estimated error in each interval between sites, (n - 1,), over the error
            allowed; one or less where the tolerance is met.
        status: how the search ended, an `AdaptiveStatus`; `checked()` raises if not CONVERGED.
        rtol, atol: the tolerance, |s - f| <= rtol |f| + atol, the latter for each component.
        evaluations, rounds: number of values computed, and of calls they came by.
        places: where the function does not look smooth, if that is the status.
    """

    def __init__(
        self,
        knots: KnotVector,
        coefficients: Any,
        sites: Array,
        values: Array,
        *,
        errors: Array,
        status: AdaptiveStatus,
        rtol: float,
        atol: Any,
        rounds: int = 0,
        places: Sequence[float] = (),
    ):
        super().__init__(knots, coefficients)
        self.sites, self.values, self.errors = sites, values, errors
        self.status, self.rtol, self.atol = status, rtol, atol
        self.rounds, self.places = rounds, tuple(places)

    @property
    def evaluations(self) -> int:
        """Number of values that were computed: each is a site."""
        return len(self.sites)

    @property
    def error(self) -> float:
        """The largest estimated error, over the error allowed."""
        return float(self.errors.max())

    def allowed(self, x: Any) -> Array:
        """Return the error allowed at points x, by the values of the spline."""
        return self.rtol * np.abs(self(x)) + self.atol

    def checked(self) -> "AdaptiveSpline":
        """Return the spline itself, or raise with the remedy if the tolerance was not reached."""
        if self.status is AdaptiveStatus.CONVERGED:
            return self
        where = f" (near x = {', '.join(f'{x:.10g}' for x in self.places[:3])})"
        raise NotConvergedError(
            f"auto_knots: {self.status.value}{where if self.places else ''}; {self.evaluations} "
            f"evaluations, largest error about {self.error:.1e} times the one allowed"
        )

    def save(self, path: str | Path) -> None:
        """Write everything to a file, whole or not at all."""
        arrays = {
            "knots": self.knots.values,
            "coefficients": self.coefficients,
            "sites": self.sites,
            "values": self.values,
            "errors": self.errors,
            "atol": np.asarray(self.atol),
            "places": np.array(self.places, np.float64),
        }
        description = {
            "degree": self.degree,
            "status": self.status.name,
            "rtol": self.rtol,
            "rounds": self.rounds,
        }
        save_archive(path, _KIND, arrays, description)

    @classmethod
    def load(cls, path: str | Path) -> "AdaptiveSpline":
        """Return the spline that `save` wrote; raises `FileFormatError` for other files."""
        arrays, description = load_archive(path, _KIND)
        try:
            _require_fitting(arrays)
            return cls(
                KnotVector(arrays["knots"], description["degree"]),
                arrays["coefficients"],
                arrays["sites"],
                arrays["values"],
                errors=arrays["errors"],
                status=AdaptiveStatus[description["status"]],
                rtol=description["rtol"],
                atol=arrays["atol"],
                rounds=description["rounds"],
                places=tuple(arrays["places"].tolist()),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(
                f"{path}: expected an adaptive spline, but {error!r:.100}; write it anew"
            ) from None

    def __repr__(self) -> str:
        return (
            f"AdaptiveSpline(degree {self.degree}, {self.evaluations} evaluations on "
            f"[{self.basis.lower:g}, {self.basis.upper:g}], {self.status.name})"
        )


def _require_fitting(arrays: dict[str, Any]) -> None:
    """Raise `ValueError` for arrays that do not belong to each other."""
    n, components = len(arrays["sites"]), arrays["coefficients"].shape[1:]
    wanted = {"sites": (n,), "values": (n, *components), "errors": (n - 1,), "atol": components}
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} of shape {arrays[name].shape}, not {shape}")


def through(pieces: Sequence[tuple[Array, Array]], degree: int) -> tuple[KnotVector, Array]:
    """Return knots and coefficients of the spline through sites and values of adjoining pieces.

    Each piece is interpolated with knots at its sites but those next to the ends (not-a-knot; of
    even degrees, between the sites); the last site of one is the first of the next, where the
    spline is continuous, no more.
    """
    first, *others = (make_interp_spline(x, y, degree) for x, y in pieces)
    knots, coefficients = first.t, first.c
    for s in others:
        knots = np.concatenate([knots[:-1], s.t[degree + 1 :]])
        coefficients = np.concatenate([coefficients, s.c[1:]])
    return KnotVector(knots, degree), coefficients
