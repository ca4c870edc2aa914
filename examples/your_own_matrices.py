"""A certified reduced model of a code that only hands out `scipy.sparse` matrices.

python examples/your_own_matrices.py            # 1,600 unknowns
python examples/your_own_matrices.py --small    # 400 unknowns

Some code assembles a plate whose conductivity is 1 + mu_1 exp(-|x - (mu_2, 0.4)|^2 / 0.05): a warm
spot of strength mu_1 at the place mu_2, which no product of functions of mu and x describes.
Nothing of the code is changed. Empirical interpolation of the conductivity says at which few
parameters its matrices are needed; they, and solutions at parameters of the code's own choice, make
a reduced model that answers without the code, with a bound of the error.
"""

import sys
import time

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from nwidth.rom import affine_decomposition
from nwidth.rom.nonintrusive_reduced_basis import assembled_bounds, nonintrusive_reduced_basis


class SomebodysCode:
    """Linear elements on triangles: what it does inside is nobody's business."""

    def __init__(self, n: int):
        self.n, side = n, np.linspace(0, 1, n + 2)
        x, y = np.meshgrid(side, side, indexing="ij")
        number = np.arange(x.size).reshape(x.shape)
        a, b, c, d = (
            part.ravel()
            for part in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:])
        )
        self.triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        self.corners = np.stack([x.ravel(), y.ravel()], axis=1)
        self.centres = self.corners[self.triangles].mean(axis=1)
        self.free = number[1:-1, 1:-1].ravel()

    def conductivity(self, mu, x):
        """Return the conductivity at points x."""
        return 1 + mu[0] * np.exp(-((x[:, 0] - mu[1]) ** 2 + (x[:, 1] - 0.4) ** 2) / 0.05)

    def matrix(self, mu):
        """Assemble A(mu)."""
        p = self.corners[self.triangles]
        edges = np.roll(p, -2, axis=1) - np.roll(p, -1, axis=1)
        area = 0.5 / (self.n + 1) ** 2
        weights = self.conductivity(mu, self.centres) / (4 * area)
        local = weights[:, None, None] * (edges @ edges.transpose(0, 2, 1))
        rows, columns = np.repeat(self.triangles, 3, axis=1), np.tile(self.triangles, 3)
        whole = sp.csr_array((local.ravel(), (rows.ravel(), columns.ravel())))
        return whole[self.free][:, self.free]

    def solution(self, mu):
        """Solve A(mu) u = f."""
        return spsolve(self.matrix(mu).tocsc(), self.source())

    def source(self):
        """Return f, of a constant heat source."""
        return np.full(self.free.size, 1.0 / (self.n + 1) ** 2)


def main(n: int = 40) -> float:
    code, rng = SomebodysCode(n), np.random.default_rng(0)
    low, high = np.array([0.0, 0.3]), np.array([3.0, 0.7])
    training = np.stack(np.meshgrid(*np.linspace(low, high, 15).T), axis=-1).reshape(-1, 2)

    spots = affine_decomposition(code.conductivity, training, code.centres, rtol=1e-9)
    print(f"{n * n} unknowns; matrices are needed at {spots.rank} parameters")
    snapshots = [code.solution(mu) for mu in rng.uniform(low, high, (40, 2))]
    X = code.matrix([1.0, 0.5])
    start = time.process_time()
    model = nonintrusive_reduced_basis(
        spots, code.matrix, code.source(), snapshots, inner_product=X, rtol=1e-6
    )
    print(
        f"reduced model of {model.size} unknowns in {time.process_time() - start:.1f} s, "
        f"stability bound: {model.stability.name}"
    )

    unseen = rng.uniform(low, high, (20, 2))
    answers = model.solve_many(unseen)
    exact = np.array([code.solution(mu) for mu in unseen])
    wrong = model.lift(answers.x) - exact
    sizes, errors = (np.sqrt(np.einsum("ij,ij->i", u, u @ X)) for u in (exact, wrong))
    own = assembled_bounds(model, X, unseen, code.matrix, code.source())
    ratio = answers.bound / errors
    worst = float((answers.bound / sizes).max())
    print(f"relative errors up to {(errors / sizes).max():.1e}, bounds up to {worst:.1e},")
    print(f"with the code's own matrices {(own / sizes).max():.1e};")
    print(f"bounds are {ratio.min():.1f} to {ratio.max():.1f} times the errors")

    many = rng.uniform(low, high, (2000, 2))
    model.solve_many(many[:10])
    start = time.process_time()
    model.solve_many(many)
    ours, start = (time.process_time() - start) / len(many), time.process_time()
    code.solution(many[0])
    theirs = time.process_time() - start
    print(
        f"{1e6 * ours:.0f} microseconds per answer with its bound, {theirs / ours:.0f} times less"
    )
    return worst


if __name__ == "__main__":
    main(**({"n": 20} if "--small" in sys.argv else {}))
