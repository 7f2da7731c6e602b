"""Quantities of interest of a field known with its derivatives, by quadrature on the exact shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ..declare.problem import Problem
from ..declare.quantities import AVERAGE, Quantity
from ..forms.quantities import density, on_boundary, with_formulas
from ..geometry.boundary_quadrature import boundary_quadrature
from ..geometry.boxes import Rectangle
from ..geometry.mesh_file import MeshFile
from ..geometry.meshing import mesh
from ..geometry.quadrature import domain_quadrature, gauss_legendre, mesh_quadrature
from ..geometry.shapes import Shape

if TYPE_CHECKING:
    from .record import Solution

# ∂^α of every unknown: (points (n, d), multi-indices) → (n, number of indices) by unknown.
Derivatives = Callable[[np.ndarray, tuple[tuple[int, ...], ...]], Mapping[str, np.ndarray]]
# Points (n, d), outward normals (n, d) where they mean something, and weights (n,).
Rule = tuple[np.ndarray, np.ndarray | None, np.ndarray]

_BOUNDARY_POINTS = {1: 2, 2: 128}  # at the first level; in more dimensions _SURFACE_POINTS
_SURFACE_POINTS = 1_000
_DOMAIN_POINTS = {1: 256, 2: 4_000}
_VOLUME_POINTS = 8_000
_ACROSS = 16  # cells across a shape of the plane, at the first level
_LEVELS = 4
_CLOSE = 1e-8  # of ∫|f|: where two levels differ by less, the finer one is the integral
_MOST_POINTS = 1_500_000  # of space and time together
_BLOCK = 2**17
_PANELS, _TOWARDS_START = 6, 6


@dataclass(frozen=True)
class Estimate:
    """A number and how far it may be off; where there is none, why it is ``missing``."""

    value: float
    error: float
    missing: str = ""


def quantities_of(solution: Solution) -> dict[str, Estimate]:
    """Every quantity of the solution's problem; the error is that of the quadrature alone.

    Those with derivatives are missing where the solution's field gives none.
    """
    problem = solution.problem
    missing: dict[str, str] = {}
    if not hasattr(solution.field, "derivatives"):
        for quantity in problem.quantities:
            if any(jet.order for jet in density(quantity, problem).jets):
                missing[quantity.name] = f"{solution.record.solver!r} gives no derivatives"

    def derivatives(points: np.ndarray, indices: tuple[tuple[int, ...], ...]) -> Mapping[str, np.ndarray]:
        if not any(any(index) for index in indices):
            values = solution.evaluate(points, extrapolate=True)
            return {name: np.repeat(value[:, None], len(indices), 1) for name, value in values.items()}
        return solution.derivatives(points, indices, extrapolate=True)

    return by_quadrature(problem, derivatives, solution.record.parameters, missing)


def by_quadrature(
    problem: Problem,
    derivatives: Derivatives,
    parameters: Mapping[str, float] | None = None,
    missing: Mapping[str, str] | None = None,
) -> dict[str, Estimate]:
    """Every quantity of a problem for a field, with the difference that a finer quadrature makes.

    ``parameters`` holds values found for parameters that are inferred. ``missing`` says which quantities
    cannot be had, and why; formulas of those cannot either.
    """
    given, lacking = dict(parameters or {}), passed_on(problem, missing or {})
    pairs = {
        q.name: (np.nan, np.nan) if q.name in lacking else _settled(problem, q, derivatives, given)
        for q in problem.quantities
        if q.kind != "formula"
    }
    coarse, fine = (
        with_formulas(problem, lambda q, level=level: pairs[q.name][level], given) for level in (0, 1)
    )
    return {n: Estimate(v, abs(v - coarse[n]), lacking.get(n, "")) for n, v in fine.items()}


def passed_on(problem: Problem, missing: Mapping[str, str]) -> dict[str, str]:
    """What is missing and why, with the formulas that need it."""
    found = dict(missing)
    for quantity in problem.quantities:
        lost = [n for n in found if sp.Symbol(n, real=True) in quantity.expression.free_symbols]
        if quantity.kind == "formula" and lost:
            found.setdefault(quantity.name, f"{lost[0]} is not available")
    return found


def moments(problem: Problem, quantity: Quantity, panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Times (m,) and weights (m,) that add up to one: the one time, or Gauss points for the average.

    Panels shrink towards the start, where solutions that do not fit their initial state change fastest.
    """
    clock = problem.time
    if clock is None:
        return np.zeros(0), np.ones(1)
    if quantity.time != AVERAGE:
        return np.array([clock.end if quantity.time is None else quantity.time]), np.ones(1)
    edges = np.linspace(clock.start, clock.end, panels + 1)
    first = clock.start + (edges[1] - clock.start) * 4.0 ** -np.arange(_TOWARDS_START, 0, -1)
    edges = np.concatenate([edges[:1], first, edges[1:]])
    nodes, weights = gauss_legendre(4)
    widths = np.diff(edges)
    times = edges[:-1, None] + widths[:, None] * nodes
    return times.ravel(), (widths[:, None] * weights).ravel() / (clock.end - clock.start)


def _settled(
    problem: Problem, quantity: Quantity, derivatives: Derivatives, parameters: Mapping[str, float]
) -> tuple[float, float]:
    """The value on ever finer rules until they agree, and before it one that is off by its error.

    That is the larger of the last two changes: rules may agree by chance once.
    """
    integral = _Integral(problem, quantity, derivatives, parameters)
    found: list[float] = []
    count = 0
    for level in range(_LEVELS):
        rule = _rule(problem, quantity, level)
        moment = moments(problem, quantity, _PANELS << level)
        if len(rule[0]) * len(moment[1]) == count:
            continue  # a rule no finer than the last says nothing of its error
        count = len(rule[0]) * len(moment[1])
        if len(found) > 1 and count > _MOST_POINTS:
            break
        value, size = integral.over(rule, moment)
        found.append(value)
        if integral.a_sum:
            return value, value
        if len(found) > 2 and np.abs(np.diff(found[-3:])).max() <= _CLOSE * size:
            break
    error = float(np.abs(np.diff(found[-3:])).max()) if len(found) > 1 else np.nan
    return found[-1] - error, found[-1]


class _Integral:
    """A quantity's density, integrated over points in space and time."""

    def __init__(
        self,
        problem: Problem,
        quantity: Quantity,
        derivatives: Derivatives,
        parameters: Mapping[str, float],
    ):
        wanted = density(quantity, problem)
        self.jets, self.derivatives = wanted.jets, derivatives
        self.indices = tuple(dict.fromkeys(jet.index for jet in wanted.jets))
        self.compute = wanted.emitted(problem, parameters)
        points = quantity.at is not None or (on_boundary(quantity) and len(problem.coordinates) == 1)
        # A sum over points at one time, which no quadrature approximates.
        self.a_sum = points and quantity.time != AVERAGE

    def over(self, rule: Rule, moment: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
        """The integrals of the density and of its absolute value."""
        (points, normals, weights), (times, shares) = rule, moment
        value = size = 0.0
        step = max(1, _BLOCK // len(points))
        for start in range(0, len(shares), step):
            some, part = times[start : start + step], shares[start : start + step]
            at = np.tile(points, (len(part), 1))
            if len(times):
                at = np.column_stack([at, np.repeat(some, len(points))])
            values = self._values(at, None if normals is None else np.tile(normals, (len(part), 1)))
            measure = np.outer(part, weights).ravel()
            value, size = value + float(measure @ values), size + float(measure @ np.abs(values))
        return value, size

    def _values(self, at: np.ndarray, normals: np.ndarray | None) -> np.ndarray:
        if not self.jets:
            return self.compute(at, normals, np.empty((len(at), 0)))
        found = self.derivatives(at, self.indices)
        columns = [found[jet.unknown][:, self.indices.index(jet.index)] for jet in self.jets]
        return self.compute(at, normals, np.stack(columns, axis=1))


def _rule(problem: Problem, quantity: Quantity, level: int) -> Rule:
    """Points, normals where they mean something, and weights of a level."""
    if quantity.at is not None:
        return np.array([quantity.at]), None, np.ones(1)
    dimension = len(problem.coordinates)
    if on_boundary(quantity):
        count = _BOUNDARY_POINTS.get(dimension, _SURFACE_POINTS) << (level * (dimension - 1))
        points, normals, weights = boundary_quadrature(problem.domain, str(quantity.over), count)
    else:
        points, weights = _domain_rule(problem.domain, level)
        normals = None
    return points, normals, weights / weights.sum() if quantity.mean else weights


def _domain_rule(shape: Shape, level: int) -> tuple[np.ndarray, np.ndarray]:
    """A rule on a shape, four times as fine at every level.

    Shapes of the plane carry one mesh that is refined, so that curved boundaries are met better each time.
    """
    if isinstance(shape, MeshFile):
        return mesh_quadrature(shape.mesh, 4 * (level + 1))
    if shape.dimension != 2 or isinstance(shape, Rectangle):
        count = _DOMAIN_POINTS.get(shape.dimension, _VOLUME_POINTS)
        return domain_quadrature(shape, count << (level * min(shape.dimension, 2)))
    found = mesh(shape, shape.diameter / _ACROSS)
    for _ in range(level):
        found = found.refined()
    points, weights = mesh_quadrature(found, 6)
    return points, weights * (shape.measure / weights.sum())
