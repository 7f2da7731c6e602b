"""Mesh files into meshes: checked, put right where it is plain how, and named by the file's groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from .elements import ELEMENTS, Element
from .errors import GeometryError
from .facets import Block, facet_keys, facet_table
from .file_content import FileContent
from .mesh import AnyMesh, Mesh, MixedMesh
from .mesh_checks import check_facets, coincident, refuse_beyond, turned, without_copies
from .mesh_formats import read_content
from .mesh_groups import corner_sets, facet_groups, facets_of
from .mesh_overlap import check_measure, hanging


@dataclass(frozen=True)
class ReadMesh:
    """A mesh as a file gives it, and sentences on what was done to it."""

    mesh: AnyMesh
    notes: tuple[str, ...]


def read_mesh(file: Path) -> ReadMesh:
    """The mesh in a file of one of ``mesh_formats.FORMATS``.

    The cells of the highest dimension make the domain, and groups of them its subdomains; cells one dimension
    lower, side sets and, where these are missing, sets of points name the boundary: by group, or ``tag_7``
    where a group has only a number, or ``rim`` where a facet has none.

    Points that no cell uses are dropped, cells that are there twice count once, unnamed seams between
    points at the same place are closed, and cells numbered the other way round are turned: ``notes`` say so.
    Raises ``GeometryError`` with the reason for files that cannot be read and meshes with any other fault.
    """
    content = read_content(file)
    try:
        return _checked(content)
    except GeometryError as error:
        raise GeometryError(
            f"mesh file {str(file)!r}: {error.what}", expected=error.expected, mend=error.mend
        ) from None


def _checked(content: FileContent) -> ReadMesh:
    notes = content.notes
    kinds = {n: kind for n, (kind, cells) in enumerate(content.blocks) if len(cells)}
    unknown = sorted(set(kinds.values()) - ELEMENTS.keys())
    if unknown or not set(kinds.values()) - {"vertex"}:
        raise GeometryError(
            f"it holds {', '.join(unknown) if unknown else 'no'} cells",
            expected=f"cells of kind {', '.join(k for k in ELEMENTS if k != 'vertex')}",
            mend="convert the mesh to one of these kinds",
        )
    own = {n: ELEMENTS[kind].dimension for n, kind in kinds.items()}
    dimension = max(own.values())
    if lost := sum(len(content.blocks[n][1]) for n, d in own.items() if 0 < d < dimension - 1):
        notes.append(f"{lost} cells of the mesh file are of less dimension than the boundary: no names")
    refuse_beyond(content.points, [content.blocks[n] for n in own])
    blocks, subdomains = _gathered(content, [n for n, d in own.items() if d == dimension], notes)
    points, blocks, renumber = _in_use(_in_dimension(content.points, dimension, blocks), blocks, notes)
    found = []
    for block in blocks:
        cells, count = turned(points, block)
        found.append((block[0], cells))
        if count:
            notes.append(f"{count} of {len(cells)} cells of kind {block[0]} were inverted; they were turned")
    facets = _named_facets(content, [n for n, d in own.items() if d == dimension - 1])
    sets = {name: renumber[rows] for name, rows in content.point_sets.items()}
    facets = {name: [renumber[part] for part in parts] for name, parts in facets.items() if parts}
    kept, joined = np.unique(_seams(points, found, facets, notes), return_inverse=True)
    points = points[kept]
    # The last entry keeps −1 what it is.
    joined = np.append(joined, -1)
    sets = {name: joined[rows] for name, rows in sets.items()}
    facets = {name: [joined[part] for part in parts] for name, parts in facets.items()}
    blocks = [(kind, _ascending(joined[cells], ELEMENTS[kind])) for kind, cells in found]
    table = facet_table(blocks)
    check_facets(points, table)
    check_measure(points, table)
    if place := hanging(points, table):
        raise GeometryError(
            f"a corner of a cell lies within a side of another cell, at {place}",
            expected="cells that meet in whole sides", mend="mesh the parts together",
        )  # fmt: skip
    names = facet_groups(table, facets | corner_sets(table, sets, facets), notes)
    made = tuple(
        Mesh(points, cells, kind, facets_of(table, n, names), subdomains=subdomains[n])
        for n, (kind, cells) in enumerate(blocks)
    )
    return ReadMesh(made[0] if len(made) == 1 else MixedMesh(made), tuple(dict.fromkeys(notes)))


def _gathered(
    content: FileContent, numbers: Sequence[int], notes: list[str]
) -> tuple[list[Block], list[dict[str, np.ndarray]]]:
    """The domain's cells, one block for each kind, copies left out, and the rows of each named subdomain."""
    kinds = list(dict.fromkeys(content.blocks[n][0] for n in numbers))
    blocks, subdomains = [], []
    for kind in kinds:
        parts = [n for n in numbers if content.blocks[n][0] == kind]
        starts = dict(zip(parts, np.cumsum([0, *(len(content.blocks[n][1]) for n in parts)]), strict=False))
        cells = np.vstack([content.blocks[n][1] for n in parts])
        (standing,) = without_copies([(kind, cells)])
        kept = np.flatnonzero(standing == np.arange(len(cells)))
        if copies := len(cells) - len(kept):
            notes.append(f"{copies} cells of kind {kind} are in the mesh file twice; they count once")
        names: dict[str, list[np.ndarray]] = {}
        for name, members in content.groups.items():
            rows = [starts[n] + rows for n, rows in members if n in starts]
            if rows:
                names.setdefault(name, []).append(np.searchsorted(kept, standing[np.concatenate(rows)]))
        blocks.append((kind, cells[kept]))
        subdomains.append({name: np.unique(np.concatenate(rows)) for name, rows in names.items()})
    return blocks, subdomains


def _in_dimension(points: np.ndarray, dimension: int, blocks: Sequence[Block]) -> np.ndarray:
    """Points without the constant columns that flat meshes carry."""
    used = points[np.unique(np.concatenate([cells.ravel() for _, cells in blocks]))]
    surplus = used[:, dimension:]
    if used.shape[1] < dimension or np.ptp(surplus, axis=0).max(initial=0) > 1e-12 * np.ptp(used):
        raise GeometryError(
            "it holds a surface or curve in space",
            expected=f"cells of dimension {dimension} in {dimension} dimensions",
            mend="give a mesh of a region in the plane of the first two coordinates, or of a solid",
        )
    return points[:, :dimension]


def _in_use(
    points: np.ndarray, blocks: Sequence[Block], notes: list[str]
) -> tuple[np.ndarray, list[Block], np.ndarray]:
    """Points in use, corners first; cells renumbered; the new number of every old point, −1 for none."""
    vertices = np.unique(np.concatenate([c[:, : ELEMENTS[kind].corners].ravel() for kind, c in blocks]))
    everything = np.unique(np.concatenate([c.ravel() for _, c in blocks]))
    used = np.concatenate([vertices, np.setdiff1d(everything, vertices)])
    if orphans := len(points) - len(used):
        notes.append(f"{orphans} points of the mesh file belong to no cell; they were left out")
    renumber = np.full(len(points), -1)
    renumber[used] = np.arange(len(used))
    return points[used], [(kind, renumber[cells]) for kind, cells in blocks], renumber


def _named_facets(content: FileContent, numbers: Sequence[int]) -> dict[str, list[np.ndarray]]:
    """Corners of the facets in each group and side set."""
    found: dict[str, list[np.ndarray]] = {}
    for name, members in content.groups.items():
        for block, rows in members:
            if block in numbers:
                kind, cells = content.blocks[block]
                found.setdefault(name, []).append(cells[rows][:, : ELEMENTS[kind].corners])
    for name, parts in content.sides.items():
        found.setdefault(name, []).extend(parts)
    return found


def _seams(
    points: np.ndarray, blocks: list[Block], facets: dict[str, list[np.ndarray]], notes: list[str]
) -> np.ndarray:
    """For every point the one to take in its place, so that cells touching along doubled points are joined.

    A seam whose sides the file names, both of them, is a slit and stays open.
    """
    apart, same = np.arange(len(points)), coincident(points)
    table, after = facet_table(blocks), facet_table([(kind, same[cells]) for kind, cells in blocks])
    seam = table.outer[after.counts[after.facet[table.outer]] > 1]
    if not len(seam):
        return apart
    parts = [part for named in facets.values() for part in named]
    named = table.find(np.vstack([facet_keys(p, table.keys.shape[1]) for p in parts])) if parts else []
    bare = ~np.isin(table.facet[seam], named)
    if not np.any(bare):
        notes.append(f"the mesh is slit along {len(seam) // 2} pairs of facets at the same place, with names")
        return apart
    if not np.all(bare):
        raise GeometryError(
            f"{len(seam)} facets lie on each other in pairs, and {int(np.sum(~bare))} of them have names",
            expected="both sides of a slit named, or neither", mend="name both sides, or join their points",
        )  # fmt: skip
    notes.append(f"{int(np.sum(same != apart))} points of the mesh file lie on others; they were made one")
    return same


def _ascending(cells: np.ndarray, element: Element) -> np.ndarray:
    """Simplices with ascending vertices, their other nodes moved along; other cells as they are."""
    if not element.simplex:
        return cells
    order = np.argsort(cells[:, : element.corners], axis=1)
    nodes = np.array(element.nodes)
    weights = np.column_stack([1 - nodes.sum(axis=1), nodes])
    result = cells.copy()
    for way in permutations(range(element.corners)):
        rows = np.all(order == way, axis=1)
        # A node between new corners i and j lay between the old corners way[i] and way[j].
        old = np.zeros_like(weights)
        old[:, way] = weights
        came_from = np.argmin(np.abs(old[:, None] - weights).sum(axis=2), axis=1)
        result[rows] = cells[rows][:, came_from]
    return result
