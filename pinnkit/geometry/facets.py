"""The facets of a mesh of any cells: which cells they join, and which are the boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .elements import ELEMENTS

# Cells of one kind: the kind and the nodes of every cell.
Block = tuple[str, np.ndarray]


def facet_keys(corners: np.ndarray, width: int) -> np.ndarray:
    """Rows (f, width) that are equal for facets of the same corners, whatever their order and kind.

    A corner given twice, as of a triangle among quadrilaterals, counts once; −1 fills up.
    """
    keys = np.sort(corners, axis=1)
    keys[:, 1:][keys[:, 1:] == keys[:, :-1]] = -1
    missing = np.full((len(keys), width - keys.shape[1]), -1)
    return np.sort(np.hstack([keys, missing]), axis=1)


def same_rows(keys: np.ndarray) -> np.ndarray:
    """A number (f,) for each row, from 0 on, equal for equal rows and ascending with them."""
    order = np.lexsort(keys.T[::-1])
    new = np.any(keys[order[1:]] != keys[order[:-1]], axis=1)
    numbers = np.empty(len(keys), dtype=np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(new)])[: len(keys)]
    return numbers


@dataclass(frozen=True, eq=False)
class FacetTable:
    """Every side of every cell: its ``block``, ``cell`` and ``side`` there, and its corners as a key.

    Sides with one ``facet`` number are the same facet.
    """

    blocks: Sequence[Block]
    block: np.ndarray
    cell: np.ndarray
    side: np.ndarray
    keys: np.ndarray
    facet: np.ndarray

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of cells (facets,) that each facet belongs to."""
        return np.bincount(self.facet)

    @cached_property
    def outer(self) -> np.ndarray:
        """Rows of the sides that belong to one cell, which make the boundary."""
        return np.flatnonzero(self.counts[self.facet] == 1)

    def nodes(self, rows: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """The nodes of sides, by block: the block, which of the rows (r,) are of it, their nodes (r, k)."""
        found = []
        for number, (kind, cells) in enumerate(self.blocks):
            mine = np.flatnonzero(self.block[rows] == number)
            if len(mine):
                sides = np.array(ELEMENTS[kind].facets)[self.side[rows[mine]]]
                found.append((number, mine, cells[self.cell[rows[mine]][:, None], sides]))
        return found

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Facet numbers (n,) of the keys, −1 where the mesh has none."""
        both = same_rows(np.vstack([self.keys, keys]))
        facet_of = np.full(both.max(initial=0) + 1, -1)
        facet_of[both[: len(self.keys)]] = self.facet
        return facet_of[both[len(self.keys) :]]


def facet_table(blocks: Sequence[Block]) -> FacetTable:
    """All sides of all cells."""
    width = max(ELEMENTS[ELEMENTS[kind].facet].corners for kind, _ in blocks)
    parts = []
    for number, (kind, cells) in enumerate(blocks):
        element = ELEMENTS[kind]
        corners = np.array(element.facets)[:, : ELEMENTS[element.facet].corners]
        keys = facet_keys(cells[:, corners].reshape(-1, corners.shape[1]), width)
        cell = np.repeat(np.arange(len(cells)), len(corners))
        side = np.tile(np.arange(len(corners)), len(cells))
        parts.append((np.full(len(keys), number), cell, side, keys))
    block, cell, side, keys = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return FacetTable(blocks, block, cell, side, keys, same_rows(keys))
