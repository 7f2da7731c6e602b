"""Solves on ever finer meshes, and what their differences say about the last."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass

import numpy as np

from .affordable import affordable
from .base import ReferenceUnavailable
from .budget import LEVELS, Budget, OutOfTime
from .elements import Array
from .error_bar import SLOWEST, error_bars, expected_shrinkage, shrinkage
from .estimate import energies
from .fields import DiscreteField, relative_distances
from .first_mesh import first_mesh
from .interfaces import interfaces
from .level import LevelSolver, Progress
from .linear import TooLarge
from .meshing import Meshes
from .options import FemOptions
from .system import System

# Degree of elements and cells across the domain on the first mesh, by the number of space coordinates.
_DEGREE = {1: 4, 2: 3, 3: 2}
_CELLS_ACROSS = {1: 16, 2: 8, 3: 6}
# Unknowns whose errors shrink by no more from level to level are not waited for beyond the budget.
_SLOW = 2.0


@dataclass(frozen=True, eq=False)
class Refined:
    """The finest solution, its error bar for each unknown, and how it came about.

    ``coarser`` are those of the levels before, the next finest last; quantities of interest have their error
    bars from them. The bars of the ``vanishing`` unknowns are relative to the largest other.
    """

    solution: DiscreteField
    coarser: tuple[DiscreteField, ...]
    bars: dict[str, float]
    up_to_constant: dict[str, bool]
    vanishing: frozenset[str]
    notes: tuple[str, ...]


def refine(system: System, options: FemOptions, target: float, progress: Progress | None = None) -> Refined:
    """Fit a first mesh to the solution, then halve cells and steps until the error bar is below ``target``.

    Ends as well where a limit is met or an unknown converges too slowly to reach the target within it.
    Raises ``ReferenceUnavailable`` where the limits leave no error bar.
    """
    return _Refinement(system, options, target, progress).run()


class _Refinement:
    def __init__(self, system: System, options: FemOptions, target: float, progress: Progress | None):
        self.system, self.options, self.target = system, options, target
        self.usual = _DEGREE[system.dimension]
        self.degree = options.degree or affordable(system.problem.domain, self.usual, options.max_dofs)
        self.degrees = {n: self.degree - (k in system.lowered) for k, n in enumerate(system.names)}
        if min(self.degrees.values()) < 1:
            raise ReferenceUnavailable(
                f"finite elements of degree {self.degree} for {system.problem.name}",
                reason="its multiplier (a pressure) needs one degree less",
                mend="choose degree 2 or more",
            )
        self.meshes = Meshes(system.problem.domain, self.degree, system.periodic, interfaces(system))
        self.budget = Budget(options, 2**system.dimension)
        self.solver = LevelSolver(system, self.degree, target, self.budget, progress)
        self.solutions: list[DiscreteField] = []
        self.distances: list[dict[str, Array]] = []
        self.vanishing: frozenset[str] = frozenset()

    def run(self) -> Refined:
        """All levels."""
        extent = float(np.ptp(np.array(self.system.problem.domain.bounds), axis=0).max())
        across = _CELLS_ACROSS[self.system.dimension]
        self.first = first_mesh(self.solver, self.meshes, self.options.size or extent / across)
        self.solutions.append(self.first.solution)
        level, size, spent = 0, self.first.size, self.first.spent
        while not (limit := self.budget.limit(level, self.solutions[-1], spent)):
            level, size = level + 1, size / 2
            started = clock.perf_counter()
            try:
                self._level(level, size)
            except OutOfTime:
                limit = f"the budget of {self.options.budget_seconds:g} s is spent"
                break
            except TooLarge:
                limit = "the factors of another level would not fit into memory"
                break
            spent = clock.perf_counter() - started
            if self._reached(level) or (limit := self._hopeless(level, spent)):
                break
        return self._finish(limit)

    def _level(self, level: int, size: float) -> None:
        coarse = self.solutions[-1]
        fine = self.solver.solve(self.meshes.finer(coarse.product.mesh, size), level, coarse)
        self.solutions = [*self.solutions[1 - LEVELS :], fine]
        up_to_constant = self.solver.up_to_constant
        found = relative_distances(coarse, fine, up_to_constant, self.system.span)
        self.distances.append(found.relative)
        self.vanishing = found.vanishing

    def _bars(self) -> dict[str, float]:
        coarse, fine = (energies(s) for s in self.solutions[-2:])
        expected = {n: expected_shrinkage(coarse[n], fine[n], p) for n, p in self.degrees.items()}
        return error_bars(self.distances, self.degrees, expected)

    def _missed(self, bars: dict[str, float]) -> dict[str, float]:
        """The bars above the target, of unknowns for which it can be reached at all."""
        return {n: bar for n, bar in bars.items() if bar > self.target and n not in self.first.left_out}

    def _reached(self, level: int) -> bool:
        """Whether the bars are below the target; two levels do if they are at any rate of convergence.

        On lines a third level costs nothing, and shows the rate.
        """
        if level >= LEVELS - 1:
            return not self._missed(self._bars())
        if self.system.dimension == 1:
            return False
        slowest = dict.fromkeys(self.degrees, SLOWEST)
        return not self._missed(error_bars(self.distances, self.degrees, slowest))

    def _hopeless(self, level: int, spent: float) -> str:
        """Why the target is given up: what misses it is of first order or worse, and the budget too small."""
        if level < LEVELS - 1 or self.budget.cheap(self.solutions[-1], spent):
            return ""
        more = self.budget.levels_left(self.solutions[-1], spent)
        missed = self._missed(self._bars())
        factors = {name: shrinkage(self.distances, name) for name in missed}
        for name, factor in factors.items():
            if factor > _SLOW or missed[name] / max(factor, 1.0) ** more <= self.target:
                return ""
        slow = ", ".join(f"{name} by {factor:.1f}" for name, factor in factors.items())
        return f"from mesh to mesh errors shrink too slowly to get there ({slow}), as at a singularity"

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
            notes.append(f"graded towards singular corners: {len(self.meshes.corners)}")
        notes += self.first.notes
        if self.solver.remark:
            notes.append(self.solver.remark)
        if self.degree < self.usual and self.options.degree is None:
            notes.append(
                f"of degree {self.degree}: with {self.usual} two levels on the cells of the mesh file would "
                f"exceed {self.options.max_dofs} unknowns"
            )
        floating = ", ".join(n for n, free in self.solver.up_to_constant.items() if free)
        if floating:
            notes.append(f"{floating}: known up to a constant, compared after removing the mean")
        if self.vanishing:
            notes.append(
                f"{', '.join(sorted(self.vanishing))}: zero within the error, which is taken relative to the "
                "largest unknown"
            )
        missed = self._missed(bars)
        if limit and missed:
            largest = max(missed.values())
            notes.append(
                f"the reference is the limit: {limit}; its error bar is {largest:.1e} "
                f"where {self.target:.1e} was wanted"
            )
        known = (bars, self.solver.up_to_constant, self.vanishing, tuple(notes))
        return Refined(solution, tuple(self.solutions[:-1]), *known)
