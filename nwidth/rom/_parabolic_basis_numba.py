"""Kernel of the reduced parabolic model: one factorization, all time steps, their error bound.

Matrices are passed transposed and vectors are combined, not multiplied row by row: the inner loops
then run over neighbouring numbers without sums of their own, which compilers vectorize without
licence to change the order of additions.
"""

import numpy as np
from numba import get_num_threads, prange

from nwidth._njit_numba import njit
from nwidth.rom._rounding_numba import LOST


def threads():
    """Return how many threads there are."""
    return get_num_threads()


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


@njit(error_model="numpy", cache=True)
def _start(c, masses, initial, missed, unsure, x, y):
    """Fill x by the initial value and return the square of the norm of its error."""
    x[:] = 0
    for j in range(c.size):
        _add(x, c[j], initial[j])
    total = 0.0
    for q in range(masses.size):
        y[:] = 0
        spare = 0.0
        for j in range(c.size):
            _add(y, c[j], missed[q, j])
            spare += np.sqrt(_square(c[j])) * unsure[q, j]
        norm = 0.0
        for i in range(c.size):
            norm += _square(y[i])
        total += masses[q] * (np.sqrt(norm) + spare + LOST) ** 2
    return total


@njit(error_model="numpy", cache=True, parallel=True)
def march(
    theta,
    phi,
    masses,
    c,
    lower,
    AT,
    MT,
    F,
    initial,
    loads,
    R,
    allowance,
    missed,
    unsure,
    dt,
    w,
    safety,
    x,
    bound,
    energy,
    threads,
):
    """Fill x, bound and energy of every parameter.

    Per parameter s: theta[s], phi[s], masses[s], c[s] and the stability constant lower[s]. AT
    (Q, N, N) and MT (Q_m, N, N) are transposed, F (Qf, N), initial (J, N), loads (Qf, K). R
    (columns, rows) are the transposed coordinates of the residual's terms: the sources, then the
    A_q v_i and M_q v_i of each i. A computed dual norm is raised by the factor `safety`, and by
    `allowance` for each term; initial errors are the norms of `missed` (Q_m, J, J, transposed)
    times c, and `unsure` (Q_m, J) more. So many threads share the parameters.
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
        first = np.empty(c.shape[1], x.dtype)
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
            squares = _start(c[s], masses[s], initial, missed, unsure, x[s, 0], first) * safety
            dissipated = 0.0
            bound[s, 0] = (np.sqrt(squares) + LOST) * safety
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
                dual = np.sqrt(norm) * safety + slack + LOST
                squares += dt / lower[s] * dual * dual * safety
                bound[s, k + 1] = (np.sqrt(squares) + LOST) * safety if lower[s] > 0 else np.inf
                dissipated += dt * _form(A, mean, y)
                energy[s, k + 1] = np.sqrt(max(_form(M, new, y) + dissipated, 0.0))
