"""Neural operators: networks that map functions to functions, and their training.

The only subpackage that needs PyTorch (``pip install nwidth[operators]``); names are loaded on
first use, so that ``import nwidth.operators`` works without it.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "AdamW": "training_options",
    "Augmentation": "augmentation",
    "AutoregressiveOperator": "autoregressive_operator",
    "CloudSample": "cloud_samples",
    "CoefficientTask": "coefficient_task",
    "Constant": "schedules",
    "Cosine": "schedules",
    "Dealiasing": "dealiasing",
    "DifferentiableSolve": "differentiable_solve",
    "Ensemble": "ensemble",
    "Execution": "training_options",
    "FFNO": "ffno",
    "FieldTask": "field_task",
    "FNO": "fno",
    "GNO": "gno",
    "H1Loss": "losses",
    "L2Loss": "losses",
    "LBFGS": "training_options",
    "LearnedCycle": "learned_cycle",
    "LearningTask": "learning_task",
    "LNO": "lno",
    "MGNO": "multipole_gno",
    "MgNO": "mgno",
    "MultigridLayer": "multigrid_layer",
    "NeuralOperator": "neural_operator",
    "NeuralSpectralMethod": "neural_spectral_method",
    "NeuralSpectralNetwork": "neural_spectral_network",
    "Normalizer": "normalizer",
    "OneCycle": "schedules",
    "OperatorLayer": "operator_layer",
    "OperatorNetwork": "operator_network",
    "PODNetwork": "pod_network",
    "PointCloudOperator": "point_cloud_operator",
    "Rollout": "rollout_task",
    "SpaceTimeOperator": "space_time_operator",
    "SpectralConv": "spectral_conv",
    "SpectralLoss": "losses",
    "Steps": "schedules",
    "T1": "t1",
    "TFNO": "tfno",
    "Trainer": "training",
    "TrainingMoment": "learning_task",
    "TrainingOptions": "training_options",
    "TrainingReport": "training_options",
    "export_torchscript": "torchscript",
    "load_cloud_samples": "cloud_samples",
    "modes_by_energy": "orthonormal_modes",
    "relative_h1": "losses",
    "relative_l2": "losses",
    "relative_spectral": "losses",
    "save_cloud_samples": "cloud_samples",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nwidth.operators' has no attribute {name!r}")
    try:
        module = import_module(f"nwidth.operators.{_HOME[name]}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"{name} needs PyTorch, which is not installed; run: pip install nwidth[operators]",
            name="torch",
        ) from None
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
