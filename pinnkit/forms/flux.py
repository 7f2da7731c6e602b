"""Flux form R = Σ Dᵢ Fᵢ + S over space and time, which checks itself by expanding back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import sympy as sp

from ..declare.problem import Problem
from .errors import FormUnavailable
from .jets import Jets, JetSymbol, jets_in, replaced
from .peel import Peel, curls, expanded, vanishes


@dataclass(frozen=True)
class FluxEquation:
    """R + Σ μ_m R_m = Σ Dᵢ Fᵢ + S; ``flux`` over all variables, ``multipliers`` pairs (equation m, μ_m)."""

    name: str
    flux: tuple[sp.Expr, ...]
    source: sp.Expr
    multipliers: tuple[tuple[str, sp.Expr], ...] = ()


@dataclass(frozen=True)
class FluxForm:
    """The flux forms of all equations, in order of declaration."""

    equations: tuple[FluxEquation, ...]


def flux_form(problem: Problem) -> FluxForm:
    """F and S of every equation, in jets.

    Raises ``FormUnavailable``, with the reason, where the highest derivatives are no divergence.
    """
    return FluxForm(tuple(equation_flux(problem, e.name) for e in problem.equations))


def equation_flux(problem: Problem, name: str) -> FluxEquation:
    """F and S of one equation.

    Divergences are kept as declared, other terms peeled. First-order terms of systems that are no
    divergence become one, where possible, by adding multiples c·u_j of first-order equations: momentum
    + u·continuity. Terms of lower than the highest order that are no divergence stay in S.
    """
    jets = Jets(problem)
    residuals = {e.name: jets.to_jets(e.residual) for e in problem.equations}
    declared = next(e for e in problem.equations if e.name == name)
    peel = Peel(jets, range(len(jets.variables)))
    peel.declare(declared.residual)
    top = max((peel.rank(j) for j in jets_in(residuals[name])), default=0)
    peel.peel(least=2)
    multipliers = _multipliers(peel, residuals, name)
    peel.rest = expanded(peel.rest + sp.Add(*(factor * residuals[m] for m, factor in multipliers)))
    peel.close()
    flux, source = tuple(peel.flux), peel.source
    if peel.ranked(peel.stuck, max(top, 1)):
        raise _refusal(name, peel, top)
    whole = residuals[name] + sp.Add(*(factor * residuals[m] for m, factor in multipliers))
    if not vanishes(whole - jets.divergence(flux) - source):
        raise FormUnavailable(
            f"the flux form of equation {name!r}",
            reason="the derived form does not expand back to the equation",
            mend="declare the divergence: Derivative(flux, x) or div(flux)",
        )
    return FluxEquation(name, flux, source, multipliers)


def is_divergence(expression: sp.Expr, problem: Problem) -> bool:
    """Whether an expression in jets is a total divergence: all its Euler operators vanish."""
    jets = Jets(problem)
    return all(vanishes(jets.euler(expression, name)) for name in jets.unknowns)


def _multipliers(peel: Peel, residuals: dict[str, sp.Expr], name: str) -> tuple[tuple[str, sp.Expr], ...]:
    """Constants c that make the first-order part of R + Σ c·u_j·R_m a divergence in every direction.

    That part, Σ a_j D_i u_j, is one where ∂a_j/∂u_k = ∂a_k/∂u_j (its Euler operator then has no
    derivatives), which is linear in c.
    """
    if all(vanishes(c) for form in peel.first_order().values() for c in curls(form)):
        return ()
    jets = peel.jets
    helpers = [m for m in residuals if m != name and _quasilinear(residuals[m], peel)]
    fields = [jets.symbol(jets.zero(f.func.__name__)) for f in jets.problem.solved]
    trials = {sp.Dummy(f"c{i}"): (m, u) for i, (m, u) in enumerate((m, u) for m in helpers for u in fields)}
    if not trials:
        return ()
    trial = Peel(jets, peel.directions)
    trial.rest = expanded(peel.rest + sp.Add(*(c * u * residuals[m] for c, (m, u) in trials.items())))
    conditions = [row for form in trial.first_order().values() for c in curls(form) for row in _rows(c, jets)]
    solutions = list(sp.linsolve(conditions, *trials))
    if not solutions:
        return ()
    free = dict.fromkeys(trials, sp.S.Zero)
    values = [replaced(cast(sp.Expr, v), free) for v in solutions[0].args]
    totals: dict[str, sp.Expr] = {}
    for value, (m, u) in zip(values, trials.values(), strict=True):
        totals[m] = totals.get(m, sp.S.Zero) + value * u
    return tuple((m, factor) for m, factor in totals.items() if factor != 0)


def _quasilinear(residual: sp.Expr, peel: Peel) -> bool:
    """Whether an equation is of first order, and linear in its first derivatives."""
    first = peel.ranked(residual, 1)
    return bool(first) and all(
        peel.rank(s.jet) == 1 and not peel.ranked(sp.diff(residual, s), 1) for s in first
    )


def _rows(condition: sp.Expr, jets: Jets) -> list[sp.Expr]:
    """The coefficients of everything that varies, each of which must vanish."""
    varying = [*jets.variables, *condition.atoms(JetSymbol)]
    rows: dict[sp.Expr, sp.Expr] = {}
    for term in sp.Add.make_args(condition):
        constant, function = term.as_independent(*varying, as_Add=False)
        rows[function] = rows.get(function, sp.S.Zero) + constant
    return list(rows.values())


def _refusal(name: str, peel: Peel, top: int) -> FormUnavailable:
    terms = [t for t in sp.Add.make_args(peel.stuck) if peel.ranked(t, top)]
    shown = " + ".join(str(t) for t in terms[:3]).replace("+ -", "- ")
    nonlinear = any(peel.ranked(sp.diff(t, s), top) for t in terms for s in peel.ranked(t, top))
    why = "nonlinear in its highest derivatives" if nonlinear else "no divergence that integration finds"
    return FormUnavailable(
        f"the flux form of equation {name!r}",
        reason=f"{shown} is {why}, so no flux peels off",
        mend="declare the equation in conservative form, or use a method of the strong form, such as pinn",
    )
