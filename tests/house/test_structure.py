"""Length, names and places of files; nothing dangerous; nothing forgotten in the index."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("nwidth", "tests", "examples", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
LIBRARY = [p for p in SOURCES if p.is_relative_to(ROOT / "nwidth")]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_file_is_longer_than_500_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


@pytest.mark.parametrize("path", LIBRARY, ids=relative)
def test_no_file_without_an_idea(path):
    assert path.stem not in {"utils", "util", "misc", "base", "helpers", "common", "tools"}


@pytest.mark.parametrize("path", LIBRARY, ids=relative)
def test_loading_executes_nothing(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.split(".")[0] for alias in node.names}
            names.add((getattr(node, "module", "") or "").split(".")[0])
            assert not names & {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"eval", "exec", "torch.load", "torch.save"}
            options = {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert options.get("allow_pickle", "False") == "False"


@pytest.mark.parametrize("door", ["meshes", "solvers", "rom", "operators"])
def test_the_four_doors_are_links(door):
    link = ROOT / door
    assert link.is_symlink()
    assert link.resolve() == (ROOT / "nwidth" / door).resolve()


@pytest.mark.parametrize(
    "path",
    [
        p
        for p in LIBRARY
        if not p.stem.startswith("_") and "cli" not in p.parts and p.stem != "errors"
    ],
    ids=relative,
)
def test_every_module_has_its_test(path):
    found = list((ROOT / "tests").rglob(f"test_{path.stem}.py"))
    assert found, f"expected a test file test_{path.stem}.py for {relative(path)}"


def index_rows() -> list[list[str]]:
    text = (ROOT / "docs" / "index_of_methods.md").read_text(encoding="utf-8")
    rows = [line.strip().strip("|").split("|") for line in text.splitlines() if "|" in line]
    return [[cell.strip() for cell in row] for row in rows if "`nwidth/" in row[1]]


def test_index_of_methods_points_at_real_files():
    for row in index_rows():
        for path in re.findall(r"`((?:nwidth|tests|examples|docs)/[^`]+)`", " ".join(row)):
            assert (ROOT / path).exists(), f"{row[0]}: {path}"


def test_index_of_methods_cites_what_the_files_cite():
    for row in index_rows():
        text = (ROOT / row[1].strip("`")).read_text(encoding="utf-8")
        for source in re.findall(r"doi:[^\s,;]+|arXiv:\d+\.\d+", row[2]):
            assert source in text, f"{row[1]} does not cite {source}"


def test_index_of_methods_is_complete():
    listed = {path for row in index_rows() for path in re.findall(r"`(nwidth/[^`]+)`", row[1])}
    areas = ("meshes", "solvers", "rom", "operators")
    expected = {
        relative(p)
        for p in LIBRARY
        if not p.stem.startswith("_") and p.relative_to(ROOT / "nwidth").parts[0] in areas
    }
    assert expected <= listed, f"not in docs/index_of_methods.md: {sorted(expected - listed)}"


def test_readme_promises_only_what_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / path).exists(), path
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert not tracked or any(t == path or t.startswith(path + "/") for t in tracked), path
