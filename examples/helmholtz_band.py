"""Sound scattered by hundreds of bubbles, over a band, from the matrices of a few frequencies.

python examples/helmholtz_band.py            # 600 scatterers, 400 wavenumbers
python examples/helmholtz_band.py --small    # 80 scatterers, 50 wavenumbers

Small scatterers on a sphere answer to the incident wave and to each other (Foldy's model, Phys.
Rev. 67 (1945) 107): A(k) u = f(k) with A = 1 - s exp(ikr)/(4 pi r) and a dense matrix for every k.
The code that makes matrices is run at the few wavenumbers that empirical interpolation of exp(ikr)
chooses, and never again: their combinations are the matrices of the band. The solutions at the same
wavenumbers span a reduced basis, in which every other one is a system of 16 unknowns.
"""

import sys
import time

import numpy as np

from nwidth.rom import AffineProblem, affine_decomposition

STRENGTH, BAND = 0.05, (1.0, 10.0)


def scatterers(n: int) -> np.ndarray:
    """Return Fibonacci points of the unit sphere."""
    i = np.arange(n) + 0.5
    polar, turn = np.arccos(1 - 2 * i / n), np.pi * (1 + 5**0.5) * i
    return np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], 1)


def main(n: int = 600, wavenumbers: int = 400) -> float:
    points = scatterers(n)
    r = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(r, np.inf)  # nobody scatters to itself
    coupling = STRENGTH / (4 * np.pi * r)
    np.fill_diagonal(r, 0.0)

    def matrix(k):
        return np.eye(n) - coupling * np.exp(1j * k * r)

    def incident(k):
        return np.exp(1j * k * points[:, 2])

    # Matrices are linear in exp(ikr) and 1, sources in exp(ikz): nothing else need be known.
    training, unseen = np.linspace(*BAND, 300), np.random.default_rng(0).uniform(*BAND, 5)
    wave, distances, heights = (
        (lambda k, x: np.exp(1j * k * x)),
        *np.linspace([0, -1], [2, 1], 400).T,
    )
    kernel = affine_decomposition(
        [wave, lambda k: 1.0], training, [distances, None], 1e-9, held_out=unseen
    )
    source = affine_decomposition(wave, training, heights, 1e-9)
    matrices = [matrix(k) for k in kernel.parameters]
    problem = AffineProblem(kernel, matrices, source, [incident(k) for k in source.parameters])
    print(f"{kernel.rank} matrices, {source.rank} sources; |beta|_1 <= {kernel.lebesgue:.1f}")
    print(f"matrices of the band to {kernel.matrix_errors(matrices, unseen, matrix).max():.1e}")

    pairs = zip(kernel.parameters, matrices, strict=True)
    solutions = np.stack([np.linalg.solve(A, incident(k)) for k, A in pairs], axis=1)
    basis = np.linalg.qr(solutions)[0]
    reduced = problem.reduce(basis)
    small, right = np.stack(reduced.matrices.matrices), np.stack(reduced.sources.matrices)

    start = time.process_time()
    exact = [np.linalg.solve(matrix(k), incident(k)) for k in unseen]
    full = (time.process_time() - start) / len(unseen)
    found = [basis @ reduced.solve(k) for k in unseen]
    error = max(
        np.linalg.norm(u - v) / np.linalg.norm(v) for u, v in zip(found, exact, strict=True)
    )
    # All at once: the coefficients, the small systems, and what comes back, which is affine too.
    heard = np.stack([incident(k) for k in source.parameters]) @ basis
    start, band = time.process_time(), np.linspace(*BAND, wavenumbers)
    theta, phi = reduced.coefficients(band[:, None])
    A, f = (np.tensordot(c, part, 1) for c, part in ((theta, small), (phi, right)))
    x = np.linalg.solve(A, f[..., None])[..., 0]
    echo = abs(np.einsum("ki,ki->k", phi @ heard, x)) / n
    online = (time.process_time() - start) / wavenumbers
    print(f"solutions to {error:.1e}; the echo in {1e6 * online:.0f} us per wavenumber, a", end=" ")
    print(f"full solution takes {1e6 * full:.0f} us")
    print(f"the echo is faintest at k = {band[echo.argmin()]:.3f}: {echo.min():.1e} per scatterer")
    return error


if __name__ == "__main__":
    main(**({"n": 80, "wavenumbers": 50} if "--small" in sys.argv else {}))
