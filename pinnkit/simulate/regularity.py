"""What is asked of inferred fields beside the data: values given on boundaries, and smoothness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..declare.conditions import Dirichlet
from ..declare.functions import evaluate
from ..declare.problem import Problem
from ..geometry.sampling import boundary
from .basis import FieldBasis

HELD = 1e3  # weight of conditions on inferred fields against one standard deviation of the data


def held_rows(problem: Problem, basis: FieldBasis) -> tuple[np.ndarray, np.ndarray]:
    """Rows and data of the values that are declared for an inferred field on the boundary."""
    rows, data = [np.zeros((0, int(np.prod(basis.shape))))], [np.zeros(0)]
    for condition in problem.of_kind(Dirichlet):
        if condition.unknown.func.__name__ == basis.name:
            points, _ = boundary(problem.domain, condition.where, 200)
            given = dict(zip(problem.coordinates, points.T, strict=True))
            given |= {p: np.full(len(points), p.value) for p in problem.parameters}
            rows.append(basis.at_points(points) / np.sqrt(len(points)))
            data.append(np.broadcast_to(evaluate(condition.value, given), len(points)) / np.sqrt(len(points)))
    return np.concatenate(rows), np.concatenate(data)


def field_rows(
    problem: Problem, bases: Sequence[FieldBasis], before: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in θ of the regulariser and of conditions on fields, and the data of the latter.

    θ holds ``before`` parameters, then the coefficients of every field.
    """
    length = before + sum(int(np.prod(basis.shape)) for basis in bases)
    smooth, held, target = [np.zeros((0, length))], [np.zeros((0, length))], [np.zeros(0)]
    place = before
    for basis in bases:
        size = int(np.prod(basis.shape))
        matrix, data = held_rows(problem, basis)
        for rows, own in ((smooth, basis.roughness()), (held, HELD * matrix)):
            wide = np.zeros((len(own), length))
            wide[:, place : place + size] = own
            rows.append(wide)
        target.append(HELD * data)
        place += size
    return np.concatenate(smooth), np.concatenate(held), np.concatenate(target)
