"""Regular grids on boxes: cells between walls, nodes along periodic coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..declare.problem import Problem


@dataclass(frozen=True)
class Grid:
    """``counts`` points along each axis: centres of cells; where periodic, nodes from the lower end on."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    counts: tuple[int, ...]
    periodic: tuple[bool, ...]

    @classmethod
    def of(cls, problem: Problem, counts: tuple[int, ...]) -> Grid:
        """The grid of a problem on a box."""
        low, high = problem.domain.bounds
        wrapped = tuple(c in problem.periodic for c in problem.coordinates)
        return cls(tuple(map(float, low)), tuple(map(float, high)), counts, wrapped)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Width of a cell along each axis."""
        return tuple((b - a) / n for a, b, n in zip(self.lower, self.upper, self.counts, strict=True))

    def line(self, axis: int, pad: int = 0) -> np.ndarray:
        """Positions along an axis, with ``pad`` more beyond either end."""
        start = 0.0 if self.periodic[axis] else 0.5
        places = np.arange(-pad, self.counts[axis] + pad) + start
        return self.lower[axis] + self.spacing[axis] * places

    def mesh(self, pads: tuple[int, ...] | None = None) -> list[np.ndarray]:
        """Coordinates, one array an axis, that broadcast to the (padded) grid."""
        pads = pads or (0,) * len(self.counts)
        lines = [self.line(axis, pad) for axis, pad in enumerate(pads)]
        return list(np.meshgrid(*lines, indexing="ij", sparse=True))
