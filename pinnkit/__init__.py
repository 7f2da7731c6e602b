"""Declare a partial differential equation once; solve it; have it judged by finite elements.

Public names are loaded when first used, and importing pinnkit changes nothing global.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "declare": (
        "Condition", "DeclarationError", "Dirichlet", "Flux", "Initial", "InitialRate", "Neumann",
        "Objective", "Observations", "Periodic", "PointValue", "Problem", "Quantity", "Robin", "by_region",
        "coordinates", "curl", "div", "dot", "grad", "laplacian", "manufactured", "material_derivative",
        "normal", "parameter", "read", "time", "unknown", "vector",
    ),
    "driver": ("certify", "load", "solve", "validate"),
    "forms": ("FormUnavailable",),
    "geometry": (
        "Ball", "Box", "Cylinder", "Disk", "Ellipse", "Interval", "MeshFile", "Polygon", "Rectangle",
    ),
    "solution": ("Solution",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:
    from .declare import (
        Condition,
        DeclarationError,
        Dirichlet,
        Flux,
        Initial,
        InitialRate,
        Neumann,
        Objective,
        Observations,
        Periodic,
        PointValue,
        Problem,
        Quantity,
        Robin,
        by_region,
        coordinates,
        curl,
        div,
        dot,
        grad,
        laplacian,
        manufactured,
        material_derivative,
        normal,
        parameter,
        read,
        time,
        unknown,
        vector,
    )
    from .driver import certify, load, solve, validate
    from .forms import FormUnavailable
    from .geometry import Ball, Box, Cylinder, Disk, Ellipse, Interval, MeshFile, Polygon, Rectangle
    from .solution import Solution


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'pinnkit' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
