"""Tests of lowest order that span several cells: hats of nodes, and functions of sides between two cells.

A test's support, its patch, takes the place of the cell in a bucket: it holds the points of all its cells,
side by side and filled up with points of no weight, and what the test is at each of them. So a sum
over cells is one contraction like any other, and rows still belong to one place each, which optimisers,
weights and chunks rely on. The price is that points are held once for every test that sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
import numpy as np

from ..geometry.elements import ELEMENTS, Element
from ..geometry.facets import facet_table
from ..geometry.mesh import AnyMesh
from .buckets import Bucket, Part, TimeCells
from .cell_sets import cell_sets
from .cells import MappedPoints, interior, on_side
from .contraction import Tables
from .gram import Norm, whitening
from .test_functions import TestTable, facet_tests

Where = Literal["nodes", "sides"]


@dataclass(frozen=True, eq=False)
class _Pieces:
    """The parts of tests on single cells: ``test`` (p,) is whose they are; the others hold q points each."""

    test: np.ndarray
    mapped: MappedPoints
    value: np.ndarray
    gradient: np.ndarray


class PatchTests:
    """Buckets of tests on the nodes of a mesh, or on the sides between its cells.

    Nodes: the function that is one there, zero at all others and linear or bilinear in reference coordinates
    between. Sides: on each of the two cells the lowest function that vanishes on all other sides.
    """

    def __init__(self, mesh: AnyMesh, at: Where, points: int, time: TimeCells | None):
        self._at, self._points, self._time = at, points, time
        self._sets = cell_sets(mesh, 1)
        table = facet_table([(block.kind, block.cells) for block in mesh.blocks])
        if at == "nodes":
            self._tests = [b.cells[:, : ELEMENTS[b.kind].corners] for b in mesh.blocks]
            self._count = len(mesh.blocks[0].points)
        else:
            self._tests = [_by_side(table.block, table.cell, table.side, table.facet, n)
                           for n in range(len(mesh.blocks))]  # fmt: skip
            self._count = int(table.facet.max()) + 1
        self._table = table

    @property
    def inside(self) -> int:
        """Number of tests that vanish on the whole boundary."""
        return int(self._present(self._free).sum())

    @property
    def _free(self) -> np.ndarray:
        free = np.ones(self._count, bool)
        free[self._touching(self._table.outer)] = False
        return free

    def interior(self, norms: Sequence[Norm]) -> list[Bucket]:
        """Tests that vanish on the whole boundary."""
        return [self._bucket(self._free, None, norms)]

    def boundary(self, where: str, norms: Sequence[Norm]) -> list[Bucket]:
        """Tests that vanish on the boundary elsewhere."""
        own = self._rows(where)
        others = np.setdiff1d(self._table.outer, own)
        chosen = np.zeros(self._count, bool)
        chosen[self._touching(own)] = True
        chosen[self._touching(others)] = False
        return [self._bucket(chosen, where, norms)] if chosen.any() else []

    def _present(self, chosen: np.ndarray) -> np.ndarray:
        found = np.zeros(self._count, bool)
        for tests in self._tests:
            found[tests] = True
        return found & chosen

    def _rows(self, where: str) -> np.ndarray:
        """Rows of the table of sides that are on a named boundary."""
        table, found = self._table, []
        for number, cells in enumerate(self._sets):
            width = len(cells.element.facets)
            first = np.flatnonzero(table.block == number)[0]
            sides = cells.sides.get(where, np.zeros((0, 2), int))
            found.append(first + sides[:, 0] * width + sides[:, 1])
        return np.concatenate(found)

    def _touching(self, rows: np.ndarray) -> np.ndarray:
        """Tests that do not vanish on some sides."""
        if self._at == "sides":
            return self._table.facet[rows]
        keys = self._table.keys[rows]
        return np.unique(keys[keys >= 0])

    def _bucket(self, chosen: np.ndarray, where: str | None, norms: Sequence[Norm]) -> Bucket:
        chosen = self._present(chosen)
        number = np.full(self._count, -1)
        number[chosen] = np.arange(chosen.sum())
        inside, table = self._part([p for s in range(len(self._sets)) for p in self._inside(s, number)])
        natural = None if where is None else self._part(self._on(where, number))[0]
        matrices = {norm: whitening(_gram(table, inside.mapped, norm)) for norm in dict.fromkeys(norms)}
        times = np.zeros(int(chosen.sum()))
        if self._time is not None:
            times = np.tile(self._time.slabs.mean(axis=1), len(times))
        return Bucket(f"{self._at} of the mesh", inside, natural, None, matrices, times)

    def _inside(self, number: int, numbers: np.ndarray) -> list[_Pieces]:
        """The pieces of tests on the cells of one kind, function by function of the cell."""
        cells = self._sets[number]
        at, mapped = interior(cells.element, cells.nodes, self._points)
        return [
            _pieces(numbers[tests], mapped, self._function(cells.element, local, at))
            for local, tests in enumerate(self._tests[number].T)
        ]

    def _on(self, where: str, numbers: np.ndarray) -> list[_Pieces]:
        """The same on the sides at a named boundary."""
        found = []
        for cells, tests in zip(self._sets, self._tests, strict=True):
            rows = cells.sides.get(where, np.zeros((0, 2), int))
            for side in np.unique(rows[:, 1]):
                mine = rows[rows[:, 1] == side, 0]
                at, mapped = on_side(cells.element, cells.nodes[mine], int(side), self._points)
                found += [
                    _pieces(numbers[own], mapped, self._function(cells.element, local, at))
                    for local, own in enumerate(tests[mine].T)
                ]
        return found

    def _function(self, element: Element, local: int, at: np.ndarray) -> TestTable:
        """One of the functions of a cell at reference points, (1, q)."""
        if self._at == "sides":
            return facet_tests(element, local, 1, at)
        straight = _straight(element)
        return TestTable(
            straight.values(at)[None, :, local],
            straight.gradients(at)[:, local].T[:, None],
            straight.hessians(at)[:, local].transpose(1, 2, 0)[:, :, None],
        )

    def _part(self, pieces: Sequence[_Pieces]) -> tuple[Part, TestTable]:
        """All pieces of each test side by side, filled up with points of no weight."""
        found = _gathered(pieces)
        table = TestTable(found.value[:, None], found.gradient[:, :, None], np.zeros(0))
        mapped = found.mapped
        if self._time is not None:
            slabs = len(self._time.slabs)
            bare = TestTable(table.value, table.gradient, np.zeros((1, *table.value.shape[1:])))
            table, mapped = self._time.tables(bare), self._time.cells(mapped)
            table = TestTable(
                np.repeat(table.value, slabs, axis=0), np.repeat(table.gradient, slabs, axis=0), np.zeros(0)
            )
        return Part(mapped, Tables(jnp.asarray(table.value), jnp.asarray(table.gradient), None), False), table


def _pieces(tests: np.ndarray, mapped: MappedPoints, table: TestTable) -> _Pieces:
    """What a function of cells (e,) is of the tests that are asked for, −1 where it is of none."""
    wanted = np.flatnonzero(tests >= 0)
    count = len(wanted)
    normals = None if mapped.normals is None else mapped.normals[wanted]
    own = MappedPoints(mapped.points[wanted], mapped.weights[wanted], mapped.inverse[wanted], None, normals)
    gradient = table.gradient[:, 0]
    return _Pieces(
        tests[wanted], own, np.broadcast_to(table.value[0], (count, table.value.shape[1])),
        np.broadcast_to(gradient, (count, *gradient.shape)),
    )  # fmt: skip


def _gathered(pieces: Sequence[_Pieces]) -> _Pieces:
    """One piece for each test, ascending, with as many points as the largest patch has."""
    owners = np.concatenate([np.repeat(p.test, p.value.shape[1]) for p in pieces])
    order = np.argsort(owners, kind="stable")
    counts = np.bincount(owners)
    start = np.cumsum(counts) - counts
    column = np.arange(counts.max())
    real = column < counts[:, None]
    # filled up with a test's own first point, where all that is evaluated is finite
    index = order[np.where(real, start[:, None] + column, start[:, None])]

    def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([a.reshape(-1, *a.shape[2:]) for a in arrays])[index]

    normals = None
    if all(p.mapped.normals is not None for p in pieces):
        normals = joined([p.mapped.normals for p in pieces if p.mapped.normals is not None])
    mapped = MappedPoints(
        joined([p.mapped.points for p in pieces]), joined([p.mapped.weights for p in pieces]) * real,
        joined([p.mapped.inverse for p in pieces]), None, normals,
    )  # fmt: skip
    slopes = joined([p.gradient.swapaxes(1, 2) for p in pieces]).swapaxes(1, 2)
    return _Pieces(np.arange(len(counts)), mapped, joined([p.value for p in pieces]), slopes)


def _gram(table: TestTable, mapped: MappedPoints, norm: Norm) -> np.ndarray:
    """∫ ∇v_t·∇v_u or ∫ v_t v_u of each patch's own functions (e, t, q), (e, t, t)."""
    if norm == "value":
        return np.einsum("eq,etq,euq->etu", mapped.weights, table.value, table.value, optimize=True)
    slopes = np.einsum("eqrd,ertq->etqd", mapped.inverse, table.gradient, optimize=True)
    return np.einsum("eq,etqd,euqd->etu", mapped.weights, slopes, slopes, optimize=True)


def _straight(element: Element) -> Element:
    """The kind of cell with the corners alone."""
    if element.flat:
        return element
    alike = (element.dimension, element.reference, element.corners)
    return next(e for e in ELEMENTS.values() if e.flat and (e.dimension, e.reference, e.corners) == alike)


def _by_side(
    block: np.ndarray, cell: np.ndarray, side: np.ndarray, facet: np.ndarray, number: int
) -> np.ndarray:
    """Numbers of the facets (e, sides) of the cells of a block."""
    mine = block == number
    found = np.zeros((cell[mine].max() + 1, side[mine].max() + 1), int)
    found[cell[mine], side[mine]] = facet[mine]
    return found
