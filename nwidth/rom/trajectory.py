"""One trajectory: fields at times, of an array or of a sample of a data set."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import real_floating, require_finite
from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.rom.field_basis import field_rows
from nwidth.rom.matrix_products import frobenius_norm

Array = NDArray[Any]

# Steps of uniform times may differ by this part, as times that were printed and read do.
_UNIFORM = 1e-5


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Fields u(t_j), shape (times, *shape), real or complex, at increasing `times`.

    >>> one = Trajectory.of(np.ones((4, 5)), [0.0, 0.5, 1.0, 1.5])
    >>> one.step, len(one.cut(1)[0].times)
    (0.5, 3)
    """

    fields: Array
    times: Array

    @classmethod
    def of(cls, data: Any, times: Any = None, output: str | None = None, sample: int = 0) -> Self:
        """Return that of an array (times, *shape), or of one sample of a data set.

        Args:
            data: the array, or a `FieldDataset` with times.
            times: increasing, of an array; 0, 1, 2, ... by default.
            output: name of the field of a data set; not needed if it has one only.
            sample: its number.

        Raises `InputError` for fewer than three times and times that do not increase,
        `NonFiniteError` for NaN.
        """
        if isinstance(data, FieldDataset):
            if times is not None or data.times is None:
                raise InputError("times: expected a data set that has its own, and none besides")
            names = data.field_names if output is None else (output,)
            if len(names) != 1:
                raise InputError(f"output: expected one of {', '.join(names)}, got None")
            view = data[names[0]]
            if data.layout.fields[names[0]].constant:
                raise InputError(f"{names[0]}: expected a field that changes in time")
            if require_integer(sample, "sample", 0) >= len(data):
                raise InputError(f"sample: expected less than {len(data)}, got {sample}")
            data, times = view[sample], data.times
        fields = field_rows(data, "data")
        t = np.arange(len(fields)) if times is None else np.asarray(real_floating(times, "times"))
        t = np.array(t, np.float64)
        if t.shape != (len(fields),) or len(t) < 3:
            raise InputError(
                f"times: expected three or more, one for each field, got shape {t.shape} for "
                f"{len(fields)} fields"
            )
        if not (np.diff(require_finite(t, "times")) > 0).all():
            raise InputError("times: expected increasing ones")
        return cls(fields, t)

    @property
    def is_real(self) -> bool:
        """Whether the fields are real."""
        return self.fields.dtype.kind == "f"

    @property
    def step(self) -> float:
        """The step of uniform times; raises `InputError` for others."""
        steps = np.diff(self.times)
        if np.ptp(steps) > _UNIFORM * steps.mean():
            raise InputError(
                f"times: expected equal steps, got {steps.min():g} to {steps.max():g}; "
                "dynamic_modes with method='optimized' takes any times"
            )
        return float(steps.mean())

    def cut(self, last: int) -> tuple["Trajectory", "Trajectory"]:
        """Return the trajectory without its last so many times, and these."""
        last = require_integer(last, "held_out", 0)
        n = len(self.times) - last
        if n < 3:
            raise InputError(
                f"held_out: expected at most {len(self.times) - 3} of {len(self.times)} times, "
                f"got {last}"
            )
        return Trajectory(self.fields[:n], self.times[:n]), Trajectory(
            self.fields[n:], self.times[n:]
        )

    def error_of(self, fields: Any) -> float:
        """Return ||fields - own|| / ||own|| over all times."""
        own = self.fields.astype(np.complex128)
        return frobenius_norm(fields - own) / (frobenius_norm(own) or 1.0)
