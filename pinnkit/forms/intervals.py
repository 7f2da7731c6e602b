"""A declaration over a part of its time interval."""

from __future__ import annotations

import dataclasses
from typing import Any

import sympy as sp

from ..declare.problem import Equation, Problem
from ..declare.symbols import time
from .scale import ScaledProblem


def within(problem: Problem, start: float, end: float) -> Problem:
    """The same equations and conditions for start ≤ t ≤ end.

    Initial values are kept as they are declared, and then hold at ``start``; observations, quantities
    and an exact solution, which need not satisfy these, are left out. Raises ``DeclarationError`` as any
    declaration does.
    """
    clock = problem.time
    if clock is None:
        raise ValueError(f"{problem.name} has no time to be cut")
    part = {clock: time(clock.name, start, end)}

    def moved(value: Any) -> Any:
        return value.xreplace(part) if isinstance(value, sp.Basic) else value

    conditions = {
        old: dataclasses.replace(
            old, **{f.name: moved(getattr(old, f.name)) for f in dataclasses.fields(old) if f.init}
        )
        for old in problem.conditions
    }
    given = (
        problem.name, problem.domain,
        [Equation(e.name, moved(e.lhs), moved(e.rhs), e.place) for e in problem.equations],
        tuple(conditions.values()), (), None,
        tuple(moved(u) for u in problem.unknowns),
    )  # fmt: skip
    if isinstance(problem, ScaledProblem):
        return ScaledProblem({new: problem.row_unit(old) for old, new in conditions.items()}, *given)
    return Problem(*given)
