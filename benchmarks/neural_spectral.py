"""Neural spectral methods: reaction-diffusion learned without data, beside PINN and solver.

Setting of Du, Chalapathi & Krishnapriyan (2024), arXiv:2312.05225: u_t - nu u_xx = 5 u (1 - u) on a
circle, t in [0, 1], random initial densities. Every row says on how many points, how many
CPU-seconds the training took and how accurate the result is. Contenders:

    pointwise   the same network, the same CPU-seconds, trained on the residual by differences of
                second order at equidistant points (the loss of physics-informed networks)
    solver      ours: exponential Runge-Kutta of order four, many samples at once, with the longest
                steps that are as accurate as the network

A full run trains for an hour or so; stopped at any time, it goes on from the files in `--folder`.
"""

import json
import time
from pathlib import Path

import numpy as np
import torch
from report import Row, finish, interleave, parse_arguments

from nwidth.meshes import GaussianRandomField, Grid, PeriodicKernelField
from nwidth.operators import NeuralSpectralMethod, NeuralSpectralNetwork, TrainingOptions
from nwidth.operators.residuals.poisson_residual import PoissonResidual
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.operators.residuals.residual_task import ResidualTask
from nwidth.operators.residuals.vorticity_residual import VorticityResidual
from nwidth.solvers import Fisher, NavierStokes
from nwidth.solvers.equations.vorticity_forcing import VorticityForcing
from nwidth.solvers.stepping import ETDRK4, evolve

BATCH = 8
POOL = 2048
TEST, TEST_SEED = 64, 77
WHAT = {
    "pointwise": "as many equidistant points as ours has modes",
    "pointwise-2": "twice as many points per axis",
    "pointwise-4": "four times as many points per axis",
}


def main() -> None:
    arguments = parse_arguments(
        __doc__,
        folder=("runs/neural_spectral", "where trainings go on from"),
        epochs=(60, "passes over 2048 initial densities"),
        points=("32x64", "Chebyshev's in time x those in space; published: 32x64"),
        width=(24, "channels"),
        nu=("0.005,0.01,0.05,0.1", "diffusivities"),
        loss=("auto", "ours: residual or error; auto: residual for nu up to 0.01"),
        forms=("pointwise,pointwise-2", "losses beside ours"),
        others=("poisson,vorticity", "which other equations"),
        vorticity=("12x31", "points in time x per axis of vorticity; published: 12x31"),
        samples=(512, "inputs of the other equations, 20 passes"),
    )
    torch.set_num_threads(1)
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.quick:
        arguments.epochs, arguments.points, arguments.width = 3, "12x32", 12
        arguments.nu, arguments.vorticity, arguments.samples = "0.01", "6x11", 32
    rows: list[Row] = []
    for nu in map(float, filter(None, arguments.nu.split(","))):
        rows += reaction_diffusion(nu, folder, arguments)
    if "poisson" in arguments.others:
        rows += poisson(folder, arguments)
    if "vorticity" in arguments.others:
        rows += vorticity(folder, arguments)
    finish("Neural spectral methods: no data, the residual alone", rows, arguments)


def residual_of(nu: float, points: tuple[int, int]) -> ReactionDiffusionResidual:
    grid = Grid.periodic(points[1])
    problem = Fisher(grid, nu, 5.0, PeriodicKernelField(grid, modes=(points[1] + 1) // 2))
    return ReactionDiffusionResidual(problem, 1.0, points[0])


def network_of(points: tuple[int, int], width: int) -> NeuralSpectralNetwork:
    modes = (points[0] // 2, points[1] // 5 + 2)
    return NeuralSpectralNetwork(2, 1, points, modes, width=width)


def reaction_diffusion(nu: float, folder: Path, arguments) -> list[Row]:
    """Train with each loss for the same CPU-seconds, and set the first beside the solver."""
    nt, nx = points = tuple(map(int, arguments.points.split("x")))
    # Where much diffuses, initial layers are too thin for any residual to be small.
    fitting = "residual" if nu <= 0.01 else "error"
    ours = fitting if arguments.loss == "auto" else arguments.loss
    forms, quick = [ours, *filter(None, arguments.forms.split(","))], arguments.quick
    steps = step_seconds(forms, nu, points, arguments.width, folder)
    known = solved(nu, points, folder)
    found = {}
    for form in forms:
        epochs = max(1, round(arguments.epochs * steps[forms[0]] / steps[form]))
        name = f"{nu:g}_{nt}x{nx}_{arguments.width}_{form}_{epochs}"
        model, seconds = trained(
            residual_of(nu, points),
            network_of(points, arguments.width),
            form,
            epochs,
            folder / name,
            samples=256 if quick else POOL,
        )
        found[form] = model, errors_of(model, *known), seconds, epochs
    model, errors, seconds, epochs = found[forms[0]]
    what = (
        f"{nt} x {nx} points, {count(model)} parameters, {epochs} epochs of "
        f"{256 if quick else POOL} densities, {seconds:.0f} CPU-s"
    )
    task = f"reaction-diffusion, nu = {nu:g}"
    rows = [
        Row(
            f"{task}: relative L2 error, trained without data, loss '{ours}'",
            errors.mean(),
            0.01,
            "goal of 1 %",
            unit="1",
            goal=None if quick else 1.0,
            note=f"{what}; median {np.median(errors):.2g}, largest {errors.max():.2g}; indicator "
            f"{model.indicator({'density': known[0]}).mean():.2g}",
        )
    ]
    for form in forms[1:]:
        _, theirs, theirs_seconds, theirs_epochs = found[form]
        rows.append(
            Row(
                f"{task}: error, same network and time, loss '{form}'",
                errors.mean(),
                theirs.mean(),
                f"loss '{form}'",
                unit="1",
                goal=10.0 if form == "pointwise" and not quick else None,
                note=f"{theirs_epochs} epochs, {theirs_seconds:.0f} CPU-s; {WHAT.get(form, '')}",
            )
        )
    return [*rows, solver_row(nu, model, errors, seconds, known, task)]


def step_seconds(
    forms: list[str], nu: float, points: tuple[int, int], width: int, folder: Path
) -> dict[str, float]:
    """Return CPU-seconds of one step of training with each loss, kept for runs that go on."""
    path = folder / f"steps_{points[0]}x{points[1]}_{width}_{'_'.join(forms)}.json"
    if not path.exists():
        where, contenders = np.arange(BATCH), {}
        for form in forms:
            task = ResidualTask(residual_of(nu, points).float(), BATCH, form)
            network = network_of(points, width)
            contenders[form] = lambda task=task, network=network: (
                task.losses(network, where, None).mean().backward()
            )
        path.write_text(json.dumps(interleave(contenders, 7, time.process_time)))
    return json.loads(path.read_text())


def solved(nu: float, points: tuple[int, int], folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return initial densities and the solver's solutions at the points, kept in a file."""
    path = folder / f"known_{nu:g}_{points[0]}x{points[1]}.npz"
    if not path.exists():
        residual = residual_of(nu, points)
        a = residual.draw(TEST_SEED, TEST)
        np.savez(path, a=a, u=residual.reference(a))
    with np.load(path) as file:
        return file["a"], file["u"]


def trained(residual, network, form: str, epochs: int, stem: Path, **fit):
    """Return the model of a training and its CPU-seconds; both are kept and gone on from."""
    path, clock = stem.with_name(stem.name + ".h5"), stem.with_name(stem.name + ".json")
    if path.exists():
        return NeuralSpectralMethod.load(path), json.loads(clock.read_text())[-1]
    told = json.loads(clock.read_text()) if clock.exists() else []
    start = [time.process_time()]

    def tell(report) -> None:
        if not report.epoch_ended:
            return
        now = time.process_time()
        del told[report.epoch - 1 :]
        told.append((told[-1] if told else 0.0) + now - start[0])
        start[0] = now
        clock.write_text(json.dumps(told))
        print(f"{stem.name}: {report.epoch}/{report.epochs} {report.training_loss:.3g}", flush=True)

    options = TrainingOptions(epochs=epochs, batch_size=BATCH, learning_rate=4e-3)
    model = NeuralSpectralMethod(network)
    checkpoint = stem.with_name(stem.name + "_checkpoint.h5")
    model.fit(residual, options, form=form, progress=tell, checkpoint=checkpoint, **fit)
    model.save(path)
    return model, told[-1]


def errors_of(model: NeuralSpectralMethod, a: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return relative L2 errors over space and time."""
    name = model.residual.inputs[0]
    got = torch.tensor(model.predict({name: a.astype(np.float32)}), dtype=torch.float32)
    known, squares = torch.tensor(u, dtype=torch.float32), model.residual.squares
    return (squares(got - known) / squares(known)).sqrt().double().numpy()


def solver_row(nu: float, model, errors, seconds: float, known, task: str) -> Row:
    """Time the network and the solver that is as accurate at the final time, samples together."""
    a, u = known
    name = "density"
    given = {name: np.tile(a, (4, 1)).astype(np.float32)}
    problem = Fisher(Grid.periodic(a.shape[1] * 3 // 2), nu, 5.0)
    axis = model.residual.collocation[1]
    start = np.tile(a, (4, 1)) @ axis.at(problem.grid.axes[0].points).T
    states = problem.space.transform.forward(start) * problem.kept
    system = problem.system({name: start[0]})
    final = u[:, -1] @ axis.at(problem.grid.axes[0].points).T

    def solve(dt: float):
        return evolve(system, states, [1.0], method=ETDRK4, dt=dt).checked().states

    dt = 0.125
    while True:
        got = problem.fields(solve(dt)[0])[name][: len(a)]
        reached = np.linalg.norm(got - final, axis=1) / np.linalg.norm(final, axis=1)
        if reached.mean() <= errors.mean() or dt < 1e-3:
            break
        dt /= 2
    both = {"ours": lambda: model.predict(given, times=[1.0]), "s": lambda: solve(dt)}
    times = interleave(both, 5, time.process_time)
    each = len(given[name])
    gain = times["s"] - times["ours"]
    amortised = "never" if gain <= 0 else f"after {seconds / gain * each:.0f} predictions"
    return Row(
        f"{task}: one prediction at t = 1, {each} together",
        times["ours"] / each,
        times["s"] / each,
        "our solver",
        note=f"network: error {errors.mean():.2g}; solver: {len(start[0])} points, dt = {dt:g}, "
        f"error {reached.mean():.2g}; the training pays {amortised}",
    )


def poisson(folder: Path, arguments) -> list[Row]:
    """Poisson's equation between walls and on a torus."""
    quick = arguments.quick
    n, rows = (15 if quick else 31), []
    for boundary in ("dirichlet", "periodic"):
        wraps = boundary == "periodic"
        grid = (Grid.periodic if wraps else Grid.uniform)((n, n))
        sampler = GaussianRandomField(grid, 2.0, 5.0, boundary=boundary, modes=n // 2)
        basis = ("fourier" if wraps else "sine",) * 2
        network = NeuralSpectralNetwork(
            1, 1, (n, n), (n // 2,) * 2, bases=basis, width=8 if quick else 16, layers=2
        )
        residual = PoissonResidual(sampler, boundary)
        rows.append(
            other_row(f"Poisson, {boundary}, {n} x {n}", residual, network, folder, arguments)
        )
    return rows


def vorticity(folder: Path, arguments) -> list[Row]:
    """Vorticity on a torus, unforced and forced."""
    quick, rows = arguments.quick, []
    nt, n = map(int, arguments.vorticity.split("x"))
    for name, forcing in (("unforced", None), ("forced", VorticityForcing.diagonal())):
        grid = Grid.periodic((n, n))
        sampler = GaussianRandomField(grid, 2.5, 7.0, 7**1.5, boundary="periodic", modes=6)
        problem = NavierStokes(grid, 1e-2, sampler, forcing=forcing)
        residual = VorticityResidual(problem, 3.0, nt, oversampling=1.5)
        network = NeuralSpectralNetwork(
            residual.feature_channels,
            1,
            (nt, n, n),
            (nt // 2, n // 4, n // 4),
            bases=("chebyshev", "fourier", "fourier"),
            width=8 if quick else 16,
            layers=2 if quick else 4,
        )
        task = f"Navier-Stokes, {name}, nu = 0.01, T = 3, {nt} x {n} x {n}"
        rows.append(other_row(task, residual, network, folder, arguments))
    return rows


def other_row(task: str, residual, network, folder: Path, arguments) -> Row:
    """Train with the preconditioned residual, and compare with the solver."""
    stem = "".join(c if c.isalnum() else "_" for c in task)
    samples, epochs = arguments.samples, 1 if arguments.quick else 20
    stem += f"_{samples}"
    a = residual.draw(TEST_SEED, 2 if arguments.quick else 8)
    known = a, residual.reference(a)
    model, seconds = trained(residual, network, "error", epochs, folder / stem, samples=samples)
    errors = errors_of(model, *known)
    return Row(
        f"{task}: relative L2 error",
        errors.mean(),
        None,
        "none",
        unit="1",
        note=f"{count(model)} parameters, {epochs} epochs of {samples} inputs, {seconds:.0f} CPU-s",
    )


def count(model: NeuralSpectralMethod) -> int:
    return sum(p.numel() for p in model.network.parameters())


if __name__ == "__main__":
    main()
