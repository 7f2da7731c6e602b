"""Points of the domain and of conditions, each drawn from its own stream of the seed."""

from __future__ import annotations

import numpy as np

from ..declare.conditions import AnyCondition, Initial, InitialRate, PointValue
from ..declare.problem import Problem
from ..geometry.sampling import Method, boundary, interior, tensor_grid


class Draws:
    """One stream after the other: the same calls in the same order give the same points."""

    def __init__(self, problem: Problem, sampling: Method, seed: int):
        self._problem, self._sampling = problem, sampling
        self._seeds = (int(s) for s in np.random.SeedSequence(seed).generate_state(1000))
        self._time = (problem.time.start, problem.time.end) if problem.time is not None else None

    def interior(self, count: int) -> np.ndarray:
        """Points (count, d) inside the domain (and the time interval)."""
        return interior(self._problem.domain, count, next(self._seeds), self._sampling, self._time)

    def grid(self, count: int) -> tuple[np.ndarray, tuple[int, ...]] | None:
        """At least ``count`` points of the domain (and the time interval) that are a whole tensor grid, with
        the number along each axis; None where points are drawn otherwise, or the domain is no box.
        """
        return tensor_grid(self._problem.domain, count, self._time) if self._sampling == "grid" else None

    def condition(
        self, condition: AnyCondition, count: int, pool: int = 1
    ) -> tuple[np.ndarray, np.ndarray | None, int]:
        """Points where a condition holds, ``pool`` for each one wanted; normals on boundaries; how many.

        The end points of a line and a single point are all there is of them, whatever the count.
        """
        problem = self._problem
        if isinstance(condition, PointValue):
            return np.array([condition.at], float), None, 1
        if isinstance(condition, (Initial, InitialRate)):
            x = interior(problem.domain, count * pool, next(self._seeds), self._sampling)
            return np.column_stack([x, np.full(len(x), problem.time.start)]), None, count
        if problem.domain.dimension == 1 and self._time is None:
            count, pool = len(problem.domain.pieces_of(condition.where)), 1
        x, normals = boundary(
            problem.domain, condition.where, count * pool, next(self._seeds), self._sampling, self._time
        )
        return x, normals, count
