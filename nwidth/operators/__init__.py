"""Neural operators: networks that map functions to functions, and their training.

The only subpackage that needs PyTorch (``pip install nwidth[operators]``); names are loaded on
first use, so that ``import nwidth.operators`` works without it.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "AdamW": "training.training_options",
    "Augmentation": "training.augmentation",
    "AutoregressiveOperator": "in_time.autoregressive_operator",
    "CloudSample": "graphs.cloud_samples",
    "CoefficientTask": "training.coefficient_task",
    "Constant": "training.schedules",
    "Cosine": "training.schedules",
    "Dealiasing": "spectral.dealiasing",
    "DifferentiableSolve": "differentiable_solve",
    "Ensemble": "ensemble",
    "Execution": "training.training_options",
    "FFNO": "ffno",
    "FieldTask": "training.field_task",
    "FNO": "fno",
    "GNO": "gno",
    "H1Loss": "training.losses",
    "L2Loss": "training.losses",
    "LBFGS": "training.training_options",
    "LearnedCycle": "multigrid.learned_cycle",
    "LearningTask": "training.learning_task",
    "LNO": "lno",
    "MGNO": "multipole_gno",
    "MgNO": "mgno",
    "MultigridLayer": "multigrid.multigrid_layer",
    "NeuralOperator": "neural_operator",
    "NeuralSpectralMethod": "neural_spectral_method",
    "NeuralSpectralNetwork": "neural_spectral_network",
    "Normalizer": "training.normalizer",
    "OneCycle": "training.schedules",
    "OperatorLayer": "operator_layer",
    "OperatorNetwork": "operator_network",
    "PODNetwork": "pod_network",
    "PointCloudOperator": "point_cloud_operator",
    "Rollout": "in_time.rollout_task",
    "SpaceTimeOperator": "in_time.space_time_operator",
    "SpectralConv": "spectral.spectral_conv",
    "SpectralLoss": "training.losses",
    "Steps": "training.schedules",
    "T1": "t1",
    "TFNO": "tfno",
    "Trainer": "training.trainer",
    "TrainingMoment": "training.learning_task",
    "TrainingOptions": "training.training_options",
    "TrainingReport": "training.training_options",
    "export_torchscript": "torchscript",
    "load_cloud_samples": "graphs.cloud_samples",
    "modes_by_energy": "spectral.orthonormal_modes",
    "relative_h1": "training.losses",
    "relative_l2": "training.losses",
    "relative_spectral": "training.losses",
    "save_cloud_samples": "graphs.cloud_samples",
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
