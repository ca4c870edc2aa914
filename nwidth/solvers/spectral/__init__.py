"""Spectral bases, their transforms and what is computed with their coefficients."""

from nwidth.solvers.spectral.almost_banded import AlmostBanded
from nwidth.solvers.spectral.chebyshev_basis import ChebyshevBasis
from nwidth.solvers.spectral.energy_spectrum import energy_spectrum, spectral_tail
from nwidth.solvers.spectral.fast_cosine import cosine_transform, sine_transform
from nwidth.solvers.spectral.fast_fourier import FastFourier
from nwidth.solvers.spectral.fourier_space import FourierSpace
from nwidth.solvers.spectral.galerkin_recombination import GalerkinRecombination, HelmholtzSolver
from nwidth.solvers.spectral.integrated_legendre import IntegratedLegendre
from nwidth.solvers.spectral.legendre_basis import LegendreBasis
from nwidth.solvers.spectral.polynomial_basis import PolynomialBasis
from nwidth.solvers.spectral.pruned_fourier import PrunedFourier
from nwidth.solvers.spectral.pruned_real_fourier import PrunedRealFourier
from nwidth.solvers.spectral.sine_cosine_basis import CosineBasis, SineBasis
from nwidth.solvers.spectral.spectral_basis import SpectralBasis
from nwidth.solvers.spectral.symmetric_bands import SymmetricBands
from nwidth.solvers.spectral.tau_method import TauMethod
from nwidth.solvers.spectral.tensor_basis import TensorBasis
from nwidth.solvers.spectral.ultraspherical import Ultraspherical

__all__ = [
    "AlmostBanded",
    "ChebyshevBasis",
    "CosineBasis",
    "FastFourier",
    "FourierSpace",
    "GalerkinRecombination",
    "HelmholtzSolver",
    "IntegratedLegendre",
    "LegendreBasis",
    "PolynomialBasis",
    "PrunedFourier",
    "PrunedRealFourier",
    "SineBasis",
    "SpectralBasis",
    "SymmetricBands",
    "TauMethod",
    "TensorBasis",
    "Ultraspherical",
    "cosine_transform",
    "energy_spectrum",
    "sine_transform",
    "spectral_tail",
]
