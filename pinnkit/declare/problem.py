"""The Problem: one frozen declaration from which every form, solver and reference is derived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import sympy as sp
from sympy.core.function import AppliedUndef

from ..geometry.shapes import Shape
from .conditions import AnyCondition, Observations, Periodic
from .errors import Place
from .objective import Objective
from .quantities import Quantity
from .symbols import Parameter, Time, is_inferred

Kind = TypeVar("Kind", bound=AnyCondition)


@dataclass(frozen=True)
class Equation:
    """One equation lhs = rhs; its residual is lhs − rhs, the sign convention everywhere."""

    name: str
    lhs: sp.Expr
    rhs: sp.Expr
    place: Place | None = field(default=None, compare=False)

    @property
    def residual(self) -> sp.Expr:
        """R = lhs − rhs."""
        return self.lhs - self.rhs


@dataclass(frozen=True)
class Problem:
    """A differential equation on a domain with its conditions; checks itself when made.

    ``equations`` are ``sp.Eq`` or expressions equal to zero, in a sequence or named in a mapping; an
    equation between columns stands for one equation each component. ``exact`` holds a known solution,
    unknown name → expression, where there is one. ``unknowns`` fixes the order of the unknowns; without
    it they come in order of the equations, within one equation by name. Those solved for stand first.
    ``quantities`` are the numbers that solution and reference are asked for; they change neither. With an
    ``objective``, inferred fields are controls chosen for it.

    Raises ``DeclarationError`` naming the fault, what was expected and how to mend it.
    """

    name: str
    domain: Shape
    equations: tuple[Equation, ...]
    conditions: tuple[AnyCondition, ...] = ()
    observations: tuple[Observations, ...] = ()
    exact: Mapping[str, sp.Expr] | None = None
    unknowns: tuple[AppliedUndef, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    objective: Objective | None = None

    def __init__(
        self,
        name: str,
        domain: Shape,
        equations: Sequence[sp.Eq | sp.Expr | Equation] | Mapping[str, sp.Eq | sp.Expr],
        conditions: Sequence[AnyCondition] = (),
        observations: Sequence[Observations] = (),
        exact: Mapping[str, sp.Expr] | None = None,
        unknowns: Sequence[AppliedUndef | sp.MatrixBase] = (),
        quantities: Sequence[Quantity] = (),
        objective: Objective | None = None,
    ):
        from .checks import check_problem
        from .entries import read_conditions, read_equations, read_exact, read_observations, read_unknowns
        from .quantities import read_quantities
        from .region_checks import bound_equations

        put = object.__setattr__
        put(self, "name", name)
        put(self, "domain", domain)
        put(self, "equations", read_equations(equations))
        put(self, "conditions", read_conditions(conditions))
        put(self, "observations", read_observations(observations))
        put(self, "exact", read_exact(exact))
        put(self, "unknowns", read_unknowns(self, unknowns))
        put(self, "quantities", read_quantities(quantities))
        put(self, "objective", objective)
        put(self, "equations", bound_equations(self))
        check_problem(self)

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def solved(self) -> tuple[AppliedUndef, ...]:
        """The unknowns that the equations are solved for."""
        return tuple(f for f in self.unknowns if not is_inferred(f))

    @cached_property
    def inferred(self) -> tuple[AppliedUndef, ...]:
        """Coefficient fields found from data, or controls chosen for the objective."""
        return tuple(f for f in self.unknowns if is_inferred(f))

    @cached_property
    def unknown_names(self) -> tuple[str, ...]:
        """Names of the unknowns, in the order of ``unknowns``."""
        return tuple(f.func.__name__ for f in self.unknowns)

    @cached_property
    def time(self) -> Time | None:
        """The time coordinate, or None for a steady problem."""
        clocks = (a for f in self.unknowns for a in f.args if isinstance(a, Time))
        return next(clocks, None)

    @cached_property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """Space coordinates, in the order the first unknown with all of them lists them."""
        spaces: list[Any] = [tuple(a for a in f.args if not isinstance(a, Time)) for f in self.unknowns]
        return max(spaces, key=len)

    @cached_property
    def variables(self) -> tuple[sp.Symbol, ...]:
        """Columns of every points array: the space coordinates, then time where there is time."""
        return (*self.coordinates, self.time) if self.time is not None else self.coordinates

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters in use, by name."""
        found = {p for expression in self.expressions for p in expression.atoms(Parameter)}
        return tuple(sorted(found, key=lambda p: p.name))

    @cached_property
    def periodic(self) -> tuple[sp.Symbol, ...]:
        """Coordinates along which the unknowns repeat."""
        return tuple(c.coordinate for c in self.conditions if isinstance(c, Periodic))

    def of_kind(self, *kinds: type[Kind]) -> tuple[Kind, ...]:
        """Conditions of the given classes, in order of declaration."""
        return tuple(c for c in self.conditions if isinstance(c, kinds))

    @property
    def lower(self) -> tuple[float, ...]:
        """Lower corner of the bounding box, one entry per variable."""
        low, _ = self.domain.bounds
        return (*map(float, low), self.time.start) if self.time is not None else tuple(map(float, low))

    @property
    def upper(self) -> tuple[float, ...]:
        """Upper corner of the bounding box, one entry per variable."""
        _, high = self.domain.bounds
        return (*map(float, high), self.time.end) if self.time is not None else tuple(map(float, high))

    @cached_property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """Every expression: of equations, conditions, the objective, the exact solution and quantities."""
        found = [side for e in self.equations for side in (e.lhs, e.rhs)]
        found += [e for condition in self.conditions for e in condition_expressions(condition)]
        found += [] if self.objective is None else self.objective.expressions
        return (*found, *(self.exact or {}).values(), *(q.expression for q in self.quantities))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the declaration, for caches and provenance.

        Files that it refers to count by their content, not by where they lie.
        """
        from .writer import digest

        return digest(self)

    @cached_property
    def without_quantities(self) -> Problem:
        """The problem alone, which solutions and references are made for."""
        if not self.quantities:
            return self
        given = (self.equations, self.conditions, self.observations, self.exact, self.unknowns)
        return Problem(self.name, self.domain, *given, objective=self.objective)

    def row_unit(self, condition: AnyCondition) -> float:
        """What the residual of a condition is divided by: one, but in a problem that was scaled."""
        return 1.0

    def to_yaml(self) -> str:
        """The declaration as a problem file, which reads back to an equal Problem.

        Raises ``DeclarationError`` for an expression that problem files have no words for.
        """
        from .writer import to_yaml

        return to_yaml(self)


def condition_expressions(condition: AnyCondition) -> list[sp.Expr]:
    """Every expression a condition is made of."""
    return [
        value
        for name in ("value", "a", "b", "expression")
        if isinstance(value := getattr(condition, name, None), sp.Expr)
    ]


def condition_atoms(condition: AnyCondition) -> set[AppliedUndef]:
    """The unknowns a condition speaks of."""
    field = getattr(condition, "unknown", None)
    found = {field} if isinstance(field, AppliedUndef) else set()
    for expression in condition_expressions(condition):
        found |= expression.atoms(AppliedUndef)
    return found
