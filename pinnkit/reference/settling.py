"""Nodes of edges along interfaces, brought back onto them after every refinement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .elements import Array
from .interfaces import LevelSet
from .mesh import FiniteMesh, Index
from .snapping import Carrier, untangled

# Of a chord's length times the root of its part of the domain: how far aside the middle of an arc may be.
# Beyond, near points of inflection, the cell's map would bend more than its shape functions bear.
_ASIDE = 0.2
# Curves that meet at less than this sine touch, as far as rounding can tell.
_LEAST_SINE = 0.05
# A vertex moves by no more than this part of an edge.
_FARTHEST = 0.3
# Of its area a cell keeps at least this part when its vertices move.
_KEPT = 0.1
# An edge that deviates from its curve by less than this part of its length is straight enough.
_BOW = 1e-3
# Of an edge, for differences.
_STEP = 1e-6


def settled(mesh: FiniteMesh, levels: Sequence[LevelSet], carriers: Sequence[Carrier]) -> FiniteMesh:
    """Nodes of the edges named after level sets moved onto them.

    A vertex of two level sets goes to where they meet, one of the boundary to where the level set meets the
    curve there: ``carriers`` map points to their nearest ones on the boundary's curves.
    """
    present = [level for level in levels if level.name in mesh.boundaries]
    if not present:
        return mesh
    member = np.zeros((len(mesh.points), len(present)), bool)
    for k, level in enumerate(present):
        member[mesh.facets[mesh.boundaries[level.name]], k] = True
    outer = np.zeros(len(mesh.points), bool)
    outer[mesh.facets[mesh.boundary_facets]] = True
    points = mesh.points.copy()
    for k, level in enumerate(present):
        inner = member[:, k] & ~outer
        alone = np.flatnonzero(inner & (member.sum(axis=1) == 1))
        points[alone] = _foot(level, points[alone])
        for other in range(k + 1, len(present)):
            both = np.flatnonzero(inner & member[:, other])
            if both.size:
                points[both] = _meeting(level, present[other], points[both])
        if carriers:
            ends = np.flatnonzero(member[:, k] & outer)
            points[ends] = _landing(mesh, level, carriers, ends)
    points = _unfolded(mesh, points)
    bent = [level for level in present if not level.straight]
    edge_nodes = mesh.edge_nodes
    if edge_nodes is not None or bent:
        moved = (points - mesh.points)[mesh.edges].mean(axis=1)
        edge_nodes = mesh.middles + moved
    for level in bent:
        along = mesh.boundaries[level.name]
        edge_nodes[along] = _arched(level, points[mesh.facets[along]], mesh.extent)
    return untangled(mesh.with_nodes(points, edge_nodes))


def straightened(mesh: FiniteMesh, level: LevelSet) -> Array:
    """Middles (k, 2) of the edges along a level set that cannot follow it, lest a cell should fold."""
    along = mesh.boundaries.get(level.name, np.empty(0, np.int64))
    ends, middles = mesh.points[mesh.facets[along]], mesh.middles[along]
    chord = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    bow = np.abs(level.distances(ends.mean(axis=1)))
    off = np.abs(level.distances(middles))
    return middles[(bow > _BOW * chord) & (off > bow / 4)]


def _unfolded(mesh: FiniteMesh, points: Array) -> Array:
    """``points`` (n, 2), but for vertices of cells that they would turn inside out, which stay."""
    before = _areas(mesh.points, mesh.cells)
    while True:
        squeezed = _areas(points, mesh.cells) * np.sign(before) < _KEPT * np.abs(before)
        back = np.unique(mesh.cells[squeezed])
        back = back[(points[back] != mesh.points[back]).any(axis=1)]
        if not back.size:
            return points
        points = points.copy()
        points[back] = mesh.points[back]


def _areas(points: Array, cells: Index) -> Array:
    corners = points[cells]
    return np.linalg.det(corners[:, 1:] - corners[:, :1]) / 2


def _meeting(one: LevelSet, other: LevelSet, points: Array) -> Array:
    """Where two level sets meet near ``points`` (n, 2), by Newton's method; those where they touch stay."""
    result = points.copy()
    for _ in range(20):
        pairs = [level.values(result) for level in (one, other)]
        values, slopes = (np.stack(part, axis=1) for part in zip(*pairs, strict=True))
        sine = np.abs(np.linalg.det(slopes)) / np.linalg.norm(slopes, axis=2).prod(axis=1)
        slopes[sine < _LEAST_SINE] = np.eye(2)
        values[sine < _LEAST_SINE] = 0
        step = np.linalg.solve(slopes, values[..., None])[..., 0]
        result -= step
        if np.abs(step).max() <= 1e-15 * (1 + np.abs(points).max()):
            break
    return np.where(np.isfinite(result), result, points)


def _landing(mesh: FiniteMesh, level: LevelSet, carriers: Sequence[Carrier], vertices: Index) -> Array:
    """Where the level set meets the boundary's curves near boundary ``vertices`` (k,), which slide along."""
    start = mesh.points[vertices]
    own = np.argmin([np.linalg.norm(c(start) - start, axis=1) for c in carriers], axis=0)
    outer = mesh.facets[mesh.boundary_facets]
    row = np.array([np.flatnonzero((outer == v).any(axis=1))[0] for v in vertices], np.int64)
    along = mesh.points[outer[row, 1]] - mesh.points[outer[row, 0]]
    length = np.linalg.norm(along, axis=1, keepdims=True)

    def projected(points: Array) -> Array:
        result = points.copy()
        for k, carrier in enumerate(carriers):
            result[own == k] = carrier(points[own == k])
        return result

    places = start.copy()
    for _ in range(30):
        # A small step along the edge, brought back onto the curve, gives its tangent.
        tangent = projected(places + _STEP * along) - projected(places - _STEP * along)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        value, slope = level.values(places)
        rise = (slope * tangent).sum(axis=1)
        steep = np.abs(rise) > _LEAST_SINE * np.linalg.norm(slope, axis=1)
        step = np.where(steep, -value / np.where(steep, rise, 1.0), 0.0)
        step = np.clip(step, -_FARTHEST * length[:, 0], _FARTHEST * length[:, 0])
        places = projected(places + step[:, None] * tangent)
    near = np.linalg.norm(places - start, axis=1, keepdims=True) < _FARTHEST * length
    return np.where(near, places, start)


def _arched(level: LevelSet, ends: Array, extent: float) -> Array:
    """Middle nodes (k, 2) of the parabolas that touch the level set at both ``ends`` (k, 2, 2).

    Such a parabola is off by the fourth power of its length, one through a third point of the level set only
    by the third, unless the curvature is constant (de Boor, Höllig & Sabin 1987). Where the tangents meet far
    from the middle, the curve is almost straight, and its point beside the middle does.
    """
    chord, middle = ends[:, 1] - ends[:, 0], ends.mean(axis=1)
    normals = level.values(ends)[1]
    with np.errstate(all="ignore"):
        rows = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
        determinant = np.linalg.det(rows)
        right = np.einsum("ked,ked->ke", rows, ends)
        meeting = np.stack([
            right[:, 0] * rows[:, 1, 1] - right[:, 1] * rows[:, 0, 1],
            right[:, 1] * rows[:, 0, 0] - right[:, 0] * rows[:, 1, 0],
        ], axis=1) / determinant[:, None]  # fmt: skip
        length = np.linalg.norm(chord, axis=1)
        aside = np.abs(((meeting - middle) * chord).sum(axis=1)) / length**2
    touching = (middle + meeting) / 2
    level_off = aside < _ASIDE * np.sqrt(length / extent)
    return np.where(level_off[:, None], touching, _foot(level, middle))


def _foot(level: LevelSet, points: Array) -> Array:
    feet = level.feet(points)
    return np.where(np.isnan(feet), points, feet)
