"""Strong form: residuals lhs − rhs in jets, with the exact set of derivatives that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import sympy as sp

from ..declare import conditions as declared
from ..declare.problem import Problem
from ..declare.regions import InRegion
from .errors import FormUnavailable
from .flux import equation_flux
from .jets import Jet, Jets, JetSymbol, jets_in
from .unsettled import refuse_unsettled


@dataclass(frozen=True)
class StrongEquation:
    """R = 0 in jet symbols, with the jets that R depends on."""

    name: str
    residual: sp.Expr
    jets: tuple[Jet, ...]


@dataclass(frozen=True)
class StrongForm:
    """The residuals of all equations, in order of declaration.

    ``notes`` names equations that hold between jumps of a coefficient only: across one the flux is
    continuous, which no residual at points says.
    """

    equations: tuple[StrongEquation, ...]
    notes: tuple[str, ...] = ()

    @property
    def jets(self) -> tuple[Jet, ...]:
        """All jets needed."""
        return jets_in(*(e.residual for e in self.equations))


class ConditionResidual(NamedTuple):
    """An expression that a condition sets to zero, in jets, variables and the normal n_x, …."""

    residual: sp.Expr
    jets: tuple[Jet, ...]


def strong_form(problem: Problem) -> StrongForm:
    """Residuals R = lhs − rhs with all derivatives carried out.

    Raises ``FormUnavailable`` for a term that is not local in the unknowns.
    """
    jets = Jets(problem)
    equations, notes = [], []
    for equation in problem.equations:
        residual = without_idle_jets(jets.to_jets(equation.residual))
        equations.append(StrongEquation(equation.name, residual, jets_in(residual)))
        if jumps := _differentiated_jumps(equation.residual, problem):
            names = ", ".join(map(str, jumps))
            notes.append(f"{equation.name}: the flux across jumps of {names} is not seen")
    return StrongForm(tuple(equations), tuple(notes))


def _differentiated_jumps(residual: sp.Expr, problem: Problem) -> list[sp.Basic]:
    """Coefficients within a derivative that may jump in space or time."""
    kinds = (sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling)
    found = {c for d in residual.atoms(sp.Derivative) for c in d.expr.atoms(*kinds)}
    # A coefficient by region may have been taken out of the derivative before its domain was known.
    terms = sp.Add.make_args(sp.expand(residual.doit()))
    found |= {c for t in terms if _spreads(t, problem) for c in t.atoms(InRegion)}
    return [c for c in sp.ordered(found) if c.free_symbols & set(problem.variables)]


def _spreads(term: sp.Expr, problem: Problem) -> bool:
    """Whether a term holds a derivative of second or higher order in space."""
    return any(
        sum(v in problem.coordinates for v in d.variables) > 1 for d in term.atoms(sp.Derivative)
    )


def condition_residual(condition: declared.AnyCondition, problem: Problem) -> ConditionResidual:
    """What a condition sets to zero, in jets.

    Dirichlet, initial and point value: u − g. Rate: u_t − v₀. Neumann: n·∇u − g. Robin:
    a·u + b·n·∇u − g. Flux: F·n − g with F of the named equation's flux form. Expression: itself.
    Each divided by the problem's ``row_unit``.
    Raises ``FormUnavailable`` for a periodic condition, which compares two points.
    """
    jets = Jets(problem)
    residual = without_idle_jets(_condition(condition, jets))
    if (unit := problem.row_unit(condition)) != 1:
        residual = sp.Add(*(term / exact(unit) for term in sp.Add.make_args(residual)))
    return ConditionResidual(residual, jets_in(residual))


def normal_derivative(unknown: str, jets: Jets) -> sp.Expr:
    """∂u/∂n = Σ nᵢ u_i."""
    zero = jets.zero(unknown)
    return sp.Add(*(n * jets.symbol(zero.raised(i)) for i, n in zip(jets.space, jets.normals, strict=True)))


def _condition(condition: declared.AnyCondition, jets: Jets) -> sp.Expr:
    if isinstance(condition, declared.Condition):
        return jets.to_jets(condition.expression)
    if isinstance(condition, declared.Periodic):
        raise FormUnavailable(
            f"a residual of the periodic condition along {condition.coordinate}",
            reason="it compares two points",
            mend="impose it by a periodic embedding, or on pairs of points",
        )
    value = jets.to_jets(condition.value)
    if isinstance(condition, declared.Flux):
        refuse_unsettled(jets, condition.equation, condition.where)
        flux = equation_flux(jets.problem, condition.equation).flux
        return sp.Add(*(n * f for n, f in zip(jets.normals, flux, strict=False))) - value
    name = condition.unknown.func.__name__
    zero = jets.zero(name)
    if isinstance(condition, declared.Neumann):
        return normal_derivative(name, jets) - value
    if isinstance(condition, declared.Robin):
        a, b = jets.to_jets(condition.a), jets.to_jets(condition.b)
        return a * jets.symbol(zero) + b * normal_derivative(name, jets) - value
    if isinstance(condition, declared.InitialRate):
        return jets.symbol(zero.raised(len(jets.variables) - 1)) - value
    return jets.symbol(zero) - value


def exact(number: float) -> sp.Rational:
    """The decimal number that is written so; powers of two are exact in either."""
    return sp.Rational(number) if np.frexp(number)[0] == 0.5 else sp.Rational(str(number))


def without_idle_jets(expression: sp.Expr) -> sp.Expr:
    """The same expression without jets on which it does not depend: u_xx in u_xx·(u + 1) − u·u_xx − u_xx."""
    for symbol in expression.atoms(JetSymbol):
        if sp.expand_mul(sp.diff(expression, symbol)) == 0:
            expression = expression.subs(symbol, 1)  # any value would do; one divides safely
    return expression
