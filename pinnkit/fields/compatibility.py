"""Whether data can be built into a trial function: each check returns the fault in words, or None."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..declare.conditions import Dirichlet
from ..declare.problem import Problem
from ..declare.symbols import Parameter
from ..forms.emit import emit
from ..forms.errors import FormUnavailable
from ..geometry.curves import Curve
from ..geometry.pieces import BoundaryPiece, BoxFace
from ..geometry.sampling import interior
from .distance import carrier_key, probes

# Data nearer than this, relative to their size, are equal.
AGREE = 1e-8
Pieces = Mapping[BoundaryPiece, Dirichlet]


def known(expression: sp.Expr) -> sp.Expr:
    """The expression with the values of the known parameters."""
    parameters = expression.atoms(Parameter)
    return replaced(expression, {p: p.value for p in parameters if not p.infer})


def replaced(expression: Any, numbers: Mapping[sp.Symbol, float]) -> sp.Expr:
    """The expression with numbers for symbols."""
    return expression.xreplace({s: sp.Float(n, 17) for s, n in numbers.items()})


def unbuildable(expression: sp.Expr, problem: Problem, points: np.ndarray) -> str | None:
    """Data with anything yet to be found in them, undefined values or kinks at the points."""
    foreign = expression.free_symbols - set(problem.variables)
    if foreign:
        return f"the data hold {', '.join(sorted(map(str, foreign)))}, which is yet to be found"
    if expression.has(sp.core.function.AppliedUndef):
        return "the data hold an unknown"
    switches = list(_switches(expression))
    try:
        value, *turning = values([expression, *switches], problem, points)
    except FormUnavailable as fault:
        return str(fault)
    if not np.all(np.isfinite(value)):
        return "the data are not finite everywhere"
    for switch, value in zip(switches, turning, strict=True):
        noise = 1e-12 * np.max(np.abs(value))
        if np.min(value) < -noise and np.max(value) > noise:
            return f"the data have a kink, a jump or a pole where {switch} = 0"
    return None


def values(expressions: Sequence[sp.Basic], problem: Problem, points: np.ndarray) -> list[np.ndarray]:
    """Expressions at points (n, d), each (n,)."""
    with np.errstate(all="ignore"):
        return list(emit(expressions, problem.variables, np)(*points.T))


def disagreeing(pieces: Pieces, problem: Problem) -> dict[Dirichlet, str]:
    """Conditions whose data differ where their pieces meet, with the reason."""
    found: dict[Dirichlet, str] = {}
    for (first, one), (second, other) in itertools.combinations(pieces.items(), 2):
        if one.value == other.value:
            continue
        meeting = _common_points(first, second, problem)
        fault = mismatch(known(one.value), known(other.value), problem, _over_time(meeting, problem))
        if fault is not None:
            reason = f"the data on {first.name!r} and {second.name!r} differ {fault}"
            found.setdefault(one, reason)
            found.setdefault(other, reason)
    return found


def mismatch(
    first: sp.Expr,
    second: sp.Expr,
    problem: Problem,
    points: np.ndarray,
    within: Collection[sp.Basic] | None = None,
) -> str | None:
    """Where (told by the coordinates ``within``, all by default) and by how much two expressions differ."""
    if not len(points):
        return None
    a, b = values([first, second], problem, points)
    gap = np.abs(a - b)
    worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    if gap[worst] <= AGREE * max(1.0, float(np.max(np.abs(a))), float(np.max(np.abs(b)))):
        return None
    told = [
        f"{variable} = {value:.4g}"
        for variable, value in zip(problem.variables, points[worst], strict=True)
        if within is None or variable in within
    ]
    return f"by {gap[worst]:.3g}" + (" at " if told else "") + ", ".join(told)


def seam(expression: sp.Expr, what: str, problem: Problem, points: np.ndarray) -> str | None:
    """A value or first derivative that does not repeat along a periodic coordinate, in words."""
    for coordinate in problem.periodic:
        axis = problem.variables.index(coordinate)
        for order, label in enumerate((what, f"∂{what}/∂{coordinate}")):
            low, high = (
                replaced(sp.diff(expression, coordinate, order), {coordinate: end})
                for end in (problem.lower[axis], problem.upper[axis])
            )
            fault = mismatch(low, high, problem, points, low.free_symbols | high.free_symbols)
            if fault is not None:
                return f"{label} does not repeat along {coordinate}: its ends differ {fault}"
    return None


def inside(problem: Problem, count: int = 256) -> np.ndarray:
    """A few points of space and time, (n, d)."""
    return interior(problem.domain, count, 0, time=_interval(problem))


def along(pieces: Sequence[BoundaryPiece], problem: Problem) -> np.ndarray:
    """A few points of the pieces, their ends among them, at several times, (n, d)."""
    dimension = problem.domain.dimension
    ends = [p.at(np.array([0.0, 1.0])) for p in pieces if isinstance(p, Curve)]
    corners = [_corners(p) for p in pieces if isinstance(p, BoxFace) and dimension < 8]
    return _over_time(np.concatenate([probes(pieces, dimension), *ends, *corners]), problem)


def _interval(problem: Problem) -> tuple[float, float] | None:
    return None if problem.time is None else (problem.time.start, problem.time.end)


def _over_time(points: np.ndarray, problem: Problem) -> np.ndarray:
    if problem.time is None:
        return points
    times = np.linspace(problem.time.start, problem.time.end, 7)
    return np.concatenate([np.column_stack([points, np.full(len(points), t)]) for t in times])


def _corners(face: BoxFace) -> np.ndarray:
    return np.array(list(itertools.product(*zip(*face.extent, strict=True))))


def _common_points(first: BoundaryPiece, second: BoundaryPiece, problem: Problem) -> np.ndarray:
    """Points at which two pieces meet, (n, d)."""
    shape = problem.domain
    if carrier_key(first.carrier) == carrier_key(second.carrier) or shape.dimension < 3:
        if not (isinstance(first, Curve) and isinstance(second, Curve)):
            return np.zeros((0, shape.dimension))
        a, b = (piece.at(np.array([0.0, 1.0])) for piece in (first, second))
        near = np.linalg.norm(a[:, None] - b[None], axis=2) < 1e-6 * shape.diameter
        return a[near.any(axis=1)]
    # Alternating projections between two carriers end where they meet, if they do.
    points = np.concatenate([probes([first], shape.dimension), probes([second], shape.dimension)])
    for _ in range(200):
        points = second.project(first.project(points))
    tolerance = 1e-6 * shape.diameter
    met = np.linalg.norm(first.project(points) - points, axis=1) < tolerance
    return points[met & shape.contains(points, tolerance)]


def _switches(expression: sp.Expr) -> Iterator[Any]:
    """Expressions at whose zeros a function kinks, jumps or has a pole."""
    node: Any
    for node in sp.preorder_traversal(expression):
        if isinstance(node, (sp.Abs, sp.sign, sp.Heaviside)):
            yield node.args[0]
        elif isinstance(node, (sp.Min, sp.Max)):
            yield from (a - b for a, b in itertools.combinations(node.args, 2))
        elif isinstance(node, sp.core.relational.Relational):
            yield node.lhs - node.rhs
        elif isinstance(node, sp.Pow) and node.exp.is_negative:
            yield node.base
