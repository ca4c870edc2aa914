"""nwidth: solve parametrized PDEs, reduce them, learn them, and know how wrong each answer may be.

The public names below are loaded on first use, so that ``import nwidth`` stays quick and pulls in
neither torch nor numba nor matplotlib.
"""

from importlib import import_module
from typing import Any

from nwidth._version import __version__

_HOME = {
    "FNO": "nwidth.operators",
    "FieldDataset": "nwidth.fields",
    "GaussianRandomField": "nwidth.meshes",
    "Grid": "nwidth.meshes",
    "NeuralOperator": "nwidth.operators",
    "certify": "nwidth.rom",
    "generate": "nwidth.solvers",
    "solve": "nwidth.solvers",
}
_SUBPACKAGES = ("fields", "meshes", "operators", "plotting", "rom", "solvers")

__all__ = ["__version__", *_HOME, *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _SUBPACKAGES:
        return import_module(f"nwidth.{name}")
    raise AttributeError(f"module 'nwidth' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
