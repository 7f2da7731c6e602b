"""Conditions satisfied by construction: u = lift(x) + multiplier(x)·N(x) for whatever the network N.

With Dirichlet data g and the distance φ of their pieces, u = lift[g] + φN. With an initial state u₀ (and
rate v₀) besides, P = u₀ + (t − t₀)v₀ and τ = (t − t₀)/T,

    u = P + lift[g − g|t₀ − (t − t₀) ∂ₜg|t₀] + φ τᵏ N,     k = 1, or 2 with a rate,

which satisfies both where they agree on the boundary at the start. Data read by the lift are read on the
boundary only. What cannot be built in, or only by freezing a fault of the data into every instant (an
initial state with a kink at a periodic seam, or against the boundary data), is left to the residual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

from ..declare.conditions import AnyCondition, Dirichlet, Initial, InitialRate, Periodic
from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..declare.symbols import Time
from ..forms.emit import emit
from ..geometry.carriers import Facets
from ..geometry.pieces import BoundaryPiece
from .compatibility import along, disagreeing, inside, known, mismatch, replaced, seam, unbuildable
from .distance import NoDistance, piece_distance
from .implicit import ScalarField
from .lift import boundary_lift

Choice = Literal["exact", "soft", "auto"]
Values = Dirichlet | Initial | InitialRate


@dataclass(frozen=True)
class Transform:
    """u = lift + multiplier·N: plain traceable functions of one point (d,), space before time."""

    lift: ScalarField
    multiplier: ScalarField


@dataclass(frozen=True)
class ExactConditions:
    """What is satisfied by construction and what is left to training.

    ``transform`` has one entry per unknown; ``soft`` pairs each condition left with the reason;
    ``notes`` are sentences for the report.
    """

    transform: Mapping[str, Transform]
    exact: tuple[AnyCondition, ...]
    soft: tuple[tuple[AnyCondition, str], ...]
    notes: tuple[str, ...] = ()


def exact_conditions(problem: Problem, choice: Choice = "auto", analytic: bool = False) -> ExactConditions:
    """Builds in the Dirichlet, initial and periodic conditions of every unknown, as far as they can be.

    ``soft`` builds in nothing but periodicity, ``auto`` what fits, and ``exact`` raises
    ``DeclarationError`` for a value condition that does not fit. With ``analytic``, ``auto`` leaves out what
    costs the unknown derivatives that its data have. To be called in float64.
    """
    soft: dict[AnyCondition, str] = {
        c: "only values are built in" for c in problem.conditions if not isinstance(c, Periodic)
    }
    transforms = {}
    for unknown, name in zip(problem.unknowns, problem.unknown_names, strict=True):
        own = [c for c in problem.conditions if isinstance(c, Values) and c.unknown == unknown]
        if choice == "soft":
            transforms[name], faults = UNTOUCHED, dict.fromkeys(own, "conditions: soft was chosen")
        else:
            transforms[name], faults = _build(problem, own, analytic and choice == "auto")
        if choice == "exact" and faults:
            raise _refusal(*next(iter(faults.items())))
        for condition in own:
            del soft[condition]
        soft |= faults
    exact = tuple(c for c in problem.conditions if c not in soft)
    left = tuple((c, soft[c]) for c in problem.conditions if c in soft)
    notes = tuple(
        f"{describe(c)} is imposed softly: {reason}"
        for c, reason in left
        if isinstance(c, Values) and choice == "auto"
    )
    return ExactConditions(transforms, exact, left, notes)


def describe(condition: AnyCondition) -> str:
    """The condition in a few words."""
    match condition:
        case Dirichlet():
            return f"{condition.unknown.func.__name__} = {condition.value} on {condition.where!r}"
        case Initial():
            return f"the initial state {condition.unknown.func.__name__} = {condition.value}"
        case InitialRate():
            return f"the initial rate {condition.unknown.func.__name__}_t = {condition.value}"
    return str(condition)


def _refusal(condition: Values, reason: str) -> DeclarationError:
    return DeclarationError(
        f"{describe(condition)} cannot be built in exactly: {reason}",
        expected="data that the exact construction can take",
        mend="choose conditions: auto, which imposes what does not fit softly",
        place=condition.place,
    )


UNTOUCHED = Transform(lambda x: jnp.zeros_like(x[0]), lambda x: jnp.ones_like(x[0]))


def _build(
    problem: Problem, conditions: list[Values], analytic: bool
) -> tuple[Transform, dict[Values, str]]:
    """One unknown's transform, and the conditions it leaves out with the reasons."""
    boundary, faults = _boundary_data(problem, [c for c in conditions if isinstance(c, Dirichlet)])
    start, refused = _initial_data(problem, conditions, boundary)
    faults |= refused
    try:
        transform = _assemble(problem, boundary, start, analytic)
    except NoDistance as cause:
        reason = str(cause)
    else:
        reason = _torn(problem, transform) if boundary else None
    if reason is None:
        return transform, faults
    faults |= dict.fromkeys(boundary.values(), reason)
    return _assemble(problem, {}, start, analytic), faults


def _boundary_data(
    problem: Problem, conditions: list[Dirichlet]
) -> tuple[dict[BoundaryPiece, Dirichlet], dict[Values, str]]:
    """Pieces with the condition to be built in on each; conditions with data that cannot be."""
    boundary, faults = {}, {}
    for condition in conditions:
        pieces = problem.domain.pieces_of(condition.where)
        points, value = along(pieces, problem), known(condition.value)
        fault = unbuildable(value, problem, points) or seam(value, "g", problem, points)
        if any(isinstance(p.carrier, Facets) for p in pieces):
            fault = "no smooth distance is known for a boundary given by a mesh"
        if fault is not None:
            faults[condition] = fault
            continue
        boundary |= dict.fromkeys(pieces, condition)
    faults |= disagreeing(boundary, problem)
    return {p: c for p, c in boundary.items() if c not in faults}, faults


def _initial_data(
    problem: Problem, conditions: list[Values], boundary: dict[BoundaryPiece, Dirichlet]
) -> tuple[list[sp.Expr], dict[Values, str]]:
    """[], [u₀] or [u₀, v₀], whatever fits the boundary; conditions that do not."""
    fitting, faults = [], {}
    points = inside(problem)
    for order, kind in enumerate((Initial, InitialRate)):
        for condition in conditions:
            if not isinstance(condition, kind):
                continue
            value, what = known(condition.value), ("u₀", "v₀")[order]
            fault = unbuildable(value, problem, points) or seam(value, what, problem, points)
            fault = fault or _against_boundary(problem, value, what, order, boundary)
            if order > len(fitting):
                fault = "the initial state, which it goes with, is imposed softly"
            if fault is None:
                fitting.append(value)
            else:
                faults[condition] = fault
    return fitting, faults


def _against_boundary(
    problem: Problem, value: sp.Expr, what: str, order: int, boundary: dict[BoundaryPiece, Dirichlet]
) -> str | None:
    """How an initial value differs from the boundary data at the start, in words."""
    for condition in dict.fromkeys(boundary.values()):
        points = along([p for p, c in boundary.items() if c == condition], problem)
        data = _at_start(known(condition.value), problem, order)
        gap = mismatch(value, data, problem, points)
        if gap is not None:
            return f"{what} differs from the data on {condition.where!r} {gap}"
    return None


def _at_start(expression: sp.Expr, problem: Problem, order: int) -> sp.Expr:
    """The expression (order 0) or its rate (order 1) at the start of time."""
    clock = _clock(problem)
    return replaced(sp.diff(expression, clock, order), {clock: clock.start})


def _clock(problem: Problem) -> Time:
    assert problem.time is not None  # initial values are refused without a time
    return problem.time


def _assemble(
    problem: Problem, boundary: dict[BoundaryPiece, Dirichlet], start: list[sp.Expr], analytic: bool
) -> Transform:
    space, domain = len(problem.coordinates), problem.domain

    def function(expression: sp.Expr) -> ScalarField:
        emitted = emit([expression], problem.variables, jnp)
        return lambda x: emitted(*x)[0]

    data = {piece: known(condition.value) for piece, condition in boundary.items()}
    state = sp.S.Zero
    for order, value in enumerate(start):
        elapsed = (_clock(problem) - sp.Float(_clock(problem).start, 17)) ** order
        state = sp.Add(state, elapsed * value)
        data = {
            piece: sp.Add(g, -elapsed * _at_start(known(boundary[piece].value), problem, order))
            for piece, g in data.items()
        }
    parts = [function(state)] if start else []
    if any(g != 0 for g in data.values()):
        parts.append(boundary_lift(domain, data, problem.coordinates, function, analytic))
    lift = partial(_sum, parts) if parts else UNTOUCHED.lift
    shape = piece_distance(domain, list(boundary)) if boundary else None
    if not start:
        return Transform(lift, UNTOUCHED.multiplier if shape is None else lambda x: shape(x[:space]))
    clock, power = _clock(problem), len(start)

    def multiplier(x: Array) -> Array:
        ramp = ((x[space] - clock.start) / (clock.end - clock.start)) ** power
        return ramp if shape is None else shape(x[:space]) * ramp

    return Transform(lift, multiplier)


def _sum(parts: list[ScalarField], x: Array) -> Array:
    return reduce(add, (part(x) for part in parts))


def _torn(problem: Problem, transform: Transform) -> str | None:
    """Whether lift or multiplier fails to repeat along a periodic coordinate, in words."""
    points = inside(problem, 64)
    for coordinate in problem.periodic:
        axis = problem.variables.index(coordinate)
        low, high = (np.copy(points) for _ in range(2))
        low[:, axis], high[:, axis] = problem.lower[axis], problem.upper[axis]
        for part in (transform.lift, transform.multiplier):
            both = [jax.jit(jax.vmap(jax.value_and_grad(part)))(ends) for ends in (low, high)]
            if not all(np.allclose(a, b, rtol=1e-8, atol=1e-8) for a, b in zip(*both, strict=True)):
                return f"the smooth distance to its boundary does not repeat along {coordinate}"
    return None
