"""Kernel of concave minorants: the largest bound over all vertices, for many coefficients."""

import numpy as np

from nwidth._njit_numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def largest(theta, supports, maps, points, values, low, high, bounds, sizes, vertices):
    """Fill bounds (m,), the sizes of what was summed for them, and the vertices they are of."""
    K, Q = supports.shape
    w, taken = np.empty(Q), np.empty(Q)
    for j in range(theta.shape[0]):
        bounds[j], sizes[j], vertices[j] = -np.inf, 0.0, 0
        for k in range(K):
            gain, ratio = 0.0, 1.0
            taken[:] = 0.0
            for s in range(Q):
                i = supports[k, s]
                if i < 0:
                    break
                w[s] = 0.0
                for q in range(Q):
                    w[s] += maps[k, s, q] * theta[j, q]
                w[s] = max(w[s], 0.0)
                gain += w[s] * values[i]
                for q in range(Q):
                    taken[q] += w[s] * points[i, q]
            for q in range(Q):
                if taken[q] > 0.0:
                    ratio = min(ratio, theta[j, q] / taken[q])
            ratio = max(ratio, 0.0)
            for trial in range(2):
                t = 1.0 if trial == 0 else ratio
                bound = t * gain
                for q in range(Q):
                    r = theta[j, q] - t * taken[q]
                    bound += min(r * low[q], r * high[q])
                if bound > bounds[j]:
                    bounds[j], vertices[j] = bound, k
                    sizes[j] = _size(t, w, theta[j], supports[k], points, values, low, high)


@njit(cache=True, nogil=True, error_model="numpy")
def _size(t, w, theta, support, points, values, low, high):
    """Return the sum of the absolute values of all terms of one bound."""
    total = 0.0
    for q in range(len(theta)):
        spread = abs(theta[q])
        for s in range(len(support)):
            if support[s] < 0:
                break
            spread += t * w[s] * abs(points[support[s], q])
        total += spread * max(abs(low[q]), abs(high[q]))
    for s in range(len(support)):
        if support[s] < 0:
            break
        total += t * w[s] * abs(values[support[s]])
    return total
