"""Cells that cover each other, and cells that meet in no whole side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .elements import ELEMENTS, Element
from .facets import Block, FacetTable, facet_keys
from .mesh_checks import fault
from .rules import reference_rule

# A larger miss of the measure, relative to it, is a fault.
_MISS = 1e-6


def check_measure(points: np.ndarray, table: FacetTable) -> float:
    """The measure, after refusing cells that overlap.

    Σ |cell| is compared with what the boundary encloses by the divergence theorem, d·|Ω| = ∮ x·n, which
    cells folded over each other miss; then no cell's middle may lie inside another cell.
    """
    total = sum(float(_measures(points, block).sum()) for block in table.blocks)
    enclosed = sum(_flux(points, table, *part) for part in table.nodes(table.outer)) / points.shape[1]
    if abs(total - enclosed) > _MISS * total:
        raise fault(
            f"the cells measure {total:.6g} together, and their boundary encloses {enclosed:.6g}",
            "cells that do not overlap",
        )
    if place := _covered(points, table.blocks):
        raise fault(f"cells overlap, near {place}", "every point in one cell")
    return total


def _measures(points: np.ndarray, block: Block) -> np.ndarray:
    element = ELEMENTS[block[0]]
    at, weights = reference_rule(element, 2 if element.flat else 6)
    return element.densities(points[block[1]], at) @ weights


def _flux(points: np.ndarray, table: FacetTable, block: int, mine: np.ndarray, nodes: np.ndarray) -> float:
    """∮ x·n over sides of cells of one block, n pointing away from the cell."""
    kind, cells = table.blocks[block]
    element, facet = ELEMENTS[kind], ELEMENTS[ELEMENTS[kind].facet]
    # About the middle of the mesh, where rounding does least.
    middle = points.mean(axis=0)
    behind = points[cells[table.cell[table.outer[mine]], : element.corners]].mean(axis=1) - middle
    places = points[nodes] - middle
    if facet.dimension == 0:
        return float(np.sum(places[:, 0, 0] * np.sign(places[:, 0, 0] - behind[:, 0])))
    at, weights = reference_rule(facet, 4 if facet.flat else 6)
    tangents = np.einsum("qkr,fkd->fqrd", facet.gradients(at), places)
    if facet.dimension == 1:
        normals = np.stack([tangents[:, :, 0, 1], -tangents[:, :, 0, 0]], axis=-1)
    else:
        normals = np.cross(tangents[:, :, 0], tangents[:, :, 1])
    whole = np.einsum("fqd,q->fd", normals, weights)
    outward = np.sign(np.sum(whole * (places[:, : facet.corners].mean(axis=1) - behind), axis=1))
    flux = np.einsum("fqd,fqd,q->f", normals, facet.places(places, at), weights)
    return float(np.sum(flux * outward))


def _covered(points: np.ndarray, blocks: Sequence[Block]) -> str:
    """Where the middle of some cell lies well inside another one that is near; '' where none does."""
    from scipy.spatial import KDTree

    corners = [(ELEMENTS[kind], cells[:, : ELEMENTS[kind].corners]) for kind, cells in blocks]
    middles = np.concatenate([points[c].mean(axis=1) for _, c in corners])
    if len(middles) < 2:
        return ""
    _, near = KDTree(middles).query(middles, k=min(5, len(middles)))
    starts = np.cumsum([0, *(len(c) for _, c in corners)])
    for (element, cells), start in zip(corners, starts, strict=False):
        rows, column = np.nonzero((near >= start) & (near < start + len(cells)))
        other = near[rows, column]
        unlike = other != rows
        rows, other = rows[unlike], other[unlike]
        depth = _depth(points, element, cells[other - start], middles[rows])
        if len(bad := np.flatnonzero(depth > 0.05)):
            return "(" + ", ".join(f"{x:.6g}" for x in middles[rows[bad[0]]]) + ")"
    return ""


def _depth(points: np.ndarray, element: Element, cells: np.ndarray, at: np.ndarray) -> np.ndarray:
    """How far points (n, d) lie below the nearest side of cells (n, c), in parts of the depth of its middle.

    Sides count as the planes through their middles.
    """
    middle = points[cells].mean(axis=1)
    result = np.full(len(cells), np.inf)
    for side in element.facets:
        corners = points[cells[:, list(dict.fromkeys(side[: ELEMENTS[element.facet].corners]))]]
        if element.dimension == 1:
            normal = np.ones((len(cells), 1))
        elif element.dimension == 2:
            way = corners[:, 1] - corners[:, 0]
            normal = np.stack([way[:, 1], -way[:, 0]], axis=1)
        else:
            normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, -1] - corners[:, 0])
        below = np.sum((corners.mean(axis=1) - at) * normal, axis=1)
        result = np.minimum(result, below / np.sum((corners.mean(axis=1) - middle) * normal, axis=1))
    return result


def hanging(points: np.ndarray, table: FacetTable) -> str:
    """Where a facet of the boundary lies on part of another one; '' where none does.

    Then a corner lies within the other, or both are made of the same corners.
    """
    from scipy.spatial import KDTree

    if points.shape[1] == 1:
        return ""
    if place := _halves(points, table):
        return place
    scale = float(np.ptp(points, axis=0).max())
    parts = [
        points[nodes[:, : ELEMENTS[ELEMENTS[table.blocks[b][0]].facet].corners]]
        for b, _, nodes in table.nodes(table.outer)
    ]
    corners = np.unique(table.keys[table.outer])
    corners = corners[corners >= 0]
    tree = KDTree(points[corners])
    for facets in parts:
        middles = facets.mean(axis=1)
        radii = np.linalg.norm(facets - middles[:, None], axis=2).max(axis=1)
        for piece in _triangles(facets):
            near = tree.query_ball_point(middles, radii * (1 - 1e-9))
            counts = np.fromiter(map(len, near), int, len(near))
            if not counts.any():
                continue
            rows = np.repeat(np.arange(len(facets)), counts)
            spots = points[corners[np.concatenate([n for n in near if n]).astype(int)]]
            ways = piece[rows, 1:] - piece[rows, :1]
            gram = np.einsum("nid,njd->nij", ways, ways)
            right = np.einsum("nid,nd->ni", ways, spots - piece[rows, 0])
            weights = np.linalg.solve(gram, right[..., None])[..., 0]
            feet = piece[rows, 0] + np.einsum("ni,nid->nd", weights, ways)
            off = np.linalg.norm(feet - spots, axis=1)
            own = np.linalg.norm(spots[:, None] - facets[rows], axis=2).min(axis=1) <= 1e-9 * scale
            on = (weights.min(axis=1) >= -1e-9) & (weights.sum(axis=1) <= 1 + 1e-9) & (off <= 1e-9 * scale)
            if np.any(on & ~own):
                return "(" + ", ".join(f"{x:.6g}" for x in spots[np.argmax(on & ~own)]) + ")"
    return ""


def _halves(points: np.ndarray, table: FacetTable) -> str:
    """Where a triangle of the boundary has its corners among those of a quadrilateral."""
    keys = table.keys[table.outer]
    four = keys[np.all(keys >= 0, axis=1)]
    if keys.shape[1] < 4 or not len(four):
        return ""
    parts = np.concatenate([facet_keys(np.delete(four, left_out, axis=1), 4) for left_out in range(4)])
    found = table.find(parts)
    met = parts[found >= 0]
    return "(" + ", ".join(f"{x:.6g}" for x in points[met[0][1:]].mean(axis=0)) + ")" if len(met) else ""


def _triangles(facets: np.ndarray) -> list[np.ndarray]:
    """Straight facets (f, k, d) as simplices."""
    if facets.shape[1] < 4:
        return [facets]
    # A collapsed quadrilateral has no second half.
    second = facets[:, [0, 2, 3]].copy()
    flat = np.all(second[:, 1] == second[:, 2], axis=1)
    second[flat] = facets[flat][:, [0, 1, 2]]
    return [facets[:, [0, 1, 2]], second]
