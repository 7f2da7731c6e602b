"""Checks by numbers: data must be finite where they are used, an exact solution must solve the problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..geometry import sampling
from .bounds import work
from .conditions import (
    AnyCondition,
    Condition,
    Dirichlet,
    Initial,
    InitialRate,
    Neumann,
    Periodic,
    PointValue,
    Robin,
    describe,
)
from .errors import DeclarationError, Place
from .functions import UnsupportedError, evaluate
from .orders import MANY
from .problem import condition_expressions
from .symbols import Time, normal
from .syntax import excerpt

if TYPE_CHECKING:
    from .problem import Problem

Values = dict[sp.Symbol, np.ndarray]
POINTS = 128
# Relative to the largest term; derivatives of a correct solution cancel to about 1e-12.
TOLERANCE = 1e-6


def check_values(problem: Problem) -> None:
    """Raise ``DeclarationError`` for a source, coefficient or datum that is not finite at a sample point."""
    inside = _inside(problem)
    for equation in problem.equations:
        for side in (equation.lhs, equation.rhs):
            _check_finite(side, inside, f"equation {equation.name!r}", equation.place)
    for condition in problem.conditions:
        points = points_of(problem, condition, inside)
        if points is not None:
            for expression in condition_expressions(condition):
                _check_finite(expression, points, describe(condition), condition.place)


def check_exact(problem: Problem) -> None:
    """Raise ``DeclarationError`` where the exact solution does not solve the problem.

    Left out where parameters are still to be inferred, where an unknown has no exact expression, and
    where the check would be too large.
    """
    if problem.exact is None:
        return
    inside = _inside(problem)
    for name, expression in problem.exact.items():
        if name not in problem.unknown_names:
            raise DeclarationError(
                f"exact: there is no unknown {name!r}",
                expected=f"one of {', '.join(problem.unknown_names)}",
                mend="name an unknown of the problem",
                section="exact",
            )
        if expression.has(AppliedUndef):
            raise DeclarationError(
                f"exact {name}: {expression} holds an unknown",
                expected="coordinates and parameters",
                mend="write the solution out",
                section="exact",
            )
        _check_finite(expression, inside, f"exact {name}", None)
    if set(problem.exact) == set(problem.unknown_names) and not any(p.infer for p in problem.parameters):
        try:
            _check_solves(problem, problem.exact, inside)
        except UnsupportedError:
            return


def _check_solves(problem: Problem, exact: Mapping[str, sp.Expr], inside: Values) -> None:
    solution = {field: exact[field.func.__name__] for field in problem.unknowns}
    # Where a solution is zero, as on many boundaries, rounding is measured by its size elsewhere.
    size = max(float(np.max(np.abs(evaluate(e, inside)))) for e in solution.values())
    statements = [(e.residual, inside, f"equation {e.name!r}", e.place) for e in problem.equations]
    for condition in problem.conditions:
        points, residual = points_of(problem, condition, inside), _residual(problem, condition)
        if points is not None and residual is not None:
            statements.append((residual, points, describe(condition), condition.place))
    for residual, points, what, place in statements:
        inserted = residual.xreplace(solution)
        miss = _miss(inserted, points, size) if work(inserted) <= MANY else ""
        if miss:
            raise DeclarationError(
                f"the exact solution does not satisfy {what}: it misses by {miss}",
                expected="a solution of every equation and condition",
                mend="correct the solution or the statement; leave `exact` out where it is approximate",
                place=place,
                section="exact",
            )


def _miss(residual: Any, points: Values, size: float) -> str:
    """By how much an expression that should be zero misses that, and where; '' where it does not."""
    shape = next(iter(points.values())).shape
    # Each by itself: added up by SymPy, they would leave their rounding errors and not their size.
    terms = [np.broadcast_to(evaluate(t.doit(), points), shape) for t in sp.Add.make_args(residual)]
    total, scale = np.abs(np.sum(terms, axis=0)), float(np.max(np.sum(np.abs(terms), axis=0)))
    worst = int(np.argmax(total))
    # Not finite is another complaint's matter, or a singularity that the solution may have.
    if not np.isfinite(scale) or total[worst] <= TOLERANCE * max(scale, size):
        return ""
    return f"{total[worst]:.3g} at {_show(points, worst)}"


def _inside(problem: Problem) -> Values:
    """Points of the domain: low-discrepancy ones, and its middle, where simple poles like to sit."""
    clock = (problem.time.start, problem.time.end) if problem.time is not None else None
    points = sampling.interior(problem.domain, POINTS, seed=0, method="uniform", time=clock)
    lower, upper = np.array(problem.lower), np.array(problem.upper)
    middle = (lower + upper)[None, :] / 2
    if problem.domain.contains(middle[:, : problem.domain.dimension], -1e-9 * float(np.max(upper - lower)))[
        0
    ]:
        points = np.vstack([points, middle])
    return dict(zip(problem.variables, points.T, strict=True))


def points_of(problem: Problem, condition: Any, inside: Values) -> Values | None:
    """Where a condition holds, with normals on boundaries."""
    clock = problem.time
    if isinstance(condition, Initial | InitialRate):
        return inside | ({clock: np.full_like(inside[clock], clock.start)} if clock is not None else {})
    if isinstance(condition, PointValue):
        at = dict(zip(problem.variables, np.array(condition.at)[:, None], strict=False))
        return {v: np.broadcast_to(at[v], inside[v].shape) if v in at else inside[v] for v in inside}
    if isinstance(condition, Periodic):
        return None
    interval = (clock.start, clock.end) if clock is not None else None
    points, normals = sampling.boundary(problem.domain, condition.where, POINTS, 0, "uniform", interval)
    found = dict(zip(problem.variables, points.T, strict=True))
    return found | dict(zip(map(normal, problem.coordinates), normals.T, strict=True))


def _residual(problem: Problem, condition: AnyCondition) -> sp.Expr | None:
    """What a condition says is zero, for those whose residual needs no flux."""
    field: Any = getattr(condition, "unknown", None)
    match condition:
        case Dirichlet() | Initial() | PointValue():
            return field - condition.value
        case Neumann():
            return _slope(problem, field) - condition.value
        case Robin():
            return condition.a * field + condition.b * _slope(problem, field) - condition.value
        case InitialRate():
            return sp.Derivative(field, problem.time) - condition.value
        case Condition():
            return condition.expression
    return None


def _slope(problem: Problem, field: AppliedUndef) -> sp.Expr:
    """∂u/∂n = Σ nᵢ ∂u/∂xᵢ."""
    return sp.Add(*(normal(x) * sp.Derivative(field, x) for x in problem.coordinates))


def _check_finite(expression: sp.Expr, points: Values, what: str, place: Place | None) -> None:
    for part in _data(expression):
        try:
            values = evaluate(part, points)
        except UnsupportedError:
            continue
        bad = ~np.isfinite(values)
        if np.any(bad):
            kind = "not a real number" if np.any(np.isnan(values)) else "infinite"
            where = _show(points, int(np.argmax(np.broadcast_to(bad, next(iter(points.values())).shape))))
            raise DeclarationError(
                f"{what}: {excerpt(str(part))} is {kind} at {where}",
                expected="finite values wherever it is used",
                mend="check roots, logarithms and divisions; a limit can be put in by Piecewise",
                place=place,
            )


def _data(expression: Any) -> list[sp.Expr]:
    """Sources and coefficients: the factors of each term that hold no unknown."""
    found = []
    for term in sp.Add.make_args(expression):
        factors = sp.Mul.make_args(term)
        found.append(sp.Mul(*(f for f in factors if not f.has(AppliedUndef))))
        for factor in factors:
            if isinstance(factor, sp.Derivative) and not isinstance(factor.expr, AppliedUndef):
                found += _data(factor.expr)
    return found


def _show(points: Values, row: int) -> str:
    order = sorted((s for s in points if not s.name.startswith("n_")), key=lambda s: isinstance(s, Time))
    return ", ".join(f"{s} = {points[s][row]:.4g}" for s in order)
