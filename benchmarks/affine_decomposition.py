"""Affine decompositions without entering the code: accuracy, and time per parameter.

    python benchmarks/affine_decomposition.py [--quick] [--json FILE]

Helmholtz kernel exp(i k r)/(4 pi r) between 600 points of the unit sphere, matrices of a band of
wavenumbers from a few; a problem of three terms and two parameters by two-stage interpolation; a
sparse stiffness matrix by matrix DEIM. Accuracies are largest relative Frobenius errors at unseen
parameters. Peers: the accuracy to reach, the assembly of the matrix itself, and polynomial
interpolation in the wavenumber with as many matrices (at Chebyshev points).
"""

import time

import numba
import numpy as np
import scipy.sparse as sp
from report import Row, finish, interleave, parse_arguments
from scipy.interpolate import BarycentricInterpolator
from threadpoolctl import threadpool_limits

from nwidth.rom import MatrixSpan, affine_decomposition, matrix_deim

BANDS = ((1, 10, 12, 1e-7), (10, 30, 20, 1e-9))
CELLS = 300
X = (np.arange(CELLS) + 0.5) / CELLS


@numba.njit
def wave(k, r):
    return np.exp(1j * k * r)


def distances(n: int) -> np.ndarray:
    """Return the distances of Fibonacci points of the unit sphere, 0.01 on the diagonal."""
    i = np.arange(n) + 0.5
    polar, turn = np.arccos(1 - 2 * i / n), np.pi * (1 + 5**0.5) * i
    x = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], 1)
    r = np.linalg.norm(x[:, None] - x, axis=2)
    np.fill_diagonal(r, 0.01)
    return r


def chebyshev_error(assemble, low, high, count, unseen) -> float:
    """Return the error of polynomial interpolation in k from matrices at Chebyshev points."""
    nodes = np.cos((np.arange(count) + 0.5) * np.pi / count)
    nodes = (low + high) / 2 + (high - low) / 2 * nodes
    weights = BarycentricInterpolator(nodes, np.eye(count))(unseen)
    span = MatrixSpan(np.stack([assemble(k) for k in nodes]))
    errors = []
    for w, k in zip(weights, unseen, strict=True):
        exact = assemble(k)
        errors.append(np.linalg.norm(span.combine(w) - exact) / np.linalg.norm(exact))
    return max(errors)


def helmholtz(n: int, repeats: int) -> list[Row]:
    """Accuracy and time of the matrices of a band."""
    r, rows = distances(n), []

    def assemble(k):
        return np.exp(1j * k * r) / (4 * np.pi * r)

    for low, high, count, goal in BANDS:
        unseen = np.random.default_rng(0).uniform(low, high, 10)
        training, radii = np.linspace(low, high, 200), np.linspace(0, 2, 400)
        model = affine_decomposition(wave, training, radii, 0.0, max_rank=count, held_out=unseen)
        span = MatrixSpan(np.stack([assemble(k) for k in model.parameters]))
        error = float(model.matrix_errors(span, unseen, assemble).max())
        task = f"Helmholtz matrices, k in {low}-{high}, {count} matrices"
        note = (
            f"n = {n}; estimate from the kernel alone {model.held_out_errors.max():.1e}; "
            f"|beta|_1 <= {np.abs(model.beta(unseen)).sum(1).max():.1f}"
        )
        rows.append(Row(task, error, goal, "accuracy to reach", "1", 1.0, 1, note))
        peer = chebyshev_error(assemble, low, high, count, unseen)
        rows.append(Row(task, error, peer, "polynomial interpolation", "1", None, 1, f"n = {n}"))
        beta, k = model.compiled(), float(unseen[0])
        times = interleave(
            {
                "combine": lambda m=span, b=beta, k=k: m.combine(b(k)),
                "assemble": lambda k=k: assemble(k),
            },
            repeats,
            time.process_time,
        )
        note = "CPU; a kernel without quadrature, the cheapest assembly there is"
        rows.append(Row(f"matrix at one k in {low}-{high}", times["combine"], times["assemble"],
                        "its assembly", "s", None, 1, note))  # fmt: skip
        rows.append(coefficients(model, beta, k, repeats))
    return rows


def coefficients(model, beta, k, repeats) -> Row:
    """Time of beta for one parameter."""
    calls = range(1000)
    times = interleave(
        {
            "compiled": lambda: [beta(k) for _ in calls],
            "method": lambda: [model.beta(k) for _ in calls],
        },
        repeats,
        time.process_time,
    )
    ours, peer = times["compiled"] / len(calls), times["method"] / len(calls)
    return Row(
        f"beta of {model.rank} matrices, compiled", ours, peer, "NumPy and SciPy", note="CPU"
    )


def terms():
    """Return three coefficient functions of two parameters."""
    return [
        lambda mu, x: 1 + 0.5 * np.sin(6 * mu[0] * x),
        lambda mu, x: np.exp(-mu[1] * x),
        lambda mu: mu[0] * mu[1],
    ]


def stiffness(mu):
    """Return the sparse matrix of the three terms."""
    g, h, c = terms()
    D = sp.diags_array([np.full(CELLS, -1.0 * CELLS), np.full(CELLS, 1.0 * CELLS)], offsets=[0, 1],
                       shape=(CELLS, CELLS + 1))  # fmt: skip
    diagonal = np.r_[c(mu), h(mu, X) / CELLS]
    return (D.T @ sp.diags_array(g(mu, X) / CELLS) @ D + sp.diags_array(diagonal)).tocsr()


def two_stage(repeats: int) -> list[Row]:
    """Three terms that share their coefficients, and the same from entries."""
    rng = np.random.default_rng(1)
    training, unseen = rng.uniform(0.2, 2, (400, 2)), rng.uniform(0.2, 2, (20, 2))
    rows = []
    model = affine_decomposition(terms(), training, [X, X, None], 1e-8, held_out=unseen)
    span = MatrixSpan([stiffness(mu) for mu in model.parameters])
    error = float(model.matrix_errors(span, unseen, stiffness).max())
    note = f"{model.rank} matrices; |beta|_1 <= {model.lebesgue:.1f}; sparse"
    rows.append(Row("two stages, three terms, two parameters", error, 1e-9, "accuracy to reach",
                    "1", 1.0, 1, note))  # fmt: skip
    rows.append(Row("the same: number of matrices", model.rank, 19, "number to reach", "1", 1.0))
    deim = matrix_deim([stiffness(mu) for mu in training], training, 1e-8,
                       entries=lambda mu, i, j: stiffness(mu)[i, j])  # fmt: skip
    found = deim.matrix_errors([stiffness(mu) for mu in deim.parameters], unseen, stiffness)
    note = f"{deim.rank} matrices and entries; peer: {model.rank} matrices from the functions"
    rows.append(
        Row("the same by matrix DEIM", float(found.max()), error, "two stages", "1", None, 1, note)
    )
    mu = unseen[0]
    times = interleave(
        {"combine": lambda: model.assemble(span, mu), "assemble": lambda: stiffness(mu)},
        repeats,
        time.process_time,
    )
    rows.append(Row("sparse matrix at one mu, n = 301", times["combine"], times["assemble"],
                    "its assembly", "s", None, 1, "CPU, readings and beta included"))  # fmt: skip
    return rows


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    repeats = 5 if arguments.quick else 15
    with threadpool_limits(1):
        rows = helmholtz(300 if arguments.quick else 600, repeats) + two_stage(repeats)
    finish("Affine decompositions of matrices of any code", rows, arguments)


if __name__ == "__main__":
    main()
