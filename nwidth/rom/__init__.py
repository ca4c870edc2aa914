"""Reduced models, empirical interpolation, and certificates that make any surrogate trustworthy."""

from nwidth.rom.certificate import CertifiedSurrogate, certify, certify_fields
from nwidth.rom.certified_prediction import CertificateStatus, CertifiedPrediction
from nwidth.rom.dual_norm import DualNorm
from nwidth.rom.eim import eim
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation, SelectionStatus
from nwidth.rom.error_bound import ErrorBound
from nwidth.rom.surrogate import Predictor, Surrogate

__all__ = [
    "CertificateStatus",
    "CertifiedPrediction",
    "CertifiedSurrogate",
    "DualNorm",
    "EmpiricalInterpolation",
    "ErrorBound",
    "Predictor",
    "SelectionStatus",
    "Surrogate",
    "certify",
    "certify_fields",
    "eim",
]
