"""Serial kernels of the splitting and the interpolation of Ruge and Stueben, on CSR arrays."""

import numpy as np

from nwidth._njit_numba import njit

UNDECIDED, COARSE, FINE = 0, 1, 2


@njit(error_model="numpy", cache=True)
def strong(pointers, columns, values, theta, out):
    """Mark the entries -a_ij >= theta max_k -a_ik."""
    for i in range(pointers.size - 1):
        largest = 0.0
        for e in range(pointers[i], pointers[i + 1]):
            if columns[e] != i:
                largest = max(largest, -values[e])
        least = theta * largest
        for e in range(pointers[i], pointers[i + 1]):
            out[e] = largest > 0 and columns[e] != i and -values[e] >= least


@njit(inline="always")
def _take(i, weight, heads, following, preceding):
    """Take point i out of the list of its weight."""
    before, after = preceding[i], following[i]
    if before >= 0:
        following[before] = after
    else:
        heads[weight] = after
    if after >= 0:
        preceding[after] = before


@njit(inline="always")
def _put(i, weight, heads, following, preceding):
    """Put point i at the head of the list of a weight."""
    first = heads[weight]
    following[i], preceding[i] = first, -1
    if first >= 0:
        preceding[first] = i
    heads[weight] = i


@njit(error_model="numpy", cache=True)
def split(pointers, columns, back_pointers, back_columns, kinds):
    """Split points into coarse and fine ones; the arrays list whom i needs and who needs i.

    Undecided points are kept in one list per weight: the number of undecided points that need them
    plus twice that of fine ones.
    """
    n = kinds.size
    weights = np.empty(n, np.int64)
    following, preceding = np.empty(n, np.int64), np.empty(n, np.int64)
    top = 0
    for i in range(n):
        weights[i] = back_pointers[i + 1] - back_pointers[i]
        top = max(top, 2 * weights[i])
    heads = np.full(top + 1, -1, np.int64)
    for i in range(n - 1, -1, -1):
        if pointers[i] == pointers[i + 1] and weights[i] == 0:
            kinds[i] = FINE  # relaxation alone solves for it
        else:
            kinds[i] = UNDECIDED
            _put(i, weights[i], heads, following, preceding)
    while top >= 0:
        i = heads[top]
        if i < 0:
            top -= 1
            continue
        _take(i, top, heads, following, preceding)
        kinds[i] = COARSE
        for e in range(back_pointers[i], back_pointers[i + 1]):
            k = back_columns[e]
            if kinds[k] != UNDECIDED:
                continue
            kinds[k] = FINE
            _take(k, weights[k], heads, following, preceding)
            for g in range(pointers[k], pointers[k + 1]):
                j = columns[g]
                if kinds[j] == UNDECIDED:
                    _take(j, weights[j], heads, following, preceding)
                    weights[j] += 1
                    _put(j, weights[j], heads, following, preceding)
                    top = max(top, weights[j])
        for e in range(pointers[i], pointers[i + 1]):
            j = columns[e]
            if kinds[j] == UNDECIDED and weights[j] > 0:
                _take(j, weights[j], heads, following, preceding)
                weights[j] -= 1
                _put(j, weights[j], heads, following, preceding)


@njit(error_model="numpy", cache=True)
def count_weights(pointers, columns, is_strong, kinds, out):
    """Set the row pointers of the interpolation."""
    out[0] = 0
    for i in range(kinds.size):
        count = 1 if kinds[i] == COARSE else 0
        if kinds[i] == FINE:
            for e in range(pointers[i], pointers[i + 1]):
                count += is_strong[e] and kinds[columns[e]] == COARSE
        out[i + 1] = out[i] + count


@njit(error_model="numpy", cache=True)
def set_weights(pointers, columns, values, is_strong, kinds, numbers, rows, into, weights):
    """Set columns and weights of the interpolation, given its row pointers."""
    for i in range(kinds.size):
        at = rows[i]
        if kinds[i] == COARSE:
            into[at], weights[at] = numbers[i], 1.0
            continue
        diagonal, total, reached = 0.0, 0.0, 0.0
        for e in range(pointers[i], pointers[i + 1]):
            if columns[e] == i or values[e] > 0:
                diagonal += values[e]
            else:
                total += values[e]
                if is_strong[e] and kinds[columns[e]] == COARSE:
                    reached += values[e]
        for e in range(pointers[i], pointers[i + 1]):
            if is_strong[e] and kinds[columns[e]] == COARSE:
                into[at] = numbers[columns[e]]
                weights[at] = -values[e] / reached * (total / diagonal)
                at += 1
