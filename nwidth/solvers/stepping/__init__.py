"""Time steppers for semilinear systems v' = L v + N(t, v); see `evolve`."""

from nwidth.solvers.stepping.banded_part import BandedPart
from nwidth.solvers.stepping.courant_control import CourantControl
from nwidth.solvers.stepping.dense_integration import DenseIntegration
from nwidth.solvers.stepping.evolution_system import EvolutionSystem, FunctionSystem
from nwidth.solvers.stepping.evolve import Evolution, evolve
from nwidth.solvers.stepping.explicit_runge_kutta import (
    BOGACKI_SHAMPINE,
    DORMAND_PRINCE,
    EULER,
    HEUN,
    RK4,
    RK43,
    SSPRK3,
    ExplicitRungeKutta,
)
from nwidth.solvers.stepping.exponential_rosenbrock import (
    EXPRB2,
    EXPRB32,
    ExponentialRosenbrock,
)
from nwidth.solvers.stepping.exponential_runge_kutta import (
    ETD1,
    ETDRK2,
    ETDRK3,
    ETDRK4,
    ExponentialRungeKutta,
)
from nwidth.solvers.stepping.imex_multistep import SBDF2, SBDF3, SBDF4, ImexMultistep
from nwidth.solvers.stepping.imex_runge_kutta import (
    ARK324L2SA,
    ARK436L2SA,
    ARS222,
    ARS343,
    ARS443,
    ImexRungeKutta,
)
from nwidth.solvers.stepping.integration import Counts, EvolutionStatus, Integration
from nwidth.solvers.stepping.krylov_phi import krylov_phi
from nwidth.solvers.stepping.linear_part import DiagonalPart, LinearPart
from nwidth.solvers.stepping.phi_functions import phi_functions
from nwidth.solvers.stepping.phi_matrices import phi_matrices
from nwidth.solvers.stepping.quadratic_evolution import (
    QuadraticEvolution,
    quadratic_evolution,
)
from nwidth.solvers.stepping.quadratic_system import QuadraticSystem
from nwidth.solvers.stepping.sparse_part import SparsePart
from nwidth.solvers.stepping.step_control import StepControl
from nwidth.solvers.stepping.stepping_method import Stepper, SteppingMethod

__all__ = [
    "ARK324L2SA",
    "ARK436L2SA",
    "ARS222",
    "ARS343",
    "ARS443",
    "BOGACKI_SHAMPINE",
    "DORMAND_PRINCE",
    "ETD1",
    "ETDRK2",
    "ETDRK3",
    "ETDRK4",
    "EULER",
    "EXPRB2",
    "EXPRB32",
    "HEUN",
    "RK4",
    "RK43",
    "SBDF2",
    "SBDF3",
    "SBDF4",
    "SSPRK3",
    "BandedPart",
    "Counts",
    "CourantControl",
    "DenseIntegration",
    "DiagonalPart",
    "Evolution",
    "EvolutionStatus",
    "EvolutionSystem",
    "ExplicitRungeKutta",
    "ExponentialRosenbrock",
    "ExponentialRungeKutta",
    "FunctionSystem",
    "ImexMultistep",
    "ImexRungeKutta",
    "Integration",
    "LinearPart",
    "QuadraticEvolution",
    "QuadraticSystem",
    "SparsePart",
    "StepControl",
    "Stepper",
    "SteppingMethod",
    "evolve",
    "krylov_phi",
    "phi_functions",
    "phi_matrices",
    "quadratic_evolution",
]
