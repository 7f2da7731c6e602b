"""The declaration: unknowns, equations, domain, conditions, parameters and observations, in frozen data."""

from __future__ import annotations

from .conditions import (
    Condition,
    Dirichlet,
    Flux,
    Initial,
    InitialRate,
    Neumann,
    Observations,
    Periodic,
    PointValue,
    Robin,
)
from .errors import DeclarationError, Place
from .manufactured import manufactured
from .objective import Objective
from .operators import curl, div, dot, grad, laplacian, material_derivative
from .problem import Equation, Problem
from .quantities import Quantity
from .reader import Declaration, read, read_text
from .regions import by_region
from .symbols import Parameter, Time, coordinates, normal, parameter, time, unknown, vector

__all__ = [
    "Condition", "Declaration", "DeclarationError", "Dirichlet", "Equation", "Flux", "Initial", "InitialRate",
    "Neumann", "Objective", "Observations", "Parameter", "Periodic", "Place", "PointValue", "Problem",
    "Quantity", "Robin", "Time", "by_region", "coordinates", "curl", "div", "dot", "grad", "laplacian",
    "manufactured", "material_derivative", "normal", "parameter", "read", "read_text", "time",
    "unknown", "vector",
]  # fmt: skip
