"""CUDA kernel of the remainder of empirical interpolation: a step and the norms after it at once.

A block of threads takes a row. Norms have the powers of `_remainder_numba`.
"""

import numpy as np
from numba import cuda

# Threads of a block, a power of two.
THREADS = 256


@cuda.jit
def _step(R, c, q, weights, power, sums):
    j, t = cuda.blockIdx.x, cuda.threadIdx.x
    shared = cuda.shared.array(THREADS, np.float64)
    total = 0.0
    for i in range(t, R.shape[1], cuda.blockDim.x):
        v = R[j, i] - c[j] * q[i]
        R[j, i] = v
        size = float(abs(v))
        if power == 0:
            total = max(total, size)
        else:
            weight = weights[i] if weights.size > 0 else 1.0
            total += weight * (size if power == 1 else size**power)
    shared[t] = total
    cuda.syncthreads()
    half = THREADS // 2
    while half > 0:
        if t < half:
            other = shared[t + half]
            shared[t] = max(shared[t], other) if power == 0 else shared[t] + other
        cuda.syncthreads()
        half //= 2
    if t == 0:
        sums[j] = shared[0]


def step(R, c, q, weights, power, sums):
    """Set R[j] -= c_j q, and sums[j] to the sum of the p-th powers, for power 0 the maximum."""
    _step[R.shape[0], THREADS](R, c, q, weights, power, sums)
