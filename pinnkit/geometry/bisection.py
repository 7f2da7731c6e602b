"""Local refinement of triangles by bisection of longest edges.

Every triangle that is too large is cut across the middle of its longest edge, and neighbours with it until no
node hangs (M.-C. Rivara, "Mesh refinement processes based on the generalized bisection of simplices", SIAM J.
Numer. Anal. 21, 1984): no angle falls below half the smallest one at the start, whatever the range of sizes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .elements import ELEMENTS
from .errors import GeometryError
from .mesh import Mesh, ascending, edge_numbers, edges_of, snapped

# Each halving of the size takes two passes; this many reach from one to below rounding.
PASSES = 120


def bisected(mesh: Mesh, wanted: Callable[[np.ndarray], np.ndarray]) -> Mesh:
    """The mesh of triangles, cut until every longest edge is at most ``wanted`` at the cell's centre.

    ``wanted`` maps centres (m, 2) to sizes (m,). New boundary points lie on the exact curve.
    """
    for _ in range(PASSES):
        edges, of_cell = edges_of(mesh.cells, ELEMENTS["triangle"].facets)
        lengths = np.linalg.norm(np.diff(mesh.points[edges], axis=1)[:, 0], axis=1)
        # One order of all edges, also among equal ones, lets the spreading end.
        rank = np.empty(len(edges), dtype=np.int64)
        rank[np.lexsort((np.arange(len(edges)), lengths))] = np.arange(len(edges))
        longest = np.argmax(rank[of_cell], axis=1)
        across = of_cell[np.arange(len(of_cell)), longest]
        large = lengths[across] > wanted(mesh.points[mesh.cells].mean(axis=1))
        if not np.any(large):
            return mesh
        marked = np.zeros(len(edges), dtype=bool)
        marked[across[large]] = True
        while np.any(hanging := np.any(marked[of_cell], axis=1) & ~marked[across]):
            marked[across[hanging]] = True
        mesh = _cut(mesh, edges, of_cell, longest, marked)
    raise GeometryError(
        "the local mesh size is too small for the shape", expected="a size above rounding",
        mend="ask for a larger local size",
    )  # fmt: skip


def _cut(mesh: Mesh, edges: np.ndarray, of_cell: np.ndarray, longest: np.ndarray, marked: np.ndarray) -> Mesh:
    """Every triangle cut across its marked edges, the longest first."""
    number = np.full(len(edges), -1)
    number[marked] = len(mesh.points) + np.arange(np.sum(marked))
    middles = mesh.points[edges].mean(axis=1)
    facets, facet_pieces = {}, {}
    for name, ends in mesh.facets.items():
        rows = edge_numbers(edges, ends)
        cut = marked[rows]
        middles[rows] = snapped(mesh, name, middles[rows], middles[rows])
        halves = [np.column_stack([ends[cut, side], number[rows[cut]]]) for side in (0, 1)]
        facets[name] = np.vstack([ends[~cut], *halves])
        if name in mesh.facet_pieces:
            pieces = mesh.facet_pieces[name]
            facet_pieces[name] = np.concatenate([pieces[~cut], pieces[cut], pieces[cut]])
    # Vertices a, b on the longest edge and c across it; m, p, q the middles of ab, ac, bc.
    turned = np.array([[0, 1, 2], [1, 2, 0], [0, 2, 1]])[longest]
    a, b, c = np.take_along_axis(mesh.cells, turned, axis=1).T
    sides = np.array([[0, 2, 1], [1, 0, 2], [2, 0, 1]])[longest]
    m, p, q = number[np.take_along_axis(of_cell, sides, axis=1)].T
    whole, left, right = m < 0, (m >= 0) & (p < 0), (m >= 0) & (q < 0)
    left_cut, right_cut = p >= 0, q >= 0
    cells = np.vstack([
        mesh.cells[whole],
        *(np.column_stack(corners)[rows] for rows, corners in (
            (left, (a, c, m)), (left_cut, (a, m, p)), (left_cut, (c, m, p)),
            (right, (b, c, m)), (right_cut, (b, m, q)), (right_cut, (c, m, q)),
        )),
    ])  # fmt: skip
    points = np.vstack([mesh.points, middles[marked]])
    return Mesh(points, ascending(cells), "triangle", facets, mesh.pieces, facet_pieces)
