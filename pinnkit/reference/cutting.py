"""Triangle meshes cut along a level set: near vertices moved onto it, cells that it crosses divided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .elements import Array
from .improve import shape
from .interfaces import LevelSet
from .mesh import FiniteMesh, Index, simplex_mesh

# A vertex this near to a crossing, as a part of the crossed edge, is moved there instead of cutting it.
_NEAR = 0.3
# Of its area a cell keeps at least this part when its vertices move.
_KEPT = 0.15
# Nearer than this part of its shortest edge, a vertex is on the level set.
_ON = 1e-9
# One nearer than this that cannot move would leave a splinter of a cell.
_SPLINTER = 0.1
# Curved edges that meet at less than this sine go on.
_SMOOTH = 0.5


def bisected_roots(level: LevelSet, place: Callable[[Array], Array], start: Array) -> Array:
    """The part s (n,) of each way ``place(s)`` at which g leaves its sign ``start``."""
    low, high = np.zeros(len(start)), np.ones(len(start))
    for _ in range(55):
        middle = (low + high) / 2
        same = np.sign(level.values(place(middle))[0]) == start
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return (low + high) / 2


@dataclass(frozen=True, eq=False)
class Crossing:
    """Where a level set crosses a mesh; edges that are named or outer ones are ``bound`` and must stay.

    On curved boundaries vertices slide only where ``slide_on_curves``: where there is an exact curve to bring
    them back to.
    """

    mesh: FiniteMesh
    level: LevelSet
    slide_on_curves: bool

    @cached_property
    def sign(self) -> Array:
        """Side (n,) of each vertex, 0 on the level set."""
        ends = self.mesh.points[self.mesh.facets]
        lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        shortest = np.full(len(self.mesh.points), np.inf)
        np.minimum.at(shortest, self.mesh.facets.ravel(), np.repeat(lengths, 2))
        distance = self.level.distances(self.mesh.points)
        return np.where(np.abs(distance) <= _ON * shortest, 0.0, np.sign(distance))

    @cached_property
    def edges(self) -> Index:
        """The crossed edges (k,)."""
        ends = self.sign[self.mesh.facets]
        return np.flatnonzero(ends[:, 0] * ends[:, 1] < 0)

    @cached_property
    def parts(self) -> Array:
        """The part (k,) of each crossed edge at which it is crossed."""
        start = self.sign[self.mesh.facets[self.edges, 0]]
        return bisected_roots(self.level, lambda s: on_edges(self.mesh, self.edges, s), start)

    @cached_property
    def places(self) -> Array:
        """The points (k, 2) where it is."""
        return on_edges(self.mesh, self.edges, self.parts)

    @cached_property
    def bound(self) -> np.ndarray:
        """Edges (f,) of the boundary and of interfaces."""
        bound = np.zeros(len(self.mesh.facets), bool)
        bound[self.mesh.boundary_facets] = True
        for facets in self.mesh.boundaries.values():
            bound[facets] = True
        return bound

    @cached_property
    def free(self) -> np.ndarray:
        """Vertices (n,) of no bound edge."""
        free = np.ones(len(self.mesh.points), bool)
        free[self.mesh.facets[self.bound]] = False
        return free

    @cached_property
    def slides(self) -> np.ndarray:
        """Bound vertices (n,) that may move along their two edges, which carry the same names and go on."""
        mesh = self.mesh
        labels = np.zeros((len(mesh.facets), len(mesh.boundaries)), bool)
        for k, facets in enumerate(mesh.boundaries.values()):
            labels[facets, k] = True
        start, end = np.moveaxis(mesh.points[mesh.facets], 1, 0)
        along = (end - start) / np.linalg.norm(end - start, axis=1, keepdims=True)
        edges = np.flatnonzero(self.bound)
        vertices = mesh.facets[edges].ravel()
        order = np.argsort(vertices, kind="stable")
        first = np.searchsorted(vertices[order], np.arange(len(mesh.points) + 1))
        result = np.zeros(len(mesh.points), bool)
        two = np.flatnonzero(np.diff(first) == 2)
        one, other = (edges[order[first[two] + k] // 2] for k in (0, 1))
        turn = np.abs(along[one, 0] * along[other, 1] - along[one, 1] * along[other, 0])
        curved = self.slide_on_curves & mesh.bent[one] & mesh.bent[other] & (turn < _SMOOTH)
        result[two] = (labels[one] == labels[other]).all(axis=1) & ((turn < _ON) | curved)
        return result

    @cached_property
    def nearest(self) -> tuple[Array, Array]:
        """For each vertex that may move: the part (n,) of an edge to the nearest crossing, and that place."""
        parts, targets = np.full(len(self.mesh.points), np.inf), self.mesh.points.copy()
        on_bound = self.bound[self.edges]
        for vertex, part in zip(self.mesh.facets[self.edges].T, (self.parts, 1 - self.parts), strict=True):
            allowed = (part < _NEAR) & (self.free[vertex] | (self.slides[vertex] & on_bound))
            # The nearest is written last.
            rows = np.flatnonzero(allowed & (part < parts[vertex]))
            rows = rows[np.argsort(-part[rows], kind="stable")]
            parts[vertex[rows]], targets[vertex[rows]] = part[rows], self.places[rows]
        return parts, targets

    @cached_property
    def stuck(self) -> np.ndarray:
        """Cells (m,) that a cut would leave a splinter of, at a vertex that cannot move."""
        near = np.zeros(len(self.mesh.points), bool)
        for vertex, part in zip(self.mesh.facets[self.edges].T, (self.parts, 1 - self.parts), strict=True):
            near[vertex[part < _SPLINTER]] = True
        near &= ~self.free & ~np.isfinite(self.nearest[0])
        crossed = np.isin(self.mesh.cell_facets, self.edges).any(axis=1)
        return crossed & near[self.mesh.cells].any(axis=1)


def on_edges(mesh: FiniteMesh, edges: Index, s: Array) -> Array:
    """Points (k, 2) at the parts s (k,) of (curved) edges."""
    start, end = np.moveaxis(mesh.points[mesh.facets[edges]], 1, 0)
    middle, s = mesh.middles[edges], s[:, None]
    return (1 - s) * (1 - 2 * s) * start + 4 * s * (1 - s) * middle + s * (2 * s - 1) * end


def with_near_vertices_moved(crossing: Crossing) -> FiniteMesh:
    """The mesh with vertices near the level set on it, those of bound edges moved only along them."""
    mesh, level = crossing.mesh, crossing.level
    nearness, targets = crossing.nearest
    targets, moving = targets.copy(), np.isfinite(nearness)
    plain = np.flatnonzero(moving & crossing.free)
    feet = level.feet(mesh.points[plain])
    step = np.linalg.norm(feet - mesh.points[plain], axis=1)
    good = step <= np.linalg.norm(targets[plain] - mesh.points[plain], axis=1)
    targets[plain[good]] = feet[good]
    before = _areas(mesh.points, mesh.cells)
    while moving.any():
        points = np.where(moving[:, None], targets, mesh.points)
        squeezed = _areas(points, mesh.cells) * np.sign(before) < _KEPT * np.abs(before)
        # Two edges along a smooth curve meet at almost 180°.
        squeezed |= (moving | (crossing.sign == 0))[mesh.cells].all(axis=1)
        squeezed &= moving[mesh.cells].any(axis=1)
        if not squeezed.any():
            middles = mesh.edge_nodes
            if middles is not None:
                middles = middles + (points - mesh.points)[mesh.facets].mean(axis=1)
            return mesh.with_nodes(points, middles)
        distance = np.where(moving, nearness, -1.0)[mesh.cells[squeezed]]
        moving[mesh.cells[squeezed, distance.argmax(axis=1)]] = False
    return mesh


def named_along(mesh: FiniteMesh, level: LevelSet) -> FiniteMesh:
    """A mesh that the level set no longer crosses, the edges between its two sides named after it."""
    sign = Crossing(mesh, level, False).sign[mesh.cells].sum(axis=1)
    centre = np.sign(level.values(mesh.points[mesh.cells].mean(axis=1))[0])
    side = np.where(sign == 0, centre, np.sign(sign))
    one, other = mesh.facet_cells.T
    along = np.flatnonzero((other >= 0) & (side[one] * side[other] < 0))
    named = {**mesh.boundaries, level.name: along}
    return mesh.with_nodes(mesh.points, mesh.edge_nodes, named) if along.size else mesh


def _areas(points: Array, cells: Index) -> Array:
    corners = points[cells]
    return np.linalg.det(corners[:, 1:] - corners[:, :1]) / 2


def cut(crossing: Crossing) -> FiniteMesh:
    """Every crossed cell cut into two or three."""
    mesh, crossed, parts, places = crossing.mesh, crossing.edges, crossing.parts, crossing.places
    if not crossed.size:
        return mesh
    halves = np.full(len(mesh.facets), -1, np.int64)
    halves[crossed] = len(mesh.points) + np.arange(len(crossed))
    points = np.concatenate([mesh.points, places])
    new = halves[mesh.cell_facets]
    count = (new >= 0).sum(axis=1)
    children = [mesh.cells[count == 0]]
    # Edges of a cell, and the vertex opposite to each.
    ends, opposite = ((0, 1), (1, 2), (0, 2)), (2, 0, 1)
    for place, (a, b) in enumerate(ends):
        rows = (count == 1) & (new[:, place] >= 0)
        middle, tip = new[rows, place], mesh.cells[rows, opposite[place]]
        children += [np.stack([mesh.cells[rows, v], tip, middle], axis=1) for v in (a, b)]
        rows = (count == 2) & (new[:, place] < 0)
        tip, left, right = (mesh.cells[rows, v] for v in (opposite[place], a, b))
        on_left, on_right = (
            new[rows, next(k for k, e in enumerate(ends) if set(e) == {opposite[place], v})] for v in (a, b)
        )
        children.append(np.stack([tip, on_left, on_right], axis=1))
        first = np.stack([[left, right, on_left], [right, on_left, on_right]]).swapaxes(1, 2)
        second = np.stack([[left, right, on_right], [left, on_left, on_right]]).swapaxes(1, 2)
        better = shape(points[first]).min(axis=0) >= shape(points[second]).min(axis=0)
        children += list(np.where(better[:, None], first, second))
    named = {name: _halves(mesh, facets, halves) for name, facets in mesh.boundaries.items()}
    middles = None
    if mesh.edge_nodes is not None:
        split = np.flatnonzero(mesh.bent & (halves >= 0))
        whole = np.flatnonzero(mesh.bent & (halves < 0))
        share = parts[np.searchsorted(crossed, split)]
        nodes = [
            mesh.middles[whole],
            on_edges(mesh, split, share / 2),
            on_edges(mesh, split, (1 + share) / 2),
        ]
        middles = (_halves(mesh, np.append(whole, split), halves), np.concatenate(nodes))
    found = simplex_mesh(points, np.concatenate(children), named, middles)
    return replace(found, periodic=mesh.periodic)


def _halves(mesh: FiniteMesh, edges: Index, halves: Index) -> Index:
    """Vertex pairs of edges that are whole, then of the first and of the second halves of the cut ones."""
    pairs, middle = mesh.facets[edges], halves[edges]
    cut = middle >= 0
    first, second = (np.stack([pairs[cut, end], middle[cut]], axis=1) for end in (0, 1))
    return np.concatenate([pairs[~cut], first, second])
