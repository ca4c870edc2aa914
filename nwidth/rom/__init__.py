"""Reduced models, and the certificates that make any surrogate trustworthy."""

from importlib import import_module
from typing import Any

_HOME = {
    "CertificateStatus": "nwidth.rom.certified_prediction",
    "CertifiedPrediction": "nwidth.rom.certified_prediction",
    "CertifiedSurrogate": "nwidth.rom.certificate",
    "DualNorm": "nwidth.rom.dual_norm",
    "ErrorBound": "nwidth.rom.error_bound",
    "Predictor": "nwidth.rom.surrogate",
    "Surrogate": "nwidth.rom.surrogate",
    "certify": "nwidth.rom.certificate",
    "certify_fields": "nwidth.rom.certificate",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'nwidth.rom' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
