"""Which unknowns a condition on a boundary speaks of, and which may do with each other's conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sympy.core.function import AppliedUndef

from .conditions import ON_BOUNDARIES, Condition, Flux
from .orders import Orders
from .problem import condition_atoms
from .symbols import is_inferred

if TYPE_CHECKING:
    from .problem import Problem

PerEquation = list[dict[AppliedUndef, Orders]]


def count_on(problem: Problem, field: AppliedUndef, name: str, per_equation: PerEquation) -> int:
    """Number of conditions on a boundary that say something about an unknown."""
    return sum(
        condition.where in (name, "boundary") and field in _reach(problem, condition, per_equation)
        for condition in problem.of_kind(*ON_BOUNDARIES)
    )


def has_silent_partner(
    problem: Problem,
    field: AppliedUndef,
    name: str,
    merged: dict[AppliedUndef, Orders],
    per_equation: PerEquation,
) -> bool:
    """Whether a boundary is silent about another unknown of the same equations that wants a condition.

    Two for one and none for the other then count as one for each, as for u with m = Δu on a clamped edge.
    """
    partners = {f for found in per_equation if field in found for f in found} - {field}
    return any(
        not is_inferred(f) and merged[f].space >= 2 and not count_on(problem, f, name, per_equation)
        for f in partners
    )


def has_outspoken_partner(
    problem: Problem,
    field: AppliedUndef,
    name: str,
    merged: dict[AppliedUndef, Orders],
    per_equation: PerEquation,
) -> bool:
    """Whether another unknown of the same equations has more conditions on a boundary than its order asks."""
    partners = {f for found in per_equation if field in found for f in found} - {field}
    return any(count_on(problem, f, name, per_equation) > max(merged[f].space // 2, 1) for f in partners)


def _reach(problem: Problem, condition: Any, per_equation: PerEquation) -> set[AppliedUndef]:
    """The unknowns that a condition on a boundary says something about."""
    if isinstance(condition, Flux):
        found = per_equation[[e.name for e in problem.equations].index(condition.equation)]
        return {field for field, its in found.items() if its.space >= 2}
    if isinstance(condition, Condition):
        return condition_atoms(condition)
    return {condition.unknown}
