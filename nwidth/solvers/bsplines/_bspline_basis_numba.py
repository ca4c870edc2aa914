"""Kernels of B-splines: find the interval of a point, then the functions or the piece there.

Points come in blocks that stay in the first cache: their intervals are found in loops without
branches, then used. `shape` is a tuple of as many numbers as the degree, so that each degree in
`UNROLLED` is compiled by itself, with its triangle of numbers in registers; () and the degree stand
for all others.

The arguments of a search: breaks (n + 1,), the ends of n intervals, the last one infinite; buckets,
where the domain is cut into equal parts, the interval at the left end of each; depth, 0 for uniform
knots, which need no buckets, else the halvings that the fullest bucket needs, or, negative, its
steps from break to break; lower and upper, the domain; scale, parts per length; doubt, how near to
a break, in parts, rounding may put a point beyond it; low and high, the domain in the precision of
the points.
"""

import numpy as np
from numba import carray, get_num_threads, types
from numba.core import cgutils
from numba.extending import intrinsic

from nwidth._njit_numba import njit

__all__ = [
    "UNROLLED",
    "columns",
    "combine",
    "functions",
    "get_num_threads",
    "pieces",
    "powers",
    "write_records",
]

BLOCK = 512
UNROLLED = range(1, 8)
ONE = np.uint64(1)


@intrinsic
def registers(typingctx, shape):
    """Return len(shape) + 1 numbers of the stack, which the compiler keeps in registers."""
    count = len(shape) + 1
    pointer = types.CPointer(types.float64)

    def code(context, builder, signature, arguments):
        return cgutils.alloca_once(builder, context.get_value_type(types.float64), count)

    return pointer(shape), code


@njit(cache=True, nogil=True, error_model="numpy")
def locate(x, breaks, buckets, depth, lower, upper, scale, doubt, low, high, inside, spans):
    """Write the points, moved to the domain, and the intervals; return how many were outside."""
    n = breaks.size - 1
    last = np.float64(n - 1 if depth == 0 else buckets.size - 2)
    outside = doubtful = 0
    for i in range(x.size):
        outside += not ((x[i] >= low) & (x[i] <= high))  # NaN is outside
        z = np.float64(x[i])
        z = z if z > lower else lower
        z = z if z < upper else upper
        part = (z - lower) * scale
        whole = np.int32(part if part < last else last)
        inside[i], spans[i] = z, whole
        doubtful += (part - whole < doubt) | (part - whole > 1.0 - doubt)
    if depth == 0 and doubtful == 0:
        return outside
    if depth == 0:
        for i in range(x.size):
            z, near = inside[i], np.uint64(spans[i])
            near = near - ONE if z < breaks[near] else near
            near = near + ONE if z >= breaks[near + ONE] else near
            spans[i] = np.int32(near)
        return outside
    if depth < 0:
        for i in range(x.size):
            spans[i] = buckets[np.uint64(spans[i])]
        for _ in range(-depth):
            for i in range(x.size):
                at = np.uint64(spans[i])
                spans[i] = np.int32(at + np.uint64(inside[i] >= breaks[at + ONE]))
        return outside
    for i in range(x.size):
        z, k = inside[i], np.uint64(spans[i])
        b = np.int64(buckets[k])
        more = np.int64(buckets[k + ONE]) - b
        for _ in range(depth):
            half = (more + 1) >> 1
            b += half & -np.int64(z >= breaks[np.uint64(b + half)])
            more -= half
        spans[i] = b
    return outside


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _functions(
    x,
    begin,
    end,
    breaks,
    buckets,
    depth,
    lower,
    upper,
    scale,
    doubt,
    low,
    high,
    firsts,
    records,
    shape,
    degree,
    first,
    values,
):
    """Write values and at most first derivatives, in registers."""
    p = len(shape) if degree is None else degree
    b = carray(registers(shape), p + 1) if degree is None else np.empty(p + 1)
    slopes = values.shape[0] > 1
    width = np.uint64(2 * p + (p * (p + 1)) // 2)
    inside, spans = np.empty(BLOCK), np.empty(BLOCK, np.int32)
    outside = 0
    for start in range(begin, end, BLOCK):
        m = min(BLOCK, end - start)
        part = x[start : start + m]
        outside += locate(
            part, breaks, buckets, depth, lower, upper, scale, doubt, low, high, inside, spans
        )
        write_first(first[start : start + m], spans, firsts)
        for i in range(m):
            z, r = inside[i], np.uint64(spans[i]) * width
            b[0] = 1.0
            for q in range(1, p + 1):
                inverses = r + np.uint64(2 * p + (q * (q - 1)) // 2)
                if q == p and slopes:
                    right = 0.0
                    for j in range(p):
                        term = p * (b[j] * records[inverses + np.uint64(j)])
                        values[1, start + i, j] = right - term
                        right = term
                    values[1, start + i, p] = right
                right = 0.0
                for j in range(q):
                    term = b[j] * records[inverses + np.uint64(j)]
                    b[j] = right + (records[r + np.uint64(p + j)] - z) * term
                    right = (z - records[r + np.uint64(p - q + j)]) * term
                b[q] = right
            for j in range(p + 1):
                values[0, start + i, j] = b[j]
    if p == 0:
        values[1:, begin:end] = 0.0
    return outside


@njit(cache=True, nogil=True, error_model="numpy")
def write_first(first, spans, firsts):
    """Write the first function on each of some intervals."""
    if firsts.size == 0:
        for i in range(first.size):
            first[i] = spans[i]
    else:
        for i in range(first.size):
            first[i] = firsts[np.uint64(spans[i])]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _derivatives(
    x,
    begin,
    end,
    breaks,
    buckets,
    depth,
    lower,
    upper,
    scale,
    doubt,
    low,
    high,
    firsts,
    records,
    p,
    first,
    values,
):
    """Write values and derivatives of any order."""
    b, c = np.empty(p + 1), np.empty(p + 1)
    orders = min(values.shape[0] - 1, p)
    width = 2 * p + (p * (p + 1)) // 2
    inside, spans = np.empty(BLOCK), np.empty(BLOCK, np.int32)
    outside = 0
    for start in range(begin, end, BLOCK):
        m = min(BLOCK, end - start)
        part = x[start : start + m]
        outside += locate(
            part, breaks, buckets, depth, lower, upper, scale, doubt, low, high, inside, spans
        )
        write_first(first[start : start + m], spans, firsts)
        for i in range(m):
            record = records[spans[i] * width : (spans[i] + 1) * width]
            write_derivatives(record, inside[i], p, orders, b, c, values[:, start + i])
    for k in range(orders + 1, values.shape[0]):
        values[k, begin:end] = 0.0
    return outside


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def write_derivatives(record, z, p, orders, b, c, values):
    """Write the derivatives (orders + 1, p + 1) at one point; b and c are room for p + 1 each."""
    b[0] = 1.0
    for q in range(p + 1):
        if q > 0:  # raise the degree
            inverses = record[2 * p + (q * (q - 1)) // 2 :]
            right = 0.0
            for j in range(q):
                term = b[j] * inverses[j]
                b[j] = right + (record[p + j] - z) * term
                right = (z - record[p - q + j]) * term
            b[q] = right
        if p - q > orders:
            continue
        for j in range(q + 1):
            c[j] = b[j]
        for s in range(q + 1, p + 1):  # differentiate p - q times
            inverses = record[2 * p + (s * (s - 1)) // 2 :]
            right = 0.0
            for j in range(s):
                term = s * (c[j] * inverses[j])
                c[j] = right - term
                right = term
            c[s] = right
        for j in range(p + 1):
            values[p - q, j] = c[j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def powers(left, lengths, records, p, out):
    """Write the functions on each interval as polynomials in u = (x - left) / length - 1/2.

    Knots count from the left end here, in lengths: rounding in middles would harm short intervals.
    """
    b, c = np.empty(p + 1), np.empty(p + 1)
    width = 2 * p + (p * (p + 1)) // 2
    near = np.empty(width)
    for i in range(len(left)):
        record = records[i * width : (i + 1) * width]
        for j in range(2 * p):
            near[j] = (record[j] - left[i]) / lengths[i]
        for j in range(2 * p, width):
            near[j] = record[j] * lengths[i]
        write_derivatives(near, 0.5, p, p, b, c, out[i])
        scale = 1.0
        for k in range(2, p + 1):
            scale /= k
            for j in range(p + 1):
                out[i, k, j] *= scale


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def combine(powers, first, coefficients, table):
    """Write sum_j powers[i, k, j] coefficients[first[i] + j] to the table of `pieces`."""
    n, p, components = len(coefficients), powers.shape[1] - 1, coefficients.shape[1]
    for i in range(len(powers)):
        for k in range(p + 1):
            out = table[i, 2 + k * components : 2 + (k + 1) * components]
            for c in range(components):
                out[c] = 0.0
            for j in range(p + 1):
                row = first[i] + j
                row = row - n if row >= n else row  # of periodic knots
                for c in range(components):
                    out[c] += powers[i, k, j] * coefficients[row, c]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _pieces(
    x,
    begin,
    end,
    breaks,
    buckets,
    depth,
    lower,
    upper,
    scale,
    doubt,
    low,
    high,
    table,
    shape,
    degree,
    out,
    slopes,
):
    p = len(shape) if degree is None else degree
    width = np.uint64(p + 3)
    inside, spans = np.empty(BLOCK), np.empty(BLOCK, np.int32)
    outside = 0
    for start in range(begin, end, BLOCK):
        m = min(BLOCK, end - start)
        part = x[start : start + m]
        outside += locate(
            part, breaks, buckets, depth, lower, upper, scale, doubt, low, high, inside, spans
        )
        for i in range(m):
            r = np.uint64(spans[i]) * width
            inverse = table[r + ONE]
            u = (inside[i] - table[r]) * inverse - 0.5
            s, d = table[r + np.uint64(2 + p)], 0.0
            for k in range(p):  # Horner's rule, of the derivative one step behind
                if slopes is not None:
                    d = d * u + s
                s = s * u + table[r + np.uint64(1 + p - k)]
            out[start + i] = s
            if slopes is not None:
                slopes[start + i] = d * inverse
    return outside


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _vector_pieces(
    x,
    begin,
    end,
    breaks,
    buckets,
    depth,
    lower,
    upper,
    scale,
    doubt,
    low,
    high,
    table,
    p,
    out,
    slopes,
):
    n = out.shape[1]
    width = 2 + (p + 1) * n
    inside, spans = np.empty(BLOCK), np.empty(BLOCK, np.int32)
    values, rates = np.empty(n), np.empty(n)
    outside = 0
    for start in range(begin, end, BLOCK):
        m = min(BLOCK, end - start)
        part = x[start : start + m]
        outside += locate(
            part, breaks, buckets, depth, lower, upper, scale, doubt, low, high, inside, spans
        )
        for i in range(m):
            row = table[spans[i] * width : (spans[i] + 1) * width]
            u = (inside[i] - row[0]) * row[1] - 0.5
            coefficients = row[2 + p * n :]
            for c in range(n):
                values[c] = coefficients[c]
                rates[c] = 0.0
            for k in range(p):
                coefficients = row[2 + (p - 1 - k) * n :]
                for c in range(n):
                    if slopes is not None:
                        rates[c] = rates[c] * u + values[c]
                    values[c] = values[c] * u + coefficients[c]
            for c in range(n):
                out[start + i, c] = values[c]
                if slopes is not None:
                    slopes[start + i, c] = rates[c] * row[1]
    return outside


@njit(cache=True, nogil=True, error_model="numpy")
def columns(first, size, entries, out):
    """Write the columns of a sparse matrix (m, p + 1); of periodic knots those beyond go first."""
    width = entries.shape[1]
    room = np.empty(width)
    for i in range(len(first)):
        beyond = first[i] + width - size
        if beyond <= 0:
            for j in range(width):
                out[i, j] = first[i] + j
            continue
        for j in range(width):
            room[j] = entries[i, j]
        for j in range(beyond):
            out[i, j], entries[i, j] = j, room[width - beyond + j]
        for j in range(beyond, width):
            out[i, j], entries[i, j] = first[i] + j - beyond, room[j - beyond]


@njit(cache=True, nogil=True, error_model="numpy")
def write_records(t, spans, p, records):
    """Write the record of each interval, see `functions`."""
    for i in range(len(spans)):
        near = t[spans[i] - p + 1 : spans[i] + p + 1]
        at = 2 * p
        for k in range(at):
            records[i, k] = near[k]
        for q in range(1, p + 1):
            for j in range(q):
                records[i, at] = 1.0 / (near[p + j] - near[p + j - q])
                at += 1


def functions(x, begin, end, search, firsts, records, p, first, values):
    """Write the functions that do not vanish and their derivatives; return the points outside.

    Args:
        x: (m,), float32 or float64.
        begin: the first of the points to go through.
        end: the one after the last.
        search: see above.
        firsts: (n,), the first function of each interval, int32; empty for 0, 1, ...
        records: of each interval the knots t_{mu-p+1}, ..., t_{mu+p}, and for q = 1, ..., p and
            j < q the inverses of t_{mu+1+j} - t_{mu+1+j-q}.
        p: the degree.
        first: (m,), int64, written.
        values: (derivatives + 1, m, p + 1), written.
    """
    if len(values) > 2:
        return _derivatives(x, begin, end, *search, firsts, records, p, first, values)
    how = ((0.0,) * p, None) if p in UNROLLED else ((), p)
    return _functions(x, begin, end, *search, firsts, records, *how, first, values)


def pieces(x, begin, end, search, table, p, out, slopes):
    """Write the values of polynomial pieces, and slopes unless None; return the points outside.

    Args:
        x: (m,), float32 or float64.
        begin: the first of the points to go through.
        end: the one after the last.
        search: see above.
        table: of each interval its left end, the inverse of its length, and the coefficients
            (p + 1, components) of powers of u, which goes from -1/2 to 1/2.
        p: the degree.
        out: (m, components), written.
        slopes: (m, components), written, or None.
    """
    if out.shape[1] != 1:
        return _vector_pieces(x, begin, end, *search, table, p, out, slopes)
    how = ((0.0,) * p, None) if p in UNROLLED else ((), p)
    slopes = slopes if slopes is None else slopes.reshape(-1)
    return _pieces(x, begin, end, *search, table, *how, out.reshape(-1), slopes)
