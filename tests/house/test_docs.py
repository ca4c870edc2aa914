"""The Python code of the guides runs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_code_of_the_solver_guide_runs():
    text = (ROOT / "docs" / "solvers.md").read_text(encoding="utf-8")
    text = text.split("## Equations in time")[0]
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 3
    names: dict = {}
    exec("\n".join(blocks), names)
    assert 1e-5 < names["solution"].discretization_error < 2e-5
    assert names["batch"].u.shape == (64, 65, 65)
    assert abs(names["A"] @ names["x"] - 1).max() < 1e-5


def test_the_code_on_equations_in_time_runs():
    text = (ROOT / "docs" / "solvers.md").read_text(encoding="utf-8")
    section = text.split("## Equations in time")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    assert len(blocks) == 3
    names: dict = {}
    exec("\n".join(blocks), names)
    wave, late = names["wave"], names["unresolved"]
    assert wave.tail.max() < 1e-3 and len(wave.times) == 3
    assert late.status.name == "MAX_STEPS" and len(late.times) == 0
    # |v|' = -0.1 |v|^3: 1 / |v|^2 grows by 0.2 t.
    exact = 1 / (1 / abs(names["np"].array([1.0, 0.5])) ** 2 + 0.2 * 10) ** 0.5
    assert abs(abs(names["swing"].states[1]) - exact).max() < 1e-7


def test_the_code_on_splines_runs():
    text = (ROOT / "docs" / "solvers.md").read_text(encoding="utf-8")
    section = text.split("\n## Splines")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    names: dict = {}
    exec("\n".join(blocks), names)
    assert abs(names["values"] - names["np"].exp(names["x"])).max() < 3e-6
    assert abs(names["fine"](names["x"]) - names["values"]).max() < 1e-14
    np, trend = names["np"], names["trend"]
    assert abs(np.hypot(*names["orbit"](names["t"][:-1] + 0.1).T) - 1).max() < 1e-5
    assert abs(trend(names["x"]) - np.exp(names["x"])).max() < 0.1
    assert abs(names["heights"]([0.5, 0.25]) - np.exp(0.5)) < 1e-5
    assert names["smooth"].shape == names["heights"].shape
    assert names["J"].shape == (2, 2) and names["H"].shape == (2, 2, 2)
    assert names["finer"].degrees == (3, 3) and len(names["drawn"].axes) == 1
    assert names["field"].shape == (100, 100) and names["gradient"].shape == (2, 2, 2)
    assert 0 < names["warmth"].iterations < 16
    assert 0.8 < names["warm"]([0.0])[0] < 0.85


def test_the_code_on_fractional_equations_runs():
    text = (ROOT / "docs" / "solvers.md").read_text(encoding="utf-8")
    section = text.split("\n## Fractional equations")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    names: dict = {}
    exec(blocks[0], names)
    assert names["solution"].residual < 1e-10 and names["solution"].iterations <= 11
    for block in blocks[1:]:
        exec(block, names)
    assert names["solution"].iterations <= 1 and names["solution"].u.shape == (132, 132)
    assert names["pulse"].counts.steps >= 1


def test_the_methods_and_bases_of_the_solver_guide_are_there():
    """No table names what there is not, and no method or basis is left out."""
    from nwidth.solvers import spectral, stepping

    text = (ROOT / "docs" / "solvers.md").read_text(encoding="utf-8")
    section = text.split("## Equations in time")[1].split("\n## ")[0]
    named = set(re.findall(r"`([A-Z][A-Za-z0-9_]+)`", section))
    methods = {
        n for n in stepping.__all__ if isinstance(getattr(stepping, n), stepping.SteppingMethod)
    }
    spoken = {"ARS343", "SBDF3"}  # "to" stands for those between
    assert methods - spoken <= named
    bases = {n for n in spectral.__all__ if n.endswith(("Basis", "Space"))}
    assert bases - {"SpectralBasis", "PolynomialBasis"} <= named
    for name in named - {"FILE"}:
        assert name in stepping.__all__ or name in spectral.__all__, name


def operator_sections() -> dict[str, str]:
    """The sections of the guide to neural operators that have code, by title, but one (below)."""
    text = (ROOT / "docs" / "neural_operators.md").read_text(encoding="utf-8")
    sections = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    del sections["Neural spectral methods"]
    return {title: part for title, part in sections.items() if "```python" in part}


@pytest.mark.filterwarnings("ignore:.*finest third")
@pytest.mark.parametrize("title", operator_sections())
def test_the_code_of_the_guide_to_neural_operators_runs(title, tmp_path, monkeypatch):
    """Each section by itself, trained for one epoch only, on the files that they name."""
    pytest.importorskip("torch", reason="the neural operators need PyTorch")
    code = "\n".join(re.findall(r"```python\n(.*?)```", operator_sections()[title], re.DOTALL))
    monkeypatch.chdir(tmp_path)
    write_data_that_are_named(code)
    names: dict = {}
    exec(re.sub(r"epochs=\d+", "epochs=1", code), names)
    if title == "Certificates":
        assert 0 < names["mended"].solver_steps[0] < 10
        assert (names["answer"].bound[0, 1:] > names["answer"].indicator[0, 1:] / 2).all()


def write_data_that_are_named(code: str) -> None:
    """Write the small data sets that code opens."""
    import numpy as np

    from nwidth import Grid
    from nwidth.meshes import GaussianRandomField, TwoPhaseField
    from nwidth.solvers import Darcy, generate, generate_trajectories, published_setting

    for name in set(re.findall(r'"(flow\w*\.h5|darcy\w*\.h5)"', code)):
        if name.startswith("flow"):
            problem = published_setting("navier-stokes-fno-1e-3").problem(24)
            generate_trajectories(problem, name, 6, np.arange(6.0), rtol=1e-3).close()
        else:
            grid = Grid.uniform((33, 33))
            g = GaussianRandomField(grid, alpha=2.0, tau=3.0)
            problem = Darcy(grid, permeability=TwoPhaseField(g, low=3.0, high=12.0))
            generate(problem, name, 16, dtype="float32").close()


def test_the_equation_in_time_of_the_page_on_adding_runs():
    import numpy as np

    from nwidth import Grid
    from nwidth.solvers import simulate

    text = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
    section = text.split("## Adding an equation in time")[1].split("\n## ")[0]
    names: dict = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)), names)
    problem = names["Fisher"](Grid.periodic(256, upper=60.0), 1.0, 0.5)
    x = problem.grid.axes[0].points
    flat = simulate(problem, {"density": np.full(256, 0.1)}, [3.0], rtol=1e-8).checked()
    exact = 1 / (1 + 9 * np.exp(-1.5))
    assert abs(flat.fields["density"] - exact).max() < 1e-7
    heap = simulate(problem, {"density": np.exp(-((x - 30) ** 2))}, [10.0, 14.0]).checked()
    width = [(u > 0.5).sum() * 60 / 256 / 2 for u in heap.fields["density"]]
    assert 0.8 < (width[1] - width[0]) / 4 / (2 * 0.5**0.5) < 1.05  # slower than at last


def test_the_code_on_sensors_in_the_user_guide_runs():
    text = (ROOT / "docs" / "user_guide.md").read_text(encoding="utf-8")
    section = text.split("## Measure with a few sensors")[1].split("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    names: dict = {}
    exec(block, names)
    assert abs(names["best"].field - names["fields"][0]).max() < 0.05
    assert names["averaged"].rank == 12 and len(names["figure"].axes) == 2


def test_the_code_on_matrices_in_the_user_guide_runs():
    text = (ROOT / "docs" / "user_guide.md").read_text(encoding="utf-8")
    section = text.split("## Matrices of any code")[1].split("\n## ")[0]
    names: dict = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)), names)
    np, A = names["np"], names["assemble"](7.0)
    assert names["errors"].max() < 1e-8 and abs(names["A"] - A).max() < 1e-7
    assert abs(A @ names["u"] - 1).max() < 1e-5
    exact = np.linalg.slogdet(names["covariance"]([0.7, 1.2]))[1]
    assert abs(names["value"] - exact) < names["bound"] < 0.1
    inverse = np.linalg.inv(names["covariance"]([0.7, 1.2]))
    slopes = [np.trace(inverse @ B) for B in (names["K"], names["K"] @ names["K"])]
    assert abs(names["slope"] - slopes).max() < 1e-2


def test_the_code_of_the_guide_to_reduced_models_runs():
    text = (ROOT / "docs" / "rom.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict = {}
    exec("\n".join(blocks), names)
    f, model = names["f"], names["model"]
    assert abs(names["field"] - f[7]).max() < 1e-5 * abs(f).max()
    assert (model.rank, names["matrices"].rank) == (45, 13)


def test_the_code_on_reduction_in_the_user_guide_runs():
    text = (ROOT / "docs" / "user_guide.md").read_text(encoding="utf-8")
    section = text.split("## Reduce\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    names: dict = {}
    exec(block, names)
    np, problem, one = names["np"], names["problem"], names["one"]
    u = np.linalg.solve(problem.matrix([0.2, 0.5, 0.9]).toarray(), problem.source([0.2, 0.5, 0.9]))
    error = u - names["model"].lift(one.x)
    assert 0 < np.sqrt(error @ names["X"] @ error) <= one.bound < 1e-3
    assert names["temperature"].shape == (33, 33) and len(names["many"]) == 10_000


def test_the_code_of_the_guide_to_reduced_bases_runs():
    text = (ROOT / "docs" / "reduced_basis.md").read_text(encoding="utf-8")
    names: dict = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)), names)
    problem, mean = names["problem"], names["mean"]
    u = names["np"].linalg.solve(problem.matrix([10.0]).toarray(), problem.source([10.0]))
    assert abs(problem.source([10.0]) @ u - mean.value) <= mean.bound < 1e-6
    assert names["waves"].certified == 1


def test_the_commands_and_code_on_data_sets_in_time_run(tmp_path, monkeypatch, capsys):
    from nwidth.cli.main import call

    text = (ROOT / "docs" / "user_guide.md").read_text(encoding="utf-8")
    section = text.split("## Data sets in time")[1].split("\n## ")[0]
    monkeypatch.chdir(tmp_path)
    (commands,) = re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL)
    for line in commands.splitlines():
        assert line.startswith("nwidth ") and call(line.split()[1:]) == 0, capsys.readouterr().err
    names: dict = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)), names)
    assert names["final"].shape == (3, 64)
    assert names["last"].shape == names["speed"].shape == (2, 48, 48)
    data = {"burgers.h5", "flow.h5", "mine.h5", "open.h5"}
    figures = {"burgers.png", "flow.gif", "spectrum.png", "budget.pdf"}
    assert {p.name for p in tmp_path.iterdir()} == data | figures


def test_links_of_the_docs_lead_somewhere():
    for path in (ROOT / "docs").glob("*.md"):
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_code_on_neural_spectral_methods_runs():
    pytest.importorskip("torch", reason="the neural operators need PyTorch")
    text = (ROOT / "docs" / "neural_operators.md").read_text(encoding="utf-8")
    section = text.split("\n## Neural spectral methods")[1].split("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    names: dict = {}
    exec(block, names)
    assert names["density"].shape == (2, 3, 100)
    assert (names["bound"] > names["estimate"]).all() and (names["bound"] < 1).all()
