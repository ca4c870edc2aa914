"""Kernels of a layer between plates: what is done point by point between transforms and products.

Complex numbers come as pairs of real ones. Rows 2 i and 2 i + 1 are a height and its mirror image;
`parts` are even and odd functions of the height. See `layer_system`, whose array expressions say
the same.
"""

from nwidth._njit_numba import njit


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def unfold(parts, k, hats):
    """Write the waves of u, w, b at each height: sums and differences, those of w times -i k."""
    fields, half, modes = parts.shape[1], parts.shape[2], len(k)
    for i in range(half):
        for f in range(fields):
            even, odd = parts[0, f, i], parts[1, f, i]
            up, down = hats[2 * i, f], hats[2 * i + 1, f]
            if f == 1:
                for j in range(modes):
                    x, y = even[2 * j], even[2 * j + 1]
                    p, q = odd[2 * j], odd[2 * j + 1]
                    up[2 * j], up[2 * j + 1] = k[j] * (y + q), -k[j] * (x + p)
                    down[2 * j], down[2 * j + 1] = k[j] * (y - q), -k[j] * (x - p)
            else:
                for j in range(2 * modes):
                    up[j], down[j] = even[j] + odd[j], even[j] - odd[j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def multiply(points, flux):
    """Write u^2 - w^2, u w, and with a temperature u b, w b."""
    rows, fields, many = points.shape
    for i in range(rows):
        u, w = points[i, 0], points[i, 1]
        for j in range(many):
            flux[i, 0, j] = (u[j] - w[j]) * (u[j] + w[j])
            flux[i, 1, j] = u[j] * w[j]
        if fields > 2:
            b = points[i, 2]
            for j in range(many):
                flux[i, 2, j] = u[j] * b[j]
                flux[i, 3, j] = w[j] * b[j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def fold(found, hats, k, first, flow, heat):
    """Write what pushes functions of even and of odd index, from pair `first` of heights on."""
    modes, warm = len(k), found.shape[1] > 2
    for i in range(found.shape[0] // 2):
        up, down, at = found[2 * i], found[2 * i + 1], first + i
        for j in range(modes):
            r, s = 2 * j, 2 * j + 1
            x, y = k[j] * up[0, s], -k[j] * up[0, r]
            p, q = k[j] * down[0, s], -k[j] * down[0, r]
            flow[0, 0, at, r], flow[0, 0, at, s] = x - p, y - q
            flow[1, 0, at, r], flow[1, 0, at, s] = x + p, y + q
            x, y, p, q = up[1, r], up[1, s], down[1, r], down[1, s]
            flow[0, 1, at, r], flow[0, 1, at, s] = x + p, y + q
            flow[1, 1, at, r], flow[1, 1, at, s] = x - p, y - q
            square = k[j] * k[j]
            x, y, p, q = square * x, square * y, square * p, square * q
            if warm:
                b, c = hats[2 * i, 2], hats[2 * i + 1, 2]
                x, y = x - k[j] * b[s], y + k[j] * b[r]
                p, q = p - k[j] * c[s], q + k[j] * c[r]
            flow[0, 2, at, r], flow[0, 2, at, s] = x + p, y + q
            flow[1, 2, at, r], flow[1, 2, at, s] = x - p, y - q
        if warm:
            for j in range(modes):
                r, s = 2 * j, 2 * j + 1
                x, y, p, q = up[3, r], up[3, s], down[3, r], down[3, s]
                heat[0, 0, at, r], heat[0, 0, at, s] = x - p, y - q
                heat[1, 0, at, r], heat[1, 0, at, s] = x + p, y + q
                x, y = k[j] * up[2, s], -k[j] * up[2, r]
                p, q = k[j] * down[2, s], -k[j] * down[2, r]
                heat[0, 1, at, r], heat[0, 1, at, s] = x + p, y + q
                heat[1, 1, at, r], heat[1, 1, at, s] = x - p, y - q
