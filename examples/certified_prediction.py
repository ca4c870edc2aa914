"""How wrong is a textbook shortcut? Certificates for a surrogate that is one formula.

python examples/certified_prediction.py            # 20 samples at 211 x 211
python examples/certified_prediction.py --small    # 4 samples at 41 x 41

A large piece of rock made of two phases, 3 and 12, that are shaped alike and equally frequent acts
like homogeneous rock of permeability sqrt(3 * 12) = 6 (A. Dykhne, Sov. Phys. JETP 32 (1971) 63).
The surrogate takes the geometric mean of any sample, although these are small. A certificate bounds
the error of each prediction, and the solver improves those that are not good enough.
"""

import sys

import numpy as np

from nwidth import GaussianRandomField, Grid, certify
from nwidth.arrays import generator
from nwidth.meshes import TwoPhaseField
from nwidth.rom import CertifiedPrediction
from nwidth.solvers import Darcy, FastPoisson


class HomogeneousRock:
    """Predict the pressure as if the rock had its geometric mean everywhere."""

    def __init__(self, problem: Darcy):
        self.problem = problem
        self.inverse = FastPoisson.of(problem.reference_operator(), problem.grid)

    def predict(self, inputs):
        """Return one homogeneous solution per sample, by fast sine transforms."""
        predictions = []
        for a in inputs["permeability"]:
            homogeneous = {"permeability": np.full_like(a, np.exp(np.mean(np.log(a))))}
            x = self.inverse.solve(self.problem.source(homogeneous))
            x = x / homogeneous["permeability"].flat[0]
            predictions.append(self.problem.field(x, homogeneous))
        return np.stack(predictions)


def main(points: int = 211, samples: int = 20, rtol: float = 0.01) -> CertifiedPrediction:
    grid = Grid.uniform((points, points))
    rock = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), low=3, high=12)
    problem = Darcy(grid, source=1.0, permeability=rock)
    inputs = {"permeability": np.stack([rock.sample(generator(0, i)) for i in range(samples)])}

    certified = certify(HomogeneousRock(problem), problem)
    answer = certified.predict(inputs, rtol=rtol).checked()
    print("sample  bound before  bound now  iterations")
    for i in range(len(answer)):
        before, after = answer.bound_before[i], answer.bound[i]
        print(f"{i:6d}  {before:12.1%}  {after:9.2%}  {answer.iterations[i]:10d}")
    print(answer)
    return answer


if __name__ == "__main__":
    main(**({"points": 41, "samples": 4} if "--small" in sys.argv else {}))
