"""Incompressible flow by its form: momentum with a pressure gradient, and a divergence that vanishes."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from ..declare.problem import Problem
from .errors import FormUnavailable
from .jets import Jet, Jets, JetSymbol, jets_in
from .peel import expanded


@dataclass(frozen=True)
class IncompressibleForm:
    """∂ₜuᵢ = ``rates[i]`` − ``pressing`` ∂ᵢp with Σ ∂ᵢuᵢ = 0, uᵢ the ``states`` by coordinate."""

    states: tuple[Jet, ...]
    pressure: str
    rates: tuple[sp.Expr, ...]
    pressing: sp.Expr

    @property
    def jets(self) -> tuple[Jet, ...]:
        """All jets that the rates need."""
        return jets_in(*self.rates)


def incompressible_form(problem: Problem) -> IncompressibleForm:
    """The form of an incompressible flow in time, with any stresses and forces free of the pressure.

    Raises ``FormUnavailable`` for anything else, saying what is missing.
    """
    if problem.time is None:
        raise _refused(problem, "it is steady")
    jets = Jets(problem)
    residuals = [expanded(jets.to_jets(e.residual)) for e in problem.equations]
    names = [f.func.__name__ for f in problem.solved]
    divergences = [_divergence(r, jets, names) for r in residuals]
    found = [(k, parts) for k, parts in enumerate(divergences) if parts is not None]
    if len(found) != 1:
        raise _refused(problem, "no single equation says that the divergence of a velocity vanishes")
    position, velocities = found[0]
    others = [n for n in names if n not in velocities]
    if len(others) != 1:
        listed = ", ".join(others) or "none"
        raise _refused(problem, f"beside the velocity one pressure is expected, not {listed}")
    pressure, clock = others[0], len(problem.coordinates)
    rates, pressings = [], []
    momentum = [r for k, r in enumerate(residuals) if k != position]
    for axis, name in enumerate(velocities):
        change = jets.symbol(jets.zero(name).raised(clock))
        push = jets.symbol(jets.zero(pressure).raised(axis))
        own = [r for r in momentum if r.has(change)]
        if len(own) != 1:
            raise _refused(problem, f"the time derivative of {name} stands in {len(own)} equations")
        mass, slope = sp.diff(own[0], change), sp.diff(own[0], push)
        rest = sp.expand(own[0] - mass * change - slope * push)
        left = {j for j in jets_in(rest) if j.unknown == pressure or j.index[clock]}
        if left or mass.atoms(JetSymbol) or slope == 0:
            raise _refused(problem, f"the momentum of {name} is not ∂ₜ{name} + c ∂{pressure} + other terms")
        rates.append(sp.expand(-rest / mass))
        pressings.append(sp.simplify(slope / mass))
    unlike = any(sp.simplify(c - pressings[0]) != 0 for c in pressings)
    if unlike or pressings[0].free_symbols - set(problem.parameters):
        raise _refused(problem, "the pressure gradient has coefficients that vary")
    states = tuple(jets.zero(name) for name in velocities)
    return IncompressibleForm(states, pressure, tuple(rates), pressings[0])


def _divergence(residual: sp.Expr, jets: Jets, names: list[str]) -> list[str] | None:
    """The velocities, by coordinate, of c Σ ∂ᵢuᵢ; None for another expression."""
    symbols = sorted(residual.atoms(JetSymbol), key=lambda s: s.jet)
    if len(symbols) != len(jets.space) or any(s.jet.order != 1 for s in symbols):
        return None
    by_axis = {s.jet.index.index(1): s for s in symbols}
    own = {s.jet.unknown for s in symbols} & set(names)
    if sorted(by_axis) != list(jets.space) or len(own) != len(symbols):
        return None
    weights = {sp.diff(residual, s) for s in symbols}
    plain = len(weights) == 1 and not weights.copy().pop().free_symbols - set(jets.problem.parameters)
    rest = sp.expand(residual - sp.Add(*(sp.diff(residual, s) * s for s in symbols)))
    return [by_axis[axis].jet.unknown for axis in jets.space] if plain and rest == 0 else None


def _refused(problem: Problem, reason: str) -> FormUnavailable:
    return FormUnavailable(
        f"{problem.name!r} as an incompressible flow", reason=reason,
        mend="declare ∂ₜu + … = −c grad(p) + … for every component, and div(velocity) = 0",
    )  # fmt: skip
