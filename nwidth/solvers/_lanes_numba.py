"""A vector of numbers, one per sample, as a value in compiled code.

`LANES` samples lie side by side. `load(array, k)` reads their float32 or float64 values at flat
index k of a contiguous array, `store` writes them, `spread(array, k)` gives all of them the one
entry k; + - * / act lane by lane, `total` adds the lanes up, `widen` goes to float64 and `narrow`
back. The compiler would
find these vectors in loops over lanes too, but only after tests at run time that no two of the
arrays overlap, which cost more than the arithmetic.

Every lane sees the same operations in the same order, whatever lies in the others.

Numba knows kernels on disk by the contents of their own file alone: after a change in this one,
`LANES` above all, delete the `.nbi` files in the `__pycache__` folders of `nwidth/solvers`.
"""

import operator

from llvmlite import ir
from numba import get_num_threads, types
from numba.extending import (
    intrinsic,
    lower_builtin,
    models,
    register_model,
    type_callable,
)

__all__ = [
    "LANES",
    "fill",
    "get_num_threads",
    "load",
    "narrow",
    "spread",
    "store",
    "total",
    "widen",
]

#: Samples side by side.
LANES = 8

# Sums of products may be contracted to fused multiply-adds, which all lanes are alike.
_FLAGS = ("contract",)


class Lanes(types.Type):
    """The type of `LANES` numbers of 32 or 64 bits."""

    def __init__(self, bits):
        self.bits = bits
        super().__init__(name=f"Lanes(float{bits} x {LANES})")


LANES32, LANES64 = Lanes(32), Lanes(64)


def _vector(lanes):
    return ir.VectorType(ir.FloatType() if lanes.bits == 32 else ir.DoubleType(), LANES)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, _vector(lanes))


def _pointer(context, builder, array_type, array, k, lanes):
    """Return the address of entry k as that of a vector."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [k]), _vector(lanes).as_pointer())


def _of(array):
    """Return the type of the lanes of an array, None for one that has none."""
    if isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C":
        return {types.float32: LANES32, types.float64: LANES64}.get(array.dtype)
    return None


@intrinsic
def load(context, array, k):
    """Return the lanes from flat index k on."""
    lanes = _of(array)
    if lanes is None or not isinstance(k, types.Integer):
        return None

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, array, arguments[0], arguments[1], lanes)
        return builder.load(pointer, align=lanes.bits // 8)

    return lanes(array, types.intp), generate


@intrinsic
def store(context, array, k, value):
    """Write lanes from flat index k on."""
    lanes = _of(array)
    if lanes is None or value != lanes:
        return None

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, array, arguments[0], arguments[1], lanes)
        builder.store(arguments[2], pointer, align=lanes.bits // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


@intrinsic
def widen(context, value):
    """Return float32 lanes as float64."""

    def generate(context, builder, signature, arguments):
        return builder.fpext(arguments[0], _vector(LANES64))

    return (LANES64(LANES32), generate) if value == LANES32 else None


@intrinsic
def narrow(context, value):
    """Return float64 lanes rounded to float32."""

    def generate(context, builder, signature, arguments):
        return builder.fptrunc(arguments[0], _vector(LANES32))

    return (LANES32(LANES64), generate) if value == LANES64 else None


@intrinsic
def fill(context, value):
    """Return lanes that all hold one number, float32 or float64."""
    lanes = {types.float32: LANES32, types.float64: LANES64}.get(value)
    if lanes is None:
        return None

    def generate(context, builder, signature, arguments):
        return _filled(builder, lanes, arguments[0])

    return lanes(value), generate


@intrinsic
def spread(context, array, k):
    """Return lanes that all hold entry k of an array, as `fill(array[k])`; k is not negative."""
    lanes = _of(array)
    if lanes is None or not isinstance(k, types.Integer):
        return None

    def generate(context, builder, signature, arguments):
        data = context.make_array(array)(context, builder, arguments[0]).data
        return _filled(builder, lanes, builder.load(builder.gep(data, [arguments[1]])))

    return lanes(array, types.intp), generate


@intrinsic
def total(context, value):
    """Return the sum of the lanes, halves added to halves."""
    if not isinstance(value, Lanes):
        return None

    def generate(context, builder, signature, arguments):
        (vector,) = arguments
        width = LANES // 2
        while width:
            halves = [
                builder.shuffle_vector(
                    vector,
                    ir.Constant(vector.type, ir.Undefined),
                    ir.Constant(
                        ir.VectorType(ir.IntType(32), width),
                        [ir.Constant(ir.IntType(32), first + i) for i in range(width)],
                    ),
                )
                for first in (0, width)
            ]
            vector = builder.fadd(*halves)
            width //= 2
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return (types.float64 if value == LANES64 else types.float32)(value), generate


def _filled(builder, lanes, value):
    vector = ir.Constant(_vector(lanes), ir.Undefined)
    for lane in range(LANES):
        vector = builder.insert_element(vector, value, ir.Constant(ir.IntType(32), lane))
    return vector


def _arithmetic(function, instruction):
    """Teach an operator to act lane by lane."""

    @type_callable(function)
    def typing(context):
        def result(a, b):
            return a if isinstance(a, Lanes) and a == b else None

        return result

    @lower_builtin(function, Lanes, Lanes)
    def lower(context, builder, signature, arguments):
        return getattr(builder, instruction)(*arguments, flags=_FLAGS)


for _function, _instruction in {
    operator.add: "fadd",
    operator.iadd: "fadd",
    operator.sub: "fsub",
    operator.mul: "fmul",
    operator.truediv: "fdiv",
}.items():
    _arithmetic(_function, _instruction)
