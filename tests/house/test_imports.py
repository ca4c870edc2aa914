"""Who may import whom (DESIGN of the house: each layer imports only leftwards)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "nwidth"

LAYERS = [
    "errors",
    "arguments",
    "atomic_file",
    "arrays",
    "njit",
    "kernels",
    "meshes",
    "storage",
    "solvers",
    "rom",
    "operators",
    "doors",
]
STORAGE = {
    "archive",
    "audit",
    "field_layout",
    "field_view",
    "field_writer",
    "fields",
    "journaled_file",
    "manifest",
}
DOORS = {"plotting", "cli"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def top(path: Path) -> str:
    """Name of the module's top-level part below nwidth: ``solvers`` for solvers/solve.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer(name: str) -> int | None:
    name = name.lstrip("_").removesuffix("_numba").removesuffix("_cuda")
    if name in STORAGE or name.startswith("layouts"):
        name = "storage"
    elif name in DOORS:
        name = "doors"
    return LAYERS.index(name) if name in LAYERS else None


def imports(path: Path, *, top_level_only: bool = False) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append(node.module or "")
            if node.module == "nwidth":
                found += [f"nwidth.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_leftwards(path):
    own = layer(top(path))
    if own is None:  # the package's own files, and no part of it
        assert top(path) in {"__init__", "__main__", "_version"}
        return
    for name in imports(path):
        if name.startswith("nwidth."):
            other = layer(name.split(".")[1])
            if other is not None:
                assert other <= own, f"{path.name} (layer {LAYERS[own]}) imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path):
    own, name = top(path), path.stem
    kernel_file = name.startswith("_") and name.endswith(("_numba", "_cupy", "_cuda"))
    rooms = {
        "torch": own == "operators",
        "numba": own in {"arrays", "kernels"} or kernel_file or own == "cli",
        "cupy": own in {"arrays", "kernels"} or kernel_file,
        "h5py": layer(own) == LAYERS.index("storage"),
        "matplotlib": own == "plotting",
    }
    for imported in imports(path):
        library = imported.split(".")[0]
        assert rooms.get(library, True), f"{path}: {library} is not imported here"


KERNEL_FILES = sorted({*PACKAGE.rglob("_*_numba.py")} - {PACKAGE / "_kernels_numba.py"})


@pytest.mark.parametrize("path", KERNEL_FILES, ids=lambda p: p.stem)
def test_kernels_are_made_of_kernel_files_alone(path):
    """The stamp of compiled code covers kernel files, and only our `njit` sets it."""
    for name in imports(path):
        if name.startswith("nwidth.") and not name.endswith("_numba"):
            assert name in {"nwidth.solvers", "nwidth.solvers.multigrid"}, f"{path}: {name}"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "numba":
            assert not {"jit", "njit"} & {alias.name for alias in node.names}, path


ABSTRACT = {
    "_lanes_numba",
    "_one_blas_thread",
    "linear_operator",
    "elimination",
    "newton",
    "continuation",
    "sparse_cholesky",
    "sparse_operator",
    "problem",
    "solution",
    "solve",
    "discretization_error",
    "error_growth",
    "evolution_problem",
    "stepping",
}
OF_A_DISCRETIZATION = {"faces", "kinds", "interior", "boundary", "transmissibilities"}


@pytest.mark.parametrize("path", sorted((PACKAGE / "rom").rglob("*.py")), ids=lambda p: p.stem)
def test_reduced_models_know_no_discretization(path):
    for name in imports(path):
        if name.startswith("nwidth.solvers"):
            assert name.removeprefix("nwidth.solvers.") in ABSTRACT, f"{path}: imports {name}"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert node.attr not in OF_A_DISCRETIZATION, f"{path}:{node.lineno}: .{node.attr}"


@pytest.mark.parametrize("folder", ["nwidth", "tests", "examples", "benchmarks"])
def test_nobody_imports_through_the_root_links(folder):
    for path in sorted((ROOT / folder).rglob("*.py")):
        for name in imports(path):
            assert name.split(".")[0] not in {"solvers", "operators", "rom", "meshes"}, path


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.split(".")[0] for name in result.stdout.split()}


@pytest.mark.parametrize("statement", ["import nwidth", "import nwidth.meshes"])
def test_import_is_light(statement):
    assert not loaded_by(statement) & {"torch", "numba", "matplotlib", "h5py", "cupy", "pydantic"}


def test_the_package_lists_what_it_gives():
    import nwidth

    for name in nwidth.__all__:
        assert getattr(nwidth, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = nwidth.nonsense
