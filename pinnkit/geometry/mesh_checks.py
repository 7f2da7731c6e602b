"""What can be wrong with a mesh: put right where it is plain how, refused with the reason elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .elements import ELEMENTS, Element
from .errors import GeometryError
from .facets import Block, FacetTable, same_rows
from .rules import reference_rule

# Points nearer than this, relative to the size of the mesh, are at the same place.
_NEAR = 1e-10
# A Jacobian determinant below this part of a cell's mean counts as zero.
_FLAT = 1e-10


def refuse_beyond(points: np.ndarray, blocks: Sequence[Block]) -> None:
    """Refuse cells of a wrong number of nodes, that name points which are not there, or one point twice."""
    for kind, cells in blocks:
        if cells.ndim != 2 or cells.shape[1] != ELEMENTS[kind].count:
            columns = cells.shape[1] if cells.ndim == 2 else "no"
            raise fault(f"cells of kind {kind} have {columns} nodes", f"{ELEMENTS[kind].count}")
        if cells.size and (cells.min() < 0 or cells.max() >= len(points)):
            raise fault(
                f"a cell of kind {kind} names a point that is not there",
                f"numbers of the {len(points)} points in the file",
            )
        ordered = np.sort(cells, axis=1)
        twice = np.flatnonzero(np.any(ordered[:, 1:] == ordered[:, :-1], axis=1))
        if len(twice):
            raise fault(f"{_cells(twice, kind)} name a point twice", "cells of different points")
    for kind, cells in blocks:
        bad = np.flatnonzero(~np.all(np.isfinite(points[cells]), axis=(1, 2)))
        if len(bad):
            raise fault(f"{_cells(bad, kind)} have a point that is not finite", "numbers as coordinates")


def without_copies(blocks: Sequence[Block]) -> list[np.ndarray]:
    """For each block the row that stands for every cell, (m,): of cells of the same points the first."""
    result = []
    for _, cells in blocks:
        numbers = same_rows(np.sort(cells, axis=1))
        first = np.full(numbers.max(initial=-1) + 1, len(cells))
        np.minimum.at(first, numbers, np.arange(len(cells)))
        result.append(first[numbers])
    return result


def coincident(points: np.ndarray) -> np.ndarray:
    """For every point (n,) the lowest number among the points at the same place."""
    from scipy.spatial import KDTree

    numbers = np.arange(len(points))
    pairs = KDTree(points).query_pairs(_NEAR * float(np.ptp(points, axis=0).max()), output_type="ndarray")
    if len(pairs):
        low, high = pairs.min(axis=1), pairs.max(axis=1)
        np.minimum.at(numbers, high, low)
    return numbers


def turned(points: np.ndarray, block: Block) -> tuple[np.ndarray, int]:
    """The block's cells with positive Jacobian determinants, and how many of them were turned for it.

    Refuses cells whose determinant changes its sign inside and cells without a measure.
    """
    kind, cells = block
    element = ELEMENTS[kind]
    constant = element.simplex and element.flat
    inside, _ = reference_rule(element, 0 if constant else 4)
    at_corners = not constant and element.reference != "collapsed"
    at = np.vstack([inside, np.array(element.nodes)]) if at_corners else inside
    determinants = element.determinants(points[cells], at)
    mean = determinants[:, : len(inside)].mean(axis=1)
    size = np.ptp(points[cells], axis=1).max(axis=1) ** element.dimension
    if len(flat := np.flatnonzero(np.abs(mean) <= 1e-14 * size)):
        raise fault(
            f"{_cells(flat, kind)} have no measure, the first at {_at(points, cells[flat[0]])}",
            "cells with an inside",
        )
    signs = determinants * np.sign(mean)[:, None]
    if len(bent := np.flatnonzero(signs.min(axis=1) < -_FLAT * np.abs(mean))):
        raise fault(
            f"{_cells(bent, kind)} fold over: the Jacobian determinant changes its sign inside, "
            f"the first at {_at(points, cells[bent[0]])}",
            "convex cells, their nodes in the order of the format",
        )
    backward = mean < 0
    cells = cells.copy()
    cells[backward] = cells[backward][:, _mirrored(element)]
    return cells, int(np.sum(backward))


def _mirrored(element: Element) -> np.ndarray:
    """The nodes in the order of the cell's mirror image, in which the first two axes change places."""
    nodes = np.array(element.nodes, float)
    swapped = [1, 0, *range(2, element.dimension)]
    image = 1 - nodes if element.dimension == 1 else nodes[:, swapped]
    order = np.argmin(np.abs(image[:, None] - nodes).sum(axis=2), axis=1)
    return order[: element.count] if element.reference != "collapsed" else np.array([*order[:4], 4])


def check_facets(points: np.ndarray, table: FacetTable) -> None:
    """Refuse facets of more than two cells, of cells on one side, and with other middles on either side."""
    if np.any(many := table.counts > 2):
        rows = np.flatnonzero(many[table.facet])
        first = _at(points, _key(table, rows[0]))
        raise fault(
            f"{np.sum(many)} facets belong to more than two cells, the first at {first}",
            "cells that do not overlap",
        )
    rows = np.flatnonzero(table.counts[table.facet] == 2)
    pairs = rows[np.argsort(table.facet[rows], kind="stable")].reshape(-1, 2)
    if not len(pairs):
        return
    # Corners and middles of both sides as sets; of a mixed pair only corners are common.
    sums = np.zeros((len(table.facet), points.shape[1]))
    width = np.zeros(len(table.facet), dtype=int)
    for _, mine, nodes in table.nodes(np.arange(len(table.facet))):
        unlike = np.ones(nodes.shape, dtype=bool)
        unlike[:, 1:] = nodes[:, 1:] != nodes[:, :-1]
        sums[mine] = np.sum(points[nodes] * unlike[..., None], axis=1)
        width[mine] = unlike.sum(axis=1)
    first, second = pairs.T
    miss = np.abs(sums[first] - sums[second]).max(axis=1)
    if len(bad := np.flatnonzero((width[first] != width[second]) | (miss > 1e-9 * np.ptp(points)))):
        raise fault(
            f"{len(bad)} facets have other middles in one cell than in the next, the first at "
            f"{_at(points, _key(table, first[bad[0]]))}",
            "cells of one order, their nodes in the order of the format",
        )


def _key(table: FacetTable, row: int) -> np.ndarray:
    return table.keys[row][table.keys[row] >= 0]


def _at(points: np.ndarray, nodes: np.ndarray) -> str:
    return "(" + ", ".join(f"{x:.6g}" for x in points[nodes].mean(axis=0)) + ")"


def _cells(rows: np.ndarray, kind: str) -> str:
    return f"{len(rows)} cells of kind {kind} (first: number {rows[0] + 1} of them)"


def fault(what: str, expected: str) -> GeometryError:
    return GeometryError(what, expected=expected, mend="mend the mesh, or have its generator write it anew")


