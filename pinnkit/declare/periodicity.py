"""Pieces of the boundary by a few of their points, and the pairs of ends that periodicity joins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .conditions import ON_BOUNDARIES, Periodic, describe
from .errors import DeclarationError, unknown_word
from .symbols import Time

if TYPE_CHECKING:
    from .problem import Problem


@dataclass(frozen=True)
class Piece:
    """A piece of the boundary by a few of its points."""

    name: str
    measure: float
    points: np.ndarray
    normals: np.ndarray

    def faces(self, axis: int) -> bool:
        """Whether it looks along an axis anywhere."""
        return bool(np.any(np.abs(self.normals[:, axis]) > 1e-9))

    def is_end(self, axis: int, at: float, sign: int, width: float) -> bool:
        """Whether it lies in the flat end of a box across an axis."""
        flat = np.all(np.abs(self.points[:, axis] - at) < 1e-9 * width)
        return bool(flat and np.all(self.normals[:, axis] * sign > 1 - 1e-9))


def sample_pieces(problem: Problem) -> list[Piece]:
    """Every piece of the boundary."""
    dimension = problem.domain.dimension
    unit = (
        np.arange(1, 9)[:, None] * np.sqrt([2, 3, 5, 7, 11, 13, 17, 19, 23, 29])[: max(dimension - 1, 1)]
    ) % 1
    return [Piece(p.name, p.measure, *p.sample(unit)) for p in problem.domain.pieces()]


def check_periodic(problem: Problem, pieces: list[Piece]) -> list[Piece]:
    """The pieces that periodicity joins in pairs; they take no other condition."""
    lower, upper = problem.domain.bounds
    joined: list[Piece] = []
    for condition in problem.of_kind(Periodic):
        what = f"periodic in {condition.coordinate}"
        if condition.coordinate not in problem.coordinates:
            error = unknown_word("coordinate", str(condition.coordinate), map(str, problem.coordinates))
            is_time = isinstance(condition.coordinate, Time)
            raise DeclarationError(
                f"{what}: this is time" if is_time else f"{what}: {error.what}",
                expected=error.expected,
                mend="give initial values instead" if is_time else error.mend,
                place=condition.place,
            )
        axis = problem.coordinates.index(condition.coordinate)
        low, high, width = float(lower[axis]), float(upper[axis]), float(upper[axis] - lower[axis])
        starts = [p for p in pieces if p.is_end(axis, low, -1, width)]
        ends = [p for p in pieces if p.is_end(axis, high, +1, width)]
        sizes = [sum(p.measure for p in side) for side in (starts, ends)]
        if not starts or not np.isclose(*sizes, rtol=1e-9):
            raise DeclarationError(
                f"{what}: the domain has no pair of equal flat ends across {condition.coordinate}",
                expected="an interval, rectangle or box along that coordinate",
                mend="use a box, or boundary conditions instead",
                place=condition.place,
            )
        names = {p.name for p in (*starts, *ends)}
        for other in problem.of_kind(*ON_BOUNDARIES):
            if other.where in names or other.where == "boundary":
                free = [n for n in problem.domain.boundary_names if n not in names]
                raise DeclarationError(
                    f"{describe(other)} reaches the ends joined by {what}",
                    expected="no other condition there",
                    mend=f"name the other pieces: {', '.join(free)}" if free else "remove one of the two",
                    place=other.place,
                )
        joined += starts + ends
    return joined
