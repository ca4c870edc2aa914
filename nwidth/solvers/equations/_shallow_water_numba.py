"""Kernels of shallow water: fields from the amplitudes of its modes, products, rates of amplitudes.

Arrays of complex numbers come as their real parts (..., 2 columns), and products are written out:
Numba compiles those of complex numbers once per process, with the options of whoever is first. The
factors x, y (direction of k), turn and lift are those of `InertiaGravityModes`.
"""

from nwidth._njit_numba import njit

HALF = 0.7071067811865476


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def write_fields(a, x, y, turn, lift, size, scale, out):
    """Write the coefficients of u, v, eta and zeta from the amplitudes; `scale` is (H / g)^(1/2).

    u = x p - y i q, v = y p + x i q, zeta = -|k| q, q = lift a_0 + turn (a_1 - a_2) / 2^(1/2)
    """
    rows, columns = x.shape
    half, scale = x.dtype.type(HALF), x.dtype.type(scale)
    for i in range(rows):
        for j in range(columns):
            r, s = 2 * j, 2 * j + 1
            p0, p1 = half * (a[1, i, r] + a[2, i, r]), half * (a[1, i, s] + a[2, i, s])
            w0, w1 = half * (a[1, i, r] - a[2, i, r]), half * (a[1, i, s] - a[2, i, s])
            q0 = lift[i, j] * a[0, i, r] + turn[i, j] * w0
            q1 = lift[i, j] * a[0, i, s] + turn[i, j] * w1
            out[0, i, r], out[0, i, s] = x[i, j] * p0 + y[i, j] * q1, x[i, j] * p1 - y[i, j] * q0
            out[1, i, r], out[1, i, s] = y[i, j] * p0 - x[i, j] * q1, y[i, j] * p1 + x[i, j] * q0
            out[2, i, r] = scale * (turn[i, j] * a[0, i, r] - lift[i, j] * w0)
            out[2, i, s] = scale * (turn[i, j] * a[0, i, s] - lift[i, j] * w1)
            out[3, i, r], out[3, i, s] = -size[i, j] * q0, -size[i, j] * q1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def write_products(u, v, eta, zeta, depth, out):
    """Write zeta v, -zeta u, (u^2 + v^2) / 2, eta u and eta v; return whether all ground is wet."""
    half, floor = u.dtype.type(0.5), -u.dtype.type(depth)
    dry = 0
    for i in range(u.size):
        p, q, h, w = u[i], v[i], eta[i], zeta[i]
        out[0, i] = w * q
        out[1, i] = -w * p
        out[2, i] = half * (p * p + q * q)
        out[3, i] = h * p
        out[4, i] = h * q
        dry += not h > floor
    return dry == 0


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def write_rates(p, x, y, turn, lift, kx, ky, kept, scale, out):
    """Write the rates of the amplitudes from the coefficients of products; zero if not kept.

    `scale` is (g / H)^(1/2).
    """
    rows, columns = x.shape
    half, scale = x.dtype.type(HALF), x.dtype.type(scale)
    for i in range(rows):
        k = kx[i]
        for j in range(columns):
            r, s = 2 * j, 2 * j + 1
            if not kept[i, j]:
                for c in range(3):
                    out[c, i, r] = 0.0
                    out[c, i, s] = 0.0
                continue
            m = ky[j]
            u0, u1 = p[0, i, r] + k * p[2, i, s], p[0, i, s] - k * p[2, i, r]
            v0, v1 = p[1, i, r] + m * p[2, i, s], p[1, i, s] - m * p[2, i, r]
            h0 = scale * (k * p[3, i, s] + m * p[4, i, s])
            h1 = -scale * (k * p[3, i, r] + m * p[4, i, r])
            along0, along1 = x[i, j] * u0 + y[i, j] * v0, x[i, j] * u1 + y[i, j] * v1
            # -i times the part across k
            across0, across1 = x[i, j] * v1 - y[i, j] * u1, y[i, j] * u0 - x[i, j] * v0
            w0, w1 = turn[i, j] * across0 - lift[i, j] * h0, turn[i, j] * across1 - lift[i, j] * h1
            out[0, i, r] = lift[i, j] * across0 + turn[i, j] * h0
            out[0, i, s] = lift[i, j] * across1 + turn[i, j] * h1
            out[1, i, r], out[1, i, s] = half * (along0 + w0), half * (along1 + w1)
            out[2, i, r], out[2, i, s] = half * (along0 - w0), half * (along1 - w1)
