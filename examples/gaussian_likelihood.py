"""The likelihood of two covariance parameters, from 66 factorizations of the covariance.

python examples/gaussian_likelihood.py            # 800 readings
python examples/gaussian_likelihood.py --small    # 120 readings

Readings along a line hold a smooth process, a rough one and noise of known size. Their covariance
is C(mu) = mu_1 K_smooth + mu_2 K_rough + noise^2, and the likelihood of the variances mu needs
log det C and y.C^-1 y at every mu that a search or a sampler visits. Both are limits of polynomials
of the matrix: the same 66 weights, which know no matrix, combine their values at 66 parameters into
values and gradients at any other, in a time that does not depend on the number of readings.

Relative to the covariance at (1, 1), C(mu) has its spectrum between the smallest and the largest
parameter; that alone gives a bound of the error before anything is solved.
"""

import sys
import time

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from nwidth.rom import matrix_limits, polynomial_tail

RANGE, TRUTH, NOISE, DEGREE = (0.5, 1.5), (1.2, 0.7), 0.3, 10


def main(readings: int = 800) -> float:
    x = np.linspace(0, 10, readings)
    apart = np.abs(np.subtract.outer(x, x))
    smooth, rough = np.exp(-(apart**2) / 2), np.exp(-apart / 0.1)

    def covariance(mu):
        return mu[0] * smooth + mu[1] * rough + NOISE**2 * np.eye(readings)

    rng = np.random.default_rng(0)
    y = np.linalg.cholesky(covariance(TRUTH)) @ rng.standard_normal(readings)

    def terms(mu):
        """Return log det C and y.C^-1 y."""
        factor = cho_factor(covariance(mu), lower=True)
        return 2 * np.log(np.diag(factor[0])).sum(), y @ cho_solve(factor, y)

    def likelihood(log_determinant, misfit):
        return -0.5 * (log_determinant + misfit + readings * np.log(2 * np.pi))

    side = np.linspace(*RANGE, 25)
    limits = matrix_limits(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2), DEGREE)
    snapshots = np.array([likelihood(*terms(mu)) for mu in limits.parameters])
    print(f"{limits.rank} factorizations of {readings} x {readings} matrices")

    # C(mu) lies between 0.5 and 1.5 times the covariance at (1, 1); noise is 1 times its own.
    unseen = rng.uniform(*RANGE, (20, 2))
    errors = [abs(limits.evaluate(snapshots, mu) - likelihood(*terms(mu))) for mu in unseen]
    middle = terms((1.0, 1.0))[1]
    tail = readings * polynomial_tail(np.log, DEGREE, RANGE)
    tail += middle * polynomial_tail(lambda t: 1 / t, DEGREE, RANGE)
    bound = limits.bound(unseen, 0.5 * tail)
    print(
        f"log-likelihoods near {snapshots.max():.1f} to {max(errors):.1e}, bound {max(bound):.1e}"
    )

    def search(value, gradient=None):
        return minimize(value, [1.0, 1.0], jac=gradient, bounds=[RANGE] * 2, tol=1e-12)

    start = time.process_time()
    found = search(
        lambda mu: -limits.evaluate(snapshots, mu), lambda mu: -limits.gradient(snapshots, mu)
    )
    ours, start = time.process_time() - start, time.process_time()
    exact = search(lambda mu: -likelihood(*terms(mu)))
    theirs = time.process_time() - start
    print(f"most likely variances {found.x.round(4)}, by factorizations {exact.x.round(4)},")
    print(f"the truth is {TRUTH}; the search took {1e3 * ours:.0f} ms, {1e3 * theirs:.0f} ms")
    return max(errors)


if __name__ == "__main__":
    main(**({"readings": 120} if "--small" in sys.argv else {}))
