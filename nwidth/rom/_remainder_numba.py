"""Kernels of the remainder of empirical interpolation: several rank-one updates in one pass.

R[j] is the remainder of row j before step done[j], C[j, k] what step k takes of the function q_k,
and q_k is Q[at[k]]. Products and their subtractions are rounded apart and follow the order of the
steps, so that an entry does not depend on how many of them are done at once. Products and moduli of
complex numbers are written out for that: Numba compiles its own once in a process, with the licence
to fuse that the kernel has which needs them first.

Norms have the power 0 (the maximum) or p >= 1; without weights these have length 0. Their sums are
taken in double precision.
"""

import numpy as np
from numba import prange, types
from numba.extending import overload

from nwidth._njit_numba import njit

# Numbers of a row that stay in the first cache while several steps pass over them.
BLOCK = 1024
# Rows that pass together over the same parts of the functions.
TOGETHER = 8


def _less(a, c, q):
    """Return a - c q, the product and the difference rounded apart."""
    return a - c * q


@overload(_less)
def _less_of(a, c, q):
    if not isinstance(a, types.Complex):
        return lambda a, c, q: a - c * q

    def complex_less(a, c, q):
        real = a.real - (c.real * q.real - c.imag * q.imag)
        return complex(real, a.imag - (c.real * q.imag + c.imag * q.real))

    return complex_less


@njit(error_model="numpy", cache=True)
def _do_steps(part, C, Q, at, first, last, start):
    """Do the steps first <= k < last on a part of a row that begins at the column `start`."""
    n, k = part.size, first
    while k + 4 <= last:  # so many at once, to load and store the part less often
        c0, c1, c2, c3 = C[k], C[k + 1], C[k + 2], C[k + 3]
        if c0 != 0 or c1 != 0 or c2 != 0 or c3 != 0:
            q0, q1 = Q[at[k], start : start + n], Q[at[k + 1], start : start + n]
            q2, q3 = Q[at[k + 2], start : start + n], Q[at[k + 3], start : start + n]
            for i in range(n):
                two = _less(_less(part[i], c0, q0[i]), c1, q1[i])
                part[i] = _less(_less(two, c2, q2[i]), c3, q3[i])
        k += 4
    while k < last:
        c, q = C[k], Q[at[k], start : start + n]
        if c != 0:
            for i in range(n):
                part[i] = _less(part[i], c, q[i])
        k += 1


@njit(error_model="numpy", cache=True, fastmath={"reassoc"})
def size(row, weights, power, is_complex):
    """Return the sum of the p-th powers of moduli, for power 0 the largest modulus."""
    total = 0.0
    if power == 0 and not is_complex:
        for i in range(row.size):
            total = max(total, abs(row[i].real))
    elif power == 0:
        for i in range(row.size):
            a, b = np.float64(row[i].real), np.float64(row[i].imag)
            total = max(total, a * a + b * b)
        total = np.sqrt(total)
    elif power == 2 and weights.size > 0:
        for i in range(row.size):
            a, b = np.float64(row[i].real), np.float64(row[i].imag)
            total += weights[i] * (a * a + b * b)
    elif power == 2:
        for i in range(row.size):
            a, b = np.float64(row[i].real), np.float64(row[i].imag)
            total += a * a + b * b
    elif power == 1 and weights.size == 0 and not is_complex:
        for i in range(row.size):
            total += abs(np.float64(row[i].real))
    else:
        for i in range(row.size):
            weight = weights[i] if weights.size > 0 else 1.0
            a, b = np.float64(row[i].real), np.float64(row[i].imag)
            total += weight * (np.sqrt(a * a + b * b) if is_complex else abs(a)) ** power
    return np.float64(total)


@njit(error_model="numpy", cache=True)
def _root(total, power):
    return total if power <= 1 else total ** (1 / power)


@njit(parallel=True, error_model="numpy", cache=True)
def bring_up_to_date(R, C, Q, at, done, step, rows, norms, weights, power, is_complex):
    """Do all steps before `step` on some rows, and set their norms."""
    for r in prange(rows.size):
        j = rows[r]
        total = 0.0
        for start in range(0, R.shape[1], BLOCK):
            part = R[j, start : start + BLOCK]
            _do_steps(part, C[j], Q, at, max(done[j], 0), step, start)
            term = size(part, weights[start : start + BLOCK], power, is_complex)
            total = max(total, term) if power == 0 else total + term
        done[j] = step
        norms[j] = _root(total, power)


@njit(parallel=True, error_model="numpy", cache=True)
def column(R, C, Q, at, done, step, point):
    """Set C[:, step] to the remainders at a point, all steps before `step` done."""
    for j in prange(R.shape[0]):
        value = R[j, point]
        for k in range(max(done[j], 0), step):
            value = _less(value, C[j, k], Q[at[k], point])
        C[j, step] = value


@njit(parallel=True, error_model="numpy", cache=True)
def columns(rows, C, F, points, first):
    """Set C[:, first:] of rows without any step done, F[l, k] what q_l is at point k."""
    for j in prange(rows.shape[0]):
        for step in range(first, points.size):
            value = rows[j, points[step]]
            for k in range(step):
                value = _less(value, C[j, k], F[k, step])
            C[j, step] = value


@njit(parallel=True, error_model="numpy", cache=True)
def norms_of_steps(rows, which, begin, C, Q, at, first, norms, weights, power, is_complex):
    """Set norms[j, k] of rows j = which[r], for k >= begin[r], after the first + k first steps.

    `rows` have no step done and stay as they are. Several rows take turns on each part of Q.
    """
    for group in prange((which.size + TOGETHER - 1) // TOGETHER):
        mine = which[group * TOGETHER : (group + 1) * TOGETHER]
        since = begin[group * TOGETHER : (group + 1) * TOGETHER]
        memory = np.empty(min(BLOCK, rows.shape[1]), rows.dtype)
        for r in range(mine.size):
            norms[mine[r], since[r] :] = 0
        for start in range(0, rows.shape[1], BLOCK):
            part = memory[: min(BLOCK, rows.shape[1] - start)]
            for r in range(mine.size):
                j, before = mine[r], 0
                part[:] = rows[j, start : start + part.size]
                for k in range(since[r], norms.shape[1]):
                    _do_steps(part, C[j], Q, at, before, first + k, start)
                    before = first + k
                    term = size(part, weights[start : start + part.size], power, is_complex)
                    norms[j, k] = max(norms[j, k], term) if power == 0 else norms[j, k] + term
        for r in range(mine.size):
            for k in range(since[r], norms.shape[1]):
                norms[mine[r], k] = _root(norms[mine[r], k], power)
