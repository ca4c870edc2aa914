"""Sums of tensor products of the functions that do not vanish at scattered points."""

from numba import get_num_threads

from nwidth._njit_numba import njit

__all__ = ["contract", "get_num_threads"]


@njit(cache=True, nogil=True, error_model="numpy")
def contract(out, c, first_0, w_0, first_1, w_1, first_2, w_2):
    """Set out[m, e] = sum_ijk w_0[m, i] w_1[m, j] w_2[m, k] c[first_0[m] + i, ..., e].

    c has shape (n_0, n_1, n_2, components); indices go around. Sums are in double precision.
    """
    n_0, n_1, n_2, components = c.shape
    for m in range(out.shape[0]):
        for e in range(components):
            total = 0.0
            r_0 = first_0[m]
            for i in range(w_0.shape[1]):
                plane = 0.0
                r_1 = first_1[m]
                for j in range(w_1.shape[1]):
                    line = 0.0
                    r_2 = first_2[m]
                    if r_2 + w_2.shape[1] <= n_2:
                        for k in range(w_2.shape[1]):
                            line += w_2[m, k] * c[r_0, r_1, r_2 + k, e]
                    else:
                        for k in range(w_2.shape[1]):
                            line += w_2[m, k] * c[r_0, r_1, (r_2 + k) % n_2, e]
                    plane += w_1[m, j] * line
                    r_1 = r_1 + 1 if r_1 + 1 < n_1 else 0
                total += w_0[m, i] * plane
                r_0 = r_0 + 1 if r_0 + 1 < n_0 else 0
            out[m, e] = total
