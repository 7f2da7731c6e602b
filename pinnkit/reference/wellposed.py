"""Problems that finite elements cannot or should not solve, refused before anything is meshed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import sympy as sp

from ..declare.problem import Problem, condition_expressions
from ..forms.boundary import periodic_boundaries
from ..forms.jets import Jets, JetSymbol
from ..forms.states import values_at_states
from ..forms.symbol import GROWS, problem_type
from ..forms.weak import WeakForm
from .base import ReferenceUnavailable

_SAMPLES = 64
# Speeds this small beside the largest move nothing across a boundary.
_AT_REST = 1e-9


def refuse_unsolvable(problem: Problem) -> None:
    """Raise ``ReferenceUnavailable`` for what no finite elements of this kind take."""
    what, dimension = f"finite elements for {problem.name}", len(problem.coordinates)
    if dimension not in (1, 2, 3):
        raise ReferenceUnavailable(
            f"{what} in {dimension} space coordinates",
            reason="one to three are solved",
            mend="give an exact or data reference",
        )
    sought = [str(f) for f in problem.inferred] + [p.name for p in problem.parameters if p.infer]
    if sought:
        raise ReferenceUnavailable(
            what,
            reason=f"{', '.join(sought)} is to be found from data",
            mend="give an exact reference, or validate a problem with known coefficients",
        )
    stated = [e.residual for e in problem.equations]
    stated += [e for c in problem.conditions for e in condition_expressions(c)]
    if points := sorted(str(d) for e in stated for d in sp.sympify(e).atoms(sp.DiracDelta)):
        raise ReferenceUnavailable(
            f"{what}: {points[0]} is a point source",
            reason="quadrature does not see it, and beyond one dimension the solution has no finite energy",
            mend="declare a source of width s, in the plane exp(-r**2/(2*s**2))/(2*pi*s**2), or cut out "
            "a small hole with a Flux on its boundary, or give an exact reference",
        )
    jets = Jets(problem)
    if problem_type([jets.to_jets(e.residual) for e in problem.equations], jets)[1] == GROWS:
        raise ReferenceUnavailable(
            f"{what}: it is ill-posed forward in time",
            reason="short waves grow without bound, the faster the shorter they are",
            mend="check the sign of the highest space derivatives against that of the time derivative",
        )


def refuse_misplaced(problem: Problem, form: WeakForm) -> None:
    """Raise ``ReferenceUnavailable`` where boundaries say more, or less, than the equations ask."""
    if form.idle:
        statement, where = form.idle[0]
        raise ReferenceUnavailable(
            f"finite elements for {problem.name}: {statement} is given on {where!r} beside the value there",
            reason="elements take one condition for each equation on a boundary",
            mend=f"remove one of the two on {where!r}; if the coordinate across it is a time, declare it so",
        )
    jets = Jets(problem)
    residuals = [jets.to_jets(e.residual) for e in problem.equations]
    first = all(jets.space_order(s.jet) <= 1 for r in residuals for s in r.atoms(JetSymbol))
    # A single transport is held against its velocity on the mesh.
    if first and len(residuals) > 1:
        _refuse_characteristics(residuals, jets, form)


def _refuse_characteristics(residuals: list[sp.Expr], jets: Jets, form: WeakForm) -> None:
    """Hold a system of first order, M u_t + Σ Aᵢ ∂ᵢu = …, against its characteristics.

    A boundary takes one value for each negative eigenvalue of M⁻¹ Σ nᵢ Aᵢ, which moves into the domain
    (Kreiss & Lorenz, Initial-Boundary Value Problems and the Navier–Stokes Equations, 1989, §7.3).
    """
    joined = periodic_boundaries(jets.problem)
    given = Counter(term.where for term in form.essential)
    for where in jets.problem.domain.boundary_names:
        counts = None if where in joined else _entering(residuals, jets, where)
        if counts is None or counts[0] <= given[where] <= counts[1]:
            continue
        names = ", ".join(f.func.__name__ for f in jets.problem.solved)
        raise ReferenceUnavailable(
            f"finite elements for {jets.problem.name}: {given[where]} value(s) of {names} on {where!r}",
            reason=f"equations of first order take there what is carried into the domain: {counts[0]}",
            mend=f"remove a value from {where!r}, where the solution leaves the domain"
            if given[where] > counts[1]
            else f"give a value on {where!r}, where the solution enters the domain, or make it periodic",
        )


def _entering(residuals: list[sp.Expr], jets: Jets, where: str) -> tuple[int, int] | None:
    """How many characteristics enter through a boundary, without and with those along it.

    None where the state decides, or time derivatives do not suffice to tell.
    """
    if jets.problem.time is None:
        return None
    names = [f.func.__name__ for f in jets.problem.solved]
    # M, then nᵢ Aᵢ for each coordinate.
    blocks = [
        factor * sp.diff(residual, jets.symbol(jets.zero(name).raised(direction)))
        for direction, factor in [(len(jets.space), sp.S.One), *enumerate(jets.normals)]
        for residual in residuals
        for name in names
    ]
    values = values_at_states(blocks, jets, _SAMPLES, where)
    mass, *parts = values.reshape(-1, len(names), len(names), _SAMPLES).transpose(0, 3, 1, 2)
    if not np.isfinite(values).all() or (np.abs(np.linalg.det(mass)) < 1e-12).any():
        return None
    speeds = np.linalg.eigvals(np.linalg.solve(mass, np.sum(parts, axis=0))).real
    fastest = np.abs(np.linalg.solve(mass, np.sum(np.abs(parts), axis=0))).max()
    speeds = np.where(np.abs(speeds) <= _AT_REST * fastest, 0.0, speeds)
    entering, along = (speeds < 0).sum(axis=1), (speeds == 0).sum(axis=1)
    if any(b.atoms(JetSymbol) for b in blocks) and (entering != entering[0]).any():
        return None
    # A boundary with inflow in places takes the value there; elsewhere the error bar tells.
    return int(entering.max()), int((entering + along).max())
