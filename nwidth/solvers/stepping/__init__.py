"""Time steppers for semilinear systems v' = L v + N(t, v); see `evolve`."""

from nwidth.solvers.stepping.evolution_system import EvolutionSystem, FunctionSystem
from nwidth.solvers.stepping.evolve import Evolution, evolve
from nwidth.solvers.stepping.explicit_runge_kutta import (
    BOGACKI_SHAMPINE,
    DORMAND_PRINCE,
    EULER,
    HEUN,
    RK4,
    SSPRK3,
    ExplicitRungeKutta,
)
from nwidth.solvers.stepping.exponential_runge_kutta import (
    ETD1,
    ETDRK2,
    ETDRK3,
    ETDRK4,
    ExponentialRungeKutta,
)
from nwidth.solvers.stepping.integration import Counts, EvolutionStatus, Integration
from nwidth.solvers.stepping.linear_part import DiagonalPart, LinearPart
from nwidth.solvers.stepping.phi_functions import phi_functions
from nwidth.solvers.stepping.quadratic_evolution import (
    QuadraticEvolution,
    QuadraticSystem,
    quadratic_evolution,
)
from nwidth.solvers.stepping.step_control import StepControl
from nwidth.solvers.stepping.stepping_method import Stepper, SteppingMethod

__all__ = [
    "BOGACKI_SHAMPINE",
    "DORMAND_PRINCE",
    "ETD1",
    "ETDRK2",
    "ETDRK3",
    "ETDRK4",
    "EULER",
    "HEUN",
    "RK4",
    "SSPRK3",
    "Counts",
    "DiagonalPart",
    "Evolution",
    "EvolutionStatus",
    "EvolutionSystem",
    "ExplicitRungeKutta",
    "ExponentialRungeKutta",
    "FunctionSystem",
    "Integration",
    "LinearPart",
    "QuadraticEvolution",
    "QuadraticSystem",
    "StepControl",
    "Stepper",
    "SteppingMethod",
    "evolve",
    "phi_functions",
    "quadratic_evolution",
]
