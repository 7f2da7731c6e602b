"""Mixed form: the flux σ of every second-order equation as an unknown of its own.

    σ = F(x, u, ∇u),     ∇·σ + S = 0,     n·σ = g on boundaries with natural data.

All equations are then of first order in space. Where a boundary faces along one axis and g is known, n·σ = g
is a value of one component, which can be built into an unknown exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import sympy as sp

from ..declare import conditions as declared
from ..declare.problem import Equation, Problem
from ..declare.symbols import unknown
from ..geometry.carriers import Plane
from .errors import FormUnavailable
from .jets import Jets
from .peel import Peel
from .weak import WeakForm, weak_form


@dataclass(frozen=True)
class MixedForm:
    """The problem of first order, and the unknowns σ of each equation that has a flux of its own."""

    problem: Problem
    fluxes: Mapping[str, tuple[str, ...]]


def mixed_form(problem: Problem) -> MixedForm:
    """The mixed problem; equations and unknowns of the declared one keep their names.

    Raises ``FormUnavailable`` where there is no weak form, or no flux holds a gradient.
    """
    jets, weak = Jets(problem), weak_form(problem)
    peel = Peel(jets, jets.space)
    fluxes: dict[str, tuple[sp.Expr, ...]] = {}
    equations: list[Equation] = []
    number = 0
    for equation, own in zip(problem.equations, weak.equations, strict=True):
        if not any(peel.ranked(f, 1) for f in own.flux):
            equations.append(equation)
            continue
        sigma = []
        for flux in own.flux:
            number += 1
            sigma.append(unknown(_unused(f"flux{number}", problem), *problem.variables))
            law = sigma[-1] - jets.from_jets(flux)
            equations.append(Equation(f"{equation.name}: {sigma[-1].func.__name__}", law, sp.S.Zero))
        divergence = sp.Add(*(s.diff(v) for s, v in zip(sigma, problem.coordinates, strict=True)))
        equations.append(Equation(equation.name, divergence + jets.from_jets(own.source), sp.S.Zero))
        fluxes[equation.name] = tuple(sigma)
    if not fluxes:
        raise FormUnavailable(
            "the mixed form", reason="no equation has a flux with gradients",
            mend="take pinn, which needs no flux",
        )  # fmt: skip
    unknowns = (*problem.unknowns, *(s for sigma in fluxes.values() for s in sigma))
    whole = Problem(
        problem.name, problem.domain, equations, _conditions(problem, jets, weak, fluxes),
        problem.observations, unknowns=unknowns,
    )  # fmt: skip
    names = {name: tuple(s.func.__name__ for s in sigma) for name, sigma in fluxes.items()}
    return MixedForm(whole, names)


def _unused(name: str, problem: Problem) -> str:
    while name in problem.unknown_names:
        name += "s"
    return name


def _conditions(
    problem: Problem, jets: Jets, weak: WeakForm, fluxes: Mapping[str, tuple[sp.Expr, ...]]
) -> list[declared.AnyCondition]:
    """Values and initial states as declared; n·σ = g in the place of what was said of fluxes and slopes."""
    about_slopes = (declared.Neumann, declared.Robin, declared.Flux)
    kept = [c for c in problem.conditions if not isinstance(c, about_slopes) and not _differential(c)]
    data = [(n.equation, n.where, n.flux) for n in weak.natural]
    data += [(name, where, sp.S.Zero) for name, where in weak.free]
    if weak.idle:
        what = "; ".join(f"{statement} on {where}" for statement, where in weak.idle)
        raise FormUnavailable(
            "the mixed form", reason=f"no boundary integral feels {what}", mend="take pinn or hp_vpinn"
        )
    for name, where, given in data:
        if name in fluxes:
            kept.append(_on_flux(problem, fluxes[name], where, jets.from_jets(given), jets))
    return kept


def _differential(condition: declared.AnyCondition) -> bool:
    return isinstance(condition, declared.Condition) and bool(condition.expression.atoms(sp.Derivative))


def _on_flux(
    problem: Problem, sigma: tuple[sp.Expr, ...], where: str, given: sp.Expr, jets: Jets
) -> declared.AnyCondition:
    facing = _facing(problem, where)
    if facing is not None:
        axis, sign = facing
        towards = {n: sp.Integer(sign * (k == axis)) for k, n in enumerate(jets.normals)}
        value = cast(sp.Expr, sign * given.xreplace(towards))
        if not value.atoms(sp.Function) & set(problem.unknowns):
            return declared.Dirichlet(sigma[axis], value, where=where)
    outward = sp.Add(*(n * s for n, s in zip(jets.normals, sigma, strict=True)))
    return declared.Condition(outward - given, where=where)


def _facing(problem: Problem, where: str) -> tuple[int, int] | None:
    """The axis and sign of the outward normal where it is the same along all of a boundary."""
    pieces = problem.domain.pieces_of(where)
    d = problem.domain.dimension
    if d > 1 and not all(isinstance(p.carrier, Plane) for p in pieces):
        return None
    normals = np.concatenate([p.sample(np.full((1, max(d - 1, 1)), 0.5))[1] for p in pieces])
    axis = int(np.abs(normals[0]).argmax())
    sign = int(np.sign(normals[0, axis]))
    same = np.abs(normals - sign * np.eye(d)[axis]).max() < 1e-12
    return (axis, sign) if same else None
