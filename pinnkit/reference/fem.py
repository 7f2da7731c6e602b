"""The finite-element reference: solved on ever finer meshes until its own error bar is small enough."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from ..declare.problem import Problem
from ..forms.errors import FormUnavailable
from ..geometry.errors import GeometryError
from . import cache as disk
from .base import Reference, ReferenceUnavailable
from .derive import derive
from .elements import Array
from .fields import DiscreteField
from .options import FemOptions
from .refinement import Progress, refine
from .storage import fields_from, mesh_dataset, record_from, to_arrays

if TYPE_CHECKING:
    import xarray

    from ..solution.quantities import Estimate

# The error bar that is aimed for, as a part of the tolerance that solutions are judged by.
SHARE = 0.1


@dataclass(frozen=True, eq=False)
class FemReference(Reference):
    """A discrete solution with the error that refinement says it has.

    ``coarser`` are the solutions on the meshes before, the next finest last.
    """

    problem: Problem
    solution: DiscreteField
    coarser: tuple[DiscreteField, ...]
    error_bar: Mapping[str, float]
    up_to_constant: Mapping[str, bool]
    notes: tuple[str, ...]
    seconds: float
    vanishing: frozenset[str] = frozenset()
    kind: str = field(default="fem", init=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The unknowns solved for."""
        return self.solution.names

    @cached_property
    def dofs(self) -> int:
        """Number of degrees of freedom in space."""
        return self.solution.product.size

    def evaluate(self, points: Array) -> dict[str, Array]:
        """Values (n,) at ``points`` (n, d), time last. Raises ``PointOutside`` beyond the domain."""
        return self.solution.evaluate(points)

    def _quantities(self) -> dict[str, Estimate]:
        from .quantities import fem_quantities

        return fem_quantities(self.problem, [*self.coarser, self.solution], self.error_bar)

    def to_dataset(self) -> xarray.Dataset:
        """The mesh after UGRID 1.0 with nodal values for other tools, and all coefficients beside them."""
        return mesh_dataset(self)


def fem_reference(
    problem: Problem,
    options: FemOptions | None = None,
    tolerance: float = 1e-3,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> FemReference:
    """Solve ``problem`` by finite elements until the error bar is below a tenth of ``tolerance``.

    ``progress`` hears a word on what is being done and the part of it that is done. ``cache`` is a folder
    that references are kept in. Raises ``ReferenceUnavailable`` with the reason where finite elements do
    not apply or the budget does not suffice for any error bar.
    """
    options = options or FemOptions()
    began = clock.perf_counter()
    place = None
    if cache is not None:
        place = disk.entry(cache, problem.without_quantities.digest, repr(options), repr(float(tolerance)))
    if place is not None and (known := disk.load(place, partial(_restored, problem))) is not None:
        return known
    try:
        system = derive(problem)
        # Sparse factorisation makes many small BLAS calls; threads that wait for each other there cost up
        # to a hundred times the work.
        with threadpool_limits(limits=1, user_api="blas"):
            result = refine(system, options, SHARE * tolerance, progress)
    except (FormUnavailable, GeometryError) as cause:
        reason = cause.reason if isinstance(cause, FormUnavailable) else f"expected {cause.expected}"
        raise ReferenceUnavailable(
            f"no finite-element reference for {problem.name}: {cause.what}",
            reason=reason,
            mend=f"{cause.mend}; or give an exact reference (exact: …) or one from data (data: FILE)",
        ) from cause
    reference = FemReference(
        problem,
        result.solution,
        result.coarser,
        result.bars,
        result.up_to_constant,
        result.notes,
        clock.perf_counter() - began,
        result.vanishing,
    )
    if place is not None:
        try:
            disk.save(place, to_arrays(reference))
        except OSError as cause:
            return replace(reference, notes=(*reference.notes, f"not kept for another run: {cause}"))
    return reference


def _restored(problem: Problem, arrays: Mapping[str, Array]) -> FemReference:
    *coarser, solution = fields_from(arrays)
    return FemReference(problem, solution, tuple(coarser), **record_from(arrays))
