"""Reduced models, empirical interpolation, and certificates that make any surrogate trustworthy."""

from nwidth.rom.affine_decomposition import AffineDecomposition, affine_decomposition
from nwidth.rom.certificate import CertifiedSurrogate, certify, certify_fields
from nwidth.rom.certified_prediction import CertificateStatus, CertifiedPrediction
from nwidth.rom.dual_norm import DualNorm
from nwidth.rom.eim import eim
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation, SelectionStatus
from nwidth.rom.error_bound import ErrorBound
from nwidth.rom.gaussian_prior import GaussianPrior, Reconstruction
from nwidth.rom.generalized_eim import generalized_eim
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.rectangular_eim import RectangularEIM
from nwidth.rom.sensor_dictionary import SensorDictionary
from nwidth.rom.surrogate import Predictor, Surrogate
from nwidth.rom.training_parameters import TrainingParameters

__all__ = [
    "AffineDecomposition",
    "CertificateStatus",
    "CertifiedPrediction",
    "CertifiedSurrogate",
    "DualNorm",
    "EmpiricalInterpolation",
    "ErrorBound",
    "GaussianPrior",
    "MatrixSpan",
    "Predictor",
    "Reconstruction",
    "RectangularEIM",
    "SelectionStatus",
    "SensorDictionary",
    "Surrogate",
    "TrainingParameters",
    "affine_decomposition",
    "certify",
    "certify_fields",
    "eim",
    "generalized_eim",
]
