"""Cells that know their own nodes, orders and named sides, so that refining one touches no other.

Test functions vanish on the boundary of their cell, or on all of it but one named side. Nothing is assembled,
and nodes may hang.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product

import numpy as np

from ..geometry.elements import ELEMENTS, Element
from ..geometry.facets import facet_keys, facet_table
from ..geometry.mesh import AnyMesh
from ..geometry.refine import CHILDREN, EDGES

Arrays = dict[str, np.ndarray]
_NEAR = 1e-12


@dataclass(frozen=True, eq=False)
class CellSet:
    """Cells of one ``kind``: ``nodes`` (e, k, d), ``orders`` (e,) of their tests, and by name of a boundary
    the cells and their sides there, (f, 2).
    """

    kind: str
    nodes: np.ndarray
    orders: np.ndarray
    sides: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def element(self) -> Element:
        """Shape functions of the cells."""
        return ELEMENTS[self.kind]

    def refined(self, cut: np.ndarray, raised: np.ndarray) -> CellSet:
        """Those of ``cut`` (e,) in 2ᵈ parts on their own maps, those of ``raised`` with one order more."""
        whole, split = np.flatnonzero(~cut), np.flatnonzero(cut)
        parts = _parts(self.kind)
        nodes = [self.nodes[whole], *(self.element.places(self.nodes[split], part.nodes) for part in parts)]
        orders = self.orders + raised
        place = np.full(len(cut), -1)
        place[whole] = np.arange(len(whole))
        number = np.full(len(cut), -1)
        number[split] = np.arange(len(split))
        sides = {}
        for name, found in self.sides.items():
            kept = found[~cut[found[:, 0]]]
            rows = [np.column_stack([place[kept[:, 0]], kept[:, 1]])]
            for position, part in enumerate(parts):
                first = len(whole) + position * len(split)
                for own, parent in part.sides:
                    cells = number[found[cut[found[:, 0]] & (found[:, 1] == parent), 0]]
                    rows.append(np.column_stack([first + cells, np.full(len(cells), own)]))
            sides[name] = np.concatenate(rows)
        both = np.concatenate([orders[whole], *([orders[split]] * len(parts))])
        return CellSet(self.kind, np.concatenate(nodes), both, sides)


def cell_sets(mesh: AnyMesh, order: int) -> tuple[CellSet, ...]:
    """The cells of a mesh by kind, all of one order."""
    table = facet_table([(block.kind, block.cells) for block in mesh.blocks])
    width = table.keys.shape[1]
    sides: list[dict[str, np.ndarray]] = [{} for _ in mesh.blocks]
    for name in dict.fromkeys(name for block in mesh.blocks for name in block.facets):
        keys = [
            facet_keys(np.asarray(b.facets[name])[:, : ELEMENTS[b.element.facet].corners], width)
            for b in mesh.blocks if len(b.facets.get(name, ()))
        ]  # fmt: skip
        chosen = np.isin(table.facet, np.concatenate([table.find(k) for k in keys])) if keys else None
        for number, found in enumerate(sides):
            mine = np.flatnonzero(chosen & (table.block == number)) if chosen is not None else []
            found[name] = np.column_stack([table.cell[mine], table.side[mine]]).astype(int)
    return tuple(
        CellSet(block.kind, block.points[block.cells], np.full(len(block.cells), order), found)
        for block, found in zip(mesh.blocks, sides, strict=True)
    )


def as_arrays(sets: Sequence[CellSet]) -> Arrays:
    """All that the cells are, as arrays by name."""
    found: Arrays = {}
    for cells in sets:
        found |= {f"nodes {cells.kind}": cells.nodes, f"orders {cells.kind}": cells.orders}
        found |= {f"sides {cells.kind} {name}": rows for name, rows in cells.sides.items()}
    return found


def from_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[CellSet, ...]:
    """The cells that ``as_arrays`` was given."""
    kinds = [name.removeprefix("nodes ") for name in arrays if name.startswith("nodes ")]
    return tuple(
        CellSet(
            kind, arrays[f"nodes {kind}"], arrays[f"orders {kind}"],
            {n.removeprefix(p): rows for n, rows in arrays.items() if n.startswith(p := f"sides {kind} ")},
        )
        for kind in kinds
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Part:
    """One part of a reference cell: where its nodes (k, d) are, and its sides on those of the whole."""

    nodes: np.ndarray
    sides: tuple[tuple[int, int], ...]


@cache
def _parts(kind: str) -> tuple[_Part, ...]:
    """What a cell is cut into, each the image of the whole under an affine map."""
    element = ELEMENTS[kind]
    nodes = np.array(element.nodes, float)
    found = []
    for offset, matrix in _maps(element):
        own = []
        for side, facet in enumerate(element.facets):
            corners = offset + nodes[list(facet)] @ matrix.T
            own += [(side, parent) for parent in range(len(element.facets)) if _on(element, parent, corners)]
        found.append(_Part(offset + nodes @ matrix.T, tuple(own)))
    return tuple(found)


def _maps(element: Element) -> list[tuple[np.ndarray, np.ndarray]]:
    """Offsets (d,) and matrices (d, d) of the parts."""
    d = element.dimension
    if element.reference == "cube" or d == 1:
        return [(np.array(corner) / 2, np.eye(d) / 2) for corner in product((0, 1), repeat=d)]
    if element.reference == "prism":
        half = np.eye(3) / 2
        return [
            (np.append(offset, up / 2), np.block([[matrix, half[:2, 2:]], [half[2:, :2], half[2:, 2:]]]))
            for (offset, matrix), up in product(_maps(ELEMENTS["triangle"]), (0, 1))
        ]
    kind = {2: "triangle", 3: "tetra"}[d]
    corners = np.array(ELEMENTS[kind].nodes, float)
    points = np.vstack([corners, *(corners[list(edge)].mean(axis=0) for edge in EDGES[kind])])
    return [(points[c[0]], (points[list(c[1:])] - points[c[0]]).T) for c in CHILDREN[kind]]


def _on(element: Element, side: int, points: np.ndarray) -> bool:
    """Whether reference points (n, d) lie in the plane of a side."""
    plane = np.array(element.nodes, float)[list(element.facets[side])].reshape(-1, element.dimension)
    across = np.linalg.svd(plane[1:] - plane[0])[2][-1] if element.dimension > 1 else np.ones(1)
    return bool(np.abs((points - plane[0]) @ across).max() < _NEAR)
