"""Reduced models, empirical interpolation, and certificates that make any surrogate trustworthy."""

from nwidth.rom.aca import aca
from nwidth.rom.adaptive_training import AdaptiveTraining, adaptive_training
from nwidth.rom.affine_certificate import (
    AffineErrorBound,
    CertifiedAffineSurrogate,
    certify_vectors,
)
from nwidth.rom.affine_decomposition import AffineDecomposition, affine_decomposition
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.basis_interpolation import BasisInterpolation
from nwidth.rom.certificate import CertifiedSurrogate, certify, certify_fields
from nwidth.rom.certified_prediction import CertificateStatus, CertifiedPrediction
from nwidth.rom.certified_trajectories import CertifiedTrajectories, StepStatus
from nwidth.rom.compressed_eim import compressed_eim
from nwidth.rom.controlled_modes import ControlledModes, controlled_modes
from nwidth.rom.cur import cur
from nwidth.rom.deim import deim
from nwidth.rom.dual_norm import DualNorm
from nwidth.rom.dual_weighted_output import DualWeightedOutput, dual_problem
from nwidth.rom.dynamic_modes import DynamicModes, DynamicModesStatus, dynamic_modes
from nwidth.rom.eim import eim
from nwidth.rom.eim_error_bound import EIMErrorBound, EIMErrorBoundStatus, eim_error_bound
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation
from nwidth.rom.error_bound import ErrorBound
from nwidth.rom.estimated_answer import EstimatedAnswer, EstimateStatus
from nwidth.rom.expanded_residual import ExpandedResidual
from nwidth.rom.gappy_pod import GappyFields, gappy_pod
from nwidth.rom.gaussian_prior import GaussianPrior, Reconstruction
from nwidth.rom.generalized_eim import generalized_eim
from nwidth.rom.generalized_nystroem import generalized_nystroem
from nwidth.rom.gnat import gnat
from nwidth.rom.greedy import GreedyResult, GreedyStatus, GreedyStep, greedy
from nwidth.rom.growing_basis import GrowingBasis
from nwidth.rom.growing_parabolic_basis import GrowingParabolicBasis
from nwidth.rom.growing_quadratic_basis import GrowingQuadraticBasis
from nwidth.rom.hp_partition import HpReducedBasis, hp_partition
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.jacobian_stability import JacobianStability
from nwidth.rom.lebesgue_constants import lebesgue_constants
from nwidth.rom.matrix_deim import matrix_deim
from nwidth.rom.matrix_limits import MatrixLimits, matrix_limits
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.method_of_snapshots import method_of_snapshots
from nwidth.rom.nonintrusive_reduced_basis import assembled_bounds, nonintrusive_reduced_basis
from nwidth.rom.nonlinear_eim import nonlinear_eim
from nwidth.rom.oblique_qr import oblique_qr
from nwidth.rom.parabolic_basis import ParabolicBasis
from nwidth.rom.parabolic_output import ParabolicOutput
from nwidth.rom.parabolic_problem import ParabolicProblem
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.parameter_expressions import ParameterExpressions
from nwidth.rom.pod import POD, pod
from nwidth.rom.pod_greedy import pod_greedy
from nwidth.rom.point_interpolation import PointInterpolation
from nwidth.rom.pointwise_basis import PointwiseBasis
from nwidth.rom.pointwise_problem import PointwiseProblem
from nwidth.rom.polynomial_tail import polynomial_tail
from nwidth.rom.qdeim import qdeim
from nwidth.rom.quadratic_answers import QuadraticAnswer, QuadraticAnswers, QuadraticStatus
from nwidth.rom.quadratic_basis import QuadraticBasis
from nwidth.rom.quadratic_continuity import quadratic_continuity
from nwidth.rom.quadratic_form import QuadraticForm
from nwidth.rom.quadratic_greedy import QuadraticGreedyResult, quadratic_greedy
from nwidth.rom.quadratic_problem import NonlinearSolution, NonlinearStatus, QuadraticProblem
from nwidth.rom.randomized_svd import randomized_svd
from nwidth.rom.range_finder import range_finder
from nwidth.rom.rectangular_eim import RectangularEIM
from nwidth.rom.reduced_basis import ReducedBasis
from nwidth.rom.reduced_solution import ReducedSolution, ReducedSolutions, ReducedStatus
from nwidth.rom.regression import PODRegression
from nwidth.rom.residual_basis import ResidualBasis
from nwidth.rom.row_source import RowSource
from nwidth.rom.s_opt import s_opt
from nwidth.rom.sampled_function import SampledFunction
from nwidth.rom.selection_status import SelectionStatus
from nwidth.rom.sensor_dictionary import SensorDictionary
from nwidth.rom.sensor_failures import SensorFailures, sensor_failures
from nwidth.rom.skeleton import Skeleton
from nwidth.rom.space_time_pod import SpaceTimePOD, space_time_pod
from nwidth.rom.stability import (
    EigenvalueInterpolation,
    InfSupAnchors,
    MinTheta,
    StabilityBound,
    SuccessiveConstraints,
    eigenvalue_interpolation,
    inf_sup_anchors,
    min_theta,
    stability_from_archived,
    successive_constraints,
)
from nwidth.rom.streaming_pod import StreamingPOD, streaming_pod
from nwidth.rom.surrogate import Predictor, Surrogate
from nwidth.rom.training_parameters import TrainingParameters
from nwidth.rom.trajectory_certificate import CertifiedTrajectorySurrogate, certify_trajectories
from nwidth.rom.updated_svd import UpdatedSVD

__all__ = [
    "POD",
    "AdaptiveTraining",
    "AffineDecomposition",
    "AffineErrorBound",
    "AffineProblem",
    "BasisInterpolation",
    "CertificateStatus",
    "CertifiedAffineSurrogate",
    "CertifiedPrediction",
    "CertifiedSurrogate",
    "CertifiedTrajectories",
    "CertifiedTrajectorySurrogate",
    "ControlledModes",
    "DualNorm",
    "DualWeightedOutput",
    "DynamicModes",
    "DynamicModesStatus",
    "EIMErrorBound",
    "EIMErrorBoundStatus",
    "EigenvalueInterpolation",
    "EmpiricalInterpolation",
    "ErrorBound",
    "EstimateStatus",
    "EstimatedAnswer",
    "ExpandedResidual",
    "GappyFields",
    "GaussianPrior",
    "GreedyResult",
    "GreedyStatus",
    "GreedyStep",
    "GrowingBasis",
    "GrowingParabolicBasis",
    "GrowingQuadraticBasis",
    "HpReducedBasis",
    "InfSupAnchors",
    "InnerProduct",
    "JacobianStability",
    "MatrixLimits",
    "MatrixSpan",
    "MinTheta",
    "NonlinearSolution",
    "NonlinearStatus",
    "PODRegression",
    "ParabolicBasis",
    "ParabolicOutput",
    "ParabolicProblem",
    "ParameterBox",
    "ParameterExpressions",
    "PointInterpolation",
    "PointwiseBasis",
    "PointwiseProblem",
    "Predictor",
    "QuadraticAnswer",
    "QuadraticAnswers",
    "QuadraticBasis",
    "QuadraticForm",
    "QuadraticGreedyResult",
    "QuadraticProblem",
    "QuadraticStatus",
    "Reconstruction",
    "RectangularEIM",
    "ReducedBasis",
    "ReducedSolution",
    "ReducedSolutions",
    "ReducedStatus",
    "ResidualBasis",
    "RowSource",
    "SampledFunction",
    "SelectionStatus",
    "SensorDictionary",
    "SensorFailures",
    "Skeleton",
    "SpaceTimePOD",
    "StabilityBound",
    "StepStatus",
    "StreamingPOD",
    "SuccessiveConstraints",
    "Surrogate",
    "TrainingParameters",
    "UpdatedSVD",
    "aca",
    "adaptive_training",
    "affine_decomposition",
    "assembled_bounds",
    "certify",
    "certify_fields",
    "certify_trajectories",
    "certify_vectors",
    "compressed_eim",
    "controlled_modes",
    "cur",
    "deim",
    "dual_problem",
    "dynamic_modes",
    "eigenvalue_interpolation",
    "eim",
    "eim_error_bound",
    "gappy_pod",
    "generalized_eim",
    "generalized_nystroem",
    "gnat",
    "greedy",
    "hp_partition",
    "inf_sup_anchors",
    "lebesgue_constants",
    "matrix_deim",
    "matrix_limits",
    "method_of_snapshots",
    "min_theta",
    "nonintrusive_reduced_basis",
    "nonlinear_eim",
    "oblique_qr",
    "pod",
    "pod_greedy",
    "polynomial_tail",
    "qdeim",
    "quadratic_continuity",
    "quadratic_greedy",
    "randomized_svd",
    "range_finder",
    "s_opt",
    "sensor_failures",
    "space_time_pod",
    "stability_from_archived",
    "streaming_pod",
    "successive_constraints",
]
