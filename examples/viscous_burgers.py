"""Viscous Burgers' equation on a square: a thousand viscosities and loads, each with a bound.

python examples/viscous_burgers.py            # 47 x 47 unknowns
python examples/viscous_burgers.py --small    # 15 x 15 unknowns

-nu Laplace u + u du/dx = 1 + c sin(5 x y), u = 0 on the boundary, finite differences. The quadratic
term is given as a plain function of two vectors; its entries are found by probing it. A greedy
search picks viscosities and loads to solve for, and the reduced model answers all others by
Newton's method on a dozen unknowns, with the bound of Brezzi, Rappaz and Raviart: it proves that
the discrete equation has a solution within the bound, and says so where it can prove nothing.
"""

import sys
import time

import numpy as np
import scipy.sparse as sp

from nwidth.rom import (
    AffineProblem,
    ParameterBox,
    ParameterExpressions,
    QuadraticForm,
    QuadraticProblem,
    quadratic_greedy,
)


def burgers(cells: int) -> tuple[QuadraticProblem, sp.csr_array]:
    """Return the problem with parameters (nu, c), and the stiffness matrix."""
    n, h = cells - 1, 1 / cells
    second = sp.diags_array([[-1.0] * (n - 1), [2.0] * n, [-1.0] * (n - 1)], offsets=[-1, 0, 1])
    first = sp.diags_array([[-0.5 * h] * (n - 1), [0.5 * h] * (n - 1)], offsets=[-1, 1])
    one = sp.eye_array(n)
    stiffness = sp.csr_array(sp.kron(second, one) + sp.kron(one, second))
    slope = sp.csr_array(sp.kron(first, one))
    x = np.arange(1, cells) * h
    load = np.full(n * n, h * h), h * h * np.sin(5 * np.outer(x, x)).ravel()
    linear = AffineProblem(
        ParameterExpressions(["nu"], ["nu", "c"]),
        [stiffness],
        ParameterExpressions(["1", "c"], ["nu", "c"]),
        np.stack(load),
    )
    transport = QuadraticForm.from_function(lambda u, v: u * (slope @ v), stiffness)
    return QuadraticProblem(linear, ParameterExpressions(["1"]), [transport]), stiffness


def main(cells: int = 48, queries: int = 1000) -> tuple[float, float]:
    problem, X = burgers(cells)
    box = ParameterBox([0.15, -1.0], [1.0, 1.0], ["nu", "c"], log=[True, False])
    start = time.process_time()
    found = quadratic_greedy(problem, box.grid((11, 11)), 1e-4, inner_product=X, box=box).checked()
    offline = time.process_time() - start
    model = found.model
    print(f"{problem.size} unknowns reduced to {model.size} in {offline:.1f} CPU s")

    mus = box.random(queries, seed=1)
    model.solve_many(mus[:1])  # compiles, or reads what was compiled
    start = time.process_time()
    answers = model.solve_many(mus)
    online = (time.process_time() - start) / queries
    start = time.process_time()
    exact = np.array([problem.solve(mu).checked().u for mu in mus[:20]])
    full = (time.process_time() - start) / 20
    errors = found.basis.inner_product.norm((exact - model.lift(answers.x[:20])).T)
    known = answers.certified
    effectivity = np.median((answers.bound[:20] / errors)[known[:20]])
    print(f"{known.mean():.1%} of {queries} queries have a bound, {answers.bound[known].max():.1e} "
          f"at most; it is {effectivity:.2f} times the error")  # fmt: skip
    print(f"{online * 1e6:.0f} us per answer, {full * 1e3:.0f} ms per full solve")
    assert (errors <= answers.bound[:20]).all()
    return float(known.mean()), float(effectivity)


if __name__ == "__main__":
    main(16, 200) if "--small" in sys.argv else main()
