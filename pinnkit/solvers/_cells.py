"""The cells of a domain for the variational solvers: of boxes, of shapes by the mesher, of mesh files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..geometry.boxes import Box, Interval, Rectangle
from ..geometry.mesh import AnyMesh
from ..geometry.mesh_file import MeshFile
from ..geometry.meshing import mesh
from ..geometry.structured import bricks
from ..variational.buckets import Bucket, Order, TimeCells, cell_bucket, facet_bucket, sides_on
from ..variational.gram import Norm
from ._variational import time_points
from ._variational_options import CellOptions, VariationalOptions

_CELLS = 16  # about so many in all where nothing was asked for
_ACROSS = 8  # cells across a meshed shape


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


class CellTests:
    """Buckets of bubbles on the cells, and of facets' functions on those at named boundaries."""

    def __init__(self, problem: Problem, options: VariationalOptions, cells: AnyMesh, slabs: int):
        tests = options.tests
        along = tests.order + 4 if tests.quadrature is None else tests.quadrature
        if along <= tests.order:
            raise DeclarationError(
                f"tests: order {tests.order} with {along} quadrature points along an axis", section="tests",
                expected="more points than tests: their products would not be integrated exactly",
                mend=f"quadrature: {tests.order + 1} or more, or leave it out",
            )  # fmt: skip
        self.cells, self.order = cells, Order(tests.order, along)
        self.third = options.form == 3
        self.time = None
        if problem.time is not None:
            ends = np.linspace(problem.time.start, problem.time.end, slabs + 1)
            bounds = np.stack([ends[:-1], ends[1:]], axis=1)
            self.time = TimeCells(bounds, tests.time_order, time_points(tests))

    def interior(self, norms: Sequence[Norm]) -> list[Bucket]:
        """One bucket for each kind of cell."""
        return [
            cell_bucket(block, np.arange(len(block.cells)), self.order, self.time, norms, self.third)
            for block in self.cells.blocks
        ]

    def boundary(self, where: str, norms: Sequence[Norm]) -> list[Bucket]:
        """The cells at a named boundary, one bucket for each kind."""
        return [
            facet_bucket(self.cells.blocks[number], cells, sides, self.order, self.time, norms, self.third)
            for number, cells, sides in sides_on(self.cells, where)
        ]
