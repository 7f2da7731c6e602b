"""Streamline diffusion where convection dominates a cell: Petrov–Galerkin, consistent for every degree.

To the weak residual of an equation with strong residual R and velocity b comes Σ_K ∫ τ R b·∇v (Brooks &
Hughes 1982). R is the whole residual, second derivatives, sources and rates included, so the exact
solution still satisfies the discrete equations and no order of convergence is lost. With β = |b|/h the
rate at which a cell is crossed and δ = ε/h² that of diffusion through it,

    τ = max(0, β − 2pδ) / (β (2pβ + p²(p²−1)δ + |σ|)),

which for β ≫ δ is the usual h/(2p|b|) (John & Knobloch 2007, eq. 6) and vanishes where the cell Péclet
number |b|h/(2pε) = β/(2pδ) is below one: where diffusion is resolved, the method is Galerkin's. The δ in
the denominator bounds the second derivatives of shape functions, σ = ∂S/∂u is a reaction (Codina 2000).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp

from .assembly import IntegrationSet, sampled
from .elements import Array
from .fields import DiscreteField
from .kernels import Channel, Integrand, Kernel, Symbols, second_axes
from .spaces import SpaceProduct
from .system import System

# Moments at which the velocity is looked at.
_TIMES = 9
# A cell Péclet number beyond this is one without diffusion.
_INFINITE = 1e30
# Keeps 0/0 from a cell without velocity; smaller than the square of any rate in use.
_NOTHING = sp.Float("1e-200")


@dataclass(frozen=True, eq=False)
class Convection:
    """One equation as convection, diffusion and reaction of its own unknown, in channels.

    ``velocity`` b (d,), ``diffusion`` A (d, d) with div F = −A:∇∇u + …, ``reaction`` ∂S/∂u, and the sign
    with which R is to be taken, so that A or the coefficient of u̇ is positive.
    """

    integrand: Integrand
    velocity: tuple[sp.Expr, ...]
    diffusion: tuple[tuple[sp.Expr, ...], ...]
    reaction: sp.Expr
    sign: sp.Expr

    @property
    def diffusive(self) -> bool:
        """Whether there is any diffusion."""
        return any(a != 0 for row in self.diffusion for a in row)


def convections(system: System) -> tuple[Convection, ...]:
    """The equations that have a velocity; second order in time counts as none, waves carry no layers."""
    if system.order > 1:
        return ()
    found = (_convection(i, system) for i in system.integrands)
    return tuple(c for c in found if any(b != 0 for b in c.velocity))


def _convection(integrand: Integrand, system: System) -> Convection:
    symbols, own = system.symbols, integrand.equation
    d = system.dimension
    value, *slopes = (_symbol(symbols, Channel(own, axis, 0)) for axis in range(d + 1))
    flat = {s: sp.S.Zero for s in slopes if s is not None}
    source, flux = symbols.number(integrand.source), [symbols.number(f) for f in integrand.flux]
    carried = [_slope(f.xreplace(flat), value) for f in flux]
    velocity = tuple(_slope(source, s) + c for s, c in zip(slopes, carried, strict=True))
    diffusion = tuple(tuple(-_slope(f, s) for s in slopes) for f in flux)
    rate = _slope(source, _symbol(symbols, Channel(own, 0, 1)))
    trace = sp.Add(*(diffusion[i][i] for i in range(d)))
    sign = sp.sign(trace if trace != 0 else rate) if trace != 0 or rate != 0 else sp.S.One
    return Convection(integrand, velocity, diffusion, _slope(source.xreplace(flat), value), sign)


def _symbol(symbols: Symbols, channel: Channel) -> sp.Symbol | None:
    return next((s for s, c in symbols.channels.items() if c == channel), None)


def _slope(expression: sp.Expr, symbol: sp.Symbol | None) -> sp.Expr:
    if symbol is None:
        return sp.S.Zero
    return sp.diff(expression, symbol).replace(sp.DiracDelta, lambda *_: sp.S.Zero)


class Stabilisation:
    """The streamline terms of a system on a mesh: kernels on the cells where they may act.

    ``guide`` is a coarser solution, which tells these cells where the velocity is the solution's own; without
    it they are all cells. τ is frozen in derivatives: its own would multiply R, which is small where
    Newton's method is near.
    """

    def __init__(
        self,
        system: System,
        product: SpaceProduct,
        cells: Sequence[IntegrationSet],
        guide: DiscreteField | None = None,
    ):
        self._product, self._cells = product, cells
        self._times = np.linspace(*system.span, _TIMES) if system.span else np.zeros(1)
        self.parts: list[tuple[Kernel, IntegrationSet]] = []
        found = convections(system)
        if not found:
            self._probe = None
            return
        d = system.dimension
        metric = tuple(sp.Dummy(f"g{r}{i}", real=True) for r in range(d) for i in range(d))
        inner = [sp.Matrix(metric[r * d : (r + 1) * d]) for r in range(d)]
        gradients = [*inner, -sum(inner[1:], inner[0])]
        residuals, channels = _strong_residuals(system, [c.integrand for c in found])
        symbols = replace(system.symbols, metric=metric, channels=channels)
        terms, probes, frozen, ratios = [], [], {}, {}
        for c, residual in zip(found, residuals, strict=True):
            own = c.integrand.equation
            tau, ratio = sp.Dummy("tau", real=True), sp.Dummy("peclet", real=True)
            frozen[tau], ratios[ratio] = _weight(c, gradients, product.spaces[own].degree)
            terms.append(Integrand(own, tuple(-tau * b * residual for b in c.velocity), sp.S.Zero))
            probes.append(Integrand(own, (sp.S.Zero,) * d, ratio))
        self._probe = Kernel(probes, symbols, ratios)
        kernel = Kernel(terms, symbols, frozen)
        states = self._guess(guide)
        for domain in cells:
            # τ itself has the last word; the solution may have grown a little beyond its guide.
            active = np.full(len(domain.cells), True)
            if states is not None:
                active = self._peclet(domain, states) > 0.5
            if active.any():
                self.parts.append((kernel, _some(domain, active)))

    def remark(self, solution: DiscreteField) -> str:
        """In how many cells the terms act for a solution on this mesh; empty where in none."""
        if self._probe is None:
            return ""
        moving = solution.trajectory is not None
        states = solution.trajectory.at(self._times) if moving else solution.coefficients[None]
        numbers = np.concatenate([self._peclet(domain, states) for domain in self._cells])
        active = int((numbers > 1).sum())
        if not active:
            return ""
        largest = "infinite" if numbers.max() > _INFINITE else f"up to {numbers.max():.2g}"
        return f"stabilised (SUPG) in {active} of {len(numbers)} cells: cell Péclet number {largest}"

    def _guess(self, guide: DiscreteField | None) -> Array | None:
        """States (n, N) to look at the velocity with, or None where nothing is known of them."""
        states = np.zeros((len(self._times), self._product.size))
        if not self._probe.channels:
            return states
        if guide is None or len(guide.names) < len(self._product.spaces):
            return None
        for k, (name, space) in enumerate(zip(guide.names, self._product.spaces, strict=True)):
            placed = np.flatnonzero(~np.isnan(space.positions).any(axis=1))
            there = guide.located(space.positions[placed])
            states[:, self._product.offsets[k] + placed] = guide.levels(*there, self._times)[name]
        return states

    def _peclet(self, domain: IntegrationSet, states: Array) -> Array:
        """The largest cell Péclet number (c,) of any equation at any of the times."""
        largest = np.zeros(len(domain.cells))
        for time, state in zip(self._times, states, strict=True):
            for ratio in sampled(self._probe, domain, self._product, float(time), (state,)):
                largest = np.maximum(largest, np.broadcast_to(ratio, domain.weights.shape).max(axis=1))
        return largest


def _some(domain: IntegrationSet, where: Array) -> IntegrationSet:
    """An integration set on some of its cells."""
    names = ("cells", "points", "weights", "inverse")
    return replace(domain, **{name: getattr(domain, name)[where] for name in names})


def _weight(c: Convection, gradients: Sequence[sp.Matrix], p: int) -> tuple[sp.Expr, sp.Expr]:
    """τ with the sign of the equation, and the cell Péclet number, in the metric and channels."""
    velocity, diffusion = sp.Matrix(c.velocity), c.sign * sp.Matrix(c.diffusion)
    crossing = sp.Add(*(sp.Abs(velocity.dot(g)) for g in gradients)) / 2
    spread = sp.Max(0, sp.Add(*((g.T * diffusion * g)[0] for g in gradients)) / (2 * len(c.velocity)))
    excess = sp.Max(0, crossing - 2 * p * spread)
    damping = 2 * p * crossing + p**2 * (p**2 - 1) * spread + sp.Abs(c.reaction)
    return c.sign * excess / (crossing * damping + _NOTHING), crossing / (2 * p * spread + _NOTHING)


def _strong_residuals(
    system: System, integrands: Sequence[Integrand]
) -> tuple[list[sp.Expr], Mapping[sp.Symbol, Channel]]:
    """div F + S of each integrand, and the channels with the derivatives that this adds."""
    coordinates, channels = system.symbols.coordinates, dict(system.symbols.channels)
    d = system.dimension
    known = {c: s for s, c in channels.items()}

    def raised(channel: Channel, i: int) -> sp.Symbol:
        pair = (min(i, channel.axis - 1), max(i, channel.axis - 1))
        axis = 1 + i if channel.axis == 0 else 1 + d + second_axes(d).index(pair)
        target = replace(channel, axis=axis)
        if target not in known:
            known[target] = sp.Dummy("channel", real=True)
            channels[known[target]] = target
        return known[target]

    residuals = []
    for integrand in integrands:
        total = integrand.source
        for i, flux in enumerate(integrand.flux):
            total += sp.diff(flux, coordinates[i])
            for symbol in sorted(flux.free_symbols & set(system.symbols.channels), key=str):
                total += _slope(flux, symbol) * raised(system.symbols.channels[symbol], i)
        residuals.append(total)
    return residuals, channels
