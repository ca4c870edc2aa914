"""The size of the next step, from the estimated error of the last ones."""

from dataclasses import dataclass

from nwidth.arguments import require_number

# Steps change by no more than these factors, do not grow for less than the third one, and where
# they shrink, then at once by the last one.
SMALLEST, LARGEST, WORTHWHILE, SHRUNK = 0.2, 5.0, 1.5, 0.8
SAFETY = 0.9
# Exponents of the last error and of the one before, times the order; errors count as no smaller.
NOW, BEFORE, LEAST = -0.7, 0.4, 1e-10


@dataclass
class StepControl:
    """A proportional-integral controller of the error in each step.

        h_new = 0.9 h e^(-0.7/q) e_old^(0.4/q),   e = ||error|| / (atol + rtol ||v||)

    q is one more than the lower order of the pair. Steps with e > 1 are repeated. Exponential and
    implicit methods have coefficients for each step size, so steps only change if it is worthwhile,
    and then for some while. Reference: Gustafsson (1991), doi:10.1145/210232.210242; Hairer &
    Wanner (1996), doi:10.1007/978-3-642-05221-7, section IV.2.

    >>> control = StepControl(rtol=1e-6, order=4)
    >>> control.next(0.1, 2.0, accepted=False) < 0.1
    True
    """

    rtol: float
    order: int
    atol: float = 0.0
    previous: float = 1.0

    def __post_init__(self) -> None:
        self.rtol = require_number(self.rtol, "rtol", "(0, 1)")
        self.atol = require_number(self.atol, "atol", "[0, inf)")

    def excess(self, error: float, size: float) -> float:
        """Return e, at most 1 for a step that counts."""
        allowed = self.atol + self.rtol * size
        return error / allowed if allowed > 0 else (0.0 if error == 0 else float("inf"))

    def next(self, h: float, excess: float, *, accepted: bool) -> float:
        """Return the size of the next step."""
        if not excess < float("inf"):
            return SMALLEST * h
        excess = max(excess, LEAST)
        if not accepted:
            return h * min(max(SAFETY * excess ** (-1 / self.order), SMALLEST), SAFETY)
        now, before = NOW / self.order, BEFORE / self.order
        factor = SAFETY * excess**now * self.previous**before
        self.previous = excess
        if 1 <= factor < WORTHWHILE:
            return h
        return h * (max(min(factor, SHRUNK), SMALLEST) if factor < 1 else min(factor, LARGEST))

    def numbers(self) -> tuple[float, ...]:
        """Return what a compiled loop needs to go on while `next` keeps the size of steps."""
        now, before = NOW / self.order, BEFORE / self.order
        return self.atol, self.rtol, SAFETY, WORTHWHILE, LEAST, now, before, self.previous
