"""Eigenvalues of Riesz collocation matrices beside samples of their symbol.

python examples/eigenvalues_against_symbol.py            # 400 intervals, degrees 2, 4 and 6
python examples/eigenvalues_against_symbol.py --small    # 80 intervals
python examples/eigenvalues_against_symbol.py --plot symbol.png

A matrix of d^alpha/d|x|^alpha with splines of degree p is a Toeplitz matrix but for a border, and
its eigenvalues are nearly f(t_k), t_k = k pi / (n + 1), of the symbol f, sorted: zero of order
alpha at 0, and small at pi for high degrees, so that both ends of the spectrum are bad for
iterations. A few eigenvalues, of the border, are not: outliers. The generalized ones with the
matrix of values B follow f / h, whose second zero is gone, and are what decays in time.
"""

import sys
from pathlib import Path

import numpy as np

from nwidth import plotting
from nwidth.solvers.fractional import RieszMatrix

DEGREES = (2, 4, 6)


def spectra(
    intervals: int, degree: int, alpha: float, *, values: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues of -n^-alpha A, or B^-1 A, in rising order, and the symbol at t_k."""
    A = RieszMatrix(intervals, degree, alpha)
    matrix = -A.dense() / intervals**alpha
    theta = np.pi * np.arange(1, A.shape[0] + 1) / (A.shape[0] + 1)
    symbol = -A.symbol(theta) / intervals**alpha
    if values:
        B = A.basis.matrix(A.points)[:, 1:-1].toarray()
        matrix = np.linalg.solve(B, matrix)
        middle = len(B) // 2
        offsets = np.arange(len(B)) - middle
        symbol = symbol / (B[middle] @ np.cos(np.outer(offsets, theta)))
    found = np.linalg.eigvals(matrix)
    assert abs(found.imag).max() < 1e-8 * abs(found).max()
    return np.sort(found.real), symbol


def main(
    intervals: int = 400, alpha: float = 1.5, plot: str | None = None
) -> dict[int, tuple[float, int, float]]:
    """Return, by degree, the mean distance from the symbol, outliers, and |f(pi)| / max |f|."""
    found, panels = {}, {}
    print(f"alpha = {alpha}, {intervals} intervals, relative to the largest value of the symbol")
    print("degree   mean distance   outliers   symbol at pi")
    for degree in DEGREES:
        values, f = spectra(intervals, degree, alpha)
        largest = f.max()
        distance = abs(values - np.sort(f)) / largest
        outliers = int((values > 1.01 * largest).sum())
        inside = distance[: len(distance) - outliers]
        found[degree] = float(inside.mean()), outliers, float(f[-1] / largest)
        print(f"{degree:6}   {inside.mean():13.1e}   {outliers:8}   {f[-1] / largest:12.2f}")
        panels[f"degree {degree}"] = values, f
    values, f = spectra(intervals, DEGREES[-1], alpha, values=True)
    inside = values <= 1.01 * f.max()
    print(f"with B   {abs(values - f)[inside].mean() / f.max():13.1e}   {sum(~inside):8}   "
          f"{f[-1] / f.max():12.2f}")  # fmt: skip
    panels[f"degree {DEGREES[-1]}, with B"] = values[inside], f[: inside.sum()]
    if plot:
        title, label = rf"order $\alpha$ = {alpha:g}", r"eigenvalue of $-h^\alpha A$"
        plotting.save(plotting.eigenvalues_against_symbol(panels, title, label), Path(plot))
    return found


if __name__ == "__main__":
    picture = sys.argv[sys.argv.index("--plot") + 1] if "--plot" in sys.argv else None
    main(80 if "--small" in sys.argv else 400, plot=picture)
