"""Inverse and log-determinant of affine matrices from snapshots, against classical interpolation.

    python benchmarks/matrix_limits.py [--quick] [--json FILE]

A(mu) = 1 + mu_1 B_1 + mu_2 B_2 of order 120, B_k with random eigenvectors and eigenvalues uniform
in (0, 1), mu in [0, 0.8]^2; 300 training and 50 unseen parameters. Errors are the largest relative
ones, in the Frobenius norm for inverses. Peers that are not intrusive have about as many
snapshots: polynomials at Chebyshev points of the square, radial basis functions at our points.
Peers that are intrusive know the matrices at mu: Neumann's series to the same degree, and the
combination of our snapshots with the least residual ||1 - A(mu) X||_F.
"""

import time

import numpy as np
from report import Row, finish, interleave, parse_arguments
from scipy.interpolate import BarycentricInterpolator, RBFInterpolator
from threadpoolctl import threadpool_limits

from nwidth.rom import MatrixSpan, matrix_limits, polynomial_tail

N, WIDTH = 120, 0.8
WHAT = ("inverse", "log-determinant")
GOALS = {10: (3e-8, 2e-8)}


class Family:
    """The matrices, in the order of random numbers of the reference."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.terms = []
        for _ in range(2):
            Q, _ = np.linalg.qr(rng.standard_normal((N, N)))
            self.terms.append(Q @ np.diag(rng.uniform(0, 1, N)) @ Q.T)
        self.training, self.unseen = rng.uniform(0, WIDTH, (300, 2)), rng.uniform(0, WIDTH, (50, 2))
        largest = 1 + WIDTH * sum(np.linalg.eigvalsh(B)[-1] for B in self.terms)
        self.interval = (1.0, float(largest))

    def matrix(self, mu):
        """Return A(mu)."""
        return np.eye(N) + mu[0] * self.terms[0] + mu[1] * self.terms[1]

    def snapshots(self, mus):
        """Return inverses and log-determinants."""
        inverses = np.stack([np.linalg.inv(self.matrix(mu)) for mu in mus])
        return inverses, np.array([np.linalg.slogdet(self.matrix(mu))[1] for mu in mus])


def errors(found_inverses, found_logs, inverses, logs) -> tuple[float, float]:
    """Return the largest relative errors of inverses and log-determinants."""
    difference = np.linalg.norm(found_inverses - inverses, axis=(1, 2))
    inverse = difference / np.linalg.norm(inverses, axis=(1, 2))
    return float(inverse.max()), float((np.abs(found_logs - logs) / np.abs(logs)).max())


def chebyshev(family, count) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes of a tensor grid and the weights of polynomial interpolation at them."""
    line = WIDTH / 2 * (1 + np.cos((np.arange(count) + 0.5) * np.pi / count))
    nodes = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    cardinal = BarycentricInterpolator(line, np.eye(count))
    first, second = cardinal(family.unseen[:, 0]), cardinal(family.unseen[:, 1])
    return nodes, (first[:, :, None] * second[:, None, :]).reshape(len(family.unseen), -1)


def neumann(family, degree) -> tuple[np.ndarray, np.ndarray]:
    """Return inverses and log-determinants by the series about the middle of the spectrum."""
    middle = sum(family.interval) / 2
    inverses, logs = [], []
    for mu in family.unseen:
        E = np.eye(N) - family.matrix(mu) / middle
        power, inverse, log = np.eye(N), np.eye(N), N * np.log(middle)
        for m in range(1, degree + 1):
            power = power @ E
            inverse = inverse + power
            log -= np.trace(power) / m
        inverses.append(inverse / middle)
        logs.append(log)
    return np.stack(inverses), np.array(logs)


def least_residual(family, snapshots) -> np.ndarray:
    """Return the combinations X of inverses with the least ||1 - A(mu) X||_F."""
    terms = [S.reshape(len(snapshots), -1).T for S in
             (snapshots, family.terms[0] @ snapshots, family.terms[1] @ snapshots)]  # fmt: skip
    found = []
    for mu in family.unseen:
        products = terms[0] + mu[0] * terms[1] + mu[1] * terms[2]
        weights = np.linalg.lstsq(products, np.eye(N).ravel(), rcond=None)[0]
        found.append(np.tensordot(weights, snapshots, 1))
    return np.stack(found)


def study(family, degree, exact) -> list[Row]:
    """All methods with the snapshots of one degree."""
    limits = matrix_limits(family.training, degree)
    inverses, logs = family.snapshots(limits.parameters)
    weights = limits.weights(family.unseen)
    ours = errors(np.tensordot(weights, inverses, 1), weights @ logs, *exact)
    d, rows = limits.rank, []
    size = f"degree {degree}, {d} snapshots"
    tails = [polynomial_tail(lambda x: 1 / x, degree, family.interval),
             N * polynomial_tail(np.log, degree, family.interval)]  # fmt: skip
    difference = np.tensordot(weights, inverses, 1) - exact[0]
    wrong = [np.linalg.norm(difference, 2, axis=(1, 2)), np.abs(weights @ logs - exact[1])]
    for k, what in enumerate(WHAT):
        if degree in GOALS:
            goal, note = GOALS[degree][k], f"Lebesgue {limits.lebesgue(family.unseen).max():.1f}"
            rows.append(
                Row(f"{what}, {size}", ours[k], goal, "accuracy to reach", "1", 1.0, 1, note)
            )
        part = wrong[k] / limits.bound(family.unseen, tails[k])
        note = f"median {np.median(part):.1e}"
        task, largest = f"error over a-priori bound, {what}, degree {degree}", float(part.max())
        rows.append(Row(task, largest, 1.0, "theory: at most 1", "1", 1.0, 1, note))
    count = round(np.sqrt(d))
    nodes, cardinal = chebyshev(family, count)
    others = family.snapshots(nodes)
    grid = errors(np.tensordot(cardinal, others[0], 1), cardinal @ others[1], *exact)
    rbf = RBFInterpolator(limits.parameters, np.c_[inverses.reshape(d, -1), logs], kernel="quintic")
    values = rbf(family.unseen)
    rbf_errors = errors(values[:, :-1].reshape(-1, N, N), values[:, -1], *exact)
    series = errors(*neumann(family, degree), *exact)
    for name, found, note in (
        (f"polynomials, {count} x {count} snapshots", grid, "not intrusive"),
        ("quintic radial basis functions", rbf_errors, "not intrusive, same snapshots"),
        ("Neumann's series", series, "intrusive: products with A(mu), same degree"),
    ):
        for k, what in enumerate(WHAT):
            rows.append(Row(f"{what}, {size}", ours[k], found[k], name, "1", None, 1, note))
    best = errors(least_residual(family, inverses), exact[1], *exact)[0]
    rows.append(Row(f"inverse, {size}", ours[0], best, "least residual in our snapshots", "1", None,
                    1, "intrusive: a reduced basis; it may use any weights"))  # fmt: skip
    return rows


def times(family, repeats) -> list[Row]:
    """Time of one parameter against elimination."""
    limits = matrix_limits(family.training, 10)
    inverses, logs = family.snapshots(limits.parameters)
    span, numbers, mu = MatrixSpan(inverses), MatrixSpan(logs), family.unseen[0]
    found = interleave(
        {
            "inverse": lambda: limits.evaluate(span, mu),
            "inv": lambda: np.linalg.inv(family.matrix(mu)),
            "log": lambda: (limits.evaluate(numbers, mu), limits.gradient(numbers, mu)),
            "slogdet": lambda: direct_logarithm(family, mu),
        },
        repeats,
        time.process_time,
        calls=20,
    )
    note = "CPU, 66 snapshots of order 120"
    return [
        Row("inverse at one mu", found["inverse"], found["inv"], "numpy inv", "s", None, 1, note),
        Row("log-determinant and gradient at one mu", found["log"], found["slogdet"],
            "slogdet and inverse", "s", None, 1, "the same; ours does not grow with n"),
    ]  # fmt: skip


def direct_logarithm(family, mu):
    A = family.matrix(mu)
    inverse = np.linalg.inv(A)
    return np.linalg.slogdet(A)[1], [np.sum(inverse * B.T) for B in family.terms]


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    with threadpool_limits(1):
        family = Family()
        exact = family.snapshots(family.unseen)
        rows = []
        for degree in (10,) if arguments.quick else (4, 6, 8, 10):
            rows += study(family, degree, exact)
        rows += times(family, 3 if arguments.quick else 9)
    finish("Functions of matrices from snapshots", rows, arguments)


if __name__ == "__main__":
    main()
