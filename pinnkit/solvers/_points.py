"""Residual blocks at points drawn from the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.conditions import AnyCondition
from ..declare.problem import Problem
from ..fields.collocation import Collocation, Serve, Transform, prepare
from ..fields.model import Fields
from ..forms.strong import condition_residual
from ..training.least_squares import Block
from ._collocation_options import PointsOptions
from ._draws import Draws
from ._residual import Residual


class Points:
    """Blocks at points drawn from the seed."""

    def __init__(
        self,
        problem: Problem,
        options: PointsOptions,
        transforms: Mapping[str, Transform],
        seed: int,
        serve: Serve | None = None,
    ):
        self.problem, self.options = problem, options
        self._prepare = partial(prepare, transforms, serve=serve)
        self._draws = Draws(problem, options.sampling, seed)
        self._pool = 1 if options.sampling == "grid" else options.pool  # a part of a grid is none

    def interior(self, name: str, residual: Residual, weight: float) -> Block:
        """Points inside the domain (and the time interval)."""
        count = self.options.interior
        if (found := self._draws.grid(count)) is not None:
            x, counts = found
            points = self._prepare(residual.needs, x, None, residual.varied, counts)
            return Block(name, residual, points, jnp.asarray(weight))
        x = self._draws.interior(count * self._pool)
        return self._block(name, residual, weight, x, None, count)

    def conditions(self, soft: Sequence[tuple[AnyCondition, str]], weight: float) -> list[Block]:
        """A block for each condition left to training, at points where it holds, normals on boundaries."""
        blocks = []
        for number, (condition, _) in enumerate(soft):
            expression, jets = condition_residual(condition, self.problem)
            residual = Residual(self.problem, [expression], jets)
            x, normals, count = self._draws.condition(condition, self.options.boundary, self._pool)
            label = _label(condition, number)
            blocks.append(self._block(label, residual, weight, x, normals, count, True))
        return blocks

    def observations(self, weight: float) -> list[Block]:
        """A block for each table of observations."""
        return [self._observed(number, weight) for number in range(len(self.problem.observations))]

    def _observed(self, number: int, weight: float) -> Block:
        """The points and values of the observations, in units of their spread."""
        from ..declare.measurements import read_measurements

        observations = self.problem.observations[number]
        x, values = read_measurements(observations, self.problem)
        name = observations.unknown.func.__name__
        zero = (0,) * len(self.problem.variables)
        at = self._prepare({name: (zero,)}, x)
        scale = max(float(np.std(values)), 1e-300)

        def residual(fields: Fields, points: tuple[Collocation, Array]) -> Array:
            place, measured = points
            return ((fields.jets(place, {name: (zero,)})[name, zero] - measured) / scale)[:, None]

        return Block(f"observations of {name}", residual, (at, jnp.asarray(values)), jnp.asarray(weight))

    def _block(
        self,
        name: str,
        residual: Residual,
        weight: float,
        x: np.ndarray,
        normals: np.ndarray | None,
        count: int,
        condition: bool = False,
    ) -> Block:
        pool = self._prepare(residual.needs, x, normals, residual.varied)
        points = pool.take(jnp.arange(count))
        candidates = pool if len(x) > count else None
        return Block(
            name, residual, points, jnp.asarray(weight), candidates,
            condition=condition, chunk=residual.points_at_once,
        )  # fmt: skip


def _label(condition: AnyCondition, number: int) -> str:
    kind = type(condition).__name__
    unknown = getattr(condition, "unknown", None)
    what = f" of {unknown.func.__name__}" if unknown is not None else ""
    where = f" on {condition.where}" if hasattr(condition, "where") else ""
    return f"{number + 1}. {kind}{what}{where}"
