"""Solves of one system on the meshes of a sequence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .budget import LEVELS, Budget
from .discrete import Discretisation
from .fields import DiscreteField, relative_distances
from .mesh import FiniteMesh
from .system import System

# Hears what is being done and the part of it that is done.
Progress = Callable[[str, float], None]

_FIRST_STEPS, _MOST_STEPS = 16, 1 << 14
_LOOSEST_STEP = 1e-3


class LevelSolver:
    """Solves ``system`` with elements of ``degree``, in time as finely as on the level's mesh in space.

    After a solve, ``up_to_constant`` tells of each unknown whether it is known up to a constant only, and
    ``remark`` what was done to stabilise it.
    """

    def __init__(
        self, system: System, degree: int, target: float, budget: Budget, progress: Progress | None = None
    ):
        self.system, self.degree, self.target = system, degree, target
        self.budget, self.progress = budget, progress
        self.rate = 2.0 ** (degree + 1)
        self.up_to_constant: dict[str, bool] = {}
        self.remark = ""
        self._steps = _FIRST_STEPS

    def solve(self, mesh: FiniteMesh, level: int, coarse: DiscreteField | None) -> DiscreteField:
        """The solution on a mesh, ``coarse`` being one on the mesh before.

        Raises ``Diverged`` where Newton's method does, ``OutOfTime`` where the budget runs out.
        """
        discretisation = Discretisation(self.system, mesh, self.degree, coarse)
        floating = discretisation.constraints.floating
        self.up_to_constant = {n: k in floating for k, n in enumerate(self.system.names)}
        report = self._report(discretisation, level)
        report(0.0)
        if self.system.order == 0:
            solution = discretisation.solve(coarse)
        elif self.system.order == 2 and level == 0:
            solution = self._in_first_steps(discretisation, report)
        elif self.system.order == 2:
            solution = discretisation.integrate(0.0, self._steps << level, report)
        else:
            solution = self._in_controlled_steps(discretisation, level, coarse, report)
        self.remark = discretisation.stabilisation.remark(solution)
        return solution

    def _report(self, discretisation: Discretisation, level: int) -> Callable[[float], None]:
        label = f"level {level + 1}, {discretisation.product.size} unknowns"

        def report(part: float) -> None:
            self.budget.check(level)
            if self.progress is not None:
                self.progress(label, part)

        return report

    def _in_controlled_steps(
        self,
        discretisation: Discretisation,
        level: int,
        coarse: DiscreteField | None,
        report: Callable[[float], None],
    ) -> DiscreteField:
        """Steps by the estimated error on the first mesh, halved from level to level."""
        # Two levels better the error of the first steps as they better that of the first mesh.
        tolerance = min(self.target * self.rate ** (LEVELS - 1) / 10, _LOOSEST_STEP)
        if level == 0 or coarse is None or coarse.trajectory is None:
            return discretisation.integrate(tolerance, 0, report)
        times = coarse.trajectory.times
        halved = np.sort(np.concatenate([times, (times[1:] + times[:-1]) / 2]))
        return discretisation.integrate(tolerance / self.rate**level, halved, report)

    def _in_first_steps(
        self, discretisation: Discretisation, report: Callable[[float], None]
    ) -> DiscreteField:
        """Equal steps, doubled until doubling changes the solution by less than a level mends."""
        wanted = min(1e-2, self.target * self.rate)
        before = discretisation.integrate(0.0, self._steps, report)
        while self._steps < _MOST_STEPS:
            after = discretisation.integrate(0.0, 2 * self._steps, report)
            change = relative_distances(before, after, self.up_to_constant, self.system.span)
            if max(float(np.linalg.norm(c)) for c in change.relative.values()) < wanted:
                break
            before, self._steps = after, 2 * self._steps
        return before
