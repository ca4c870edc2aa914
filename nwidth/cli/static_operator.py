"""The neural operators of static fields that a file may hold."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nwidth.operators import Ensemble, NeuralOperator


def static_operator(path: Path) -> "NeuralOperator | Ensemble":
    """Return the neural operator, or the ensemble of them, in a file."""
    from nwidth.cli.file_kind import file_kind
    from nwidth.operators import Ensemble, NeuralOperator

    return Ensemble.load(path) if file_kind(path) == "ensemble" else NeuralOperator.load(path)
