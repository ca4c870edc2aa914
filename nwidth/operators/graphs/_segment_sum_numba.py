"""Kernels of weighted sums over the edges of each receiver; edges come sorted by receiver.

Every receiver is handled by one thread, so nothing is added by two at once and the digits do not
depend on the number of threads. Four edges at a time, and 256 columns, which stay in the cache.
"""

from numba import prange

from nwidth._njit_numba import njit

FLAGS = {"contract", "nsz", "reassoc"}


@njit(fastmath=FLAGS, error_model="numpy", parallel=True, cache=True)
def segment_sum(out, h, v, senders, starts):
    """Set out[i, m, c] = sum over edges e of receiver i of h[e, m] v[senders[e], c].

    Shapes: out (n, M, C), h (edges, M), v (points, C), senders (edges,), starts (n + 1,).
    """
    n, functions, columns = out.shape
    for i in prange(n):
        out[i] = 0
        last = starts[i + 1]
        for c in range(0, columns, 256):
            d = min(columns, c + 256)
            e = starts[i]
            while e + 4 <= last:
                v0, v1 = v[senders[e], c:d], v[senders[e + 1], c:d]
                v2, v3 = v[senders[e + 2], c:d], v[senders[e + 3], c:d]
                for m in range(functions):
                    h0, h1, h2, h3 = h[e, m], h[e + 1, m], h[e + 2, m], h[e + 3, m]
                    z = out[i, m, c:d]
                    for k in range(z.size):
                        z[k] += h0 * v0[k] + h1 * v1[k] + h2 * v2[k] + h3 * v3[k]
                e += 4
            while e < last:
                v0 = v[senders[e], c:d]
                for m in range(functions):
                    h0 = h[e, m]
                    z = out[i, m, c:d]
                    for k in range(z.size):
                        z[k] += h0 * v0[k]
                e += 1


@njit(fastmath=FLAGS, error_model="numpy", parallel=True, cache=True)
def segment_products(out, z, v, senders, starts):
    """Set out[e, m] = sum over columns c of z[i, m, c] v[senders[e], c], i the receiver of e.

    The adjoint of `segment_sum` in h. Shapes: out (edges, M), z (n, M, C), v (points, C).
    """
    n, functions, columns = z.shape
    for i in prange(n):
        last = starts[i + 1] - 1
        e = starts[i]
        while e <= last:
            # Behind the last edge it comes again: the same number is written twice.
            e1, e2, e3 = min(e + 1, last), min(e + 2, last), min(e + 3, last)
            v0, v1, v2, v3 = v[senders[e]], v[senders[e1]], v[senders[e2]], v[senders[e3]]
            for m in range(functions):
                row = z[i, m]
                s0 = s1 = s2 = s3 = row[0] * 0
                for k in range(columns):
                    s0 += row[k] * v0[k]
                    s1 += row[k] * v1[k]
                    s2 += row[k] * v2[k]
                    s3 += row[k] * v3[k]
                out[e, m] = s0
                out[e1, m] = s1
                out[e2, m] = s2
                out[e3, m] = s3
            e += 4
