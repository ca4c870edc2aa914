"""The built wheel holds exactly the package and installs into an empty environment."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ["setup.cfg", "pyproject.toml", "README.md", "LICENSE"]


def call(*command, **options) -> str:
    result = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=False, **options
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """A copy of what a clone holds, links included, so that building leaves no trace here."""
    copy = tmp_path_factory.mktemp("clone")
    for name in NEEDED:
        shutil.copy(ROOT / name, copy / name)
    ignore = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
    for folder in ("nwidth", "tests", "examples", "benchmarks"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignore)
    for door in ("meshes", "solvers", "rom", "operators"):
        (copy / door).symlink_to(Path("nwidth") / door)
    return copy


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    call(
        sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
        "-w", target, sources,
    )  # fmt: skip
    return next(target.glob("nwidth-*.whl"))


def test_wheel_holds_exactly_the_package(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {n for n in names if ".dist-info/" not in n}
    expected = {
        str(p.relative_to(ROOT)) for p in (ROOT / "nwidth").rglob("*.py") if p.is_file()
    } | {"nwidth/py.typed"}
    assert ours == expected


def fresh_environment(folder: Path) -> Path:
    venv.EnvBuilder(with_pip=True).create(folder)
    return folder / "bin" / "python"


def test_wheel_installs_into_an_empty_environment(wheel, tmp_path):
    python = fresh_environment(tmp_path / "env")
    call(python, "-m", "pip", "install", "-q", "--no-deps", wheel)
    code = "import nwidth, importlib.util as u; print(nwidth.__file__, u.find_spec('solvers'))"
    where, other = call(python, "-I", "-c", code, cwd=tmp_path).split()
    assert Path(where).is_relative_to(tmp_path / "env")
    assert other == "None"


def test_editable_install_sees_the_sources(sources, tmp_path):
    python = fresh_environment(tmp_path / "env")
    call(
        python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "setuptools>=68",
        "wheel",
    )  # fmt: skip
    call(python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", sources)
    where = call(python, "-I", "-c", "import nwidth; print(nwidth.__file__)", cwd=tmp_path)
    assert Path(where.strip()) == sources / "nwidth" / "__init__.py"


@pytest.mark.slow
def test_wheel_runs_with_its_declared_dependencies(wheel, tmp_path):
    python = fresh_environment(tmp_path / "env")
    call(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel)
    assert "generate" in call(tmp_path / "env" / "bin" / "nwidth", "--help", cwd=tmp_path)
