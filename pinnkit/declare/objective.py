"""What controls are chosen for: an objective made least, and states to be reached at the end of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .canonical import canonical
from .conditions import scalar
from .errors import DeclarationError, Place

if TYPE_CHECKING:
    from .problem import Problem


@dataclass(frozen=True)
class Objective:
    """∫∫ running dx dt + ∫ final dx at the end of time, made least by the inferred fields, the controls.

    ``target`` maps unknowns to the states that they are to reach at the end of time, within ``tolerance``
    times the size of the target. A control of time alone, on a boundary, counts in ``running`` by the size
    of the domain.
    """

    running: sp.Expr = sp.S.Zero
    final: sp.Expr = sp.S.Zero
    target: tuple[tuple[AppliedUndef, sp.Expr], ...] = ()
    tolerance: float = 1e-4
    place: Place | None = field(default=None, compare=False)

    def __init__(
        self,
        running: Any = 0,
        final: Any = 0,
        target: Mapping[Any, Any] | None = None,
        tolerance: float = 1e-4,
        place: Place | None = None,
    ):
        put = object.__setattr__
        put(self, "running", canonical(scalar(running, "the running objective")))
        put(self, "final", canonical(scalar(final, "the final objective")))
        pairs = dict(target or {}).items()
        put(self, "target", tuple((u, canonical(scalar(v, f"target of {u}"))) for u, v in pairs))
        put(self, "tolerance", float(tolerance))
        put(self, "place", place)

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """Everything that it is made of."""
        return (self.running, self.final, *(value for _, value in self.target))


def check_objective(problem: Problem) -> None:
    """Raise ``DeclarationError`` for an objective that asks nothing, or that nothing could meet."""
    objective = problem.objective
    if objective is None:
        return

    def error(what: str, expected: str, mend: str) -> DeclarationError:
        return DeclarationError(
            f"objective: {what}", expected=expected, mend=mend, place=objective.place, section="objective"
        )

    if problem.time is None:
        raise error("the problem is steady", "a problem in time", "remove the objective")
    if not problem.inferred:
        raise error(
            "there is no control", "an inferred field in the equations or boundary conditions",
            'make one: f = pk.unknown("f", x, t, infer=True)',
        )  # fmt: skip
    if named := [p.name for p in problem.parameters if p.infer]:
        raise error(f"{named[0]} is a number", "fields as controls", "fix its value, or make it a field")
    if problem.observations:
        raise error(
            "there are observations too", "data to be met or an objective, not both",
            "remove one of them: how they would weigh against each other is nowhere said",
        )  # fmt: skip
    if objective.running == 0 and objective.final == 0 and not objective.target:
        raise error("it is empty", "running, final or target", 'write running: "f**2"')
    if not 0 < objective.tolerance < 1:
        raise error(f"the tolerance is {objective.tolerance:g}", "a number between 0 and 1", "write 1.0e-4")
    for unknown, _ in objective.target:
        if unknown not in problem.solved:
            names = ", ".join(f.func.__name__ for f in problem.solved)
            raise error(f"{unknown} has a target", f"a target of {names}", "name one that is solved for")
    for value in (value for _, value in objective.target):
        if found := value.atoms(AppliedUndef):
            raise error(f"a target holds {min(map(str, found))}", "a formula of the coordinates", "write one")
