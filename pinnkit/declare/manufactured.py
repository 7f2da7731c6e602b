"""Manufactured problems: from operators and an exact solution to sources, boundary and initial data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..geometry.shapes import Shape
from .conditions import (
    AnyCondition,
    Dirichlet,
    Initial,
    InitialRate,
    Neumann,
    Observations,
    Periodic,
    PointValue,
    Robin,
)
from .entries import read_equations, read_exact
from .errors import DeclarationError, unknown_word
from .orders import Orders, carried_out, orders
from .problem import Equation, Problem
from .quantities import Quantity
from .symbols import Time, is_inferred, normal

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = ("dirichlet", "neumann", "robin", "periodic")


def manufactured(
    name: str,
    domain: Shape,
    equations: Sequence[sp.Expr | sp.Eq | Equation] | Mapping[str, sp.Expr | sp.Eq],
    exact: Mapping[Any, Any],
    conditions: str | Mapping[str, str] = "dirichlet",
    observations: Sequence[Observations] = (),
    unknowns: Sequence[AppliedUndef] = (),
    quantities: Sequence[Quantity] = (),
) -> Problem:
    """The problem that a chosen solution solves (method of manufactured solutions).

    ``equations`` are operators A(u), or ``sp.Eq(A(u), b)``; the source f = A(u*) − b of the exact solution
    u* is added on the right. ``conditions`` is "dirichlet", "neumann", "robin" (u + ∂u/∂n) or "periodic"
    for the whole boundary, or one of the first three for each boundary name. Initial data follow from
    u* as the equations' order in time asks. An unknown that appears only through first derivatives, as a
    pressure does, is fixed at one point instead.

    Raises ``DeclarationError`` as ``Problem`` does, and for kinds that do not exist.
    """
    listed = read_equations(equations)
    solution = read_exact(exact) or {}
    fields = {f for e in listed for f in (e.lhs - e.rhs).atoms(AppliedUndef)}
    by_name = {f.func.__name__: f for f in fields}
    for field in sorted(by_name):
        if field not in solution:
            raise DeclarationError(
                f"manufactured: no exact expression for {field}",
                expected=f"one for each of {', '.join(sorted(by_name))}",
                mend=f"add {field} to exact",
            )
    inserted = {field: solution[field.func.__name__] for field in fields}
    sourced = [_with_source(equation, inserted) for equation in listed]
    merged: dict[AppliedUndef, Orders] = {}
    for equation in listed:
        for field, its in orders([carried_out(equation.residual, f"equation {equation.name!r}")]).items():
            merged[field] = merged.get(field, Orders()) | its
    data = _Data(domain, inserted, merged, _ordered(fields, unknowns))
    statements = [*data.on_boundaries(conditions), *data.at_start(), *data.at_points()]
    return Problem(name, domain, sourced, statements, observations, solution, unknowns, quantities)


def _with_source(equation: Equation, inserted: Mapping[AppliedUndef, sp.Expr]) -> Equation:
    what = f"equation {equation.name!r}"
    source = carried_out(equation.residual.xreplace(dict(inserted)), what)
    return Equation(equation.name, equation.lhs, equation.rhs + source, equation.place)


def _ordered(fields: Iterable[AppliedUndef], given: Sequence[AppliedUndef]) -> list[AppliedUndef]:
    found = sorted(fields, key=lambda f: f.func.__name__)
    return sorted(found, key=lambda f: list(given).index(f) if f in given else len(given))


class _Data:
    """Conditions with the exact solution's values."""

    def __init__(
        self,
        domain: Shape,
        exact: Mapping[AppliedUndef, Any],
        merged: Mapping[AppliedUndef, Orders],
        fields: list[AppliedUndef],
    ):
        self.domain, self.exact, self.merged = domain, exact, merged
        self.fields = [f for f in fields if not is_inferred(f)]

    def _loose(self, field: AppliedUndef) -> bool:
        """Whether the unknown is fixed by its equations up to a constant, and has no data on boundaries."""
        its = self.merged[field]
        return not its.bare and its.space <= 1 and not its.time

    def on_boundaries(self, conditions: str | Mapping[str, str]) -> list[AnyCondition]:
        if isinstance(conditions, str):
            if conditions == "periodic":
                return [Periodic(x) for x in self._space(self.fields[0])]
            conditions = {"boundary": conditions}
        if not isinstance(conditions, Mapping):
            raise DeclarationError(
                f"manufactured: conditions are {conditions!r}",
                expected=f"one of {', '.join(KINDS)}, or one for each boundary",
                mend="write conditions: dirichlet",
            )
        found: list[AnyCondition] = []
        for where, kind in conditions.items():
            if kind not in KINDS[:3]:
                raise unknown_word("kind of condition", str(kind), KINDS, otherwise="write dirichlet")
            found += [self._one(kind, f, where) for f in self.fields if not self._loose(f)]
        return found

    def _one(self, kind: str, field: AppliedUndef, where: str) -> AnyCondition:
        value = self.exact[field]
        slope = sp.Add(*(normal(x) * sp.diff(value, x) for x in self._space(field)))
        # A first-order unknown has no slope to prescribe.
        if kind == "dirichlet" or self.merged[field].space < 2:
            return Dirichlet(field, value, where)
        return (
            Neumann(field, slope, where)
            if kind == "neumann"
            else Robin(field, sp.S.One, sp.S.One, value + slope, where)
        )

    def at_start(self) -> list[AnyCondition]:
        found: list[AnyCondition] = []
        for field in self.fields:
            clock = next((a for a in field.args if isinstance(a, Time)), None)
            if clock is None:
                continue
            start = {
                clock: sp.Integer(int(clock.start)) if clock.start.is_integer() else sp.Float(clock.start)
            }
            value, order = self.exact[field], self.merged[field].time
            rate: Any = sp.diff(value, clock)
            if order >= 1:
                found.append(Initial(field, value.xreplace(start)))
            if order >= 2:
                found.append(InitialRate(field, rate.xreplace(start)))
        return found

    def at_points(self) -> list[AnyCondition]:
        found: list[AnyCondition] = []
        for field in filter(self._loose, self.fields):
            space = self._space(field)
            at = self.domain.pieces()[0].sample(_middle(len(space)))[0][0]
            value = self.exact[field].subs(dict(zip(space, map(float, at), strict=True)))
            found.append(PointValue(field, value, tuple(at)))
        return found

    @staticmethod
    def _space(field: AppliedUndef) -> list[Any]:
        return [a for a in field.args if not isinstance(a, Time)]


def _middle(dimension: int) -> np.ndarray:
    return np.full((1, max(dimension - 1, 1)), 0.5)
