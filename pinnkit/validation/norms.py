"""Area-weighted norms over the domain and its times, and what is defined up to a constant only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..declare.conditions import AnyCondition, Dirichlet, Initial, InitialRate, PointValue, Robin
from ..declare.problem import Problem, condition_expressions
from ..declare.symbols import Time
from ..geometry.quadrature import domain_quadrature

_POINTS = {1: 4_000, 2: 40_000}  # steady; more dimensions use the last
_POINTS_AT_A_TIME = {1: 2_000, 2: 6_000}
_TIME_PANELS, _TIME_ORDER = 10, 4


@dataclass(frozen=True)
class Measure:
    """Points (n, d) with positive weights (n,): ∫ f ≈ Σ wᵢ f(xᵢ). ``level`` (n,) numbers the times."""

    points: np.ndarray
    weights: np.ndarray
    level: np.ndarray

    @cached_property
    def total(self) -> float:
        """Σ w, the measure of the space-time domain."""
        return float(self.weights.sum())

    def l2(self, values: np.ndarray) -> float:
        """‖f‖ = (Σ wᵢ fᵢ²)^½."""
        return float(np.sqrt(np.sum(self.weights * values**2)))

    def mean(self, values: np.ndarray) -> float:
        """Σ wᵢ fᵢ / Σ wᵢ."""
        return float(np.sum(self.weights * values) / self.total)

    def without_mean(self, values: np.ndarray, each_time: bool) -> np.ndarray:
        """f less its mean over the domain, taken at each time apart where asked."""
        if not each_time:
            return values - self.mean(values)
        weight = np.bincount(self.level, self.weights)
        return values - (np.bincount(self.level, self.weights * values) / weight)[self.level]

    def where(self, chosen: np.ndarray) -> Measure:
        """The chosen points only."""
        level = np.unique(self.level[chosen], return_inverse=True)[1].reshape(-1)
        return Measure(self.points[chosen], self.weights[chosen], level)


def space_time_measure(problem: Problem) -> Measure:
    """Quadrature of the domain times composite Gauss–Legendre levels in time."""
    dimension = len(problem.coordinates)
    if problem.time is None:
        points, weights = domain_quadrature(problem.domain, _POINTS[min(dimension, 2)])
        return Measure(points, weights, np.zeros(len(points), dtype=int))
    space, weights = domain_quadrature(problem.domain, _POINTS_AT_A_TIME[min(dimension, 2)])
    times, steps = _gauss_panels(problem.time.start, problem.time.end)
    return Measure(
        np.column_stack([np.tile(space, (len(times), 1)), np.repeat(times, len(space))]),
        (steps[:, None] * weights).ravel(),
        np.repeat(np.arange(len(times)), len(space)),
    )


def data_measure(problem: Problem, points: np.ndarray, weights: np.ndarray) -> Measure:
    """The points of a data reference with its own weights."""
    points, weights = np.asarray(points, dtype=float), np.asarray(weights, dtype=float)
    clock = points[:, -1] if problem.time is not None else np.zeros(len(points))
    return Measure(points, weights, np.unique(clock, return_inverse=True)[1].reshape(-1))


def defined_up_to_constant(problem: Problem) -> dict[str, bool]:
    """Unknowns that nothing but a point value fixes the constant of, such as a pressure.

    u counts when equations and conditions hold of u + c whenever they hold of u. The value says whether
    c may vary in time, that is whether no ∂u/∂t appears.
    """
    clock = problem.time
    expressions: list[sp.Basic] = [equation.residual for equation in problem.equations]
    for condition in problem.conditions:
        if isinstance(condition, PointValue):
            continue
        expressions += condition_expressions(condition)
        expressions += _valued(condition)
    expressions += [observed.unknown for observed in problem.observations]
    expanded = [sp.sympify(expression).doit() for expression in expressions]
    found = {}
    for name, unknown in zip(problem.unknown_names, problem.unknowns, strict=True):
        if not any(_appears_bare(unknown, expression) for expression in expanded):
            rates = (d for e in expanded for d in e.atoms(sp.Derivative) if d.expr == unknown)
            found[name] = clock is not None and not any(clock in d.variables for d in rates)
    return found


def _valued(condition: AnyCondition) -> list[sp.Basic]:
    """The unknown of a condition that speaks of its value, not only of its normal derivative or rate."""
    if isinstance(condition, Robin):
        return [condition.a * condition.unknown]
    if isinstance(condition, InitialRate):
        clocks = (a for a in condition.unknown.atoms(sp.Symbol) if isinstance(a, Time))
        return [sp.Derivative(condition.unknown, *clocks)]
    return [sp.sympify(condition.unknown)] if isinstance(condition, (Dirichlet, Initial)) else []


def _appears_bare(unknown: AppliedUndef, expression: sp.Basic) -> bool:
    """Whether the unknown itself appears, outside its derivatives."""
    derivatives = {d: sp.Dummy() for d in expression.atoms(sp.Derivative) if d.expr == unknown}
    return expression.xreplace(derivatives).has(unknown)


def _gauss_panels(start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss–Legendre on equal panels of [start, end]."""
    nodes, weights = np.polynomial.legendre.leggauss(_TIME_ORDER)
    width = (end - start) / _TIME_PANELS
    times = start + width * (np.arange(_TIME_PANELS)[:, None] + (nodes + 1.0) / 2.0)
    return times.ravel(), np.tile(width / 2.0 * weights, _TIME_PANELS)
