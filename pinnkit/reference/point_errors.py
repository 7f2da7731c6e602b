"""How far values at points may be off, where two meshes can agree by chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..declare.problem import Problem
from ..declare.quantities import AVERAGE, DOMAIN, Quantity
from ..forms.quantities import density, with_formulas
from .elements import Array
from .fields import DiscreteField
from .integrals import at_point, discrete_value
from .integration import IntegrationSet

_NEWTON_STEPS = 8
_BESIDE = 1e-7  # of a time step: how near to its end both sides are looked at


def point_errors(
    problem: Problem, field: DiscreteField, values: dict[str, float], bars: Mapping[str, float]
) -> dict[str, float]:
    """How far every quantity may be off for what it takes at one point or time alone, formulas included.

    The error at a point changes sign between meshes, and depends on where in its cell the point lies. It is
    taken for no less than the mean error of the unknowns, whose relative ones are ``bars``, and the jumps of
    derivatives around the cell. Rates at one time are off by no less than they jump around the time step.
    """
    total = dict.fromkeys(values, 0.0)
    for moved in problem.quantities:
        if moved.kind == "formula":
            continue
        shift = {moved.name: _jump_in_time(problem, moved, field)}
        if moved.at is not None:
            shift[moved.name] += _jump(problem, moved, field) + _offset(problem, moved, field, bars)
        changed = with_formulas(problem, lambda q, shift=shift: values[q.name] + shift.get(q.name, 0.0))
        total = {name: total[name] + abs(changed[name] - values[name]) for name in total}
    return total


def _jump_in_time(problem: Problem, quantity: Quantity, field: DiscreteField) -> float:
    """Largest jump of a quantity with rates between the step that holds its time and those beside it."""
    rates = any(jet.index[-1] for jet in density(quantity, problem).jets)
    if field.trajectory is None or quantity.time == AVERAGE or not rates:
        return 0.0
    steps = field.trajectory.times
    now = steps[-1] if quantity.time is None else float(quantity.time)
    step = int(np.clip(np.searchsorted(steps, now, side="right") - 1, 0, len(steps) - 2))
    near = _BESIDE * (steps[step + 1] - steps[step])
    found = [0.0]
    for end in steps[[step, step + 1]]:
        if steps[0] < end < steps[-1]:
            sides = [replace(quantity, time=float(end + shift)) for shift in (-near, near)]
            found.append(abs(np.subtract(*(discrete_value(problem, side, field) for side in sides))))
    return float(max(found))


def _jump(problem: Problem, quantity: Quantity, field: DiscreteField) -> float:
    """Root mean square of the expression's jumps on the facets of the cell that holds the point."""
    if not any(sum(jet.index) for jet in density(quantity, problem).jets):
        return 0.0
    jumps = [
        np.subtract(*(discrete_value(problem, quantity, field, [side]) for side in sides))
        for sides in _facets_around(quantity, field)
    ]
    return float(np.sqrt(np.mean(np.square(jumps)))) if jumps else 0.0


def _offset(problem: Problem, quantity: Quantity, field: DiscreteField, bars: Mapping[str, float]) -> float:
    """What the mean error of each unknown would change."""
    total, value = 0.0, discrete_value(problem, quantity, field)
    for unknown in quantity.expression.atoms(AppliedUndef):
        over = replace(quantity, expression=unknown**2, at=None, over=DOMAIN, mean=True)
        size = np.sqrt(discrete_value(problem, over, field)) * bars.get(unknown.func.__name__, 0.0)
        moved = quantity.expression.subs(unknown, unknown + sp.Float(float(size), 17)).doit()
        total += abs(discrete_value(problem, replace(quantity, expression=moved), field) - value)
    return total


def _facets_around(quantity: Quantity, field: DiscreteField) -> list[list[IntegrationSet]]:
    """Points of every inner facet of the cell that holds the quantity's point, seen from both sides."""
    mesh = field.product.mesh
    cells, _ = field.located(np.array([quantity.at]))
    found = []
    for facet in mesh.cell_facets[cells[0]]:
        beside, corners = mesh.facet_cells[facet], mesh.points[mesh.facets[facet]]
        if (beside >= 0).all():
            # Towards the corners: jumps of the highest derivatives vanish at the middle of a facet.
            points = (2 * corners + corners.mean(axis=0)) / 3
            found += [[_placed(field, beside[[side]], point) for side in (0, 1)] for point in points]
    return found


def _placed(field: DiscreteField, cell: Array, point: Array) -> IntegrationSet:
    """A point in the coordinates of a cell, by Newton's method."""
    mesh = field.product.mesh
    place = np.full((mesh.dimension, 1), 1 / (mesh.dimension + 1))
    for _ in range(_NEWTON_STEPS):
        gap = point - mesh.map(cell, place)[0, 0]
        place = place + np.linalg.solve(mesh.jacobian(cell, place)[0, 0], gap)[:, None]
    return at_point(field, cell, place)
