"""Equations seen as convection, diffusion and reaction of their own unknown, derived from the weak form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from .kernels import Channel, Integrand, Symbols
from .system import System


@dataclass(frozen=True, eq=False)
class Convection:
    """One equation in channels: velocity b (d,), diffusion A (d, d) with div F = −A:∇∇u + …, reaction ∂S/∂u.

    ``sign`` is what R must be multiplied with for A, or without diffusion the coefficient of u̇, to be
    positive; ``evolving`` tells whether u̇ occurs.
    """

    integrand: Integrand
    velocity: tuple[sp.Expr, ...]
    diffusion: tuple[tuple[sp.Expr, ...], ...]
    reaction: sp.Expr
    sign: sp.Expr
    evolving: bool

    @property
    def diffusive(self) -> bool:
        """Whether there is any diffusion."""
        return any(a != 0 for row in self.diffusion for a in row)


@lru_cache(maxsize=4)
def convections(system: System) -> tuple[Convection, ...]:
    """The equations that have a velocity b = ∂S/∂∇u + ∂F/∂u.

    Equations of second order in time are none of them: waves carry no layers. Nor is one whose fluxes are
    gradients of other unknowns alone, whose order is not its own.
    """
    if system.order > 1:
        return ()
    shown = [i for i in system.integrands if i.equation < len(system.names)]
    found = (_convection(i, system) for i in shown if not _foreign(i, system.symbols))
    return tuple(c for c in found if any(b != 0 for b in c.velocity))


def pressed(system: System) -> frozenset[int]:
    """The equations in which a multiplier acts, such as those of momentum with their pressure."""
    channels = system.symbols.channels
    multipliers = {s for s, c in channels.items() if c.unknown in system.lowered}
    terms = ((i.equation, set().union(*(e.free_symbols for e in i.rows))) for i in system.integrands)
    return frozenset(equation for equation, used in terms if used & multipliers)


def _foreign(integrand: Integrand, symbols: Symbols) -> bool:
    used = set().union(*(f.free_symbols for f in integrand.flux)) & set(symbols.channels)
    gradients = [c for c in (symbols.channels[s] for s in used) if c.axis and not c.rate]
    return bool(gradients) and all(c.unknown != integrand.equation for c in gradients)


def _convection(integrand: Integrand, system: System) -> Convection:
    symbols, own = system.symbols, integrand.equation
    d = system.dimension
    value, *slopes = (_symbol(symbols, Channel(own, axis, 0)) for axis in range(d + 1))
    flat = {s: sp.S.Zero for s in slopes if s is not None}
    source, flux = symbols.number(integrand.source), [symbols.number(f) for f in integrand.flux]
    carried = [slope(f.xreplace(flat), value) for f in flux]
    velocity = tuple(slope(source, s) + c for s, c in zip(slopes, carried, strict=True))
    diffusion = tuple(tuple(-slope(f, s) for s in slopes) for f in flux)
    rate = slope(source, _symbol(symbols, Channel(own, 0, 1)))
    trace = sp.Add(*(diffusion[i][i] for i in range(d)))
    leading = trace if trace != 0 else rate
    sign = sp.sign(leading) if leading != 0 else sp.S.One
    reaction = slope(source.xreplace(flat), value)
    return Convection(integrand, velocity, diffusion, reaction, sign, rate != 0)


def _symbol(symbols: Symbols, channel: Channel) -> sp.Symbol | None:
    return next((s for s, c in symbols.channels.items() if c == channel), None)


def slope(expression: sp.Expr, symbol: sp.Symbol | None) -> sp.Expr:
    """The derivative almost everywhere; 0 by a symbol that there is not."""
    if symbol is None:
        return sp.S.Zero
    return sp.diff(expression, symbol).replace(sp.DiracDelta, lambda *_: sp.S.Zero)
