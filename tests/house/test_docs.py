"""The Python code of the guides runs."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_code_of_the_solver_guide_runs():
    text = (ROOT / "docs" / "solvers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 3
    names: dict = {}
    exec("\n".join(blocks), names)
    assert 1e-5 < names["solution"].discretization_error < 2e-5
    assert names["batch"].u.shape == (64, 65, 65)
    assert abs(names["A"] @ names["x"] - 1).max() < 1e-5


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
    assert {p.name for p in tmp_path.iterdir()} == {
        "burgers.h5", "flow.h5", "burgers.png", "flow.gif", "mine.h5", "open.h5"
    }  # fmt: skip


def test_links_of_the_docs_lead_somewhere():
    for path in (ROOT / "docs").glob("*.md"):
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
