"""Carriers: the whole plane, sphere, ellipse or cylinder that a boundary piece is a part of.

Plain data, so that other rooms can build distances and projections from them on any array library.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Facets of a mesh looked at for each point, until no other can be nearer.
_NEAREST_FACETS = (8, 64)


@dataclass(frozen=True)
class Plane:
    """All x with normal·(x − point) = 0: the normal points out of the domain."""

    point: tuple[float, ...]
    normal: tuple[float, ...]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Nearest points of the plane, (n, d)."""
        normal = np.array(self.normal)
        return points - np.outer((points - np.array(self.point)) @ normal, normal)


@dataclass(frozen=True)
class Sphere:
    """All x with |x − center| = radius. ``side`` is +1 where the domain lies within, −1 where outside."""

    center: tuple[float, ...]
    radius: float
    side: int = 1

    def project(self, points: np.ndarray) -> np.ndarray:
        """Nearest points of the sphere, (n, d); the centre goes to the first axis."""
        offset = points - np.array(self.center)
        distance = np.linalg.norm(offset, axis=1, keepdims=True)
        first = np.eye(1, points.shape[1])
        direction = np.where(distance > 0, offset / np.where(distance > 0, distance, 1), first)
        return np.array(self.center) + self.radius * direction


@dataclass(frozen=True)
class Ellipsoid:
    """The ellipse |R(−angle)(x − center) / radii| = 1 in the plane; ``side`` as for the sphere."""

    center: tuple[float, float]
    radii: tuple[float, float]
    angle: float = 0.0
    side: int = 1

    def rotation(self) -> np.ndarray:
        """Columns are the ellipse's axes."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]])

    def project(self, points: np.ndarray) -> np.ndarray:
        """Nearest points of the ellipse, (n, 2), to rounding."""
        local = (points - np.array(self.center)) @ self.rotation()
        nearest = _nearest_on_ellipse(local, np.array(self.radii))
        return np.array(self.center) + nearest @ self.rotation().T


@dataclass(frozen=True)
class CylinderSurface:
    """All x at distance ``radius`` from the line through ``base`` along the unit vector ``axis``."""

    base: tuple[float, float, float]
    axis: tuple[float, float, float]
    radius: float
    side: int = 1

    def project(self, points: np.ndarray) -> np.ndarray:
        """Nearest points of the surface, (n, 3)."""
        offset = points - np.array(self.base)
        along = np.outer(offset @ np.array(self.axis), np.array(self.axis))
        flat = offset - along
        distance = np.linalg.norm(flat, axis=1, keepdims=True)
        direction = np.where(distance > 0, flat / np.where(distance > 0, distance, 1), across(self.axis)[0])
        return np.array(self.base) + along + self.radius * direction


@dataclass(frozen=True, eq=False)
class Facets:
    """The boundary of a shape given by a mesh: ends, segments or triangles with ``corners`` (f, d, d)."""

    corners: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Nearest points of the facets, (n, d)."""
        result, open_ = np.empty_like(points), np.arange(len(points))
        for count in _NEAREST_FACETS:
            if count >= len(self.corners) or not len(open_):
                break
            distance, near = self._tree.query(points[open_], k=count)
            result[open_], foot = self._among(points[open_], near)
            # A facet further on in the list is no nearer than its centre less its radius.
            open_ = open_[foot > distance[:, -1] - self.radius]
        result[open_], _ = self._among(points[open_], None)
        return result

    def at_least(self, points: np.ndarray) -> np.ndarray:
        """A lower bound (n,) of the distance from the facets, less than the diameter of one below it."""
        return self._tree.query(points)[0] - self.radius

    @cached_property
    def _tree(self):
        from scipy.spatial import KDTree

        return KDTree(self.corners.mean(axis=1))

    @cached_property
    def radius(self) -> float:
        """The largest distance of a corner from the centre of its facet."""
        middles = self.corners.mean(axis=1, keepdims=True)
        return float(np.linalg.norm(self.corners - middles, axis=2).max())

    def _among(self, points: np.ndarray, near: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Nearest points (n, d) of the facets ``near`` (n, k) each, or of all, and their distances (n,)."""
        result = np.empty_like(points)
        count = len(self.corners) if near is None else near.shape[1]
        # (points, facets) arrays in slices of a few million entries.
        for rows in np.array_split(np.arange(len(points)), max(1, len(points) * count // 500_000)):
            facets = self.corners[None] if near is None else self.corners[near[rows]]
            feet = _nearest_on_simplices(points[rows], facets)
            nearest = np.argmin(np.sum((feet - points[rows, None]) ** 2, axis=2), axis=1)
            result[rows] = feet[np.arange(len(rows)), nearest]
        return result, np.linalg.norm(result - points, axis=1)


Carrier = Plane | Sphere | Ellipsoid | CylinderSurface | Facets


def across(axis: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors that complete a unit vector of space to a right-handed frame."""
    direction = np.array(axis)
    first = np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))])
    first /= np.linalg.norm(first)
    return first, np.cross(direction, first)


def _nearest_on_ellipse(points: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Foot points on the axis-parallel ellipse about the origin.

    Solves Σ (rᵢ pᵢ / (rᵢ² + t))² = 1 for its largest root t by Newton's method in the first quadrant
    (D. Eberly, "Distance from a point to an ellipse", 2013); the function is convex and decreasing
    there, so the iteration from the left of the root climbs to it without overshooting.
    """
    p = np.abs(points)
    # Points on an axis inside the evolute have no such root in floating point: leave the axis by a hair.
    p = np.maximum(p, 1e-14 * radii)
    t = np.max(radii * p - radii**2, axis=1)
    for _ in range(60):
        ratio = radii * p / (radii**2 + t[:, None])
        value = np.sum(ratio**2, axis=1) - 1
        step = value / (2 * np.sum(ratio**2 / (radii**2 + t[:, None]), axis=1))
        t = t + step
        if np.all(np.abs(step) <= 1e-15 * radii.max() ** 2):
            break
    foot = radii**2 * p / (radii**2 + t[:, None])
    foot /= np.linalg.norm(foot / radii, axis=1, keepdims=True)
    return np.where(points < 0, -foot, foot)


def _nearest_on_simplices(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Foot points (n, f, d) on points, segments or triangles with corners (n, f, k, d), or (1, f, k, d)."""
    start = corners[:, :, 0]
    if corners.shape[2] == 1:
        return np.broadcast_to(start, (len(points), *corners.shape[1::2]))
    offset, along = points[:, None] - start, corners[:, :, 1] - start
    square, onto = _dot(along, along), _dot(offset, along)
    if corners.shape[2] == 2:
        return start + np.clip(onto / square, 0, 1)[..., None] * along
    other = corners[:, :, 2] - start
    cross, second, onto_second = _dot(along, other), _dot(other, other), _dot(offset, other)
    area = square * second - cross**2
    u, v = (second * onto - cross * onto_second) / area, (square * onto_second - cross * onto) / area
    feet = start + u[..., None] * along + v[..., None] * other
    outside = (u < 0) | (v < 0) | (u + v > 1)
    best = np.where(outside, np.inf, _dot(feet - points[:, None], feet - points[:, None]))
    # Where the foot on the whole plane is off the triangle, the nearest point is on one of its sides.
    for side in ([0, 1], [1, 2], [0, 2]):
        near = _nearest_on_simplices(points, corners[:, :, side])
        distance = _dot(near - points[:, None], near - points[:, None])
        closer = outside & (distance < best)
        feet, best = np.where(closer[..., None], near, feet), np.where(closer, distance, best)
    return feet


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...d,...d->...", a, b)
