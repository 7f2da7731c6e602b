"""What is continuous across an interface, as expressions whose jumps are residuals.

With m the highest order of derivatives of u in space, an interface with normal n matches

    u,   (n·∇)^j u  for j = 1 … m − 2,   and   n·F  or  (n·∇)^{m−1} u,

n·F = Σ nᵢ Fᵢ over space and time: across one that moves this is n_t [u] + n·[F] = 0. Problems of second or
higher order in time match n_t^j ∂ₜ^j u besides. Without the last of these a hat, a kinked function that
solves the equation on both sides, would pass for a solution. Each is in units of the domain's size ℓ along n:
times ℓ^j for derivatives of order j, over ℓ for n·F, so that lengths in any unit make the same problem.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import factorial

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

from ..declare.problem import Problem
from ..declare.symbols import normal
from ..fields.collocation import Collocation, Served, Transform, prepare
from ..fields.model import Fields, Group
from ..forms.flux import equation_flux
from ..forms.jets import Jets, jets_in
from ..forms.strong import strong_form
from ..geometry.decomposition import Interfaces
from ..training.least_squares import Block
from ._material import material_cuts
from ._residual import Residual
from ._subdomain_options import InterfaceWeights

INTERFACES = "interfaces"


@dataclass(frozen=True)
class Continuous:
    """An expression in jets, variables and normals that does not jump, the kind of its weight, and the power
    of the domain's size along the normal that brings it to order one.
    """

    expression: sp.Expr
    kind: str
    power: int = 0


def continuous(problem: Problem, by_flux: bool, residuals: bool) -> list[Continuous]:
    """All that is matched across interfaces, with ``residuals`` those of the equations too.

    ``by_flux`` matches n·F, otherwise normal derivatives up to order m − 1. Raises ``FormUnavailable`` where
    an equation has no flux.
    """
    jets, strong = Jets(problem), strong_form(problem)
    facing = [normal(v) for v in problem.variables]
    found = [Continuous(jets.symbol(jets.zero(f.func.__name__)), "continuity") for f in problem.solved]
    for unknown in problem.solved:
        own = [jet for jet in strong.jets if jet.unknown == unknown.func.__name__]
        order = max((jets.space_order(jet) for jet in own), default=0)
        for j in range(1, order - 1 if by_flux else order):
            found.append(Continuous(_along_normal(jets, unknown.func.__name__, j, facing), "flux", j))
        for j in range(1, max((jets.time_order(jet) for jet in own), default=0)):
            rate = jets.symbol(jets.zero(unknown.func.__name__).raised(len(facing) - 1, j))
            found.append(Continuous(facing[-1] ** j * rate, "flux", j))
    if by_flux:
        for equation in problem.equations:
            flux = equation_flux(problem, equation.name).flux
            through = sp.Add(*(n * f for n, f in zip(facing, flux, strict=True)))
            found.append(Continuous(through, "flux", -1))
    if residuals:
        found += [Continuous(equation.residual, "equations") for equation in strong.equations]
    return [row for row in found if row.expression != 0]


def jumps_of_coefficients(problem: Problem) -> bool:
    """Whether some coefficient jumps, so that gradients jump with it and fluxes do not."""
    cuts, levels = material_cuts(problem)
    return bool(levels) or any(cuts)


def _along_normal(jets: Jets, unknown: str, order: int, facing: Sequence[sp.Symbol]) -> sp.Expr:
    """(n·∇)^j u = Σ j!/α! n^α ∂^α u over the multi-indices α in space of order j."""
    terms = []
    for axes in combinations_with_replacement(jets.space, order):
        jet, count = jets.zero(unknown), factorial(order)
        for axis in axes:
            jet = jet.raised(axis)
        for k in jet.index:
            count //= factorial(k)
        terms.append(sp.Mul(count, *(facing[axis] for axis in axes), jets.symbol(jet)))
    return sp.Add(*terms)


def interface_block(
    problem: Problem,
    rows: Sequence[Continuous],
    interfaces: Interfaces,
    groups: Sequence[Group],
    transforms: Mapping[str, Transform],
    weights: InterfaceWeights,
) -> Block:
    """The jumps [E] of all rows at the points of the interfaces, each side with its own network.

    The sides are a hair apart, so that coefficients have their own values on either.
    """
    expressions = [row.expression for row in rows]
    compiled = Residual(problem, expressions, jets_in(*expressions))

    def at(x: np.ndarray, owners: np.ndarray) -> Collocation:
        served = Served(jnp.asarray(owners)[:, None])
        return prepare(
            transforms, compiled.needs, jnp.asarray(x), interfaces.normals,
            serve=lambda x, needs: {group.columns: served for group in groups},
        )  # fmt: skip

    def jumps(fields: Fields, sides: tuple[Collocation, Collocation]) -> Array:
        first, second = (compiled(fields, side) for side in sides)
        assert sides[0].normals is not None
        along = jnp.linalg.norm(sides[0].normals * extent, axis=1, keepdims=True)
        return factors * along**powers * (second - first)

    extent = (jnp.asarray(problem.upper) - jnp.asarray(problem.lower)) / 2
    powers = jnp.asarray([float(row.power) for row in rows])
    factors = jnp.sqrt(jnp.asarray([getattr(weights, row.kind) for row in rows]))
    owners = interfaces.sides
    points = tuple(at(x, owners[:, k]) for k, x in enumerate(interfaces.both))
    return Block(INTERFACES, jumps, points, jnp.ones(()), condition=True)
