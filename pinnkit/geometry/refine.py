"""Uniform refinement: lines in two, triangles and quadrilaterals in four, tetrahedra in eight."""

from __future__ import annotations

import numpy as np

from .elements import ELEMENTS
from .errors import GeometryError
from .mesh import Mesh, ascending, edge_numbers, edges_of, quadratic, snapped

# Children of each kind; numbers past the corners are the middles of the edges in EDGES, then the centre.
EDGES = {
    "line": ((0, 1),),
    "triangle": ((0, 1), (1, 2), (0, 2)),
    "quad": ((0, 1), (1, 2), (2, 3), (3, 0)),
    "tetra": ((0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3)),
}
CHILDREN = {
    "line": ((0, 2), (2, 1)),
    "triangle": ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),
    "quad": ((0, 4, 8, 7), (4, 1, 5, 8), (8, 5, 2, 6), (7, 8, 6, 3)),
    # The inner octahedron is cut along the diagonal between the middles of 02 and 13 (J. Bey, "Tetrahedral
    # grid refinement", Computing 55, 1995): with ascending vertices the shapes of all descendants stay few.
    "tetra": (
        (0, 4, 6, 7), (4, 1, 5, 8), (6, 5, 2, 9), (7, 8, 9, 3),
        (4, 6, 7, 8), (4, 6, 5, 8), (6, 7, 8, 9), (6, 5, 8, 9),
    ),
}  # fmt: skip


def refined(mesh: Mesh) -> Mesh:
    """The mesh with every cell cut into 2ᵈ.

    New boundary points are moved to the exact boundary where that is known; curved triangles are cut along
    their own map, so that nothing folds.
    """
    if mesh.kind == "triangle6":
        return _refined_curved(mesh)
    if mesh.kind not in EDGES:
        raise GeometryError(
            f"cells of kind {mesh.kind} cannot be refined", expected=f"one of {', '.join(EDGES)}, triangle6",
            mend="give a finer mesh",
        )  # fmt: skip
    edges, of_cell = edges_of(mesh.cells, EDGES[mesh.kind])
    new = [mesh.points, mesh.points[edges].mean(axis=1)]
    columns = [mesh.cells, len(mesh.points) + of_cell]
    if mesh.kind == "quad":
        new.append(mesh.points[mesh.cells].mean(axis=1))
        columns.append(np.arange(len(mesh.cells))[:, None] + len(mesh.points) + len(edges))
    nodes, points = np.hstack(columns), np.vstack(new)
    cells = nodes[:, np.array(CHILDREN[mesh.kind])].reshape(-1, mesh.cells.shape[1])
    facets = {name: _cut(mesh, edges, ends) for name, ends in mesh.facets.items()}
    for name, ends in mesh.facets.items():
        for side in EDGES.get(mesh.element.facet, ()):
            pairs = ends[:, list(side)]
            rows = len(mesh.points) + edge_numbers(edges, pairs)
            points[rows] = snapped(mesh, name, mesh.points[pairs].mean(axis=1), points[rows])
    # A quadrilateral's nodes go round it, a simplex's ascend.
    cells = cells if mesh.kind == "quad" else ascending(cells)
    return Mesh(points, cells, mesh.kind, facets, mesh.pieces, _inherited(mesh, facets))


def _cut(mesh: Mesh, edges: np.ndarray, facets: np.ndarray) -> np.ndarray:
    """Facets of the refined mesh, the children of each facet together."""
    kind = mesh.element.facet
    if kind == "vertex":
        return facets
    numbers = [edge_numbers(edges, facets[:, list(side)])[:, None] for side in EDGES[kind]]
    nodes = np.hstack([facets, len(mesh.points) + np.hstack(numbers)])
    return nodes[:, np.array(CHILDREN[kind])].reshape(-1, facets.shape[1])


def _inherited(mesh: Mesh, facets: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every child facet lies on its parent's piece."""
    return {
        name: np.repeat(numbers, len(facets[name]) // max(len(numbers), 1))
        for name, numbers in mesh.facet_pieces.items()
    }


def _refined_curved(mesh: Mesh) -> Mesh:
    children = np.array(CHILDREN["triangle"])
    cells = ascending(mesh.cells[:, children].reshape(-1, 3))
    facets = {name: ends[:, [[0, 2], [2, 1]]].reshape(-1, 2) for name, ends in mesh.facets.items()}
    straight = Mesh(mesh.points, cells, "triangle", facets, mesh.pieces, _inherited(mesh, facets))
    # Middles of the children's edges on the parents' quadratic maps.
    corners = np.array(mesh.element.nodes)[children]
    sides = np.array(ELEMENTS["triangle"].facets)
    at = corners[:, sides].mean(axis=2).reshape(-1, 2)
    places = mesh.element.places(mesh.points[mesh.cells], at).reshape(-1, 2)
    parents = mesh.cells[:, children][:, :, sides].reshape(-1, 2)
    edges, _ = edges_of(cells, ELEMENTS["triangle"].facets)
    middles = np.empty((len(edges), 2))
    middles[edge_numbers(edges, parents)] = places
    return quadratic(straight, middles)
