"""Boundary conditions on the sides of a box: Σₖ cₖ ∂ₙᵏu = g for every state."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from ..declare.conditions import ON_BOUNDARIES, Condition, Flux, PointValue, describe
from ..declare.problem import Problem
from ..forms import FormUnavailable, Jet, Jets, condition_residual
from ..forms.jets import JetSymbol, jets_in, replaced
from ..geometry.boxes import Box, Interval, Rectangle

Side = tuple[int, int]  # axis, and 0 for its lower end, 1 for the upper one


@dataclass(frozen=True)
class Statement:
    """Σₖ ``coefficients[k]`` ∂ₙᵏu = ``value``, n outward."""

    coefficients: tuple[sp.Expr, ...]
    value: sp.Expr

    def rate(self, problem: Problem, times: int) -> Statement:
        """The same of ∂ₜ^times u."""
        if times and any(c.has(problem.time) for c in self.coefficients):
            raise FormUnavailable(
                "a boundary condition of a time derivative", reason="its coefficients depend on time",
                mend="use coefficients constant in time",
            )  # fmt: skip
        index = (*(0 for _ in problem.coordinates), times)
        return Statement(self.coefficients, Jets(problem).derivative(self.value, index))


def on_box(problem: Problem) -> bool:
    """Whether the domain is an interval, a rectangle or a box."""
    return isinstance(problem.domain, (Interval, Rectangle, Box))


def side_names(problem: Problem) -> dict[Side, str]:
    """The boundary's name on each side that is no periodic one."""
    names = [piece.name for piece in problem.domain.pieces()]
    wrapped = [c in problem.periodic for c in problem.coordinates]
    sides = [(axis, end) for axis in range(len(wrapped)) for end in (0, 1)]
    return {side: name for side, name in zip(sides, names, strict=True) if not wrapped[side[0]]}


def statements(problem: Problem, state: Jet, fluxes: bool = True) -> dict[Side, tuple[Statement, ...]]:
    """What the conditions say of a state on each side; nothing where none was declared.

    Without ``fluxes`` flux conditions are left to the caller. Raises ``FormUnavailable`` for point values,
    and for conditions that are nonlinear, relate unknowns, or hold tangential derivatives.
    """
    if points := [p for p in problem.of_kind(PointValue) if p.unknown.func.__name__ == state.unknown]:
        raise FormUnavailable(
            f"the {describe(points[0])} on a grid", reason="a simulator imposes no values at points",
            mend="remove it, or use pinn",
        )  # fmt: skip
    found: dict[Side, list[Statement]] = {side: [] for side in side_names(problem)}
    for condition in problem.of_kind(*ON_BOUNDARIES):
        if isinstance(condition, Flux) and not fluxes:
            continue
        for side, name in side_names(problem).items():
            if condition.where in (name, "boundary"):
                statement = _statement(condition, problem, state, side)
                if statement is not None:
                    found[side].append(statement)
    return {side: tuple(entries) for side, entries in found.items()}


def _statement(condition: Condition, problem: Problem, state: Jet, side: Side) -> Statement | None:
    axis, end = side
    jets, sign = Jets(problem), 2 * end - 1
    normals = {n: sp.Integer(sign * (i == axis)) for i, n in enumerate(jets.normals)}
    residual = sp.expand(replaced(condition_residual(condition, problem).residual, normals))
    solved = {f.func.__name__ for f in problem.solved}
    present = [j for j in jets_in(residual) if j.unknown in solved]
    if not any(j.unknown == state.unknown for j in present):
        return None
    reason = ""
    if any(j.unknown != state.unknown for j in present):
        reason = "it relates unknowns"
    elif any(sum(j.index) != j.index[axis] for j in present):
        reason = "it holds derivatives other than the normal one"
    coefficients = {j.index[axis]: sp.diff(residual, jets.symbol(j)) for j in present}
    if not reason and any(c.atoms(JetSymbol) for c in coefficients.values()):
        reason = "it is nonlinear, or its coefficients are inferred"
    if reason:
        raise FormUnavailable(
            f"the {describe(condition)} on a grid", reason=reason,
            mend="use a value, a normal derivative or a Robin condition, or another solver",
        )  # fmt: skip
    value = -replaced(residual, {jets.symbol(j): sp.S.Zero for j in present})
    value = boundary_data(condition, value, problem)
    ordered = tuple(coefficients.get(k, sp.S.Zero) * sign**k for k in range(max(coefficients) + 1))
    return Statement(ordered, value).rate(problem, state.index[-1])


def boundary_data(condition: Condition, value: sp.Expr, problem: Problem) -> sp.Expr:
    """What a condition gives, in jets. Raises ``FormUnavailable`` for inferred data of more than time."""
    jets = Jets(problem)
    value = jets.to_jets(sp.sympify(value))
    if any(jets.unknowns[j.unknown].args != (problem.time,) for j in jets_in(value)):
        raise FormUnavailable(
            f"the {describe(condition)} on a grid", reason="it has inferred data of more than time",
            mend=f"infer a function of {problem.time} alone, or give them by a formula",
        )  # fmt: skip
    return value
