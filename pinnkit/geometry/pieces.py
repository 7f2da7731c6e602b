"""Pieces of a boundary: each has a name, a measure, a carrier, a parametrisation and outward normals."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .carriers import Carrier, CylinderSurface, Facets, Plane, Sphere, across
from .checks import constant

if TYPE_CHECKING:
    from .shapes import Shape


class BoundaryPiece(abc.ABC):
    """A part of a boundary under one name.

    ``extent`` is plain data that says which part of the carrier the piece is: the two end points of a
    segment, the angles of an arc, the corners of a box's face, centre and radius of a disk, the two axial
    bounds of a cylinder; None for the whole carrier. ``closed`` is True where the piece has no end.
    """

    name: str

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """Dimension of the space around the piece."""

    @property
    @abc.abstractmethod
    def measure(self) -> float:
        """Length or area; a point of a one-dimensional boundary counts one."""

    @property
    @abc.abstractmethod
    def carrier(self) -> Carrier:
        """The whole plane, sphere, ellipse or cylinder."""

    @property
    @abc.abstractmethod
    def extent(self) -> Any:
        """Which part of the carrier, see above."""

    @property
    @abc.abstractmethod
    def closed(self) -> bool:
        """Whether the piece has no end."""

    @property
    @abc.abstractmethod
    def proposed_measure(self) -> float:
        """Measure of the set that ``propose`` draws from; above ``measure`` where it rejects."""

    @abc.abstractmethod
    def propose(self, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (n, d), outward unit normals (n, d) and which of them belong to the piece (n,).

        ``unit`` is (n, d−1) in [0, 1); uniform there gives uniform in measure. A one-dimensional space
        reads no column.
        """

    def sample(self, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points of the piece and outward normals, both (n, d), uniform in measure for uniform ``unit``.

        Rows that fall on a part cut away are drawn anew, pseudo-randomly and reproducibly.
        """
        points, normals, kept = self.propose(unit)
        redraw = np.random.default_rng(np.frombuffer(np.ascontiguousarray(unit).tobytes(), dtype=np.uint32))
        while not np.all(kept):
            again = np.flatnonzero(~kept)
            points[again], normals[again], kept[again] = self.propose(
                redraw.random((len(again), unit.shape[1]))
            )
        return points, normals

    def project(self, points: np.ndarray) -> np.ndarray:
        """Nearest points of the carrier, (n, d)."""
        return self.carrier.project(points)


def _all(points: np.ndarray) -> np.ndarray:
    return np.ones(len(points), dtype=bool)


@dataclass(frozen=True)
class EndPoint(BoundaryPiece):
    """One end of an interval; ``sign`` is its outward normal."""

    name: str
    position: float
    sign: int

    dimension = constant(1)
    measure = constant(1.0)
    proposed_measure = constant(1.0)
    closed = constant(False)

    @property
    def carrier(self) -> Plane:
        return Plane((self.position,), (float(self.sign),))

    @property
    def extent(self) -> tuple[float]:
        return (self.position,)

    def propose(self, unit):
        points = np.full((len(unit), 1), self.position)
        return points, np.full_like(points, self.sign), _all(points)


@dataclass(frozen=True)
class BoxFace(BoundaryPiece):
    """The face of a box across ``axis``, at its lower (sign −1) or upper (sign +1) end, d ≥ 3."""

    name: str
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    axis: int
    sign: int

    closed = constant(False)

    @property
    def dimension(self) -> int:
        return len(self.lower)

    @cached_property
    def _sides(self) -> np.ndarray:
        return np.delete(np.subtract(self.upper, self.lower), self.axis)

    @property
    def measure(self) -> float:
        return float(np.prod(self._sides))

    proposed_measure = measure

    @property
    def _level(self) -> float:
        return (self.upper if self.sign > 0 else self.lower)[self.axis]

    @property
    def carrier(self) -> Plane:
        point, normal = np.array(self.lower), np.zeros(self.dimension)
        point[self.axis], normal[self.axis] = self._level, self.sign
        return Plane(tuple(point.tolist()), tuple(normal.tolist()))

    @property
    def extent(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        low, high = list(self.lower), list(self.upper)
        low[self.axis] = high[self.axis] = self._level
        return tuple(low), tuple(high)

    def propose(self, unit):
        inside = np.delete(np.array(self.lower), self.axis) + unit * self._sides
        points = np.insert(inside, self.axis, self._level, axis=1)
        normals = np.zeros_like(points)
        normals[:, self.axis] = self.sign
        return points, normals, _all(points)


@dataclass(frozen=True)
class SpherePiece(BoundaryPiece):
    """The whole rim of a ball, d ≥ 3, seen from within."""

    name: str
    center: tuple[float, ...]
    radius: float

    closed = constant(True)
    extent = constant(None)

    @property
    def dimension(self) -> int:
        return len(self.center)

    @property
    def measure(self) -> float:
        return self.dimension * ball_measure(self.dimension) * self.radius ** (self.dimension - 1)

    proposed_measure = measure

    @property
    def carrier(self) -> Sphere:
        return Sphere(self.center, self.radius)

    def propose(self, unit):
        normals = directions(unit)
        points = np.array(self.center) + self.radius * normals
        return points, normals, _all(points)


@dataclass(frozen=True)
class Cap(BoundaryPiece):
    """The flat disk that ends a cylinder; ``normal`` points out."""

    name: str
    center: tuple[float, float, float]
    normal: tuple[float, float, float]
    radius: float

    dimension = constant(3)
    closed = constant(False)

    @property
    def measure(self) -> float:
        return float(np.pi * self.radius**2)

    proposed_measure = measure

    @property
    def carrier(self) -> Plane:
        return Plane(self.center, self.normal)

    @property
    def extent(self) -> tuple[tuple[float, float, float], float]:
        return self.center, self.radius

    def propose(self, unit):
        first, second = across(self.normal)
        flat = self.radius * np.sqrt(unit[:, :1]) * directions(unit[:, 1:])
        points = np.array(self.center) + flat @ np.array([first, second])
        return points, np.broadcast_to(np.array(self.normal), points.shape).copy(), _all(points)


@dataclass(frozen=True)
class CylinderSide(BoundaryPiece):
    """The curved side of a cylinder seen from within; ``axis`` is a unit vector."""

    name: str
    base: tuple[float, float, float]
    axis: tuple[float, float, float]
    height: float
    radius: float

    dimension = constant(3)
    closed = constant(False)

    @property
    def measure(self) -> float:
        return float(2 * np.pi * self.radius * self.height)

    proposed_measure = measure

    @property
    def carrier(self) -> CylinderSurface:
        return CylinderSurface(self.base, self.axis, self.radius)

    @property
    def extent(self) -> tuple[float, float]:
        return 0.0, self.height

    def propose(self, unit):
        normals = directions(unit[:, :1]) @ np.array(across(self.axis))
        along = np.outer(self.height * unit[:, 1], self.axis)
        points = np.array(self.base) + self.radius * normals + along
        return points, normals, _all(points)


@dataclass(frozen=True)
class Clipped(BoundaryPiece):
    """The part of ``piece`` on the boundary of ``shape`` and on none of the ``earlier`` shapes' boundaries.

    Its area is measured by 2¹⁶ low-discrepancy points, good to about four digits.
    """

    piece: BoundaryPiece
    shape: Shape
    earlier: tuple[Shape, ...] = ()
    step: float = field(default=1e-7, kw_only=True)

    closed = constant(False)

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.piece.name

    @property
    def dimension(self) -> int:
        return self.piece.dimension

    @property
    def proposed_measure(self) -> float:
        return self.piece.proposed_measure

    @cached_property
    def measure(self) -> float:
        return self.proposed_measure * float(np.mean(self._probe[2]))

    @cached_property
    def _units(self) -> np.ndarray:
        from .sampling import unit_points

        return unit_points(2**16, self.dimension - 1, seed=0)

    @cached_property
    def _probe(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.propose(self._units)

    @property
    def empty(self) -> bool:
        """Whether nothing of the piece is left."""
        return not np.any(self._probe[2])

    @cached_property
    def carrier(self) -> Carrier:
        whole = self.piece.carrier
        _, normals, kept = self._probe
        _, before, _ = self.piece.propose(self._units)
        if not np.any(np.sum(normals * before, axis=1)[kept] < 0):
            return whole
        if isinstance(whole, Plane):
            return replace(whole, normal=tuple(-entry for entry in whole.normal))
        return whole if isinstance(whole, Facets) else replace(whole, side=-whole.side)

    @property
    def extent(self) -> Any:
        return self.piece.extent

    def propose(self, unit):
        points, normals, kept = self.piece.propose(unit)
        side = boundary_side(self.shape, points, normals, self.step)
        kept = kept & (side != 0)
        for shape in self.earlier:
            kept &= boundary_side(shape, points, normals, self.step) == 0
        return points, normals * np.where(side < 0, -1.0, 1.0)[:, None], kept


def boundary_side(
    shape: Shape, points: np.ndarray, normals: np.ndarray, step: float | np.ndarray
) -> np.ndarray:
    """+1 where ``normals`` points out of the shape at its boundary, −1 where into it, 0 off the boundary."""
    shift = np.reshape(step, (-1, 1)) * normals
    before, after = shape.contains(points - shift), shape.contains(points + shift)
    return before.astype(int) - after.astype(int)


def ball_measure(dimension: int) -> float:
    """Measure of the unit ball, π^{d/2} / Γ(d/2 + 1)."""
    return math.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1)


def directions(unit: np.ndarray) -> np.ndarray:
    """Unit vectors (n, k+1) from (n, k) numbers in [0, 1), k ≥ 1, uniform on the sphere for uniform numbers.

    The height z along the last axis of a sphere in k+1 dimensions has density ∝ (1 − z²)^{(k−2)/2}, so
    (z + 1)/2 is Beta(k/2, k/2); the rest is a sphere one dimension lower.
    """
    if unit.shape[1] == 1:
        turn = 2 * np.pi * unit[:, 0]
        return np.stack([np.cos(turn), np.sin(turn)], axis=1)
    k = unit.shape[1]
    if k == 2:
        height = 2 * unit[:, -1:] - 1
    else:
        from scipy.special import betaincinv

        height = 2 * betaincinv(k / 2, k / 2, unit[:, -1:]) - 1
    around = directions(unit[:, :-1])
    return np.hstack([np.sqrt(np.maximum(1 - height**2, 0)) * around, height])
