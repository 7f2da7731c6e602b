"""Transport without diffusion: values belong where the flow enters, and nowhere else."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ..forms.boundary import periodic_boundaries
from .assembly import IntegrationSet, sampled
from .base import ReferenceUnavailable
from .convection import Convection
from .elements import Array
from .kernels import Integrand, Kernel
from .mesh import FiniteMesh, Index
from .spaces import SpaceProduct
from .system import System

# Flow at less than about a degree to the boundary runs along it: normals of curved cells are that good.
_TANGENTIAL = 0.02


def reversed_flow(c: Convection, system: System, product: SpaceProduct, times: Array, states: Array) -> bool:
    """Whether a transport runs against its velocity b, which is looked at in ``states`` (n, N) at ``times``.

    A steady one has no direction of its own: it comes from where values are prescribed. Raises
    ``ReferenceUnavailable`` where the flow enters without a value, or leaves with one.
    """
    own, mesh = c.integrand.equation, product.mesh
    name = system.names[own]
    held = {e.where: mesh.named(e.where) for e in system.essential if e.unknown == own}
    flows = {where: _normal_flow(c, system, product, f, times, states) for where, f in held.items()}
    backwards = not c.evolving and sum(float(flow.sum()) for flow in flows.values()) > 0
    direction = -1 if backwards else 1
    for where, flow in flows.items():
        if (direction * flow).max(initial=0.0) > _TANGENTIAL:
            raise ReferenceUnavailable(
                f"finite elements: {name} is prescribed on {where!r}, where the flow leaves",
                reason="transport without diffusion brings its own value there",
                mend="prescribe it only where the flow enters, or add diffusion",
            )
    for where, facets in _open(system, own, mesh, held).items():
        flow = direction * _normal_flow(c, system, product, facets, times, states)
        if flow.min(initial=0.0) < -_TANGENTIAL:
            raise ReferenceUnavailable(
                f"finite elements: the flow enters through {where!r}, where {name} has no value",
                reason="transport without diffusion carries values in from there",
                mend=f"prescribe {name} where the flow enters, or add diffusion with its conditions",
            )
        if flow.max(initial=0.0) > _TANGENTIAL and any(f != 0 for f in c.integrand.flux):
            raise ReferenceUnavailable(
                f"finite elements: {name} flows out through {where!r}, where no condition means no flux",
                reason="of a transport written as a divergence, the flux is the natural condition",
                mend="write div(b*u) out as b·grad(u) + u*div(b)",
            )
    return backwards


def _open(system: System, own: int, mesh: FiniteMesh, held: dict[str, Index]) -> dict[str, Index]:
    """The rest of the boundary, piece by piece: no value, no flux, no partner on the other side."""
    given = [name for name, terms in system.boundary_integrands.items() if own in {t.equation for t in terms}]
    closed = [mesh.named(name) for name in (*given, *periodic_boundaries(system.problem))]
    left = mesh.boundary_facets[
        ~np.isin(mesh.boundary_facets, np.concatenate([[-1], *held.values(), *closed]))
    ]
    pieces = {name: np.intersect1d(facets, left) for name, facets in mesh.boundaries.items()}
    return {name: facets for name, facets in pieces.items() if facets.size}


def _normal_flow(
    c: Convection, system: System, product: SpaceProduct, facets: Index, times: Array, states: Array
) -> Array:
    """b·n/|b| at points of facets at all times, the sign of the equation put in."""
    symbols, speed, along = system.symbols, sp.Dummy("speed"), sp.Dummy("along")
    across = c.sign * sp.Add(*(b * n for b, n in zip(c.velocity, symbols.normals, strict=True)))
    size = sp.sqrt(sp.Add(*(b**2 for b in c.velocity)))
    zero = (sp.S.Zero,) * system.dimension
    probes = [Integrand(0, zero, along), Integrand(1, zero, speed)]
    kernel = Kernel(probes, symbols, {along: across, speed: size})
    found, fastest = [np.zeros(0)], 0.0
    for domain in IntegrationSet.of_facets(product.mesh, facets, 2):
        for time, state in zip(times, states, strict=True):
            flow, speeds = sampled(kernel, domain, product, float(time), (state,))
            found.append(np.broadcast_to(flow, domain.weights.shape).ravel())
            fastest = max(fastest, float(speeds.max()))
    return np.concatenate(found) / (fastest or 1.0)
