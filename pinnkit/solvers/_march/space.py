"""Features over a domain: where they stand, the points they are tested at, and finer ones where needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from ...declare.problem import Problem
from .features import Features, Index, Tables

OVERLAP = 1.3  # width of a feature in spacings: near-spectral accuracy at a condition of some thousand
_LAYERS = 4.3  # spacings beyond the boundary up to which features stand, whose tails resolve it
_CUTOFF = 1e-10  # combinations that are smaller than this part of the largest are left out
_CLOSE = 0.3  # of its own spacing: a new feature nearer than this to another is left out


class Space:
    """Features, orthonormal combinations of them, and the points at which equations are tested.

    Each feature owns a cell as wide as the spacing there; every cell holds as many points, so that points
    are as dense as features are. ``test`` (r, n) maps values at the points to the coefficients of r
    combinations, the quadrature of their products with each.
    """

    def __init__(self, problem: Problem, features: Features):
        self.problem, self.features = problem, features
        self.points, self.weights, _ = self._cells(0.0)
        zero = (0,) * len(problem.coordinates)
        values = np.sqrt(self.weights)[:, None] * features.tables(self.points, [zero])[zero]
        _, sizes, right = np.linalg.svd(values, full_matrices=False)
        kept = sizes > _CUTOFF * sizes[0]
        self.combinations = right[kept].T / sizes[kept]
        self.rank = int(kept.sum())
        self.test = (self.tables(self.points, [zero])[zero] * self.weights[:, None]).T

    @classmethod
    def lattice(cls, problem: Problem, count: int) -> Space:
        """About ``count`` features spread evenly over the domain, and some layers beyond its boundary."""
        low, high = (np.array(side) for side in problem.domain.bounds)
        spacing = float(np.prod(high - low) / count) ** (1 / len(low))
        axes, periods = [], []
        for a, coordinate in enumerate(problem.coordinates):
            length = float(high[a] - low[a])
            parts = max(4, round(length / spacing))
            repeats = coordinate in problem.periodic
            periods.append(length if repeats else 0.0)
            outside = 0 if repeats else int(_LAYERS)
            steps = np.arange(-outside, parts + (outside + 1 if not repeats else 0))
            axes.append(low[a] + length * steps / parts)
        centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(low))
        near = problem.domain.contains(_wrapped(centres, low, periods), _LAYERS * spacing)
        centres = centres[near]
        return cls(problem, Features(centres, OVERLAP * _spacing(centres, low, periods), tuple(periods)))

    def tables(self, points: np.ndarray, indices: Sequence[Index]) -> Tables:
        """∂^α of the combinations, (n, r), at points (n, d)."""
        raw = self.features.tables(points, indices)
        return {index: raw[index] @ self.combinations for index in indices}

    @cached_property
    def checks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Other points (n, d) than those of the test, with weights (n,) and owners (n,).

        Within a spacing of the boundary the residual is not tested, for there conditions rule; so it is not
        judged there either, unless a coordinate repeats, along which nothing tells its ends from the inside.
        """
        points, weights, owners = self._cells(0.5)
        if not any(self.features.periods):
            ruled = self.problem.domain.signed_distance(points) > -self._spacings[owners]
            weights = np.where(ruled, 0.0, weights)
        return points, weights, owners

    def refined(self, squares: np.ndarray, enough: float) -> Space | None:
        """More features where weighted squares (n,) at the check points are large; None where nowhere.

        A cell is split that has more than ``enough`` and belongs to those that hold all but a hundredth of
        the sum. Features stay as they are; the new ones are half as wide.
        """
        features, periods = self.features, self.features.periods
        by_cell = np.bincount(self.checks[2], squares, len(features.centres))
        order = np.argsort(-by_cell)
        held = np.cumsum(by_cell[order]) / max(by_cell.sum(), np.finfo(float).tiny)
        chosen = order[: int(np.searchsorted(held, 0.99)) + 1]
        chosen = self._with_outside(chosen[by_cell[chosen] > enough])
        spacing = self._spacings[chosen]
        corners = self._pattern(np.array([-0.5, 0.5]))
        new = features.centres[chosen, None] + spacing[:, None, None] * corners
        new = _wrapped(new.reshape(-1, corners.shape[1]), self._low, periods)
        spacing = np.repeat(spacing, len(corners))
        tree, box = _tree(np.concatenate([features.centres, new]), self._low, periods)
        kept: list[int] = []
        taken = set(range(len(features.centres)))
        for place, reach in enumerate(_CLOSE * spacing):
            position = len(features.centres) + place
            if taken.isdisjoint(tree.query_ball_point(box[position], reach)):
                kept.append(place)
                taken.add(position)
        if not kept:
            return None
        widths = np.concatenate([features.widths, OVERLAP * spacing[kept] / 2])
        return Space(self.problem, Features(np.concatenate([features.centres, new[kept]]), widths, periods))

    def _with_outside(self, chosen: np.ndarray) -> np.ndarray:
        """The features chosen, and those near them beyond the boundary, without which it is not resolved."""
        centres, periods = self.features.centres, self.features.periods
        outside = np.flatnonzero(~self.problem.domain.contains(_wrapped(centres, self._low, periods)))
        tree, box = _tree(centres, self._low, periods)
        near = tree.query_ball_point(box[chosen], _LAYERS / 2 * 1.2 * self._spacings[chosen])
        beside = np.intersect1d(np.concatenate([[], *near]).astype(int), outside)
        return np.union1d(chosen, beside).astype(int)

    @property
    def _low(self) -> np.ndarray:
        return np.array(self.problem.domain.bounds[0])

    @cached_property
    def _spacings(self) -> np.ndarray:
        return _spacing(self.features.centres, self._low, self.features.periods)

    def _pattern(self, offsets: np.ndarray) -> np.ndarray:
        d = len(self.problem.coordinates)
        return np.stack(np.meshgrid(*[offsets] * d, indexing="ij"), axis=-1).reshape(-1, d)

    def _cells(self, shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (n, d), weights (n,) of their quadrature and the feature (n,) that owns each.

        On a line, cells end midway between features and hold Gauss points, which makes the products exact
        that stability rests on: ∫ v v'' = −∫ v'² for v = 0 at both ends. ``shift`` gives other points.
        """
        centres, spacing = self.features.centres, self._spacings
        if centres.shape[1] == 1:
            return self._gauss(4 if shift else 3)
        each = 2
        pattern = self._pattern((np.arange(each) + 0.5 + shift) / each - 0.5)
        points = (centres[:, None] + spacing[:, None, None] * pattern).reshape(-1, centres.shape[1])
        points = _wrapped(points, self._low, self.features.periods)
        weights = np.repeat(spacing ** centres.shape[1] / len(pattern), len(pattern))
        inside = self.problem.domain.contains(points)
        return points[inside], weights[inside], np.repeat(np.arange(len(centres)), len(pattern))[inside]

    def _gauss(self, each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        (low, *_), (high, *_) = self.problem.domain.bounds
        centres, period = self.features.centres[:, 0], self.features.periods[0]
        owners = np.argsort(centres)
        middle = centres[owners]
        if period:
            middle = np.concatenate([middle[-1:] - period, middle, middle[:1] + period])
            edges = (middle[1:] + middle[:-1]) / 2
        else:
            edges = np.concatenate([[low], np.clip((middle[1:] + middle[:-1]) / 2, low, high), [high]])
        nodes, shares = np.polynomial.legendre.leggauss(each)
        lengths = np.diff(edges)
        points = (edges[:-1, None] + lengths[:, None] * (nodes + 1) / 2).reshape(-1, 1)
        weights = (lengths[:, None] * shares / 2).ravel()
        kept = weights > 0
        points = _wrapped(points, self._low, self.features.periods)
        return points[kept], weights[kept], np.repeat(owners, each)[kept]


def _wrapped(points: np.ndarray, low: np.ndarray, periods: Sequence[float]) -> np.ndarray:
    """Points moved by whole periods into the domain."""
    points = points.copy()
    for axis, period in enumerate(periods):
        if period:
            points[:, axis] = low[axis] + np.mod(points[:, axis] - low[axis], period)
    return points


def _tree(
    centres: np.ndarray, low: np.ndarray, periods: Sequence[float]
) -> tuple[cKDTree, np.ndarray]:
    """A tree on the box that repeats along periods, with the points in its coordinates."""
    box = _wrapped(centres, low, periods) - np.where(periods, low, np.min(centres, axis=0))
    size = np.where(periods, periods, 10 * (np.max(box, axis=0) + 1))
    return cKDTree(box, boxsize=size), box


def _spacing(centres: np.ndarray, low: np.ndarray, periods: Sequence[float]) -> np.ndarray:
    """Mean distance to the 2d nearest centres, (N,)."""
    tree, box = _tree(centres, low, periods)
    distances, _ = tree.query(box, k=2 * centres.shape[1] + 1)
    return np.mean(distances[:, 1:], axis=1)
