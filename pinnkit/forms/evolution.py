"""Evolution form: ∂ₜ of every state as an expression in space derivatives, its linear part split off.

A problem M ∂ₜⁿu + div F + S = 0 becomes a system of first order in time: the states of an unknown of time
order n are u, ∂ₜu, …, ∂ₜⁿ⁻¹u, and the mass matrix M is inverted symbolically.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from ..declare.problem import Problem
from .errors import FormUnavailable
from .flux import equation_flux
from .jets import Jet, Jets, JetSymbol, jets_in, replaced
from .peel import expanded

Linear = tuple[tuple[Jet, sp.Expr], ...]


@dataclass(frozen=True)
class EvolutionForm:
    """∂ₜ states[i] = rates[i] = Σ c·jet + rest[i], with (jet, c) in ``linear[i]``, all c constants.

    Jets are space derivatives of states (an index that holds the state's time order), or of coefficient
    fields that are inferred. Parameters stay symbols.
    """

    states: tuple[Jet, ...]
    rates: tuple[sp.Expr, ...]
    linear: tuple[Linear, ...]
    rest: tuple[sp.Expr, ...]

    @property
    def jets(self) -> tuple[Jet, ...]:
        """All jets that the rates need."""
        return jets_in(*self.rates)

    def state_of(self, jet: Jet) -> int | None:
        """The position of the state that a jet is a space derivative of; None for coefficient fields."""
        for position, state in enumerate(self.states):
            if state.unknown == jet.unknown and state.index[-1] == jet.index[-1]:
                return position
        return None

    @property
    def order(self) -> int:
        """The highest order of differentiation in space."""
        return max((sum(j.index[:-1]) for j in self.jets if self.state_of(j) is not None), default=0)


@dataclass(frozen=True)
class ConservationForm:
    """∂ₜ states[i] + Σₐ ∂ₐ flux[i][a] + source[i] = 0, of first order in time."""

    states: tuple[Jet, ...]
    flux: tuple[tuple[sp.Expr, ...], ...]
    source: tuple[sp.Expr, ...]

    @property
    def jets(self) -> tuple[Jet, ...]:
        """All jets of fluxes and sources."""
        return jets_in(*(f for row in self.flux for f in row), *self.source)


def evolution_form(problem: Problem) -> EvolutionForm:
    """The rates of all states.

    Raises ``FormUnavailable`` for steady problems, unknowns without a time derivative (constraints), mixed
    derivatives of the highest order in time (u_xxt), and a highest time derivative that enters nonlinearly.
    """
    jets = Jets(problem)
    clock = _clock(problem)
    residuals = [expanded(jets.to_jets(e.residual)) for e in problem.equations]
    names = [f.func.__name__ for f in problem.solved]
    found = jets_in(*residuals)
    orders = {n: max((j.index[clock] for j in found if j.unknown == n), default=0) for n in names}
    for name in names:
        _check_time_derivative(problem, name, orders[name], [j for j in found if j.unknown == name])
    tops = [jets.symbol(jets.zero(n).raised(clock, orders[n])) for n in names]
    mass = sp.Matrix([[sp.diff(r, top) for top in tops] for r in residuals])
    if mass.atoms(JetSymbol) & set(tops):
        raise _refusal(problem, "the highest time derivative enters nonlinearly", "solve the equation for it")
    if sp.simplify(mass.det()) == 0:
        raise _refusal(
            problem, "the equations cannot be solved for the time derivatives: one of them is a constraint",
            "use a solver that takes constraints, such as pinn",
        )  # fmt: skip
    remainder = sp.Matrix([replaced(r, dict.fromkeys(tops, sp.S.Zero)) for r in residuals])
    solved = dict(zip(names, -(mass.LUsolve(remainder)), strict=True))
    states, rates = [], []
    for name in names:
        for k in range(orders[name]):
            states.append(jets.zero(name).raised(clock, k))
            last = k == orders[name] - 1
            rates.append(
                expanded(solved[name]) if last else jets.symbol(jets.zero(name).raised(clock, k + 1))
            )
    form = EvolutionForm(tuple(states), tuple(rates), (), ())
    split = [_split(rate, form, problem) for rate in rates]
    return EvolutionForm(form.states, form.rates, tuple(s[0] for s in split), tuple(s[1] for s in split))


def conservation_form(problem: Problem) -> ConservationForm:
    """Fluxes and sources of a system of conservation laws, of first order in time.

    Raises ``FormUnavailable`` where an equation has no flux form, where its time derivative is not that of a
    linear combination of unknowns with constant coefficients, or where fluxes hold second derivatives.
    """
    jets = Jets(problem)
    clock = _clock(problem)
    names = [f.func.__name__ for f in problem.solved]
    fields = [jets.symbol(jets.zero(n)) for n in names]
    rows, fluxes, sources = [], [], []
    for equation in problem.equations:
        form = equation_flux(problem, equation.name)
        if form.multipliers:
            raise _refusal(
                problem, f"equation {equation.name!r} is a divergence only with others added",
                "declare it in conservative form",
            )  # fmt: skip
        density = expanded(form.flux[clock])
        row = [sp.diff(density, u) for u in fields]
        linear = expanded(density - sp.Add(*(m * u for m, u in zip(row, fields, strict=True)))) == 0
        if not linear or any(m.atoms(JetSymbol) or m.has(*problem.variables) for m in row):
            raise _refusal(
                problem, f"equation {equation.name!r} conserves {density}, no combination of unknowns",
                "make the conserved quantity an unknown",
            )  # fmt: skip
        rows.append(row)
        fluxes.append(list(form.flux[:clock]))
        sources.append(form.source)
    mass = sp.Matrix(rows)
    if mass.det() == 0:
        raise _refusal(problem, "an equation has no time derivative", "use a solver that takes constraints")
    flux, source = mass.LUsolve(sp.Matrix(fluxes)), mass.LUsolve(sp.Matrix(sources))
    form = ConservationForm(
        tuple(jets.zero(n) for n in names),
        tuple(tuple(sp.simplify(flux[i, a]) for a in range(clock)) for i in range(len(names))),
        tuple(source),
    )
    for jet in form.jets:
        if jet.index[clock] or sum(jet.index) > 1:
            raise _refusal(
                problem, f"the flux holds the derivative {jets.symbol(jet)}",
                "fluxes of finite volumes take values and first derivatives in space",
            )  # fmt: skip
    return form


def _clock(problem: Problem) -> int:
    if problem.time is None:
        raise FormUnavailable(
            f"the evolution form of {problem.name!r}", reason="the problem has no time",
            mend="declare a time, or take a solver for steady problems",
        )  # fmt: skip
    return len(problem.coordinates)


def _check_time_derivative(problem: Problem, name: str, order: int, found: list[Jet]) -> None:
    if order == 0:
        raise _refusal(
            problem, f"{name} has no time derivative: its equation is a constraint",
            "use a solver that takes constraints, such as pinn",
        )  # fmt: skip
    mixed = [j for j in found if j.index[-1] >= order and any(j.index[:-1])]
    if mixed:
        raise _refusal(
            problem, f"the highest time derivative of {name} is also differentiated in space",
            "use a solver of the strong form, such as pinn",
        )  # fmt: skip


def _split(rate: sp.Expr, form: EvolutionForm, problem: Problem) -> tuple[Linear, sp.Expr]:
    """Terms with constant coefficients, and all others."""
    linear, rest = [], rate
    for symbol in sorted(rate.atoms(JetSymbol), key=lambda s: s.jet):
        slope = expanded(sp.diff(rate, symbol))
        if form.state_of(symbol.jet) is None or slope.atoms(JetSymbol) or slope.has(*problem.variables):
            continue
        linear.append((symbol.jet, slope))
        rest = expanded(rest - slope * symbol)
    return tuple(linear), rest


def _refusal(problem: Problem, reason: str, mend: str) -> FormUnavailable:
    return FormUnavailable(f"the evolution form of {problem.name!r}", reason=reason, mend=mend)
