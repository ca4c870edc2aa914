"""Lanes in another order: reversed, and squares of them transposed.

Both are moves between registers; through memory they would wait for the stores.
"""

from llvmlite import ir
from numba.extending import intrinsic

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, LANES32, LANES64

__all__ = ["LANES", "reverse", "transpose"]


def _shuffle(builder, a, b, order):
    mask = ir.Constant(
        ir.VectorType(ir.IntType(32), LANES), [ir.Constant(ir.IntType(32), i) for i in order]
    )
    return builder.shuffle_vector(a, b, mask)


@intrinsic
def reverse(context, value):
    """Return lanes in reverse order."""

    def generate(context, builder, signature, arguments):
        (a,) = arguments
        return _shuffle(builder, a, a, range(LANES - 1, -1, -1))

    return (value(value), generate) if value in (LANES32, LANES64) else None


@intrinsic
def _low(context, a, b):
    """Return the first halves of both, alternating."""
    order = [i // 2 + LANES * (i % 2) for i in range(LANES)]

    def generate(context, builder, signature, arguments):
        one, other = arguments
        return _shuffle(builder, one, other, order)

    return (a(a, b), generate) if a in (LANES32, LANES64) and a == b else None


@intrinsic
def _high(context, a, b):
    """Return the second halves of both, alternating."""
    order = [(i + LANES) // 2 + LANES * (i % 2) for i in range(LANES)]

    def generate(context, builder, signature, arguments):
        one, other = arguments
        return _shuffle(builder, one, other, order)

    return (a(a, b), generate) if a in (LANES32, LANES64) and a == b else None


@njit(error_model="numpy")
def _halves(a, b, c, d, e, f, g, h):
    """Alternate the lanes of rows that are four apart: a third of a transposition."""
    return (
        *(_low(a, e), _high(a, e), _low(b, f), _high(b, f)),
        *(_low(c, g), _high(c, g), _low(d, h), _high(d, h)),
    )


@njit(error_model="numpy")
def transpose(a, b, c, d, e, f, g, h):
    """Return the columns of eight rows of eight lanes."""
    return _halves(*_halves(*_halves(a, b, c, d, e, f, g, h)))
