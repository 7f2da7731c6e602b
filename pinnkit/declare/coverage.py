"""Whether the conditions fit the equations: enough of them, none too many, each where it belongs.

An unknown of order 2k in space wants k conditions on every piece of the boundary across which it is
differentiated; one of order one, such as a pressure or a transported quantity, may be left free anywhere.
Unknowns with observations may lack conditions: the data take their place.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from sympy.core.function import AppliedUndef

from .conditions import (
    ON_BOUNDARIES,
    AnyCondition,
    Condition,
    Dirichlet,
    Flux,
    Initial,
    InitialRate,
    Neumann,
    Periodic,
    PointValue,
    Robin,
    describe,
)
from .errors import DeclarationError, unknown_word
from .orders import Orders, carried_out, orders
from .partners import PerEquation, count_on, has_outspoken_partner, has_silent_partner
from .periodicity import Piece, check_periodic, sample_pieces
from .problem import condition_expressions
from .symbols import is_inferred

if TYPE_CHECKING:
    from .problem import Problem


def check_conditions(problem: Problem, per_equation: PerEquation) -> None:
    """Raise ``DeclarationError`` at the first condition that does not fit, or that is missing."""
    merged: dict[AppliedUndef, Orders] = defaultdict(Orders)
    for found in per_equation:
        for field, its in found.items():
            merged[field] |= its
    for condition in problem.conditions:
        try:
            _check_one(problem, condition, merged)
        except DeclarationError as error:
            raise error.at(condition.place) from None
    pieces = sample_pieces(problem)
    _check_repeats(problem, merged, per_equation)
    ends = check_periodic(problem, pieces)
    _check_initial(problem, merged)
    for field in problem.solved:
        _check_boundary(problem, field, merged, per_equation, [p for p in pieces if p not in ends])


def _check_one(problem: Problem, condition: AnyCondition, merged: dict[AppliedUndef, Orders]) -> None:
    what = describe(condition)
    field = getattr(condition, "unknown", None)
    if field is not None and field not in problem.unknowns:
        error = unknown_word("unknown", str(field), map(str, problem.unknowns))
        raise DeclarationError(f"{what}: {error.what}", expected=error.expected, mend=error.mend)
    if isinstance(condition, ON_BOUNDARIES):
        names = problem.domain.boundary_names
        if condition.where not in (*names, "boundary"):
            error = unknown_word("boundary", str(condition.where), (*names, "boundary"))
            raise DeclarationError(f"{what}: {error.what}", expected=error.expected, mend=error.mend)
        _check_boundary_orders(condition, what, merged)
    if isinstance(condition, Flux) and condition.equation not in [e.name for e in problem.equations]:
        error = unknown_word("equation", condition.equation, [e.name for e in problem.equations])
        raise DeclarationError(f"{what}: {error.what}", expected=error.expected, mend=error.mend)
    if isinstance(condition, Robin) and condition.b == 0:
        raise DeclarationError(
            f"{what}: b is zero",
            expected="a·u + b·∂u/∂n = g with b ≠ 0",
            mend="use Dirichlet for a value alone",
        )
    if isinstance(condition, Initial | InitialRate):
        _check_initial_one(problem, condition, what, merged)
    if isinstance(condition, PointValue):
        _check_point(problem, condition, what)
    if isinstance(condition, Dirichlet | Initial | InitialRate | PointValue):
        solved = [f for f in condition_expressions(condition)[0].atoms(AppliedUndef) if not is_inferred(f)]
        if solved:
            raise DeclarationError(
                f"{what}: the value depends on {solved[0].func.__name__}",
                expected="data: coordinates and parameters",
                mend="use Condition(expression, where) to relate unknowns on a boundary",
            )


def _check_boundary_orders(condition: AnyCondition, what: str, merged: dict[AppliedUndef, Orders]) -> None:
    if isinstance(condition, Neumann | Robin):
        asked = {condition.unknown: 1}
    elif isinstance(condition, Condition):
        found = orders([carried_out(condition.expression, what)])
        asked = {field: its.space for field, its in found.items()}
        if not asked:
            raise DeclarationError(
                f"{what}: {condition.expression} holds no unknown",
                expected="an expression of unknowns that is zero there",
                mend="write it as u - value, or remove it",
            )
    else:
        return
    for field, order in asked.items():
        if not is_inferred(field) and order and order >= merged[field].space:
            name = field.func.__name__
            raise DeclarationError(
                f"{what}: a condition of order {order} in {name}, whose equations are of order "
                f"{merged[field].space} in space",
                expected="a condition of lower order than the equation",
                mend=f"use Dirichlet for {name}" if merged[field].space else f"leave {name} free",
            )


def _check_initial_one(
    problem: Problem, condition: Initial | InitialRate, what: str, merged: dict[AppliedUndef, Orders]
) -> None:
    if problem.time is None:
        raise DeclarationError(
            f"{what}: the problem has no time",
            expected="a time among the unknowns' variables",
            mend='declare t = pk.time("t", 0, 1), or use Dirichlet on a boundary',
        )
    name, order = condition.unknown.func.__name__, merged[condition.unknown].time
    needed = 2 if isinstance(condition, InitialRate) else 1
    if order < needed and not is_inferred(condition.unknown):
        raise DeclarationError(
            f"{what}: the equations are of order {order} in time for {name}",
            expected=f"time derivatives of order {needed} of {name} in the equations",
            mend="remove it" if order or needed == 1 else "remove it; check the equations' time derivatives",
        )
    if problem.time in condition.value.free_symbols:
        raise DeclarationError(
            f"{what}: {condition.value} depends on {problem.time}",
            expected="a function of space",
            mend=f"put in {problem.time} = {problem.time.start:g}",
        )


def _check_point(problem: Problem, condition: PointValue, what: str) -> None:
    space, full = len(problem.coordinates), len(problem.variables)
    if len(condition.at) not in (space, full):
        either = f"{space}" if space == full else f"{space} (all times) or {full}"
        raise DeclarationError(
            f"{what}: the point {condition.at} has {len(condition.at)} number(s)",
            expected=f"{either}: {', '.join(map(str, problem.variables))}",
            mend="give one number for each coordinate",
        )
    lower, upper = (np.array(corner) for corner in problem.domain.bounds)
    tolerance = 1e-9 * float(np.linalg.norm(upper - lower))
    if not problem.domain.contains(np.array([condition.at[:space]]), tolerance)[0]:
        raise DeclarationError(
            f"{what}: the point {condition.at[:space]} lies outside the domain",
            expected="a point of the domain",
            mend=f"choose one within {lower.tolist()} … {upper.tolist()}, not in a hole",
        )
    clock = problem.time
    if len(condition.at) > space and clock is not None and not clock.start <= condition.at[-1] <= clock.end:
        raise DeclarationError(
            f"{what}: {clock} = {condition.at[-1]:g} is outside [{clock.start:g}, {clock.end:g}]",
            expected="a time of the problem",
            mend="choose a time within",
        )
    fixed = problem.variables[: len(condition.at)]
    moving = [s for s in condition.value.free_symbols if s in fixed]
    if moving:
        raise DeclarationError(
            f"{what}: the value {condition.value} depends on {moving[0]}",
            expected="a number",
            mend="put in the point's coordinates",
        )


def _check_repeats(problem: Problem, merged: dict[AppliedUndef, Orders], per_equation: PerEquation) -> None:
    """Refuse two values for one thing: on a piece, at the start, at a point."""
    seen: dict[object, AnyCondition] = {}
    for condition in problem.conditions:
        for key in _subjects(problem, condition, merged, per_equation):
            earlier = seen.setdefault(key, condition)
            if earlier is condition:
                continue
            kinds = {type(earlier), type(condition)}
            same = len(kinds) == 1 and condition_expressions(earlier) == condition_expressions(condition)
            where = f" on {key[2]!r}" if isinstance(condition, ON_BOUNDARIES) else ""
            both = describe(earlier), describe(condition)
            raise DeclarationError(
                f"{both[0]} and {both[1]} {'say the same' if same else 'contradict each other'}{where}",
                expected="one statement for one place",
                mend="remove one of them, or give the pieces different names",
                place=condition.place,
            )


def _subjects(
    problem: Problem, condition: AnyCondition, merged: dict[AppliedUndef, Orders], per_equation: PerEquation
) -> list[tuple]:
    """What a condition settles; two conditions must not share a subject."""
    if isinstance(condition, Periodic):
        return [("periodic", condition.coordinate)]
    if isinstance(condition, Initial | InitialRate):
        return [(type(condition), condition.unknown)]
    if isinstance(condition, PointValue):
        return [("point", condition.unknown, condition.at)]
    where = condition.where
    names = problem.domain.boundary_names if where == "boundary" else (where,)
    if isinstance(condition, Condition):
        return [("expression", condition.expression, name) for name in names]
    if isinstance(condition, Flux):
        return [("flux", condition.equation, name) for name in names]
    # Value and slope may both be known where the order asks for two, along a line, and beside data.
    two = merged[condition.unknown].space >= 4 or problem.domain.dimension == 1 or problem.observations
    two = two or is_inferred(condition.unknown)

    def kind(name: str) -> object:
        room = two or has_silent_partner(problem, condition.unknown, name, merged, per_equation)
        return type(condition) if room else "value or slope"

    return [(kind(name), condition.unknown, name) for name in names]


def _check_initial(problem: Problem, merged: dict[AppliedUndef, Orders]) -> None:
    observed = {entry.unknown for entry in problem.observations}
    for field in problem.solved:
        name, order = field.func.__name__, merged[field].time
        if order > 2:
            raise DeclarationError(
                f"{name}: a time derivative of order {order}",
                expected="orders one and two in time",
                mend=f"introduce an unknown for ∂{name}/∂t",
                section="equations",
            )
        given = {type(c) for c in problem.of_kind(Initial, InitialRate) if c.unknown == field}
        wanted = {0: [], 1: [Initial], 2: [Initial, InitialRate]}[order]
        lacking = [kind for kind in wanted if kind not in given]
        if lacking and field not in observed:
            words = "initial value" if lacking[0] is Initial else "initial rate"
            key = name if lacking[0] is Initial else f"{name}_{problem.time}"
            raise DeclarationError(
                f"{name} has no {words}, but its equations are of order {order} in time",
                expected=" and ".join(f"{kind.__name__}({name}, …)" for kind in wanted),
                mend=f"add {lacking[0].__name__}({name}, …); in a problem file initial: {{{key}: …}}",
                section="conditions",
            )


def _check_boundary(
    problem: Problem,
    field: AppliedUndef,
    merged: dict[AppliedUndef, Orders],
    per_equation: PerEquation,
    pieces: list[Piece],
) -> None:
    """Enough conditions for one unknown, on every piece that its equations look across."""
    its = merged[field]
    wanted = its.space // 2
    if not wanted or any(entry.unknown == field for entry in problem.observations):
        return
    axes = [problem.coordinates.index(x) for x in its.along]
    asked = [p for p in pieces if any(p.faces(axis) for axis in axes)]
    counts = {p.name: count_on(problem, field, p.name, per_equation) for p in asked}
    if problem.domain.dimension == 1 and problem.time is None:
        # Along a line all conditions may stand at one end, or at points between.
        points = sum(c.unknown == field for c in problem.of_kind(PointValue))
        if sum(counts.values()) + points >= 2 * wanted:
            return
    for name, count in counts.items():
        if count < wanted and not has_outspoken_partner(problem, field, name, merged, per_equation):
            raise _uncovered(field.func.__name__, name, count, its.space)


def _uncovered(field: str, name: str, count: int, order: int) -> DeclarationError:
    has = "no condition" if not count else f"{count} condition(s) only"
    return DeclarationError(
        f"boundary {name!r}: {has} for {field}, whose equations are of order {order} in space",
        expected=f"{order // 2} of Dirichlet, Neumann, Robin, Flux or Condition there, or Periodic",
        mend=f"add Dirichlet({field}, …, where={name!r}) or Neumann({field}, 0, where={name!r}); "
        "if the coordinate across it is a time, declare it as time",
        section="conditions",
    )
