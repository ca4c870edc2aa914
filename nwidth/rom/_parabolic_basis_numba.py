"""Kernel of the reduced parabolic model: one factorization, all time steps, their error bound.

Matrices are passed transposed and vectors are combined, not multiplied row by row: the inner loops
then run over neighbouring numbers without sums of their own, which compilers vectorize without
licence to change the order of additions.
"""

import numpy as np
from numba import prange

from nwidth._njit_numba import njit


@njit(error_model="numpy", cache=True)
def _square(z):
    """Return |z|^2."""
    return z.real * z.real + z.imag * z.imag


@njit(error_model="numpy", cache=True)
def _add(out, factor, row):
    """Add factor row to out."""
    for i in range(out.size):
        out[i] += factor * row[i]


@njit(error_model="numpy", cache=True)
def _factorize(LT, order):
    """Overwrite the transposed matrix by its factors, rows exchanged for the largest pivots."""
    N = LT.shape[0]
    for k in range(N):
        best = k
        for i in range(k + 1, N):
            if _square(LT[k, i]) > _square(LT[k, best]):
                best = i
        order[k] = best
        if best != k:
            for j in range(N):
                LT[j, k], LT[j, best] = LT[j, best], LT[j, k]
        inverse = 1 / LT[k, k]
        for i in range(k + 1, N):
            LT[k, i] *= inverse
        for j in range(k + 1, N):
            factor = LT[j, k]
            for i in range(k + 1, N):
                LT[j, i] -= LT[k, i] * factor


@njit(error_model="numpy", cache=True)
def _substitute(LT, order, b):
    """Overwrite b by the solution of L U x = P b."""
    N = LT.shape[0]
    for k in range(N):
        b[k], b[order[k]] = b[order[k]], b[k]
    for j in range(N):
        for i in range(j + 1, N):
            b[i] -= LT[j, i] * b[j]
    for j in range(N - 1, -1, -1):
        b[j] /= LT[j, j]
        for i in range(j):
            b[i] -= LT[j, i] * b[j]


@njit(error_model="numpy", cache=True)
def _form(CT, v, y):
    """Return Re v^H C v; y is overwritten by C v."""
    y[:] = 0
    for j in range(v.size):
        _add(y, v[j], CT[j])
    total = 0.0
    for i in range(v.size):
        total += v[i].real * y[i].real + v[i].imag * y[i].imag
    return total


@njit(error_model="numpy", cache=True)
def _combine(weights, parts, out):
    """Overwrite out by sum_q weights_q parts_q."""
    out[:] = 0
    for q in range(weights.size):
        for j in range(out.shape[0]):
            _add(out[j], weights[q], parts[q, j])


@njit(error_model="numpy", cache=True, parallel=True)
def march(
    theta,
    masses,
    phi,
    lower,
    AT,
    MT,
    F,
    loads,
    R,
    allowance,
    dt,
    w,
    safety,
    x,
    bound,
    energy,
    threads,
):
    """Fill x[:, 1:], bound and energy, given x[:, 0] and bound[:, 0], for every parameter.

    Per parameter s: theta[s], masses[s], phi[s] and the stability constant lower[s]. AT (Q, N, N)
    and MT (Q_m, N, N) are transposed, F (Qf, N), loads (Qf, K). R (columns, rows) are the
    transposed coordinates of the residual's terms: the sources, then A_q v_i and M_q v_i for each
    i; the square root of a computed dual norm's square is raised by the factor `safety`, and by
    `allowance` for each term. So many threads share the parameters.
    """
    samples, K, N = x.shape[0], x.shape[1] - 1, x.shape[2]
    Q, Qm, Qf, rows = theta.shape[1], masses.shape[1], phi.shape[1], R.shape[1]
    terms = R[Qf:].reshape(N, Q + Qm, rows)
    spare = allowance[Qf:].reshape(N, Q + Qm)
    parts = min(threads, samples)
    for part in prange(parts):
        A, M, L = np.empty((N, N), x.dtype), np.empty((N, N), x.dtype), np.empty((N, N), x.dtype)
        RA, RM = np.empty((N, rows), x.dtype), np.empty((N, rows), x.dtype)
        spare_A, spare_M = np.empty(N), np.empty(N)
        order, r = np.empty(N, np.int64), np.empty(rows, x.dtype)
        rate, mean, y = np.empty(N, x.dtype), np.empty(N, x.dtype), np.empty(N, x.dtype)
        for s in range(part * samples // parts, (part + 1) * samples // parts):
            _combine(theta[s], AT, A)
            _combine(masses[s], MT, M)
            L[:] = M / dt + w * A
            _factorize(L, order)
            for i in range(N):
                RA[i] = 0
                RM[i] = 0
                spare_A[i] = spare_M[i] = 0
                for q in range(Q):
                    _add(RA[i], theta[s, q], terms[i, q])
                    spare_A[i] += np.sqrt(_square(theta[s, q])) * spare[i, q]
                for q in range(Qm):
                    _add(RM[i], masses[s, q], terms[i, Q + q])
                    spare_M[i] += masses[s, q] * spare[i, Q + q]
            squares, dissipated = bound[s, 0] ** 2, 0.0
            energy[s, 0] = np.sqrt(max(_form(M, x[s, 0], y), 0.0))
            for k in range(K):
                old, new = x[s, k], x[s, k + 1]
                # (M / dt + w A) (x^k - x^(k-1)) = f - A x^(k-1): no digits are lost to M / dt
                new[:] = 0
                for q in range(Qf):
                    _add(new, phi[s, q] * loads[q, k], F[q])
                for j in range(N):
                    _add(new, -old[j], A[j])
                _substitute(L, order, new)
                for j in range(N):
                    new[j] = old[j] + new[j]
                    rate[j] = (new[j] - old[j]) / dt
                    mean[j] = w * new[j] + (1 - w) * old[j]
                r[:] = 0
                slack = 0.0
                for q in range(Qf):
                    load = phi[s, q] * loads[q, k]
                    _add(r, load, R[q])
                    slack += np.sqrt(_square(load)) * allowance[q]
                for j in range(N):
                    _add(r, -mean[j], RA[j])
                    _add(r, -rate[j], RM[j])
                    slack += np.sqrt(_square(mean[j])) * spare_A[j]
                    slack += np.sqrt(_square(rate[j])) * spare_M[j]
                norm = 0.0
                for i in range(rows):
                    norm += _square(r[i])
                dual = np.sqrt(norm) * safety + slack
                squares += dt / lower[s] * dual * dual * safety
                bound[s, k + 1] = np.sqrt(squares) * safety if lower[s] > 0 else np.inf
                dissipated += dt * _form(A, mean, y)
                energy[s, k + 1] = np.sqrt(max(_form(M, new, y) + dissipated, 0.0))
