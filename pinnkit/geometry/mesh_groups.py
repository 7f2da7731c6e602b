"""Groups of a mesh file as names of the boundary and of subdomains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .elements import ELEMENTS
from .errors import GeometryError
from .facets import FacetTable, facet_keys

# What the boundary is called where the file names nothing.
UNNAMED = "rim"


def facet_groups(
    table: FacetTable, groups: Mapping[str, Sequence[np.ndarray]], notes: list[str]
) -> dict[str, np.ndarray]:
    """Rows of ``table.outer`` that each group of facets, given by their corners, names; the rest is ``rim``.

    Of groups that hold the same facets those of fewest facets name them; one whose facets are all named by
    smaller ones says nothing new and is left out, with a note. Raises ``GeometryError`` where groups overlap
    in any other way, since a name must stand for all of its facets.
    """
    width = table.keys.shape[1]
    place = np.full(len(table.counts), -1)
    place[table.facet[table.outer]] = np.arange(len(table.outer))
    members: dict[str, np.ndarray] = {}
    for name, parts in groups.items():
        keys = np.vstack([facet_keys(np.asarray(part), width) for part in parts])
        numbers = table.find(keys)
        rows = np.unique(place[numbers[numbers >= 0]])
        if missing := int(np.sum(numbers < 0)):
            notes.append(f"{missing} facets in group {name!r} of the mesh file are sides of no cell")
        if inside := int(np.sum(place[numbers[numbers >= 0]] < 0)):
            notes.append(f"{inside} facets in group {name!r} of the mesh file lie inside: no boundary")
        if len(rows := rows[rows >= 0]):
            members[name] = rows
    taken = np.full(len(table.outer), -1)
    found: dict[str, np.ndarray] = {}
    order = sorted(members, key=lambda name: len(members[name]))
    for number, name in enumerate(order):
        rows = members[name]
        free = rows[taken[rows] < 0]
        others = [order[n] for n in np.unique(taken[rows]).tolist() if n >= 0]
        if len(free) and others:
            raise GeometryError(
                f"{len(rows) - len(free)} facets of the boundary are in group {name!r} and in "
                f"{', '.join(map(repr, others))} too",
                expected="groups that do not overlap", mend="leave the facets out of one of the groups",
            )  # fmt: skip
        if others:
            notes.append(f"group {name!r} of the mesh file is addressed as {' and '.join(map(repr, others))}")
            continue
        taken[rows] = number
        found[name] = rows
    # In the order of the file.
    found = {name: found[name] for name in members if name in found}
    if np.any(taken < 0):
        bare = np.flatnonzero(taken < 0)
        found[UNNAMED] = np.concatenate([found[UNNAMED], bare]) if UNNAMED in found else bare
    return found


def corner_sets(
    table: FacetTable, sets: Mapping[str, np.ndarray], named: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, list[np.ndarray]]:
    """Facets of the boundary all of whose corners are in a set of points, where no group names them.

    A facet that several sets hold belongs to the first of them.
    """
    keys = table.keys[table.outer]
    width = keys.shape[1]
    free = np.ones(len(keys), dtype=bool)
    if named:
        known = np.vstack([facet_keys(np.asarray(p), width) for parts in named.values() for p in parts])
        free &= ~np.isin(table.facet[table.outer], table.find(known))
    found = {}
    for name, numbers in sets.items():
        rows = free & np.all(np.isin(keys, numbers) | (keys < 0), axis=1)
        free &= ~rows
        if np.any(rows):
            # A triangle among quadrilaterals repeats a corner, which keys count once.
            corners = keys[rows]
            found[name] = [np.where(corners < 0, corners.max(axis=1, keepdims=True), corners)]
    return found


def facets_of(
    table: FacetTable, block: int, names: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Nodes (f, k) of the facets of one block, under the names of rows of ``table.outer``."""
    kind, cells = table.blocks[block]
    sides = np.array(ELEMENTS[kind].facets)
    found = {}
    for name, rows in names.items():
        outer = table.outer[rows]
        mine = outer[table.block[outer] == block]
        if len(mine):
            found[name] = cells[table.cell[mine][:, None], sides[table.side[mine]]]
    return found
