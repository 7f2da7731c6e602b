"""Streamline diffusion where convection dominates a cell: Petrov–Galerkin, consistent for every degree.

To the weak residual of an equation with strong residual R and velocity b comes Σ_K ∫ τ R b·∇v (Brooks &
Hughes 1982). R is the whole residual, second derivatives, sources and rates included, so the exact
solution still satisfies the discrete equations and no order of convergence is lost. With β = |b|/h the
rate at which a cell is crossed and δ = ε/h² that of diffusion through it,

    τ = max(0, β − 2pδ) / (β (2pβ + p²(p²−1)δ + |σ|)),

which for β ≫ δ is the usual h/(2p|b|) (John & Knobloch 2007, eq. 6) and vanishes where the cell Péclet
number |b|h/(2pε) = β/(2pδ) is below one: where diffusion is resolved, the method is Galerkin's. The δ in
the denominator bounds the second derivatives of shape functions, σ = ∂S/∂u is a reaction (Codina 2000).

Saddle points, such as incompressible flow, get it only where Newton's method fails without: it makes coarse
meshes solvable, but where Galerkin's method has a solution, pressures with it are worse by a factor of two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import sympy as sp

from .assembly import IntegrationSet, sampled
from .convection import Convection, convections, pressed, slope
from .elements import Array
from .fields import DiscreteField
from .inflow import reversed_flow
from .kernels import Channel, Integrand, Kernel, second_axes
from .spaces import SpaceProduct
from .system import System

# Moments at which the velocity is looked at.
_TIMES = 9
# A cell Péclet number beyond this is one without diffusion.
_INFINITE = 1e30
# Keeps 0/0 from a cell without velocity; smaller than the square of any rate in use.
_NOTHING = sp.Float("1e-200")


class Stabilisation:
    """The streamline terms of a system on a mesh: kernels on the cells where they may act.

    ``parts`` leave out saddle points, whose terms are a reserve. ``guide`` is a coarser solution, which tells
    the cells where the velocity is the solution's own; without it they are all cells. τ is frozen in
    derivatives: its own would multiply R, which is small where Newton's method is near. Raises
    ``ReferenceUnavailable`` where transport without diffusion enters the domain with no value, or leaves it
    with one.
    """

    def __init__(
        self,
        system: System,
        product: SpaceProduct,
        cells: Sequence[IntegrationSet],
        guide: DiscreteField | None = None,
    ):
        self._system, self._product, self._cells = system, product, cells
        self._times = np.linspace(*system.span, _TIMES) if system.span else np.zeros(1)
        self._taken = False
        everything = frozenset(c.integrand.equation for c in convections(system))
        held = everything & pressed(system)
        states = self._guess(guide) if everything else None
        reverse = self._reversed(states) if states is not None else frozenset()
        self.parts = self._terms(everything - held, reverse, states)
        self._reserve = (held, reverse, states)

    def take_reserve(self) -> list[tuple[Kernel, IntegrationSet]]:
        """The terms of saddle points, which act from now on; none where there are none, or no more."""
        if self._taken:
            return []
        self._taken = True
        return self._terms(*self._reserve)

    def _terms(
        self, equations: frozenset[int], reverse: frozenset[int], states: Array | None
    ) -> list[tuple[Kernel, IntegrationSet]]:
        """The kernel of some equations on the cells where it may act."""
        if not equations:
            return []
        degrees = tuple(s.degree for s in self._product.spaces)
        kernel, probe = _kernels(self._system, degrees, equations, reverse)
        found = []
        for domain in self._cells:
            active = np.full(len(domain.cells), True)
            if states is not None:
                # τ itself has the last word; the solution may have grown a little beyond its guide.
                active = self._peclet(probe, domain, states) > 0.5
            if active.any():
                found.append((kernel, _some(domain, active)))
        return found

    def remark(self, solution: DiscreteField) -> str:
        """In how many cells the terms act for a solution on this mesh; empty where in none.

        Raises ``ReferenceUnavailable`` as above, for velocities that only the solution tells.
        """
        acting = self._acting()
        if not acting:
            return ""
        moving = solution.trajectory is not None
        states = solution.trajectory.at(self._times) if moving else solution.coefficients[None]
        self._reversed(states)
        degrees = tuple(s.degree for s in self._product.spaces)
        _, probe = _kernels(self._system, degrees, acting, frozenset())
        numbers = np.concatenate([self._peclet(probe, domain, states) for domain in self._cells])
        active = int((numbers > 1).sum())
        if not active:
            return ""
        largest = "infinite" if numbers.max() > _INFINITE else f"up to {numbers.max():.2g}"
        return f"stabilised (SUPG) in {active} of {len(numbers)} cells: cell Péclet number {largest}"

    def _acting(self) -> frozenset[int]:
        """The equations whose terms are in use."""
        everything = frozenset(c.integrand.equation for c in convections(self._system))
        return everything if self._taken else everything - pressed(self._system)

    def _guess(self, guide: DiscreteField | None) -> Array | None:
        """States (n, N) to look at the velocity with, or None where nothing is known of them."""
        states = np.zeros((len(self._times), self._product.size))
        if _given(self._system):
            return states
        if guide is None or len(guide.names) < len(self._product.spaces):
            return None
        for k, (name, space) in enumerate(zip(guide.names, self._product.spaces, strict=True)):
            placed = np.flatnonzero(~np.isnan(space.positions).any(axis=1))
            there = guide.located(space.positions[placed])
            states[:, self._product.offsets[k] + placed] = guide.levels(*there, self._times)[name]
        return states

    def _reversed(self, states: Array) -> frozenset[int]:
        """Equations of transport that run against their velocity."""
        pure = [c for c in convections(self._system) if not c.diffusive]
        look = (self._system, self._product, self._times, states)
        return frozenset(c.integrand.equation for c in pure if reversed_flow(c, *look))

    def _peclet(self, probe: Kernel, domain: IntegrationSet, states: Array) -> Array:
        """The largest cell Péclet number (c,) of any equation at any of the times."""
        largest = np.zeros(len(domain.cells))
        for time, state in zip(self._times, states, strict=True):
            for ratio in sampled(probe, domain, self._product, float(time), (state,)):
                largest = np.maximum(largest, np.broadcast_to(ratio, domain.weights.shape).max(axis=1))
        return largest


def _given(system: System) -> bool:
    """Whether velocities and diffusions are known without the solution."""
    parts = [e for c in convections(system) for e in (*c.velocity, *(a for row in c.diffusion for a in row))]
    return not any(e.free_symbols & set(system.symbols.channels) for e in parts)


@lru_cache(maxsize=8)
def _kernels(
    system: System, degrees: tuple[int, ...], equations: frozenset[int], reverse: frozenset[int]
) -> tuple[Kernel, Kernel]:
    """The streamline terms −τ b R against ∇v of some equations, and their cell Péclet numbers.

    Equations in ``reverse`` are taken with the opposite sign.
    """
    found = [c for c in convections(system) if c.integrand.equation in equations]
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
        weight, ratios[ratio] = _weight(c, gradients, degrees[own])
        frozen[tau] = -weight if own in reverse else weight
        terms.append(Integrand(own, tuple(-tau * b * residual for b in c.velocity), sp.S.Zero))
        probes.append(Integrand(own, (sp.S.Zero,) * d, ratio))
    return Kernel(terms, symbols, frozen), Kernel(probes, symbols, ratios)


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
                total += slope(flux, symbol) * raised(system.symbols.channels[symbol], i)
        residuals.append(total)
    return residuals, channels
