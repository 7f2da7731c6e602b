"""Intervals, rectangles and boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .checks import constant, corners, number
from .curves import Segment
from .errors import GeometryError
from .pieces import BoundaryPiece, BoxFace, EndPoint
from .shapes import Elementary


@dataclass(frozen=True)
class Interval(Elementary):
    """[lower, upper] on a line; its ends are ``left`` and ``right``."""

    lower: float
    upper: float

    kind = "interval"
    dimension = constant(1)
    default_names = constant(("left", "right"))

    def _check(self) -> None:
        low, high = number(self.lower, "the lower end"), number(self.upper, "the upper end")
        corners((low,), (high,), "interval")
        self._set(lower=low, upper=high)

    @property
    def bounds(self):
        return np.array([self.lower]), np.array([self.upper])

    @property
    def measure(self) -> float:
        return self.upper - self.lower

    def signed_distance(self, points):
        return box_distance(points, *self.bounds)

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        return EndPoint(self.names[0], self.lower, -1), EndPoint(self.names[1], self.upper, 1)

    def propose(self, unit):
        return self.lower + unit * self.measure, np.ones(len(unit), dtype=bool)


@dataclass(frozen=True)
class Rectangle(Elementary):
    """An axis-parallel rectangle; its sides are ``left``, ``right``, ``bottom`` and ``top``."""

    lower: tuple[float, float]
    upper: tuple[float, float]

    kind = "rectangle"
    dimension = constant(2)
    default_names = constant(("left", "right", "bottom", "top"))

    def _check(self) -> None:
        low, high = corners(self.lower, self.upper, "rectangle", 2)
        self._set(lower=low, upper=high)

    @property
    def bounds(self):
        return np.array(self.lower), np.array(self.upper)

    @property
    def measure(self) -> float:
        return float(np.prod(np.subtract(self.upper, self.lower)))

    def signed_distance(self, points):
        return box_distance(points, *self.bounds)

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        return rectangle_sides(self.lower, self.upper, self.names)

    def propose(self, unit):
        lower, upper = self.bounds
        return lower + unit * (upper - lower), np.ones(len(unit), dtype=bool)


@dataclass(frozen=True)
class Box(Elementary):
    """An axis-parallel box in any dimension.

    In space its sides are ``left``, ``right`` (x), ``front``, ``back`` (y), ``bottom``, ``top`` (z); in other
    dimensions ``x1_min``, ``x1_max``, ``x2_min`` and so on.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    kind = "box"

    def _check(self) -> None:
        low, high = corners(self.lower, self.upper, "box")
        self._set(lower=low, upper=high)

    @property
    def dimension(self) -> int:
        return len(self.lower)

    @property
    def default_names(self) -> tuple[str, ...]:
        if self.dimension == 3:
            return ("left", "right", "front", "back", "bottom", "top")
        return tuple(f"x{axis + 1}_{end}" for axis in range(self.dimension) for end in ("min", "max"))

    @property
    def bounds(self):
        return np.array(self.lower), np.array(self.upper)

    @property
    def measure(self) -> float:
        return float(np.prod(np.subtract(self.upper, self.lower)))

    def signed_distance(self, points):
        return box_distance(points, *self.bounds)

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        if self.dimension == 1:
            return EndPoint(self.names[0], self.lower[0], -1), EndPoint(self.names[1], self.upper[0], 1)
        if self.dimension == 2:
            return rectangle_sides(self.lower, self.upper, self.names)
        return tuple(
            BoxFace(name, self.lower, self.upper, place // 2, 1 if place % 2 else -1)
            for place, name in enumerate(self.names)
        )

    def propose(self, unit):
        lower, upper = self.bounds
        return lower + unit * (upper - lower), np.ones(len(unit), dtype=bool)


def box_distance(points: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The largest overshoot along any axis, negative within."""
    return np.max(np.maximum(lower - points, points - upper), axis=1)


def rectangle_sides(lower, upper, names) -> tuple[Segment, ...]:
    """Left, right, bottom and top, each with the rectangle on its left."""
    (a, b), (c, d) = lower, upper
    left, right, bottom, top = names
    return (
        Segment(left, (a, d), (a, b)),
        Segment(right, (c, b), (c, d)),
        Segment(bottom, (a, b), (c, b)),
        Segment(top, (c, d), (a, d)),
    )


def as_interval(value: object) -> dict[str, object]:
    """``[lower, upper]``, the short form of an interval in problem files."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise GeometryError(f"interval is {value!r}", expected="`[lower, upper]` or `{lower: …, upper: …}`")
    return {"lower": value[0], "upper": value[1]}
