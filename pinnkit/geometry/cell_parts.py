"""Domains cut along the sides of cells: by the named groups of a mesh file, or into parts by METIS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .cell_finder import CellFinder
from .decomposition import Decomposition, Span, Surface, decomposition
from .errors import GeometryError
from .facets import facet_table
from .mesh import Mesh
from .mesh_file import MeshFile
from .mesh_pieces import MeshPiece
from .meshing import mesh
from .sampling import unit_points
from .shapes import Shape
from .simplices import simplices

_CELLS = 60  # of each part where a mesh is made for the purpose


def in_groups(domain: Shape, time: Span) -> Decomposition:
    """A subdomain for each named group of cells, at all times, and one for the cells of none.

    A cell of several groups belongs to the first of them. Raises ``GeometryError`` for a domain without
    such groups.
    """
    if not isinstance(domain, MeshFile) or not domain.subdomains:
        raise GeometryError(
            "the domain has no named groups of cells", expected="a mesh file with physical groups",
            mend="ask for a number of parts (cells: 4), or cut by shapes",
        )  # fmt: skip
    members = domain.regions.members
    parts = np.where(members.any(axis=1), np.argmax(members, axis=1), members.shape[1])
    return along_cells(domain, time, domain.simplices, parts, [*domain.regions.names, "rest"])


def in_parts(domain: Shape, time: Span, count: int) -> Decomposition:
    """``count`` parts of about as many cells each and with short interfaces, at all times.

    The cells are those of a mesh file, of other shapes those of a mesh made for it; the graph of cells that
    share a side is cut by METIS (Karypis and Kumar 1998). Raises ``GeometryError`` where METIS is not
    installed, and for fewer cells than parts.
    """
    try:
        import pymetis
    except ImportError as cause:
        raise GeometryError(
            f"{count} parts of a mesh need METIS, which is not installed", expected="the package pymetis",
            mend="pip install 'pinnkit[metis]', or cut by sites, which needs no mesh",
        ) from cause  # fmt: skip
    cells = domain.simplices if isinstance(domain, MeshFile) else _meshed(domain, count)
    if len(cells.cells) < count:
        raise GeometryError(f"{count} parts of {len(cells.cells)} cells", expected="a cell for each at least")
    neighbours: list[list[int]] = [[] for _ in cells.cells]
    for first, second in _inner_sides(cells)[0]:
        neighbours[first].append(int(second))
        neighbours[second].append(int(first))
    parts = np.array(pymetis.part_graph(count, adjacency=neighbours)[1])
    return along_cells(domain, time, cells, parts, [f"part {k + 1}" for k in range(count)])


def along_cells(
    domain: Shape, time: Span, cells: Mesh, parts: np.ndarray, names: Sequence[str]
) -> Decomposition:
    """The decomposition in which every cell of a mesh of simplices belongs to the part (m,) that is told."""
    finder, d = CellFinder(cells), domain.dimension

    def locate(points: np.ndarray) -> np.ndarray:
        return parts[finder.find(points[:, :d])[0]]

    owners, nodes = _inner_sides(cells)
    sides = np.sort(parts[owners], axis=1)
    middles = cells.points[cells.cells[:, : cells.element.corners]].mean(axis=1)
    surfaces = [
        _sides(cells.element.facet, cells.points[nodes[chosen]], middles[owners[chosen, 0]], time)
        for pair in np.unique(sides[sides[:, 0] != sides[:, 1]], axis=0)
        if (chosen := (sides == pair).all(axis=1)).any()
    ]
    return decomposition(domain, time, names, locate, surfaces, drop_empty=True)


def _inner_sides(cells: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """The two cells (f, 2) of every side that two share, and its nodes (f, k)."""
    table = facet_table([(cells.kind, cells.cells)])
    rows = np.argsort(table.facet, kind="stable")
    rows = rows[table.counts[table.facet[rows]] == 2].reshape(-1, 2)
    ((_, _, nodes),) = table.nodes(rows[:, 0]) if len(rows) else ((0, rows, np.empty((0, 1), int)),)
    return table.cell[rows], nodes


def _sides(facet: str, nodes: np.ndarray, behind: np.ndarray, time: Span) -> Surface:
    """Points on sides of cells, with normals away from the points behind them."""
    d = nodes.shape[2]
    piece = MeshPiece("interface", facet, nodes, behind) if d > 1 else None

    def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        unit = unit_points(count, max(d - 1 + (time is not None), 1), seed)
        if piece is None:
            points = nodes[np.arange(count) % len(nodes), 0]
            normals = np.ones((count, 1))
        else:
            points, normals, _ = piece.propose(unit[:, : d - 1])
        if time is None:
            return points, normals
        clock = time[0] + unit[:, -1:] * (time[1] - time[0])
        return np.hstack([points, clock]), np.pad(normals, ((0, 0), (0, 1)))

    return draw


def _meshed(domain: Shape, count: int) -> Mesh:
    size = (domain.measure / (count * _CELLS)) ** (1 / domain.dimension) * 1.5
    return simplices(mesh(domain, size, order=1))
