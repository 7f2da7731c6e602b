"""Boundary pieces in the plane, segments and elliptic arcs, which booleans can cut exactly.

Every curve runs with its domain on the left, so that the outward normal is the tangent turned clockwise.
Positions on a curve are parameters s in [0, 1].
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .carriers import Carrier, Ellipsoid, Plane, Sphere
from .checks import constant
from .pieces import BoundaryPiece

Point2 = tuple[float, float]


class Curve(BoundaryPiece):
    """A segment or an arc."""

    dimension = constant(2)

    @abc.abstractmethod
    def at(self, s: np.ndarray) -> np.ndarray:
        """Points (n, 2) at parameters (n,)."""

    @abc.abstractmethod
    def normal(self, s: np.ndarray) -> np.ndarray:
        """Outward unit normals (n, 2) at parameters (n,)."""

    @abc.abstractmethod
    def part(self, start: float, stop: float) -> Curve:
        """The part between two parameters; those of a closed curve may pass 1."""

    @abc.abstractmethod
    def reversed(self) -> Curve:
        """The same curve with the domain on its other side."""

    @property
    @abc.abstractmethod
    def moment(self) -> float:
        """½ ∫ x·n ds: these add up to the area of the domain by the divergence theorem."""

    @property
    @abc.abstractmethod
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corner of the bounding box."""


@dataclass(frozen=True)
class Segment(Curve):
    """The straight way from ``start`` to ``stop``."""

    name: str
    start: Point2
    stop: Point2

    closed = constant(False)

    @cached_property
    def direction(self) -> np.ndarray:
        """stop − start."""
        return np.subtract(self.stop, self.start)

    @cached_property
    def measure(self) -> float:
        return float(np.hypot(*self.direction))

    @property
    def proposed_measure(self) -> float:
        return self.measure

    @property
    def _outward(self) -> np.ndarray:
        return np.array([self.direction[1], -self.direction[0]]) / self.measure

    @property
    def carrier(self) -> Plane:
        return Plane(self.start, (float(self._outward[0]), float(self._outward[1])))

    @property
    def extent(self) -> tuple[Point2, Point2]:
        return self.start, self.stop

    def at(self, s):
        # Both ends are met to the last bit, which neighbouring pieces rely on.
        s = np.asarray(s, dtype=float)[:, None]
        return (1 - s) * np.array(self.start) + s * np.array(self.stop)

    def normal(self, s):
        return np.tile(self._outward, (len(s), 1))

    def part(self, start, stop):
        first, last = self.at(np.array([start, stop])).tolist()
        return Segment(self.name, tuple(first), tuple(last))

    def reversed(self):
        return Segment(self.name, self.stop, self.start)

    @property
    def moment(self) -> float:
        (a, b), (c, d) = self.start, self.stop
        return 0.5 * (a * d - b * c)

    @property
    def box(self):
        return np.minimum(self.start, self.stop), np.maximum(self.start, self.stop)

    def propose(self, unit):
        points = self.at(unit[:, 0])
        return points, self.normal(unit[:, 0]), np.ones(len(points), dtype=bool)


@dataclass(frozen=True)
class Arc(Curve):
    """center + R(angle)·(r₁ cos θ, r₂ sin θ), θ from ``start`` to ``stop``; clockwise where stop < start."""

    name: str
    center: Point2
    radii: Point2
    angle: float = 0.0
    start: float = 0.0
    stop: float = 2 * np.pi

    @property
    def closed(self) -> bool:
        return abs(self.stop - self.start) >= 2 * np.pi - 1e-12

    @property
    def side(self) -> int:
        """+1 where the domain lies within the ellipse, −1 where outside."""
        return 1 if self.stop > self.start else -1

    @cached_property
    def frame(self) -> np.ndarray:
        """Columns are the half axes: points are center + frame·(cos θ, sin θ)."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]]) * np.array(self.radii)

    @cached_property
    def measure(self) -> float:
        return float(abs(self._length(np.array(self.stop)) - self._length(np.array(self.start))))

    @property
    def proposed_measure(self) -> float:
        return self.measure

    def _length(self, theta: np.ndarray) -> np.ndarray:
        """Arc length from θ = 0: ∫ √(r₁² sin² + r₂² cos²) dθ = r₂ E(θ | 1 − r₁²/r₂²)."""
        first, second = self.radii
        if first == second:
            return first * theta
        from scipy.special import ellipeinc

        return second * ellipeinc(theta, 1 - (first / second) ** 2)

    @property
    def carrier(self) -> Carrier:
        if self.radii[0] == self.radii[1]:
            return Sphere(self.center, self.radii[0], self.side)
        return Ellipsoid(self.center, self.radii, self.angle, self.side)

    @property
    def extent(self) -> tuple[float, float]:
        """Lowest and highest angle; for an ellipse and a circle alike counted from the turned first axis."""
        return min(self.start, self.stop), max(self.start, self.stop)

    def theta(self, s: np.ndarray) -> np.ndarray:
        """Angles at parameters."""
        return (1 - s) * self.start + s * self.stop

    def parameters(self, theta: np.ndarray) -> np.ndarray:
        """Parameters of angles; above 1 for those that the arc does not reach."""
        turn = np.mod((np.asarray(theta) - self.start) * self.side, 2 * np.pi)
        return turn / abs(self.stop - self.start)

    def at(self, s):
        theta = self.theta(np.asarray(s, dtype=float))
        return np.array(self.center) + np.stack([np.cos(theta), np.sin(theta)], axis=1) @ self.frame.T

    def normal(self, s):
        theta = self.theta(np.asarray(s, dtype=float))
        # The gradient of |frame⁻¹(x − center)|²; the frame has orthogonal columns.
        steepest = np.stack([np.cos(theta), np.sin(theta)], axis=1) @ (self.frame / np.square(self.radii)).T
        return self.side * steepest / np.linalg.norm(steepest, axis=1, keepdims=True)

    def part(self, start, stop):
        first, last = self.theta(np.array([start, stop])).tolist()
        return Arc(self.name, self.center, self.radii, self.angle, first, last)

    def reversed(self):
        return Arc(self.name, self.center, self.radii, self.angle, self.stop, self.start)

    @property
    def moment(self) -> float:
        (x, y), (u, v) = self.at(np.array([0.0, 1.0]))
        swept = self.radii[0] * self.radii[1] * (self.stop - self.start)
        return 0.5 * float(swept + self.center[0] * (v - y) - self.center[1] * (u - x))

    @property
    def box(self):
        # Extremes along x and y lie where the derivative of that row of the frame vanishes.
        turning = np.arctan2(self.frame[:, 1], self.frame[:, 0])
        inside = self.parameters(np.concatenate([turning, turning + np.pi]))
        candidates = self.at(np.concatenate([[0.0, 1.0], inside[inside <= 1]]))
        return candidates.min(axis=0), candidates.max(axis=0)

    def propose(self, unit):
        s = self._even(unit[:, 0])
        return self.at(s), self.normal(s), np.ones(len(unit), dtype=bool)

    def _even(self, fraction: np.ndarray) -> np.ndarray:
        """Parameters at fractions of the arc length."""
        if self.radii[0] == self.radii[1]:
            return fraction
        begin = self._length(np.array(self.start))
        aim = begin + fraction * (self._length(np.array(self.stop)) - begin)
        nodes = np.linspace(self.start, self.stop, 513)
        order = np.argsort(nodes)
        theta = np.interp(aim, self._length(nodes)[order], nodes[order])
        for _ in range(4):
            speed = np.hypot(self.radii[0] * np.sin(theta), self.radii[1] * np.cos(theta))
            theta = theta - (self._length(theta) - aim) / speed
        return (theta - self.start) / (self.stop - self.start)
