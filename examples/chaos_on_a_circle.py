"""The Kuramoto-Sivashinsky equation: one trajectory, a data set of many, figures of both.

python examples/chaos_on_a_circle.py            # 16 trajectories, 256 points, to t = 200
python examples/chaos_on_a_circle.py --small    # 3 trajectories, 128 points, to t = 100
python examples/chaos_on_a_circle.py --plot ks  # also ks.png, ks_spectrum.png, ks_energy.png

u_t + u u_x + u_xx + u_xxxx = 0 on a circle of length 64. Long waves grow, short ones decay, and the
advection between them makes chaos of which the energy has a sharp mean. Steps are exponential and
have the size that their errors allow. Trajectories that start 1e-6 apart part by a factor of e in
every 10 units of time or so. The file is resumed: the script goes on where it was stopped.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from nwidth import FieldDataset, Grid, plotting
from nwidth.meshes import RandomSines
from nwidth.solvers import KuramotoSivashinsky, generate_trajectories, simulate
from nwidth.solvers.spectral import FourierSpace, energy_spectrum


def main(
    file: Path, points: int = 256, samples: int = 16, end: float = 200.0
) -> tuple[float, float]:
    """Return the mean energy of the chaos, and the rate at which two trajectories part."""
    grid = Grid.periodic(points, upper=64.0)
    start = RandomSines(grid, waves=10, amplitude=0.5, highest=2)
    problem = KuramotoSivashinsky(grid, sampler=start)
    times = np.arange(0.0, end + 0.5)
    with generate_trajectories(problem, file, samples, times, rtol=1e-7) as data:
        u = data["velocity"][:]
    settled = u[:, len(times) // 2 :]
    energy = float((settled**2).mean()) / 2
    print(f"{file.name}: {samples} trajectories, mean energy {energy:.3f} after t = {end / 2:g}")

    state = u[0, len(times) // 2]
    wave = 1e-6 * np.cos(2 * np.pi * grid.axes[0].points / 64)
    moments = np.linspace(0, 80, 9)
    one, other = (
        simulate(problem, {"velocity": v}, moments, rtol=1e-9).checked().fields["velocity"]
        for v in (state, state + wave)
    )
    apart = np.linalg.norm(one - other, axis=1)
    rate = float(np.polyfit(moments[2:], np.log(apart[2:]), 1)[0])
    print(f"what is 1e-6 apart is {apart[-1] / apart[0]:.0f} times that after t = 80")
    return energy, rate


def draw(file: Path, stem: str) -> None:
    """Write the figures of the first trajectory; `nwidth plot FILE --kind ...` draws them too."""
    with FieldDataset.open(file) as data:
        grid, t, u = data.grid, data.times, data["velocity"][0]
    space = FourierSpace(grid)
    late = u[len(t) // 2 :]
    k, energies = energy_spectrum(space, space.transform.forward(late))
    names = {"mean of the later half": energies.mean(axis=0)}
    plotting.save(plotting.space_time(grid, t, u, "chaos on a circle", "u"), f"{stem}.png")
    plotting.save(plotting.energy_spectra(k, names), f"{stem}_spectrum.png")
    history = {"energy": (u**2).mean(axis=1) / 2, "mean": u.mean(axis=1)}
    plotting.save(plotting.conservation(t, history), f"{stem}_energy.png")


if __name__ == "__main__":
    small = {"points": 128, "samples": 3, "end": 100.0} if "--small" in sys.argv else {}
    with tempfile.TemporaryDirectory() as place:
        main(Path(place) / "chaos.h5", **small)
        if "--plot" in sys.argv:
            draw(Path(place) / "chaos.h5", sys.argv[sys.argv.index("--plot") + 1])
