"""Kernels of the remainder of empirical interpolation: several rank-one updates in one pass.

R[j] is the remainder of row j before step done[j], and C[j, k] what step l takes of the function
q_k, which lies in R[chosen[k]]: a row that was chosen has no remainder left. Products and their
subtractions are rounded apart, so that an entry does not depend on how many steps are done at once.

Norms have the power 0 (the maximum) or p >= 1; without weights these have length 0.
"""

import numpy as np
from numba import prange

from nwidth._njit_numba import njit

# Numbers of a row that stay in the first cache while several steps pass over them.
BLOCK = 2048


@njit(error_model="numpy", cache=True)
def _subtract(row, q, c):
    for i in range(row.size):
        row[i] -= c * q[i]


@njit(error_model="numpy", cache=True, fastmath={"reassoc"})
def size(row, weights, power, is_complex):
    """Return the sum of the p-th powers of moduli, for power 0 the largest modulus."""
    total = 0.0
    if power == 0 and not is_complex:
        for i in range(row.size):
            total = max(total, abs(row[i].real))
    elif power == 0:
        for i in range(row.size):
            v = row[i]
            total = max(total, v.real * v.real + v.imag * v.imag)
        total = np.sqrt(total)
    elif weights.size > 0:
        for i in range(row.size):
            total += weights[i] * abs(row[i]) ** power
    elif power == 2:
        for i in range(row.size):
            v = row[i]
            total += v.real * v.real + v.imag * v.imag
    elif power == 1 and not is_complex:
        for i in range(row.size):
            total += abs(row[i].real)
    else:
        for i in range(row.size):
            total += abs(row[i]) ** power
    return np.float64(total)


@njit(parallel=True, error_model="numpy", cache=True)
def bring_up_to_date(R, C, chosen, done, step, rows, norms, weights, power, is_complex):
    """Do all steps before `step` on some rows, and set their norms."""
    for r in prange(rows.size):
        j = rows[r]
        total = 0.0
        for start in range(0, R.shape[1], BLOCK):
            part = R[j, start : start + BLOCK]
            for k in range(max(done[j], 0), step):
                if C[j, k] != 0:
                    _subtract(part, R[chosen[k], start : start + BLOCK], C[j, k])
            term = size(part, weights[start : start + BLOCK], power, is_complex)
            total = max(total, term) if power == 0 else total + term
        done[j] = step
        norms[j] = total if power <= 1 else total ** (1 / power)


@njit(parallel=True, error_model="numpy", cache=True)
def column(R, C, chosen, done, step, point):
    """Set C[:, step] to the remainders at a point, all steps before `step` done."""
    for j in prange(R.shape[0]):
        value = R[j, point]
        for k in range(max(done[j], 0), step):
            if C[j, k] != 0:
                value -= C[j, k] * R[chosen[k], point]
        C[j, step] = value
