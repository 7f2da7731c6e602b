"""Decompositions of a domain and its time interval: who owns a point, and the interfaces between two owners.

One description gives all: ``locate`` says which subdomain a point lies in, ``surfaces`` draw points with unit
normals where subdomains may meet. Whether they do, and which, is found a hair to either side of each point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .errors import GeometryError
from .sampling import interior
from .shapes import Shape

Locate = Callable[[np.ndarray], np.ndarray]
Surface = Callable[[int, int], tuple[np.ndarray, np.ndarray]]
Span = tuple[float, float] | None

_HAIR = 1e-9  # of the domain's extent: how far to either side of an interface its sides are evaluated
_SAMPLES, _OF_EACH = 4096, 64  # points that show where subdomains are, in all and for each
_ROUNDS = 6  # doublings of the points drawn from a surface


@dataclass(frozen=True, eq=False)
class Interfaces:
    """Points (n, d) on interfaces with unit normals (n, d), from the first to the second of ``sides`` (n, 2).

    Where the domain has time, it is the last column of points and normals.
    """

    sides: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    hair: float

    @property
    def both(self) -> tuple[np.ndarray, np.ndarray]:
        """The points moved a hair to their first and second side, on which coefficients may differ."""
        step = self.hair * self.normals
        return self.points - step, self.points + step

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Which subdomains meet."""
        return [tuple(pair) for pair in np.unique(self.sides, axis=0).tolist()]


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Subdomains of a domain, numbered by ``names``, with the corners (subdomains, d) of what holds them."""

    domain: Shape
    time: Span
    names: tuple[str, ...]
    locate: Locate
    surfaces: tuple[Surface, ...]
    lower: np.ndarray
    upper: np.ndarray

    def owners(self, points: np.ndarray) -> np.ndarray:
        """The subdomain (n,) of every point (n, d).

        Raises ``GeometryError`` for a point within the domain that none of them holds.
        """
        found = self.locate(points)
        if (found < 0).any():
            raise _gap(points[np.argmax(found < 0)])
        return found

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """The same for points that may lie outside by rounding: of a subdomain whose corners hold them."""
        found = self.locate(points)
        for k in np.flatnonzero(found < 0):
            away = np.maximum(self.lower - points[k], points[k] - self.upper).max(axis=1)
            found[k] = np.argmin(away)
        return found

    def interfaces(self, count: int, seed: int) -> Interfaces:
        """``count`` points where two subdomains meet, for each two that do; in one dimension there is one.

        Raises ``GeometryError`` where there are too few, and for a subdomain that meets no other.
        """
        hair = _HAIR * float(np.linalg.norm(self.upper.max(0) - self.lower.min(0)))
        count = 1 if self.lower.shape[1] == 1 else count
        found = [self._on(surface, count, seed + k, hair) for k, surface in enumerate(self.surfaces)]
        sides, points, normals = (np.concatenate(part) for part in zip(*found, strict=True))
        alone = [name for k, name in enumerate(self.names) if not (sides == k).any()]
        if alone:
            raise GeometryError(
                f"subdomain {alone[0]} meets no other at any of the points drawn",
                expected="subdomains that border on each other", mend="leave it out, or move the cuts",
            )  # fmt: skip
        kept = np.concatenate([
            np.flatnonzero((sides == pair).all(axis=1))[:count] for pair in np.unique(sides, axis=0)
        ])  # fmt: skip
        return Interfaces(sides[kept], points[kept], normals[kept], hair)

    def _on(self, surface: Surface, count: int, seed: int, hair: float) -> tuple[np.ndarray, ...]:
        """Points of one surface by which two subdomains meet: sides, points, normals."""
        drawn = 2 * count
        for _ in range(_ROUNDS):
            points, normals = surface(drawn, seed)
            inside = self._within(points, 3 * hair)
            points, normals = points[inside], normals[inside]
            sides = np.stack([self.locate(points + s * hair * normals) for s in (-1, 1)], axis=1)
            kept = (sides[:, 0] != sides[:, 1]) & (sides >= 0).all(axis=1)
            sides, points, normals = sides[kept], points[kept], normals[kept]
            turned = sides[:, 0] > sides[:, 1]
            sides[turned], normals[turned] = sides[turned, ::-1], -normals[turned]
            pairs, number = np.unique(sides, axis=0, return_counts=True)
            if not len(pairs) or number.min() >= count:
                return sides, points, normals
            drawn *= 2
        first, second = (self.names[k] for k in pairs[np.argmin(number)])
        raise GeometryError(
            f"{first} and {second} meet at {number.min()} of {drawn // 2} points drawn",
            expected=f"{count} points on the interface of each two subdomains",
            mend="move the cuts so that they meet along more than a corner, or ask for fewer points",
        )

    def _within(self, points: np.ndarray, margin: float) -> np.ndarray:
        d = self.domain.dimension
        inside = self.domain.contains(points[:, :d], -margin)
        if self.time is not None:
            start, end = self.time
            inside &= (points[:, d] > start + margin) & (points[:, d] < end - margin)
        return inside


def decomposition(
    domain: Shape,
    time: Span,
    names: Sequence[str],
    locate: Locate,
    surfaces: Sequence[Surface],
    drop_empty: bool = False,
) -> Decomposition:
    """Subdomains checked on points of the domain: all of it is owned, and each of them owns some.

    ``drop_empty`` leaves out those that own none. Raises ``GeometryError`` for a gap, for a subdomain that
    is empty, and where there are fewer than two.
    """
    x = interior(domain, max(_SAMPLES, _OF_EACH * len(names)), 0, time=time)
    owners = locate(x)
    if (owners < 0).any():
        raise _gap(x[np.argmax(owners < 0)])
    used = np.unique(owners)
    if len(used) < len(names) and not drop_empty:
        missing = next(name for k, name in enumerate(names) if k not in used)
        raise GeometryError(
            f"subdomain {missing} holds none of {len(x)} points of the domain",
            expected="subdomains that each hold a part of it", mend="move or drop it",
        )  # fmt: skip
    if len(used) < 2:
        raise GeometryError(
            "the decomposition has one subdomain", expected="two or more",
            mend="cut the domain, or take the solver pinn",
        )  # fmt: skip
    number = np.full(len(names), -1)
    number[used] = np.arange(len(used))

    def renumbered(points: np.ndarray) -> np.ndarray:
        found = locate(points)
        return np.where(found < 0, -1, number[found])

    own = number[owners]
    lower, upper = (
        np.array([extent(x[own == k], axis=0) for k in range(len(used))]) for extent in (np.min, np.max)
    )
    return Decomposition(
        domain, time, tuple(names[k] for k in used), renumbered, tuple(surfaces), lower, upper
    )


def _gap(point: np.ndarray) -> GeometryError:
    place = ", ".join(f"{value:.4g}" for value in point)
    return GeometryError(
        f"no subdomain holds the point ({place})", expected="subdomains that leave no gap",
        mend="add one for the rest",
    )  # fmt: skip
