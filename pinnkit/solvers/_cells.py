"""The cells of a domain for the variational solvers: of boxes, of shapes by the mesher, of mesh files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..geometry.boxes import Box, Interval, Rectangle
from ..geometry.mesh import AnyMesh
from ..geometry.mesh_file import MeshFile
from ..geometry.meshing import mesh
from ..geometry.structured import bricks
from ..variational.buckets import Bucket, Order, TimeCells, cell_bucket, facet_bucket
from ..variational.cell_sets import CellSet, cell_sets
from ..variational.gram import Norm
from ..variational.patches import PatchTests
from ._variational import time_points
from ._variational_options import CellOptions, CellTestOptions, RefineOptions, VariationalOptions

_CELLS = 16  # about so many in all where nothing was asked for
_ACROSS = 8  # cells across a meshed shape
_POINTS_MORE = 4  # Gauss points along an axis beyond the tests
_LOWEST_POINTS = 3  # Gauss points along an axis for tests of the lowest order
_STEP = 3  # orders of tests from one bucket to the next


def domain_cells(problem: Problem, options: CellOptions) -> AnyMesh:
    """The cells of a problem's domain.

    Raises ``DeclarationError`` for options that the domain has no use for, and for cells without tests.
    """
    domain, d = problem.domain, problem.domain.dimension
    boxed = isinstance(domain, Interval | Rectangle | Box) and d <= 3
    if options.counts and not boxed:
        raise DeclarationError(
            f"cells: counts {list(options.counts)} for a domain that is no box", section="cells",
            expected="size for a shape; a mesh file brings its own cells", mend="leave counts out",
        )  # fmt: skip
    if options.size is not None and (boxed or isinstance(domain, MeshFile)):
        raise DeclarationError(
            f"cells: size {options.size:g} for {'a box' if boxed else 'a mesh file'}", section="cells",
            expected="counts, cells along each axis" if boxed else "nothing: the file's cells are taken",
            mend="leave size out",
        )  # fmt: skip
    if boxed:
        counts = options.counts or (round(_CELLS ** (1 / d)),) * d
        if len(counts) != d:
            raise DeclarationError(
                f"cells: counts {list(counts)} for {d} coordinates", section="cells",
                expected="one number for each coordinate", mend=f"counts: {[4] * d}",
            )  # fmt: skip
        return bricks(domain, counts)
    lower, upper = domain.bounds
    found = mesh(domain, float(np.max(upper - lower)) / _ACROSS if options.size is None else options.size)
    for block in found.blocks:
        if block.element.reference == "collapsed":
            raise DeclarationError(
                f"cells of kind {block.kind} have no test functions here", section="cells",
                expected="lines, triangles, quadrilaterals, tetrahedra, prisms or hexahedra",
                mend="cut the pyramids into tetrahedra",
            )  # fmt: skip
    return found


def time_cells(problem: Problem, options: VariationalOptions, given: CellOptions) -> TimeCells | None:
    """The slabs that the time interval is cut into, where there is one."""
    if problem.time is None:
        return None
    ends = np.linspace(problem.time.start, problem.time.end, given.slabs + 1)
    bounds = np.stack([ends[:-1], ends[1:]], axis=1)
    return TimeCells(bounds, options.tests.time_order, time_points(options.tests))


def patch_tests(
    problem: Problem,
    options: VariationalOptions,
    tests: CellTestOptions,
    given: CellOptions,
    refine: RefineOptions,
) -> PatchTests:
    """Tests of the lowest order on nodes, or on sides between cells.

    Raises ``DeclarationError`` for options that these tests have no use for, and for cells without any.
    """
    assert tests.on != "cells"
    where = f"tests: on {tests.on}"
    points = _LOWEST_POINTS if tests.quadrature is None else tests.quadrature
    faults = [
        (
            options.form == 3, "form 3, whose second derivatives tests with kinks do not have",
            "form 1 or 2", "write form: 2, or tests on cells",
        ),
        (
            refine.rounds > 0, "refined cells, whose nodes may hang and then have no test",
            "cells as they are at first", "leave refine out, or take tests on cells",
        ),
        (
            "order" in tests.model_fields_set and tests.order > 1, f"order {tests.order}",
            "tests of the lowest order", "leave order out, or take tests on cells",
        ),
        (
            points < 2, f"{points} quadrature point along an axis of a cell",
            "at least two: slopes of tests and their squares are not integrated otherwise",
            "quadrature: 2 or more, or leave it out",
        ),
    ]  # fmt: skip
    for wrong, what, expected, mend in faults:
        if wrong:
            raise DeclarationError(f"{where} with {what}", expected=expected, mend=mend, section="tests")
    found = PatchTests(domain_cells(problem, given), tests.on, points, time_cells(problem, options, given))
    if not found.inside:
        raise DeclarationError(
            f"{where}: no {tests.on.removesuffix('s')} of the cells lies inside the domain", section="tests",
            expected="one at least", mend="ask for more cells (counts or size), or take tests on cells",
        )  # fmt: skip
    return found


class CellTests:
    """Tests on the cells of a domain as they are at first, and on those that were made of them.

    ``highest`` is the order that tests may be raised to; None, they all stay as they are.
    """

    def __init__(
        self, problem: Problem, options: VariationalOptions, given: CellOptions, highest: int | None = None
    ):
        tests = options.tests
        along = tests.order + _POINTS_MORE if tests.quadrature is None else tests.quadrature
        if along <= tests.order:
            raise DeclarationError(
                f"tests: order {tests.order} with {along} quadrature points along an axis", section="tests",
                expected="more points than tests: their products would not be integrated exactly",
                mend=f"quadrature: {tests.order + 1} or more, or leave it out",
            )  # fmt: skip
        self._problem, self._given, self._more = problem, given, along - tests.order
        self.first_order, self.highest, self.third = tests.order, highest, options.form == 3
        self.time = time_cells(problem, options, given)

    @cached_property
    def first(self) -> tuple[CellSet, ...]:
        """The cells at first."""
        return cell_sets(domain_cells(self._problem, self._given), self.first_order)

    def on(self, sets: Sequence[CellSet]) -> CellBuckets:
        """Tests on some cells."""
        return CellBuckets(self, sets)

    def ceilings(self, orders: np.ndarray) -> np.ndarray:
        """The orders (e,) of the buckets that cells are in.

        They have room for some more, so that a cell whose order is raised seldom asks for another bucket.
        """
        if self.highest is None:
            return orders
        steps = np.ceil(np.maximum(orders - self.first_order, 1) / _STEP).astype(int)
        return np.minimum(self.first_order + _STEP * steps, max(self.highest, self.first_order))

    def grouped(self, orders: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """The buckets of cells with some orders: the order and the numbers of the cells of each."""
        ceilings = self.ceilings(orders)
        return [(int(order), np.flatnonzero(ceilings == order)) for order in np.unique(ceilings)]

    def bubbles(
        self, cells: CellSet, rows: np.ndarray, order: int, norms: Sequence[Norm], more: int = 0
    ) -> Bucket:
        """Bubbles on the cells numbered ``rows`` in the bucket of an order, ``more`` beyond theirs."""
        chosen = self._order(order + more, cells.orders[rows] + more)
        return cell_bucket(cells.element, cells.nodes[rows], chosen, self.time, norms, self.third)

    def facets(
        self, cells: CellSet, sides: np.ndarray, order: int, norms: Sequence[Norm], more: int = 0
    ) -> Bucket:
        """Functions of one facet each, of cells and their sides (f, 2), likewise."""
        at = sides[:, 0]
        chosen = self._order(order + more, cells.orders[at] + more)
        return facet_bucket(cells.element, cells.nodes[at], sides[:, 1], chosen, self.time, norms, self.third)

    def _order(self, order: int, own: np.ndarray) -> Order:
        return Order(order, order + self._more, own)


class CellBuckets:
    """Buckets of bubbles on cells, and of facets' functions at named boundaries, by kind and order."""

    def __init__(self, tests: CellTests, sets: Sequence[CellSet]):
        self._tests, self._sets = tests, sets

    def interior(self, norms: Sequence[Norm]) -> list[Bucket]:
        """All cells."""
        return [
            self._tests.bubbles(cells, rows, order, norms)
            for cells in self._sets for order, rows in self._tests.grouped(cells.orders)
        ]  # fmt: skip

    def boundary(self, where: str, norms: Sequence[Norm]) -> list[Bucket]:
        """The cells at a named boundary."""
        found = []
        for cells in self._sets:
            sides = cells.sides.get(where, np.zeros((0, 2), int))
            for order, rows in self._tests.grouped(cells.orders[sides[:, 0]]):
                found.append(self._tests.facets(cells, sides[rows], order, norms))
        return found
