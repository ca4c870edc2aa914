"""Sparse matrices as bands: how wide they are, and their entries where LAPACK wants them."""

from nwidth._njit_numba import njit

__all__ = ["fill", "widths"]


@njit(cache=True, nogil=True, error_model="numpy")
def widths(starts, columns, values, place_rows, place_columns):
    """Return the numbers of diagonals below and above the main one that are not zero."""
    low = high = 0
    for i in range(len(starts) - 1):
        row = place_rows[i]
        for k in range(starts[i], starts[i + 1]):
            if values[k] != 0:
                distance = place_columns[columns[k]] - row
                low, high = max(low, -distance), max(high, distance)
    return low, high


@njit(cache=True, nogil=True, error_model="numpy")
def fill(band, middle, starts, columns, values, place_rows, place_columns):
    """Write entries (i, j) to band[j, middle + i - j], rows of the transpose of LAPACK's array."""
    for i in range(len(starts) - 1):
        row = place_rows[i]
        for k in range(starts[i], starts[i + 1]):
            if values[k] != 0:
                column = place_columns[columns[k]]
                band[column, middle + row - column] = values[k]
