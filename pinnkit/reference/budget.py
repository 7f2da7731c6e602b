"""What refinement may cost, and what its next step will."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, field

from .fields import DiscreteField
from .options import FemOptions

# Three levels show the rate at which differences shrink.
LEVELS = 3
# A level that takes less than this part of the budget is not worth a thought.
_FELT = 0.1
# Sparse factors grow a little faster than their matrices.
_FILL = 1.6
# Two levels without which there is no error bar at all may take longer than the rest.
_PATIENCE = 3.0
_LARGEST_TRAJECTORY = 1.5e8


class OutOfTime(Exception):
    """The budget ran out within a solve."""


@dataclass(frozen=True)
class Budget:
    """Limits on seconds and unknowns; a level has ``growth`` times the cells of the one before."""

    options: FemOptions
    growth: int
    began: float = field(default_factory=clock.perf_counter)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.options.budget_seconds - (clock.perf_counter() - self.began)

    def check(self, level: int) -> None:
        """Raises ``OutOfTime`` where a solve on a level has to end."""
        patience = _PATIENCE if level < 2 else 1.0
        if self.left < (1 - patience) * self.options.budget_seconds:
            raise OutOfTime

    def limit(self, level: int, solution: DiscreteField, spent: float) -> str:
        """Why no level follows one that took ``spent`` seconds; empty where one does."""
        if level and self._dearer(solution) * spent > self.left:
            return f"another level would exceed the budget of {self.options.budget_seconds:g} s"
        if self.growth * solution.product.size > self.options.max_dofs:
            return f"another level would exceed {self.options.max_dofs} degrees of freedom"
        held = solution.trajectory.nodes.size if solution.trajectory is not None else 0
        if 2 * self.growth * held > _LARGEST_TRAJECTORY:
            return "another level would not fit into memory"
        return ""

    def cheap(self, solution: DiscreteField, spent: float) -> bool:
        """Whether the next level is hardly felt, so that one need not ask what it is good for."""
        return self._dearer(solution) * spent < _FELT * self.options.budget_seconds

    def levels_left(self, solution: DiscreteField, spent: float) -> int:
        """How many more levels there is room for."""
        levels, size, left = 0, self.growth * solution.product.size, self.left
        spent *= self._dearer(solution)
        while spent < left and size <= self.options.max_dofs:
            levels, size, left = levels + 1, self.growth * size, left - spent
            spent *= self._dearer(solution)
        return levels

    def room(self, solution: DiscreteField, spent: float) -> float:
        """How many times larger a first mesh may be for all ``LEVELS`` to come within the limits."""
        dearer = self._dearer(solution)
        seconds = spent * sum(dearer**k for k in range(LEVELS)) * _FILL
        unknowns = self.growth ** (LEVELS - 1) * solution.product.size
        return min(self.options.max_dofs / unknowns, self.left / seconds)

    def _dearer(self, solution: DiscreteField) -> float:
        """What a level costs, by what the one before did; steps in time are halved too."""
        return _FILL * self.growth * (1 if solution.trajectory is None else 2)
