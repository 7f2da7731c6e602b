"""How far values at points may be off, where two meshes can agree by chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..declare.problem import Problem
from ..declare.quantities import DOMAIN, Quantity
from ..forms.quantities import density, with_formulas
from .elements import Array
from .fields import DiscreteField
from .integrals import at_point, discrete_value
from .integration import IntegrationSet

_NEWTON_STEPS = 8


def point_errors(
    problem: Problem, field: DiscreteField, values: dict[str, float], bars: Mapping[str, float]
) -> dict[str, float]:
    """How far every quantity may be off for its values at points alone, formulas included.

    The error at a point changes sign between meshes, and depends on where in its cell the point lies. It is
    taken for no less than the mean error of the unknowns, whose relative ones are ``bars``, and the jumps of
    derivatives around the cell.
    """
    total = dict.fromkeys(values, 0.0)
    for moved in problem.quantities:
        if moved.at is None:
            continue
        shift = {moved.name: _jump(problem, moved, field) + _offset(problem, moved, field, bars)}
        changed = with_formulas(problem, lambda q, shift=shift: values[q.name] + shift.get(q.name, 0.0))
        total = {name: total[name] + abs(changed[name] - values[name]) for name in total}
    return total


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
