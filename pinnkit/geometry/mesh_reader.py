"""Mesh files into ``Mesh``: through meshio, boundary facets named by the file's groups."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from .elements import ELEMENTS, Element
from .errors import GeometryError
from .mesh import Mesh

# What the boundary is called where the file names nothing.
UNNAMED = "rim"
# Cell data that carry group numbers, by the formats' and their usual writers' conventions.
TAGS = ("gmsh:physical", "medit:ref", "cell_tags", "name_to_read")


def read_mesh(file: Path) -> Mesh:
    """The mesh in a ``.msh``, ``.vtu``, ``.xdmf`` or ``.mesh`` file.

    The cells of the highest dimension make the domain; those one dimension lower name its boundary: by group,
    or ``tag_7`` where a group has only a number, or ``rim`` where a facet has none. Points that no cell uses
    are dropped. Triangles and quadrilaterals in one file become triangles.

    Raises ``GeometryError`` with the reason for files that cannot be read or hold no usable cells.
    """
    raw = _read(file)
    kinds = {block.type for block in raw.cells} - {"vertex"}
    unknown = kinds - ELEMENTS.keys()
    if unknown or not kinds:
        raise GeometryError(
            f"mesh file {str(file)!r} holds {', '.join(sorted(unknown)) if unknown else 'no'} cells",
            expected=f"cells of kind {', '.join(k for k in ELEMENTS if k != 'vertex')}",
            mend="convert the mesh to one of these kinds",
        )
    dimension = max(ELEMENTS[kind].dimension for kind in kinds)
    points = _in_dimension(np.asarray(raw.points, float), dimension, file)
    kind, cells = _one_kind(
        {k: raw.get_cells_type(k) for k in kinds if ELEMENTS[k].dimension == dimension}, file
    )
    points, cells, renumber = _without_orphans(points, cells, ELEMENTS[kind])
    cells = _ascending(cells, ELEMENTS[kind])
    outer = _outer_facets(cells, ELEMENTS[kind])
    return Mesh(points, cells, kind, _named(outer, _groups(raw, dimension - 1, renumber), ELEMENTS[kind]))


def _read(file: Path) -> Any:
    import meshio

    said = io.StringIO()
    try:
        # meshio prints its reasons and leaves the program.
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return meshio.read(file)
    except (Exception, SystemExit) as error:
        spoken = " ".join(said.getvalue().split())
        reason = spoken if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
        raise GeometryError(
            f"mesh file {str(file)!r} cannot be read: {reason}",
            expected="a mesh in .msh (2.2 or 4.1), .vtu, .xdmf or .mesh form",
            mend="write the file again, or convert it with meshio",
        ) from error


def _in_dimension(points: np.ndarray, dimension: int, file: Path) -> np.ndarray:
    """Points without the constant columns that flat meshes carry."""
    surplus = points[:, dimension:]
    if points.shape[1] < dimension or np.ptp(surplus, axis=0).max(initial=0) > 1e-12 * np.ptp(points):
        raise GeometryError(
            f"mesh file {str(file)!r} holds a surface or curve in space",
            expected=f"cells of dimension {dimension} in {dimension} dimensions",
            mend="give a mesh of a region in the plane or of a solid",
        )
    return points[:, :dimension]


def _one_kind(cells: Mapping[str, np.ndarray], file: Path) -> tuple[str, np.ndarray]:
    if len(cells) == 1:
        return next(iter(cells.items()))
    if set(cells) != {"triangle", "quad"}:
        raise GeometryError(
            f"mesh file {str(file)!r} mixes cells of kind {', '.join(sorted(cells))}",
            expected="one kind of cell, or triangle with quad", mend="convert the mesh to one kind",
        )  # fmt: skip
    quads = cells["quad"]
    return "triangle", np.vstack([cells["triangle"], quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _without_orphans(
    points: np.ndarray, cells: np.ndarray, element: Element
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in use, vertices first; cells renumbered; the new number of every old point, −1 for none."""
    vertices = np.unique(cells[:, : element.corners])
    used = np.concatenate([vertices, np.setdiff1d(cells, vertices)])
    renumber = np.full(len(points), -1)
    renumber[used] = np.arange(len(used))
    return points[used], renumber[cells], renumber


def _ascending(cells: np.ndarray, element: Element) -> np.ndarray:
    """Simplices with ascending vertices, their other nodes moved along; other cells as they are."""
    if not element.simplex:
        return cells
    order = np.argsort(cells[:, : element.corners], axis=1)
    nodes = np.array(element.nodes)
    weights = np.column_stack([1 - nodes.sum(axis=1), nodes])
    result = cells.copy()
    for turned in permutations(range(element.corners)):
        rows = np.all(order == turned, axis=1)
        # A node between new corners i and j lay between the old corners turned[i] and turned[j].
        old = np.zeros_like(weights)
        old[:, turned] = weights
        came_from = np.argmin(np.abs(old[:, None] - weights).sum(axis=2), axis=1)
        result[rows] = cells[rows][:, came_from]
    return result


def facets_and_owners(cells: np.ndarray, element: Element) -> tuple[np.ndarray, np.ndarray]:
    """Facets (f, k) of exactly one cell, and the cell (f,) of each."""
    sides = cells[:, np.array(element.facets)]
    corners = np.sort(sides[..., : ELEMENTS[element.facet].corners], axis=2).reshape(
        len(cells) * sides.shape[1], -1
    )
    _, first, count = np.unique(corners, axis=0, return_index=True, return_counts=True)
    alone = np.sort(first[count == 1])
    return sides.reshape(len(corners), -1)[alone], alone // sides.shape[1]


def _outer_facets(cells: np.ndarray, element: Element) -> np.ndarray:
    return facets_and_owners(cells, element)[0]


def _groups(raw: Any, dimension: int, renumber: np.ndarray) -> dict[str, np.ndarray]:
    """Corner numbers of the named facets, one array for each name."""
    labels = {(int(tag), int(of)): name for name, (tag, of) in raw.field_data.items()}
    found: dict[str, list[np.ndarray]] = {}
    key = next((name for name in TAGS if name in raw.cell_data), None)
    for place, block in enumerate(raw.cells):
        element = ELEMENTS[block.type]
        if element.dimension != dimension:
            continue
        corners = renumber[block.data[:, : element.corners]]
        sets = {name: rows[place] for name, rows in raw.cell_sets.items() if not name.startswith("gmsh:")}
        if key and not sets:
            tags = np.asarray(raw.cell_data[key][place]).astype(int)
            sets = {
                labels.get((tag, dimension), f"tag_{tag}"): np.flatnonzero(tags == tag)
                for tag in np.unique(tags).tolist()
            }
        for name, rows in sets.items():
            if rows is not None and len(rows):
                found.setdefault(name, []).append(corners[np.asarray(rows, dtype=np.int64)])
    return {name: np.vstack(parts) for name, parts in found.items()}


def _named(outer: np.ndarray, groups: Mapping[str, np.ndarray], element: Element) -> dict[str, np.ndarray]:
    """The boundary's facets under the groups' names; facets of a group that lie inside name nothing."""
    corners = ELEMENTS[element.facet].corners
    place = {tuple(sorted(row[:corners])): number for number, row in enumerate(outer.tolist())}
    facets, free = {}, np.ones(len(outer), dtype=bool)
    for name, members in groups.items():
        rows = {place.get(tuple(sorted(member))) for member in members.tolist()} - {None}
        taken = np.array(sorted(row for row in rows if row is not None and free[row]), dtype=np.int64)
        if len(taken):
            facets[name] = outer[taken]
            free[taken] = False
    if np.any(free):
        facets[UNNAMED] = np.vstack([facets[UNNAMED], outer[free]]) if UNNAMED in facets else outer[free]
    return facets
