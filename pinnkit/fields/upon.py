"""Unknowns built upon others that were found before: a correction of them, or their continuation in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import factorial

import jax
from jax import Array

from ..declare.conditions import Initial, InitialRate
from ..declare.problem import Problem
from .exact_conditions import ExactConditions, Transform
from .implicit import ScalarField

Found = Callable[[str], ScalarField]
"""The unknowns found before, by name, each a traceable function of one point (d,)."""


def corrected(conditions: ExactConditions, found: Found, size: float) -> ExactConditions:
    """u = found + size·multiplier·N: what ``found`` satisfies exactly the sum does, too.

    Source: Wang & Lai, J. Comput. Phys. 504 (2024), eq. 8.
    """

    def scaled(multiplier: ScalarField) -> ScalarField:
        return lambda x: size * multiplier(x)

    transforms = {
        name: Transform(found(name), scaled(built.multiplier)) for name, built in conditions.transform.items()
    }
    return replace(conditions, transform=transforms, notes=())


def continued(conditions: ExactConditions, found: Found, problem: Problem) -> ExactConditions:
    """u that goes on from ``found`` at the start t₀ of a later slab, and satisfies what is built in there.

        u = L + Σ_{j<k} (t − t₀)ʲ/j! ∂ₜʲ(found − L)(x, t₀) + φ τᵏ N,    τ = (t − t₀)/(t₁ − t₀),

    with L the lift and φ the distance of the slab's boundary data, and k the number of initial values that
    the unknown was declared with: none, a state, or a state and a rate. ``problem`` is that of the slab; its
    initial conditions are replaced. On the boundary found = L at t₀, hence u = L for all t.
    """
    starts = (Initial, InitialRate)
    orders: dict[str, int] = dict.fromkeys(conditions.transform, 0)
    for condition in problem.of_kind(*starts):
        orders[condition.unknown.func.__name__] += 1
    transforms = {
        name: _continued(built, found(name), orders[name], problem) if orders[name] else built
        for name, built in conditions.transform.items()
    }
    soft = tuple(pair for pair in conditions.soft if not isinstance(pair[0], starts))
    exact = (*conditions.exact, *(c for c, _ in conditions.soft if isinstance(c, starts)))
    return ExactConditions(transforms, exact, soft)


def _continued(built: Transform, found: ScalarField, order: int, problem: Problem) -> Transform:
    clock, space = problem.time, len(problem.coordinates)
    assert clock is not None

    def rates(function: ScalarField, x: Array) -> list[Array]:
        """f, ∂ₜf, … at the start, beside the same point in space."""

        def along(t: Array) -> Array:
            return function(x.at[space].set(t))

        values = []
        for _ in range(order):
            values.append(along)
            along = jax.grad(along)
        start = x[space] * 0 + clock.start
        return [value(start) for value in values]

    def lift(x: Array) -> Array:
        elapsed, total = x[space] - clock.start, built.lift(x)
        for power, (a, b) in enumerate(zip(rates(found, x), rates(built.lift, x), strict=True)):
            total = total + elapsed**power / factorial(power) * (a - b)
        return total

    def multiplier(x: Array) -> Array:
        ramp = ((x[space] - clock.start) / (clock.end - clock.start)) ** order
        # at the end any ramp that is built in already is one
        return ramp * built.multiplier(x.at[space].set(clock.end))

    return Transform(lift, multiplier)


def unknowns(evaluate: Callable[[Array], Mapping[str, Array]]) -> Found:
    """``Found`` from a function of points (n, d)."""
    return lambda name: lambda x: evaluate(x[None])[name][0]
