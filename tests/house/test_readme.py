"""The ten lines of the README are those of the example that the tests run."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def calls(text: str) -> set[str]:
    """The calls that make the job, without arguments that differ between script and page."""
    return set(re.findall(r"\b(?!print|len|set|int|str)([A-Za-z_.]+)\(", text))


def test_readme_shows_the_example():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    page = page.split("## The same job in ten lines")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    example = (ROOT / "examples" / "darcy_in_ten_lines.py").read_text(encoding="utf-8")
    compile(code, "README.md", "exec")
    assert calls(code) <= calls(example)
    imports = [line for line in code.splitlines() if line.startswith(("from", "import"))]
    assert len(code.splitlines()) - len(imports) - 1 <= 12
    for line in imports:
        assert line in example, line


def test_the_code_on_equations_in_time_runs(tmp_path, monkeypatch):
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    page = page.split("## Equations in time")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert {p.name for p in tmp_path.iterdir()} == {"chaos.png", "chaos.h5"}
    assert names["one"].tail.max() < 1e-2 and names["one"].times[-1] == 100


def test_the_commands_of_the_readme_are_those_there_are():
    from nwidth.cli.main import app

    page = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = page.split("| `nwidth ...` | |")[1].split("\n\n")[0].splitlines()[2:]
    told = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    there = {c.callback.__name__.replace("_", "-") for c in app.registered_commands}
    assert told == there
