"""Disks, ellipses, balls and cylinders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .carriers import across
from .checks import constant, number, point, positive
from .curves import Arc
from .errors import GeometryError
from .pieces import BoundaryPiece, Cap, CylinderSide, EndPoint, SpherePiece, ball_measure, directions
from .shapes import Elementary


@dataclass(frozen=True)
class Disk(Elementary):
    """A disk in the plane with the boundary ``rim``."""

    center: tuple[float, float]
    radius: float

    kind = "disk"
    dimension = constant(2)
    default_names = constant(("rim",))

    def _check(self) -> None:
        self._set(
            center=point(self.center, "the centre of a disk", 2),
            radius=positive(self.radius, "a disk's radius"),
        )

    @property
    def bounds(self):
        return np.array(self.center) - self.radius, np.array(self.center) + self.radius

    @property
    def measure(self) -> float:
        return float(np.pi * self.radius**2)

    def signed_distance(self, points):
        return np.linalg.norm(points - np.array(self.center), axis=1) - self.radius

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        return (Arc(self.names[0], self.center, (self.radius, self.radius)),)

    def propose(self, unit):
        return np.array(self.center) + self.radius * in_ball(unit), np.ones(len(unit), dtype=bool)


@dataclass(frozen=True)
class Ellipse(Elementary):
    """An ellipse with the boundary ``rim``; ``angle`` (radians) turns its first half axis from the x axis."""

    center: tuple[float, float]
    radii: tuple[float, float]
    angle: float = 0.0

    kind = "ellipse"
    dimension = constant(2)
    default_names = constant(("rim",))

    def _check(self) -> None:
        first, second = point(self.radii, "the radii of an ellipse", 2)
        self._set(
            center=point(self.center, "the centre of an ellipse", 2),
            radii=(
                positive(first, "an ellipse's first radius"),
                positive(second, "an ellipse's second radius"),
            ),
            angle=number(self.angle, "an ellipse's angle"),
        )

    @property
    def _rim(self) -> Arc:
        return Arc(self.names[0], self.center, self.radii, self.angle)

    @property
    def bounds(self):
        return self._rim.box

    @property
    def measure(self) -> float:
        return float(np.pi * self.radii[0] * self.radii[1])

    def signed_distance(self, points):
        # (g − 1)/|∇g| with g = |q|, the ellipse being the unit circle in q.
        q = (points - np.array(self.center)) @ (self._rim.frame / np.square(self.radii))
        g = np.linalg.norm(q, axis=1)
        slope = np.linalg.norm(q / np.array(self.radii), axis=1)
        inside = slope == 0
        return np.where(inside, -min(self.radii), (g - 1) * g / np.where(inside, 1, slope))

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        return (self._rim,)

    def propose(self, unit):
        return np.array(self.center) + in_ball(unit) @ self._rim.frame.T, np.ones(len(unit), dtype=bool)


@dataclass(frozen=True)
class Ball(Elementary):
    """A ball in any dimension with the boundary ``rim``."""

    center: tuple[float, ...]
    radius: float

    kind = "ball"

    def _check(self) -> None:
        self._set(
            center=point(self.center, "the centre of a ball"), radius=positive(self.radius, "a ball's radius")
        )

    @property
    def dimension(self) -> int:
        return len(self.center)

    @property
    def default_names(self) -> tuple[str, ...]:
        return ("rim",) if self.dimension > 1 else ("left", "right")

    @property
    def bounds(self):
        return np.array(self.center) - self.radius, np.array(self.center) + self.radius

    @property
    def measure(self) -> float:
        return ball_measure(self.dimension) * self.radius**self.dimension

    def signed_distance(self, points):
        return np.linalg.norm(points - np.array(self.center), axis=1) - self.radius

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        if self.dimension == 1:
            (low,), (high,) = self.bounds
            return EndPoint(self.names[0], float(low), -1), EndPoint(self.names[1], float(high), 1)
        if self.dimension == 2:
            x, y = self.center
            return (Arc(self.names[0], (x, y), (self.radius, self.radius)),)
        return (SpherePiece(self.names[0], self.center, self.radius),)

    def propose(self, unit):
        return np.array(self.center) + self.radius * in_ball(unit), np.ones(len(unit), dtype=bool)


@dataclass(frozen=True)
class Cylinder(Elementary):
    """A round cylinder in space with the boundary ``bottom`` (at ``base``), ``top`` and ``side``.

    ``axis`` leads from the centre of the bottom to that of the top; a number is a height along z.
    """

    base: tuple[float, float, float]
    axis: tuple[float, float, float]
    radius: float

    kind = "cylinder"
    dimension = constant(3)
    default_names = constant(("bottom", "top", "side"))

    def _check(self) -> None:
        axis = self.axis
        if isinstance(axis, int | float):
            axis = (0.0, 0.0, positive(axis, "a cylinder's height"))
        axis = point(axis, "the axis of a cylinder", 3)
        if not any(axis):
            raise GeometryError(
                "a cylinder's axis is zero", expected="a direction whose length is the height"
            )
        self._set(
            base=point(self.base, "the base of a cylinder", 3), axis=axis,
            radius=positive(self.radius, "a cylinder's radius"),
        )  # fmt: skip

    @property
    def height(self) -> float:
        """Distance between bottom and top."""
        return float(np.linalg.norm(self.axis))

    @property
    def direction(self) -> tuple[float, float, float]:
        """The axis as a unit vector."""
        x, y, z = (np.array(self.axis) / self.height).tolist()
        return x, y, z

    @property
    def _end(self) -> tuple[float, float, float]:
        x, y, z = np.add(self.base, self.axis).tolist()
        return x, y, z

    @property
    def bounds(self):
        reach = self.radius * np.sqrt(np.maximum(1 - np.square(self.direction), 0))
        return np.minimum(self.base, self._end) - reach, np.maximum(self.base, self._end) + reach

    @property
    def measure(self) -> float:
        return float(np.pi * self.radius**2 * self.height)

    def signed_distance(self, points):
        offset = points - np.array(self.base)
        along = offset @ np.array(self.direction)
        across_axis = np.linalg.norm(offset - np.outer(along, self.direction), axis=1)
        return np.maximum(np.abs(along - self.height / 2) - self.height / 2, across_axis - self.radius)

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        bottom, top, side = self.names
        back = (-self.direction[0], -self.direction[1], -self.direction[2])
        return (
            Cap(bottom, self.base, back, self.radius),
            Cap(top, self._end, self.direction, self.radius),
            CylinderSide(side, self.base, self.direction, self.height, self.radius),
        )

    def propose(self, unit):
        flat = self.radius * in_ball(unit[:, :2]) @ np.array(across(self.direction))
        points = np.array(self.base) + flat + np.outer(unit[:, 2], self.axis)
        return points, np.ones(len(unit), dtype=bool)


def in_ball(unit: np.ndarray) -> np.ndarray:
    """Points of the unit ball (n, d) from (n, d) numbers in [0, 1), uniform for uniform numbers."""
    d = unit.shape[1]
    if d == 1:
        return 2 * unit - 1
    return unit[:, :1] ** (1 / d) * directions(unit[:, 1:])
