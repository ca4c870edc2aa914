"""The main job as ten lines of library calls: random rock, data, operator, certified predictions.

python examples/darcy_in_ten_lines.py            # 1000 samples at 85 x 85, some minutes
python examples/darcy_in_ten_lines.py --small    # 80 samples at 33 x 33, seconds
"""

import sys
import tempfile
from pathlib import Path

from nwidth import FNO, GaussianRandomField, Grid, NeuralOperator, certify, generate
from nwidth.meshes import TwoPhaseField
from nwidth.operators import Augmentation, TrainingOptions
from nwidth.rom import CertifiedPrediction
from nwidth.solvers import Darcy


def main(
    folder: Path, points: int = 85, samples: int = 1000, epochs: int = 24
) -> CertifiedPrediction:
    grid = Grid.uniform((points, points))
    rock = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), low=3, high=12)
    problem = Darcy(grid, source=1.0, permeability=rock)
    training = generate(problem, folder / "darcy.h5", samples, seed=0)
    unseen = generate(problem, folder / "darcy_test.h5", samples // 10, seed=1)
    model = NeuralOperator(FNO(dirichlet=True), inputs="permeability", output="pressure")
    cheaper = Augmentation(coarse=0.85, symmetries=True)
    model.fit(training, TrainingOptions(epochs=epochs, loss="h1"), augmentation=cheaper)
    model.save(folder / "fno.h5")
    return certify(model, problem).predict({"permeability": unseen["permeability"][:]}, rtol=0.1)


if __name__ == "__main__":
    small = {"points": 33, "samples": 80, "epochs": 20} if "--small" in sys.argv else {}
    with tempfile.TemporaryDirectory() as place:
        print(main(Path(place), **small))
