"""Solves on ever finer meshes, and what their differences say about the last."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .adaptive import adapted_lines
from .affordable import affordable
from .base import ReferenceUnavailable
from .discrete import Discretisation
from .elements import Array
from .error_bar import error_bars
from .fields import DiscreteField, relative_distances
from .interfaces import interfaces
from .mesh import FiniteMesh
from .meshing import Meshes
from .options import FemOptions
from .system import System

# Hears what is being done and the part of it that is done.
Progress = Callable[[str, float], None]

_LINE_DEGREE, _TRIANGLE_DEGREE = 4, 3
_LINE_CELLS, _CELLS_ACROSS = 16, 8
# Three levels show the rate at which differences shrink.
_LEVELS = 3
_FIRST_STEPS, _MOST_STEPS = 16, 1 << 14
_LOOSEST_STEP = 1e-3
# Two levels without which there is no error bar at all may take longer than the rest.
_PATIENCE = 3.0
_LARGEST_TRAJECTORY = 1.5e8


class _OutOfTime(Exception):
    """The budget ran out within a solve."""


@dataclass(frozen=True, eq=False)
class Refined:
    """The finest solution, its error bar for each unknown, and how it came about.

    ``coarser`` are those of the levels before, the next finest last; quantities of interest have their error
    bars from them.
    """

    solution: DiscreteField
    coarser: tuple[DiscreteField, ...]
    bars: dict[str, float]
    up_to_constant: dict[str, bool]
    notes: tuple[str, ...]


def refine(system: System, options: FemOptions, target: float, progress: Progress | None = None) -> Refined:
    """Halve cells and time steps until the error bar is below ``target`` or a limit is met.

    Raises ``ReferenceUnavailable`` where the limits leave no error bar.
    """
    return _Refinement(system, options, target, progress).run()


class _Refinement:
    def __init__(self, system: System, options: FemOptions, target: float, progress: Progress | None):
        self.system, self.options, self.target, self.progress = system, options, target, progress
        self.began = clock.perf_counter()
        self.usual = usual = _LINE_DEGREE if system.dimension == 1 else _TRIANGLE_DEGREE
        self.degree = options.degree or affordable(system.problem.domain, usual, options.max_dofs)
        self.degrees = {n: self.degree - (k in system.lowered) for k, n in enumerate(system.names)}
        if min(self.degrees.values()) < 1:
            raise ReferenceUnavailable(
                f"finite elements of degree {self.degree} for {system.problem.name}",
                reason="its multiplier (a pressure) needs one degree less",
                mend="choose degree 2 or more",
            )
        self.meshes = Meshes(system.problem.domain, self.degree, system.periodic, interfaces(system))
        self.rate = 2.0 ** (self.degree + 1)
        self.steps = 0
        self.solutions: list[DiscreteField] = []
        self.distances: list[dict[str, Array]] = []
        self.up_to_constant: dict[str, bool] = {}
        self.remark = ""

    def run(self) -> Refined:
        """All levels."""
        mesh, size = self._first_mesh()
        level, limit = 0, ""
        while not limit:
            started = clock.perf_counter()
            try:
                self._level(mesh, level)
            except _OutOfTime:
                limit = f"the budget of {self.options.budget_seconds:g} s is spent"
                break
            if level >= _LEVELS - 1 and max(self._bars().values()) <= self.target:
                break
            limit = self._limit(level, clock.perf_counter() - started)
            level, size = level + 1, size / 2
            mesh = self.meshes.finer(mesh, size) if not limit else mesh
        return self._finish(limit)

    def _bars(self) -> dict[str, float]:
        return error_bars(self.distances, self.degrees)

    def _level(self, mesh: FiniteMesh, level: int) -> None:
        guide = self.solutions[-1] if self.solutions else None
        discretisation = Discretisation(self.system, mesh, self.degree, guide)
        floating = discretisation.constraints.floating
        self.up_to_constant = {n: k in floating for k, n in enumerate(self.system.names)}
        self.solutions = [*self.solutions[1 - _LEVELS :], self._solve(discretisation, level)]
        self.remark = discretisation.stabilisation.remark(self.solutions[-1])
        if level:
            pair = self.solutions[-2:]
            self.distances.append(relative_distances(*pair, self.up_to_constant, self.system.span))

    def _solve(self, discretisation: Discretisation, level: int) -> DiscreteField:
        coarse = self.solutions[-1] if self.solutions else None
        report = self._report(discretisation, level)
        report(0.0)
        if self.system.order == 0:
            return discretisation.solve(coarse)
        if self.system.order == 2:
            self.steps = self.steps or self._first_steps(discretisation, report)
            return discretisation.integrate(0.0, self.steps << level, report)
        # Two levels better the error of the first steps as they better that of the first mesh.
        tolerance = min(self.target * self.rate ** (_LEVELS - 1) / 10, _LOOSEST_STEP)
        if coarse is None or coarse.trajectory is None:
            return discretisation.integrate(tolerance, 0, report)
        times = coarse.trajectory.times
        halved = np.sort(np.concatenate([times, (times[1:] + times[:-1]) / 2]))
        return discretisation.integrate(tolerance / self.rate**level, halved, report)

    def _report(self, discretisation: Discretisation, level: int) -> Callable[[float], None]:
        label = f"level {level + 1}, {discretisation.product.size} unknowns"
        end = self.began + self.options.budget_seconds * (_PATIENCE if level < 2 else 1)

        def report(part: float) -> None:
            if clock.perf_counter() > end:
                raise _OutOfTime
            if self.progress is not None:
                self.progress(label, part)

        return report

    def _limit(self, level: int, spent: float) -> str:
        """Why there is no next level; empty where there is one."""
        options, growth = self.options, 2**self.system.dimension
        product, trajectory = self.solutions[-1].product, self.solutions[-1].trajectory
        # Sparse factors grow a little faster than their matrices, and steps are halved too.
        coming = spent * 1.6 * growth * (1 if trajectory is None else 2)
        if level and clock.perf_counter() - self.began + coming > options.budget_seconds:
            return f"another level would exceed the budget of {options.budget_seconds:g} s"
        if growth * product.size > options.max_dofs:
            return f"another level would exceed {options.max_dofs} degrees of freedom"
        if trajectory is not None and 2 * growth * trajectory.nodes.size > _LARGEST_TRAJECTORY:
            return "another level would not fit into memory"
        return ""

    def _first_mesh(self) -> tuple[FiniteMesh, float]:
        extent = float(np.ptp(np.array(self.system.problem.domain.bounds), axis=0).max())
        across = _LINE_CELLS if self.system.dimension == 1 else _CELLS_ACROSS
        size = self.options.size or extent / across
        mesh = self.meshes.first(size)
        if self.system.dimension == 1 and self.options.size is None and self.degree > 1:
            # What the first mesh need resolve: levels follow, each better by the element's rate.
            wanted = min(1e-2, self.target * self.rate)
            mesh = adapted_lines(mesh, self._roughly, wanted, self.options.max_dofs)
        return mesh, size

    def _roughly(self, mesh: FiniteMesh) -> DiscreteField:
        discretisation = Discretisation(self.system, mesh, self.degree)
        if self.system.order == 0:
            return discretisation.solve()
        report = self._report(discretisation, -1)
        steps = self._first_steps(discretisation, report) if self.system.order == 2 else 0
        return discretisation.integrate(_LOOSEST_STEP, steps, report)

    def _first_steps(self, discretisation: Discretisation, report: Callable[[float], None]) -> int:
        """Equal steps of the first solve: doubled until doubling changes it by less than a level mends."""
        steps, wanted = _FIRST_STEPS, min(1e-2, self.target * self.rate)
        before = discretisation.integrate(0.0, steps, report)
        while steps < _MOST_STEPS:
            after = discretisation.integrate(0.0, 2 * steps, report)
            change = relative_distances(before, after, self.up_to_constant, self.system.span)
            if max(float(np.linalg.norm(c)) for c in change.values()) < wanted:
                break
            before, steps = after, 2 * steps
        return steps

    def _finish(self, limit: str) -> Refined:
        if not self.distances:
            raise ReferenceUnavailable(
                f"no finite-element reference for {self.system.problem.name}",
                reason=f"after one mesh, {limit}, and one gives no error bar",
                mend="raise reference.fem.budget_seconds or max_dofs, or choose a larger size",
            )
        bars, solution = self._bars(), self.solutions[-1]
        degrees = sorted({str(d) for d in self.degrees.values()}, reverse=True)
        notes = [
            f"degree {', '.join(degrees)} on {len(solution.product.mesh.cells)} cells, "
            f"{solution.product.size} unknowns, {len(self.distances) + 1} meshes"
        ]
        if solution.trajectory is not None:
            notes.append(f"{len(solution.trajectory.nodes)} intervals in time")
        notes += self.meshes.notes
        if len(self.meshes.corners):
            notes.append(f"graded towards re-entrant corners: {len(self.meshes.corners)}")
        if self.remark:
            notes.append(self.remark)
        if self.degree < self.usual and self.options.degree is None:
            notes.append(
                f"of degree {self.degree}: with {self.usual} two levels on the cells of the mesh file would "
                f"exceed {self.options.max_dofs} unknowns"
            )
        floating = ", ".join(n for n, free in self.up_to_constant.items() if free)
        if floating:
            notes.append(f"{floating}: known up to a constant, compared after removing the mean")
        if limit and max(bars.values()) > self.target:
            notes.append(
                f"the reference is the limit: {limit}; its error bar is {max(bars.values()):.1e} "
                f"where {self.target:.1e} was wanted"
            )
        return Refined(solution, tuple(self.solutions[:-1]), bars, self.up_to_constant, tuple(notes))
