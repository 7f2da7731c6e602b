"""A problem as finite elements see it: integrands, prescribed values and initial data, without a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy as sp

from ..declare.problem import Problem
from .kernels import Integrand, Kernel, Symbols


@dataclass(frozen=True, eq=False)
class Essential:
    """An unknown's prescribed value on a named boundary, an expression in the variables."""

    unknown: int
    where: str
    value: sp.Expr


@dataclass(frozen=True, eq=False)
class Pin:
    """An unknown's value at one point of space."""

    unknown: int
    value: sp.Expr
    at: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class System:
    """Integrands of all equations, each tested with the unknown of its number.

    ``cells`` and ``boundary`` (name → kernel) hold Σ ∫ S v − F·∇v and ∫ G v; ``initial`` maps (unknown,
    rate) to its start; ``lowered`` are the unknowns taken one degree lower, such as a pressure;
    ``periodic`` are axes. ``order`` is the order in time. ``hidden`` unknowns, such as velocities, follow
    those of ``names``.
    """

    problem: Problem
    names: tuple[str, ...]
    symbols: Symbols
    integrands: tuple[Integrand, ...]
    boundary_integrands: Mapping[str, tuple[Integrand, ...]]
    essential: tuple[Essential, ...]
    pins: tuple[Pin, ...]
    initial: Mapping[tuple[int, int], sp.Expr]
    lowered: frozenset[int]
    differential: tuple[int, ...]
    periodic: tuple[int, ...]
    order: int
    hidden: int = 0
    cells: Kernel = field(init=False)
    boundary: Mapping[str, Kernel] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", Kernel(self.integrands, self.symbols))
        kernels = {name: Kernel(terms, self.symbols) for name, terms in self.boundary_integrands.items()}
        object.__setattr__(self, "boundary", kernels)

    @property
    def count(self) -> int:
        """Number of unknowns, the hidden ones included."""
        return len(self.names) + self.hidden

    @property
    def dimension(self) -> int:
        """Number of space coordinates."""
        return len(self.symbols.coordinates)

    @property
    def span(self) -> tuple[float, float] | None:
        """Start and end of time."""
        time = self.problem.time
        return (time.start, time.end) if time is not None else None

    @property
    def saddle(self) -> bool:
        """Whether some unknown acts as a multiplier, which asks for pivoting."""
        return bool(self.lowered)
