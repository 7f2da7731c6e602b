"""From cells of a mesh to buckets: the integrals of every cell, or of every cell at a named boundary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry.elements import Element
from ..geometry.rules import gauss_legendre
from .cells import MappedPoints, interior, on_side
from .contraction import Tables
from .gram import Norm, gram, whitening
from .test_functions import TestTable, bubble_orders, bubbles, facet_orders, facet_tests, legendre


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
    """``tests`` and quadrature ``points`` along an axis of a cell.

    Where ``own`` (e,) is given, cells have tests up to their own orders only, and no rows for the others: so
    one bucket, and one compiled program, serves cells of several orders.
    """

    tests: int
    points: int
    own: np.ndarray | None = None

    def of(self, element: Element) -> str:
        """What tests on what cells, in words."""
        return f"{element.kind} of order {self.tests}"


@dataclass(frozen=True)
class Part:
    """One integral of a bucket: where, and the test functions there, shared or of each cell."""

    mapped: MappedPoints
    tables: Tables
    shared: bool


@dataclass(frozen=True)
class Bucket:
    """Cells with one number of tests: the integral inside, that over a named boundary and that all around.

    ``label`` says what cells and tests they are: the same for two buckets only if they differ in nothing but
    the places and numbers of their cells. ``whitening`` holds L⁻¹ by norm, ``times`` the middles of the cells
    in time (zero where there is none).
    """

    label: str
    inside: Part
    natural: Part | None
    around: Part | None
    whitening: dict[str, np.ndarray]
    times: np.ndarray


def cell_bucket(
    element: Element,
    nodes: np.ndarray,
    order: Order,
    time: TimeCells | None,
    norms: Sequence[Norm],
    third: bool,
) -> Bucket:
    """Bubbles on the cells with ``nodes`` (e, k, d); ``third`` adds what form 3 needs."""
    at, mapped = interior(element, nodes, order.points)
    table = bubbles(element, order.tests, at)
    around = None
    if third:
        sides = [on_side(element, nodes, side, order.points) for side in range(len(element.facets))]
        whole = _joined_tables([bubbles(element, order.tests, where) for where, _ in sides])
        around = _part([whole], None, _joined([m for _, m in sides]), time, third)
    order_of_test = bubble_orders(element, order.tests)
    return _bucket(order, element, order_of_test, [table], None, mapped, time, norms, third, None, around)


def facet_bucket(
    element: Element,
    nodes: np.ndarray,
    sides: np.ndarray,
    order: Order,
    time: TimeCells | None,
    norms: Sequence[Norm],
    third: bool,
) -> Bucket:
    """Functions of one facet each: of side ``sides[k]`` of the cell with ``nodes[k]``."""
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
    order_of_test = facet_orders(element, order.tests)
    return _bucket(order, element, order_of_test, inside, sides, mapped, time, norms, third, natural, around)


def _bucket(
    order: Order,
    element: Element,
    order_of_test: np.ndarray,
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
        if order.own is not None:
            repeated = np.repeat(order_of_test, found.shape[1] // len(order_of_test))
            found = found * (repeated <= np.repeat(order.own, slabs)[:, None])[:, :, None]
        matrices[norm] = found
    times = np.zeros(count) if time is None else np.tile(time.slabs.mean(axis=1), count)
    return Bucket(order.of(element), inside, natural, around, matrices, times)


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
