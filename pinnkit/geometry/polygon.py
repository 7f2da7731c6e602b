"""Polygons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .checks import constant, point
from .curves import Segment
from .errors import GeometryError
from .pieces import BoundaryPiece
from .shapes import Elementary, propose_in_box


@dataclass(frozen=True)
class Polygon(Elementary):
    """A simple polygon; ``edge1`` runs from the first vertex to the second, and so on.

    The vertices may go round either way; the edges keep the numbers of the order given.
    """

    vertices: tuple[tuple[float, float], ...]

    kind = "polygon"
    dimension = constant(2)

    def _check(self) -> None:
        try:
            given = list(self.vertices)
        except TypeError:
            raise GeometryError(
                f"a polygon's vertices are {self.vertices!r}", expected="a list of points"
            ) from None
        vertices = tuple(point(v, f"vertex {place} of a polygon", 2) for place, v in enumerate(given, 1))
        if len(vertices) < 3:
            raise GeometryError(f"a polygon has {len(vertices)} vertices", expected="at least three")
        for place, vertex in enumerate(vertices):
            if vertex in vertices[:place]:
                raise GeometryError(
                    f"vertices {vertices.index(vertex) + 1} and {place + 1} of a polygon are the same point",
                    expected="different points", mend="leave the repeated vertex out, the last one too",
                )  # fmt: skip
        self._set(vertices=vertices)
        crossing = self._first_crossing()
        if crossing:
            raise GeometryError(
                f"edges {crossing[0] + 1} and {crossing[1] + 1} of a polygon meet each other",
                expected="a polygon that does not touch or cross itself",
                mend="list the vertices in the order in which they go round",
            )

    @property
    def default_names(self) -> tuple[str, ...]:
        return tuple(f"edge{place + 1}" for place in range(len(self.vertices)))

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        start = np.array(self.vertices)
        return start, np.roll(start, -1, axis=0)

    @cached_property
    def _signed_area(self) -> float:
        start, stop = self._ends
        return 0.5 * float(np.sum(start[:, 0] * stop[:, 1] - start[:, 1] * stop[:, 0]))

    def _first_crossing(self) -> tuple[int, int] | None:
        """Two edges that meet where they should not, if there are any."""
        start, stop = self._ends
        along = stop - start
        count = len(start)

        def turn(origin: np.ndarray, direction: np.ndarray, target: np.ndarray) -> np.ndarray:
            offset = target - origin
            # Rounding of the products decides no side.
            value = direction[..., 0] * offset[..., 1] - direction[..., 1] * offset[..., 0]
            scale = np.abs(direction[..., 0] * offset[..., 1]) + np.abs(direction[..., 1] * offset[..., 0])
            return np.where(np.abs(value) <= 1e-14 * scale, 0, np.sign(value))

        for first in range(count):
            # A neighbour may share one vertex but not fold back onto the edge.
            follower = (first + 1) % count
            if turn(start[first], along[first], stop[follower]) == 0 and along[first] @ along[follower] < 0:
                return min(first, follower), max(first, follower)
            others = np.arange(first + 2, count if first else count - 1)
            one = turn(start[first], along[first], start[others]) * turn(
                start[first], along[first], stop[others]
            )
            two = turn(start[others], along[others], start[first]) * turn(
                start[others], along[others], stop[first]
            )
            low, high = np.minimum(start, stop), np.maximum(start, stop)
            near = np.all((low[others] <= high[first]) & (high[others] >= low[first]), axis=1)
            met = others[(one <= 0) & (two <= 0) & near]
            if len(met):
                return first, int(met[0])
        return None

    @property
    def bounds(self):
        return np.min(self.vertices, axis=0), np.max(self.vertices, axis=0)

    @property
    def measure(self) -> float:
        return abs(self._signed_area)

    def signed_distance(self, points):
        return edges_distance(points, *self._ends)

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        edges = zip(self.names, self.vertices, (*self.vertices[1:], self.vertices[0]), strict=True)
        if self._signed_area > 0:
            return tuple(Segment(name, start, stop) for name, start, stop in edges)
        return tuple(Segment(name, stop, start) for name, start, stop in edges)

    def propose(self, unit):
        return propose_in_box(self, unit)


def edges_distance(points: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Distance (n,) to the nearest edge, negative where a ray to the right crosses an odd number of edges.

    The edges, start (e, 2) and stop (e, 2), are those of one or several closed polygons.
    """
    # (points, edges) arrays in slices that stay in the cache.
    slices = np.array_split(points, max(1, len(points) * len(start) // 100_000))
    return np.concatenate([_edges_distance(part, start, stop) for part in slices])


def _edges_distance(points: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    ax, ay = (stop - start).T
    x, y = points[:, :1] - start[:, 0], points[:, 1:] - start[:, 1]
    fraction = np.clip((x * ax + y * ay) / (ax**2 + ay**2), 0, 1)
    distance = np.sqrt(np.min((x - fraction * ax) ** 2 + (y - fraction * ay) ** 2, axis=1))
    straddles = (y < 0) != (points[:, 1:] < stop[:, 1])
    # The crossing lies right of the point: compared as a product, so that flat edges divide by nothing.
    right = (ax * y - ay * x > 0) == (ay > 0)
    inside = np.sum(straddles & right, axis=1) % 2 == 1
    return np.where(inside, -distance, distance)
