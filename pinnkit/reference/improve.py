"""Better shapes for triangles: edges flipped and vertices moved where the worst of their cells gains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .elements import Array
from .mesh import FiniteMesh, Index, simplex_mesh

_SWEEPS = 6
# Of the shape of an equilateral triangle: cells above it are left alone.
_GOOD = 0.65
_RING = np.array([[np.cos(a), np.sin(a)] for a in np.arange(8) * np.pi / 4])
_STEPS = np.concatenate([_RING * part for part in (0.3, 0.1, 0.03)])


def shape(corners: Array) -> Array:
    """Area over the sum of squared edges of triangles (…, 3, 2): 1 for the equilateral, 0 for a flat one."""
    edges = np.roll(corners, -1, axis=-2) - corners
    area = np.abs(edges[..., 0, 0] * edges[..., 1, 1] - edges[..., 0, 1] * edges[..., 1, 0])
    return 2 * np.sqrt(3) * area / (edges**2).sum(axis=(-1, -2))


def improved(mesh: FiniteMesh) -> FiniteMesh:
    """The mesh with its worst cells made better; edges that have a name or bend stay as they are."""
    kept = mesh.bent.copy()
    kept[mesh.boundary_facets] = True
    for facets in mesh.boundaries.values():
        kept[facets] = True
    held = {tuple(pair) for pair in mesh.facets[kept].tolist()}
    free = np.ones(len(mesh.points), bool)
    free[mesh.facets[kept]] = False
    points, cells = mesh.points.copy(), mesh.cells.copy()
    for _ in range(_SWEEPS):
        if not _flip(points, cells, held) + _move(points, cells, free):
            break
    named = {name: mesh.facets[facets] for name, facets in mesh.boundaries.items()}
    bent = np.flatnonzero(mesh.bent)
    middles = (mesh.facets[bent], mesh.middles[bent]) if mesh.edge_nodes is not None else None
    return replace(simplex_mesh(points, cells, named, middles), periodic=mesh.periodic)


def _flip(points: Array, cells: Index, held: set[tuple[int, int]]) -> int:
    """Swaps the diagonal of pairs of cells where that betters the worse of them; how many it swapped."""
    beside: dict[tuple[int, int], list[int]] = {}
    for row, cell in enumerate(cells.tolist()):
        for a, b in ((0, 1), (1, 2), (0, 2)):
            beside.setdefault((min(cell[a], cell[b]), max(cell[a], cell[b])), []).append(row)
    quality = shape(points[cells])
    touched: set[int] = set()
    for edge, rows in beside.items():
        if len(rows) != 2 or edge in held or touched & set(rows) or quality[rows].min() > _GOOD:
            continue
        tips = [next(int(v) for v in cells[row] if v not in edge) for row in rows]
        a, b = points[list(edge)]
        p, q = points[tips]
        new = np.array([sorted((tips[0], tips[1], v)) for v in edge])
        convex = _turn(p, q, a) * _turn(p, q, b) < 0
        if convex and shape(points[new]).min() > 1.01 * quality[rows].min():
            cells[rows] = new
            touched.update(rows)
    return len(touched)


def _turn(a: Array, b: Array, c: Array) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _move(points: Array, cells: Index, free: np.ndarray) -> int:
    """Moves free vertices to where the worst cell around each is best; how many it moved."""
    order = np.argsort(cells.ravel(), kind="stable")
    starts = np.searchsorted(cells.ravel()[order], np.arange(len(points) + 1))
    poor = np.unique(cells[shape(points[cells]) < _GOOD])
    moved = 0
    for vertex in poor[free[poor]]:
        star = order[starts[vertex] : starts[vertex + 1]] // 3
        corners = points[cells[star]]
        own = cells[star] == vertex
        size = np.linalg.norm(corners - points[vertex], axis=2)[~own].mean()
        places = np.concatenate([points[vertex] + size * _STEPS, corners[~own].mean(axis=0)[None]])
        tried = np.where(own[..., None], places[:, None, None], corners)
        unfolded = (_area(tried) * np.sign(_area(corners)) > 0).all(axis=1)
        worst = np.where(unfolded, shape(tried).min(axis=1), 0.0)
        best = int(worst.argmax())
        if worst[best] > 1.01 * shape(corners).min():
            points[vertex] = places[best]
            moved += 1
    return moved


def _area(corners: Array) -> Array:
    a, b = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
