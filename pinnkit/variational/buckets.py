"""From cells of a mesh to buckets: the integrals of every cell, or of every cell at a named boundary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry.elements import ELEMENTS
from ..geometry.facets import facet_keys, facet_table
from ..geometry.mesh import AnyMesh, Mesh
from ..geometry.rules import gauss_legendre
from .cells import MappedPoints, interior, on_side
from .contraction import Tables
from .gram import Norm, gram, whitening
from .test_functions import TestTable, bubbles, facet_tests, legendre


@dataclass(frozen=True)
class TimeCells:
    """Slabs (n, 2) of time, each with ``tests`` Legendre polynomials and ``points`` Gauss points."""

    slabs: np.ndarray
    tests: int
    points: int

    def tables(self, table: TestTable) -> TestTable:
        """A table of space over a slab."""
        return table.over_time(legendre(gauss_legendre(self.points)[0], self.tests))

    def cells(self, mapped: MappedPoints) -> MappedPoints:
        """Cells of space over all slabs, slab by slab within each."""
        return mapped.over_time(self.slabs, *gauss_legendre(self.points))


@dataclass(frozen=True)
class Order:
    """``tests`` and quadrature ``points`` along an axis of a cell."""

    tests: int
    points: int


@dataclass(frozen=True)
class Part:
    """One integral of a bucket: where, and the test functions there, shared or of each cell."""

    mapped: MappedPoints
    tables: Tables
    shared: bool


@dataclass(frozen=True)
class Bucket:
    """Cells with one number of tests: the integral inside, that over a named boundary and that all around.

    ``whitening`` holds L⁻¹ by norm, ``times`` the middles of the cells in time (zero where there is none).
    """

    inside: Part
    natural: Part | None
    around: Part | None
    whitening: dict[str, np.ndarray]
    times: np.ndarray


def cell_bucket(
    block: Mesh, rows: np.ndarray, order: Order, time: TimeCells | None, norms: Sequence[Norm], third: bool
) -> Bucket:
    """Bubbles on the cells numbered ``rows``; ``third`` adds what form 3 needs."""
    element, nodes = block.element, block.points[block.cells[rows]]
    at, mapped = interior(element, nodes, order.points)
    table = bubbles(element, order.tests, at)
    around = None
    if third:
        sides = [on_side(element, nodes, side, order.points) for side in range(len(element.facets))]
        whole = _joined_tables([bubbles(element, order.tests, where) for where, _ in sides])
        around = _part([whole], None, _joined([m for _, m in sides]), time, third)
    return _bucket([table], None, mapped, time, norms, third, None, around)


def facet_bucket(
    block: Mesh,
    rows: np.ndarray,
    sides: np.ndarray,
    order: Order,
    time: TimeCells | None,
    norms: Sequence[Norm],
    third: bool,
) -> Bucket:
    """Functions of one facet each: of side ``sides[k]`` of the cell ``rows[k]``."""
    element, nodes = block.element, block.points[block.cells[rows]]
    at, mapped = interior(element, nodes, order.points)
    every = range(len(element.facets))
    facets = [on_side(element, nodes, side, order.points) for side in every]
    inside = [facet_tests(element, side, order.tests, at) for side in every]
    on_it = [facet_tests(element, side, order.tests, facets[side][0]) for side in every]
    natural = _part(on_it, sides, _chosen([m for _, m in facets], sides), time, third)
    around = None
    if third:
        whole = [
            _joined_tables([facet_tests(element, side, order.tests, where) for where, _ in facets])
            for side in every
        ]
        around = _part(whole, sides, _joined([m for _, m in facets]), time, third)
    return _bucket(inside, sides, mapped, time, norms, third, natural, around)


def sides_on(mesh: AnyMesh, name: str) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """The facets of a named boundary by block: its number, cells (f,) and their sides (f,)."""
    table = facet_table([(block.kind, block.cells) for block in mesh.blocks])
    width = table.keys.shape[1]
    wanted: list[np.ndarray] = []
    for block in mesh.blocks:
        if name in block.facets and len(block.facets[name]):
            corners = ELEMENTS[block.element.facet].corners
            keys = facet_keys(np.asarray(block.facets[name])[:, :corners], width)
            wanted.append(table.find(keys))
    chosen = np.isin(table.facet, np.concatenate(wanted)) if wanted else np.zeros(len(table.facet), bool)
    found = []
    for number in range(len(mesh.blocks)):
        mine = chosen & (table.block == number)
        if mine.any():
            found.append((number, table.cell[mine], table.side[mine]))
    return found


def _bucket(
    tables: list[TestTable],
    which: np.ndarray | None,
    mapped: MappedPoints,
    time: TimeCells | None,
    norms: Sequence[Norm],
    third: bool,
    natural: Part | None,
    around: Part | None,
) -> Bucket:
    inside = _part(tables, which, mapped, time, third)
    whole, count = inside.mapped, len(mapped.weights)
    slabs = 1 if time is None else len(time.slabs)
    of_cell = np.repeat(np.zeros(count, int) if which is None else which, slabs)
    matrices: dict[str, np.ndarray] = {}
    for norm in dict.fromkeys(norms):
        found: np.ndarray | None = None
        for number, table in enumerate(tables):
            mine = of_cell == number
            if mine.any():
                own = table if time is None else time.tables(table)
                part = whitening(gram(own, _rows(whole, mine), norm))
                found = np.zeros((len(of_cell), *part.shape[1:])) if found is None else found
                found[mine] = part
        assert found is not None
        matrices[norm] = found
    times = np.zeros(count) if time is None else np.tile(time.slabs.mean(axis=1), count)
    return Bucket(inside, natural, around, matrices, times)


def _part(
    tables: list[TestTable],
    which: np.ndarray | None,
    mapped: MappedPoints,
    time: TimeCells | None,
    third: bool,
) -> Part:
    if time is not None:
        tables, mapped = [time.tables(t) for t in tables], time.cells(mapped)
        which = None if which is None else np.repeat(which, len(time.slabs))
    if which is None:
        return Part(mapped, Tables.of(tables[0], third), True)
    return Part(mapped, Tables.each(tables, which, third), False)


def _joined_tables(tables: list[TestTable]) -> TestTable:
    """Tables at points one after the other."""
    parts = ("value", "gradient", "hessian")
    return TestTable(*(np.concatenate([getattr(t, part) for t in tables], axis=-1) for part in parts))


def _joined(parts: list[MappedPoints]) -> MappedPoints:
    """Points of the same cells one after the other."""
    return _each(lambda *arrays: np.concatenate(arrays, axis=1), parts)


def _chosen(parts: list[MappedPoints], which: np.ndarray) -> MappedPoints:
    """For every cell the points of the part that it names."""
    return _each(lambda *arrays: np.stack(arrays)[which, np.arange(len(which))], parts)


def _rows(mapped: MappedPoints, chosen: np.ndarray) -> MappedPoints:
    return _each(lambda array: array[chosen], [mapped])


def _each(join: Callable[..., np.ndarray], parts: list[MappedPoints]) -> MappedPoints:
    """A join of the arrays of several sets of points, field by field; a map bent in one is bent in all."""
    names = ["points", "weights", "inverse", "bend", "normals"]
    columns = {name: [getattr(p, name) for p in parts] for name in names}
    if any(b is not None for b in columns["bend"]):
        shapes = [(*p.inverse.shape, p.inverse.shape[-1]) for p in parts]
        bends = zip(columns["bend"], shapes, strict=True)
        columns["bend"] = [np.zeros(s) if b is None else b for b, s in bends]
    return MappedPoints(*(None if columns[n][0] is None else join(*columns[n]) for n in names))
