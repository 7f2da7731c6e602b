"""Any mesh as one of triangles or tetrahedra that cover the same region."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .elements import ELEMENTS
from .errors import GeometryError
from .mesh import AnyMesh, Mesh, edge_numbers, edges_of

# Kinds with the middles of edges among their nodes, and what is cut out of them.
_STRAIGHT = {1: "line", 2: "triangle", 3: "tetra"}
_CURVED = {2: "triangle6", 3: "tetra10"}
# A child smaller than this share of its parent is none.
_SLIVER = 1e-10


def simplices(mesh: AnyMesh) -> Mesh:
    """The mesh with every cell cut into triangles or tetrahedra, second order where the cells are.

    Cells are cut by cones from their vertex of the smallest number, and so are their faces: neighbours agree
    on every diagonal, whatever their kinds (J. A. De Loera, J. Rambau, F. Santos, "Triangulations", 2010,
    §4.3.2; J. Dompierre et al., "How to subdivide pyramids, prisms and hexahedra into tetrahedra", 1999). A
    quadrilateral of the plane takes the diagonal that leaves the better triangles. New middles of edges lie
    on the parent's own map. Boundary names and subdomains are kept; faces of solids that are not plane are
    cut by a diagonal, which changes the region by a term of second order.

    Raises ``GeometryError`` for cells that are too warped to be cut, and for first and second order in one.
    """
    if len(mesh.blocks) == 1 and mesh.blocks[0].element.simplex:
        return mesh.blocks[0]
    flat = {block.element.flat for block in mesh.blocks}
    if len(flat) > 1:
        raise GeometryError(
            "a mesh holds cells of first and of second order", expected="cells of one order",
            mend="write the mesh with one order",
        )  # fmt: skip
    parts = [_cut(block) for block in mesh.blocks]
    numbers = np.concatenate([
        block.cells[parents[:, None], children]
        for block, (parents, children) in zip(mesh.blocks, parts, strict=True)
    ])  # fmt: skip
    subdomains: dict[str, list[np.ndarray]] = {}
    start = 0
    for block, (parents, _) in zip(mesh.blocks, parts, strict=True):
        for name, rows in block.subdomains.items():
            subdomains.setdefault(name, []).append(start + np.flatnonzero(np.isin(parents, rows)))
        start += len(parents)
    found = _straight(mesh, numbers, {name: np.concatenate(rows) for name, rows in subdomains.items()})
    return found if flat == {True} else _curved(mesh, parts, numbers, found)


def _straight(mesh: AnyMesh, numbers: np.ndarray, subdomains: dict[str, np.ndarray]) -> Mesh:
    """Children by their vertices (m, d+1), numbered among the vertices alone."""
    used = np.unique(numbers)
    renumber = np.full(len(mesh.points), -1)
    renumber[used] = np.arange(len(used))
    facets: dict[str, list[np.ndarray]] = {}
    for block in mesh.blocks:
        corners = ELEMENTS[block.element.facet].corners
        for name, rows in block.facets.items():
            facets.setdefault(name, []).append(np.sort(renumber[_cut_faces(rows[:, :corners])], axis=1))
    return Mesh(
        mesh.points[used], np.sort(renumber[numbers], axis=1), _STRAIGHT[mesh.dimension],
        {name: np.concatenate(rows) for name, rows in facets.items()}, subdomains=subdomains,
    )  # fmt: skip


def _curved(
    mesh: AnyMesh, parts: Sequence[tuple[np.ndarray, np.ndarray]], numbers: np.ndarray, straight: Mesh
) -> Mesh:
    """The straight mesh with the middles of its edges on the maps of the cells it was cut from."""
    kind = _CURVED[mesh.dimension]
    element = ELEMENTS[kind]
    sides = np.array(_sides(kind))
    edges, of_cell = edges_of(straight.cells, _sides(kind))
    middles = np.empty((len(edges), mesh.dimension))
    used = np.unique(numbers)
    for block, (parents, children) in zip(mesh.blocks, parts, strict=True):
        nodes = np.array(block.element.nodes)
        for pattern in np.unique(children, axis=0):
            rows = parents[np.all(children == pattern, axis=1)]
            at = nodes[pattern[sides]].mean(axis=1)
            ends = np.searchsorted(used, block.cells[rows[:, None, None], pattern[sides]])
            places = block.element.places(block.points[block.cells[rows]], at)
            middles[edge_numbers(edges, ends.reshape(-1, 2))] = places.reshape(-1, mesh.dimension)
    count = len(straight.points)
    facets = {}
    for name, corners in straight.facets.items():
        between = [edge_numbers(edges, corners[:, list(side)]) for side in _sides(element.facet)]
        facets[name] = np.column_stack([corners, *(count + rows for rows in between)])
    found = Mesh(
        np.vstack([straight.points, middles]), np.hstack([straight.cells, count + of_cell]), kind, facets,
        subdomains=straight.subdomains,
    )  # fmt: skip
    at = np.vstack([np.array(element.nodes), np.full((1, element.dimension), 1 / (element.dimension + 1))])
    signs = element.determinants(found.points[found.cells], at)
    _insist(found, np.flatnonzero(signs.min(axis=1) * signs.max(axis=1) <= 0))
    return found


def _sides(kind: str) -> tuple[tuple[int, ...], ...]:
    """Vertices at the ends of the edges of a simplex, in the order of its middles."""
    if kind == "line3":
        return ((0, 1),)
    first = ((0, 1), (1, 2), (0, 2))
    return first if kind == "triangle6" else (*first, (0, 3), (1, 3), (2, 3))


def _cut(block: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """The parent (c,) of every child, ascending, and the child's vertices by their place in it, (c, d+1)."""
    element = block.element
    corners = block.cells[:, : element.corners]
    if element.simplex:
        whole = np.tile(np.arange(element.corners), (len(corners), 1))
        return np.arange(len(corners)), whole
    found = list(_halves(block) if element.dimension == 2 else _cones(block, corners))
    parents = np.concatenate([rows for rows, _ in found])
    children = np.concatenate([np.tile(pattern, (len(rows), 1)) for rows, pattern in found])
    order = np.argsort(parents, kind="stable")
    parents, children = parents[order], children[order]
    if element.flat:
        nodes = block.points[block.cells[parents[:, None], children]]
        volumes = np.linalg.det(nodes[:, 1:] - nodes[:, :1])
        least, most = np.full((2, len(corners)), np.inf)
        np.minimum.at(least, parents, volumes)
        np.minimum.at(most, parents, -volumes)
        small = _SLIVER * block.cell_measures
        _insist(block, np.flatnonzero((least <= small) & (most <= small)))
    return parents, children


def _insist(mesh: Mesh, bad: np.ndarray) -> None:
    if len(bad):
        at = ", ".join(f"{x:.6g}" for x in mesh.points[mesh.cells[bad[0]]].mean(axis=0))
        raise GeometryError(
            f"{len(bad)} cells of a mesh are too warped to be cut into simplices, the first at ({at})",
            expected="cells whose diagonals run inside", mend="give a mesh of better cells, or of simplices",
        )  # fmt: skip


def _halves(block: Mesh) -> Iterator[tuple[np.ndarray, tuple[int, ...]]]:
    """Two triangles of every quadrilateral: the pair whose worse one is better."""
    element = block.element
    cuts = (((0, 1, 2), (0, 2, 3)), ((0, 1, 3), (1, 2, 3)))
    quality = []
    for cut in cuts:
        worst = np.full(len(block.cells), np.inf)
        for triangle in cut:
            worst = np.minimum(worst, _least_determinant(block, np.array(triangle)))
        quality.append(worst)
    second = quality[1] > quality[0] * (1 + 1e-9)
    # Of equally good ones the diagonal through the smallest vertex.
    even = np.abs(quality[1] - quality[0]) <= 1e-9 * np.abs(quality[0])
    second = np.where(even, np.argmin(block.cells[:, : element.corners], axis=1) % 2 == 1, second)
    for cut, rows in zip(cuts, (np.flatnonzero(~second), np.flatnonzero(second)), strict=True):
        for triangle in cut:
            yield rows, triangle


def _least_determinant(block: Mesh, triangle: np.ndarray) -> np.ndarray:
    """Least Jacobian determinant (m,) of the triangle cut out of every cell, positive where it is sound."""
    element, child = block.element, ELEMENTS["triangle" if block.element.flat else "triangle6"]
    nodes = np.array(element.nodes)
    corners = nodes[triangle]
    middles = [corners[list(side)].mean(axis=0) for side in _sides("triangle6")]
    # The diagonal of a straight cell is straight, which on the cell's own map it is not.
    at = corners if element.flat else np.vstack([corners, middles])
    coordinates = block.points[block.cells]
    turned = np.sign(element.determinants(coordinates, nodes).sum(axis=1))
    children = child.determinants(element.places(coordinates, at), np.array(child.nodes))
    return np.min(children * turned[:, None], axis=1)


def _cones(block: Mesh, corners: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[int, ...]]]:
    """Tetrahedra from every cell's smallest vertex to the triangles of the faces that it is not on."""
    faces = [tuple(dict.fromkeys(face[:4])) for face in block.element.facets]
    smallest = np.argmin(corners, axis=1)
    for apex in range(block.element.corners):
        cells = np.flatnonzero(smallest == apex)
        for face in faces:
            if apex in face or not len(cells):
                continue
            if len(face) == 3:
                yield cells, (apex, *face)
                continue
            first = np.argmin(corners[cells][:, face], axis=1)
            for place in np.unique(first).tolist():
                a, b, c, d = face[place:] + face[:place]
                yield cells[first == place], (apex, a, b, c)
                yield cells[first == place], (apex, a, c, d)


def _cut_faces(faces: np.ndarray) -> np.ndarray:
    """Faces (f, k) by their corners as simplices, quadrilaterals cut from their smallest vertex."""
    if faces.shape[1] != 4:
        return faces
    triangles = faces[faces[:, 2] == faces[:, 3], :3]
    faces = faces[faces[:, 2] != faces[:, 3]]
    order = (np.argmin(faces, axis=1)[:, None] + np.arange(4)) % 4
    turned = np.take_along_axis(faces, order, axis=1)
    return np.concatenate([triangles, turned[:, [0, 1, 2]], turned[:, [0, 2, 3]]])
