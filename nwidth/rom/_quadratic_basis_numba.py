"""Kernels of reduced quadratic problems: Newton's method, continuation, residual and stability.

    F(x) = A x + T(x, x) - f,    J(x) = A + 2 S,    S_ki = sum_j T_jki x_j

T is symmetric in i and j and stored with j first, so that S is a sum of matrices.
"""

import numpy as np
from numba import get_num_threads

from nwidth._njit_numba import njit
from nwidth.rom._rounding_numba import EPS, LOST

__all__ = ["certify", "get_num_threads", "solve", "stable"]

# Statuses of one parameter.
CONVERGED, DIVERGED, SINGULAR = 0, 1, 2
MAX_ITERATIONS, HALVINGS, LEAST = 25, 10, 1e-3
# A step below this part of the solution ends the iteration; its square is far below round-off.
SMALL_STEP = 1e-9


@njit(cache=True, error_model="numpy", nogil=True)
def combine(out, weights, terms):
    """Set out = sum_q weights[q] terms[q], all flat."""
    out[:] = 0.0
    for q in range(len(weights)):
        w, term = weights[q], terms[q]
        for i in range(out.size):
            out[i] += w * term[i]


@njit(cache=True, error_model="numpy", nogil=True)
def evaluate(S, F, A, T, f, x):
    """Set S = T(x, .) and F = A x + T(x, x) - f; return ||F||."""
    N = len(x)
    S[:] = 0.0
    for j in range(N):
        for k in range(N):
            for i in range(N):
                S[k, i] += x[j] * T[j, k, i]
    square = 0.0
    for k in range(N):
        total = -f[k]
        for i in range(N):
            total += (A[k, i] + S[k, i]) * x[i]
        F[k] = total
        square += total * total
    return np.sqrt(square)


@njit(cache=True, error_model="numpy", nogil=True)
def eliminate(J, b):
    """Solve J d = b in place by elimination with partial pivoting; return whether it went."""
    N = len(b)
    for k in range(N):
        p = k
        for i in range(k + 1, N):
            if abs(J[i, k]) > abs(J[p, k]):
                p = i
        pivot = J[p, k]
        if not abs(pivot) > 0.0 or not np.isfinite(pivot):
            return False
        if p != k:
            for i in range(k, N):
                J[k, i], J[p, i] = J[p, i], J[k, i]
            b[k], b[p] = b[p], b[k]
        for i in range(k + 1, N):
            factor = J[i, k] / pivot
            if factor != 0.0:
                for j in range(k + 1, N):
                    J[i, j] -= factor * J[k, j]
                b[i] -= factor * b[k]
    for k in range(N - 1, -1, -1):
        total = b[k]
        for i in range(k + 1, N):
            total -= J[k, i] * b[i]
        b[k] = total / J[k, k]
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def newton(A, T, f, x, S, J, F, d):
    """Solve F(x) = 0 from x in place; return the status and the number of steps.

    As J d = -F, the residual at x + t d is (1 - t) F + t^2 T(d, d): a line search costs no more
    than T(d, d) once.
    """
    N = len(x)
    norm, size = evaluate(S, F, A, T, f, x), np.linalg.norm(x)
    for step in range(MAX_ITERATIONS):
        if norm == 0.0:
            return CONVERGED, step
        for k in range(N):
            for i in range(N):
                J[k, i] = A[k, i] + 2.0 * S[k, i]
            d[k] = -F[k]
        if not eliminate(J, d):
            return SINGULAR, step
        length = np.linalg.norm(d)
        if not np.isfinite(length):
            return DIVERGED, step
        if length <= SMALL_STEP * size:
            x += d
            return CONVERGED, step + 1
        # T(d, d) into the work space that J no longer needs
        S[:] = 0.0
        for j in range(N):
            for k in range(N):
                for i in range(N):
                    S[k, i] += d[j] * T[j, k, i]
        for k in range(N):
            total = 0.0
            for i in range(N):
                total += S[k, i] * d[i]
            J[0, k] = total
        t, found = 1.0, False
        for _ in range(HALVINGS + 1):
            square = 0.0
            for k in range(N):
                at = (1.0 - t) * F[k] + t * t * J[0, k]
                square += at * at
            if np.sqrt(square) <= (1.0 - 1e-4 * t) * norm:
                found = True
                break
            t *= 0.5
        if not found:
            return DIVERGED, step
        for k in range(N):
            x[k] += t * d[k]
        size = max(size, np.linalg.norm(x))
        norm = evaluate(S, F, A, T, f, x)
    return DIVERGED, MAX_ITERATIONS


@njit(cache=True, error_model="numpy", nogil=True)
def nearest(theta, phi, psi, thetas, phis, psis):
    """Return the anchor whose coefficients differ least, relative to the largest of each."""
    best, least = 0, np.inf
    for k in range(len(thetas)):
        total = 0.0
        for own, of in ((theta, thetas), (phi, phis), (psi, psis)):
            for q in range(len(own)):
                total += ((own[q] - of[k, q]) / max(abs(own[q]), abs(of[k, q]), 1e-300)) ** 2
        if total < least:
            best, least = k, total
    return best


@njit(cache=True, error_model="numpy", nogil=True)
def stable(theta, psi, x, thetas, psis, states, tails, constants, lows, highs, continuity):
    """Return the lower bound of the stability constant of the Jacobian at x."""
    Q, P, N = len(theta), len(psi), len(x)
    best = -np.inf
    for k in range(len(thetas)):
        for candidate in range(1 + Q + P):
            s = 1.0
            if 0 < candidate <= Q:
                s = theta[candidate - 1] / thetas[k, candidate - 1]
            elif candidate > Q:
                s = psi[candidate - 1 - Q] / psis[k, candidate - 1 - Q]
            if not (s > 0.0 and np.isfinite(s)):
                continue
            total = s * constants[k]
            sizes = abs(total)
            for q in range(Q):
                delta = theta[q] - s * thetas[k, q]
                part = delta * (lows[q] if delta >= 0.0 else highs[q])
                slack = (abs(theta[q]) + s * abs(thetas[k, q])) * max(abs(lows[q]), abs(highs[q]))
                total += part
                sizes += slack
            for p in range(P):
                square = (s * psis[k, p] * tails[k]) ** 2
                length = square
                for i in range(N):
                    old = s * psis[k, p] * states[k, i]
                    square += (psi[p] * x[i] - old) ** 2
                    length += (psi[p] * x[i]) ** 2 + old**2
                total -= 2.0 * continuity[p] * (np.sqrt(square) + LOST)
                sizes += 4.0 * continuity[p] * np.sqrt(length)
            # What the sums of N + Q rounded numbers may be wrong by.
            total -= (N + Q + 16) * EPS * sizes
            if total > best:
                best = total
    return best


@njit(cache=True, error_model="numpy", nogil=True)
def residual_coordinates(z, theta, phi, psi, x):
    """Set z, the coordinates of the residual in the columns of its basis.

    The order: sources; then for each n the A_q v_n, and the b_p(v_j, v_n), j <= n, of each p.
    """
    at = 0
    for q in range(len(phi)):
        z[at] = phi[q]
        at += 1
    for n in range(len(x)):
        for q in range(len(theta)):
            z[at] = -theta[q] * x[n]
            at += 1
        for p in range(len(psi)):
            for j in range(n):
                z[at] = -2.0 * psi[p] * x[j] * x[n]
                at += 1
            z[at] = -psi[p] * x[n] * x[n]
            at += 1


@njit(cache=True, error_model="numpy", nogil=True)
def solve(theta, phi, psi, A, F, T, anchors, x, status, steps, reached):
    """Solve for many parameters; set x, status, steps and how far continuation went.

    Newton's method starts from the solution at the nearest anchor. Where it fails, the coefficients
    are moved from those of the anchor to the wanted ones in steps that are halved on failure.
    """
    thetas, phis, psis, states = anchors
    N = F.shape[1]
    Q, P, Qf = theta.shape[1], psi.shape[1], phi.shape[1]
    a, t, f = np.empty(N * N), np.empty(N * N * N), np.empty(N)
    S, J, r, d = np.empty((N, N)), np.empty((N, N)), np.empty(N), np.empty(N)
    th, ph, ps, start = np.empty(Q), np.empty(Qf), np.empty(P), np.empty(N)
    for m in range(len(theta)):
        k = nearest(theta[m], phi[m], psi[m], thetas, phis, psis)
        start[:] = states[k]
        level, step = 0.0, 1.0
        while level < 1.0 and step >= LEAST:
            to = min(level + step, 1.0)
            for q in range(Q):
                th[q] = theta[m, q] if to == 1.0 else (1 - to) * thetas[k, q] + to * theta[m, q]
            for q in range(Qf):
                ph[q] = phi[m, q] if to == 1.0 else (1 - to) * phis[k, q] + to * phi[m, q]
            for p in range(P):
                ps[p] = psi[m, p] if to == 1.0 else (1 - to) * psis[k, p] + to * psi[m, p]
            combine(a, th, A)
            combine(t, ps, T)
            combine(f, ph, F)
            x[m] = start
            how, count = newton(a.reshape(N, N), t.reshape(N, N, N), f, x[m], S, J, r, d)
            steps[m] += count
            status[m] = how
            if how == CONVERGED:
                level = to
                start[:] = x[m]
                step *= 2
            else:
                step *= 0.5
        reached[m] = level
        if level < 1.0:
            x[m] = np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def certify(theta, phi, psi, x, status, R, allowance, spread, stability, answers):
    """Set the rows (bound, stability, tau, residual, code) of many parameters.

    R is transposed, (columns, rows). With a dual norm eps and a constant beta, the error is at most
    2 eps / (beta (1 + sqrt(1 - tau))), tau = 4 gamma eps / beta^2, and the rounding of the lift.
    """
    thetas, psis, states, tails, constants, lows, highs, continuity = stability
    columns, rows = R.shape
    z, y = np.empty(columns), np.empty(rows)
    for m in range(len(theta)):
        if status[m] != CONVERGED:
            answers[m, 0] = answers[m, 2] = answers[m, 3] = np.inf
            answers[m, 1] = -np.inf
            answers[m, 4] = 3
            continue
        residual_coordinates(z, theta[m], phi[m], psi[m], x[m])
        y[:] = 0.0
        slack = 0.0
        for k in range(columns):
            slack += abs(z[k]) * allowance[k]
            for i in range(rows):
                y[i] += z[k] * R[k, i]
        square = 0.0
        for i in range(rows):
            square += y[i] * y[i]
        eps = (np.sqrt(square) + slack + LOST) * (1 + 8 * EPS)
        gamma = 0.0
        for p in range(len(continuity)):
            gamma += abs(psi[m, p]) * continuity[p]
        lift = 0.0
        for i in range(len(spread)):
            lift += abs(x[m, i]) * spread[i]
        lift *= (len(spread) + 4) * EPS
        beta = stable(
            theta[m], psi[m], x[m], thetas, psis, states, tails, constants, lows, highs, continuity
        )
        answers[m, 1] = beta
        answers[m, 3] = eps
        answers[m, 0] = answers[m, 2] = np.inf
        if not beta > 0.0:
            answers[m, 4] = 2
            continue
        tau = 4 * gamma * eps / beta**2 * (1 + 16 * EPS)
        answers[m, 2] = tau
        answers[m, 4] = 1
        if tau < 1.0:
            answers[m, 0] = 2 * eps / (beta * (1 + np.sqrt(1 - tau))) * (1 + 16 * EPS) + lift
            answers[m, 4] = 0
