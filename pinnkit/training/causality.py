"""Causal weights: an equation in time counts only where it is met at all earlier times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .least_squares import Block, LeastSquares
from .resampling import Samples
from .weighting import AbstractRule, weighted, with_blocks

_LET_THROUGH = 0.99


class Causality(eqx.Module):
    """Weights of the time chunks (n,), the step of the steepness, and the mean square at the start."""

    weights: Array
    step: Array
    scale: Array


class CausalWeights(AbstractRule):
    """w_i = exp(−ε Σ_{k<i} L_k) with L_k the mean square in time chunk k of a block or all its parts, in
    units of its first mean over all.

    ε takes the next of ``steepness`` once the last weight has passed 0.99. Weights are constant between
    updates, so that no derivative of them is taken. Source: Wang, Sankaran & Perdikaris, Comput. Methods
    Appl. Mech. Eng. 421 (2024).
    """

    name: ClassVar[str] = "causal"
    summary: ClassVar[str] = "equations count in a time chunk once they are met before it"

    block: str = eqx.field(static=True, kw_only=True)
    times: Callable[[Any], Array] = eqx.field(static=True, kw_only=True)  # of points; inf: counts nothing
    start_time: float = eqx.field(static=True, kw_only=True)
    end_time: float = eqx.field(static=True, kw_only=True)
    chunks: int = eqx.field(default=32, static=True)
    steepness: tuple[float, ...] = eqx.field(default=(1e-2, 1e-1, 1.0, 1e1, 1e2), static=True)
    every: int = eqx.field(default=100, static=True)

    def start(self, problem: LeastSquares, theta: Array) -> Causality:
        means, mean = self._means(problem, theta)
        scale = jnp.where(jnp.isfinite(mean) & (mean > 0), mean, 1.0)
        return self._state(means / scale, jnp.zeros((), jnp.int32), scale)

    def update(self, problem: LeastSquares, theta: Array, state: Causality) -> Causality:
        means, _ = self._means(problem, theta)
        passed = self._state(means / state.scale, state.step, state.scale).weights[-1] > _LET_THROUGH
        step = jnp.minimum(state.step + passed, len(self.steepness) - 1)
        return self._state(means / state.scale, step, state.scale)

    def apply(self, problem: LeastSquares, state: Causality, samples: Samples) -> LeastSquares:
        return with_blocks(
            problem,
            [
                weighted(block, points=state.weights[self._chunk(block.points)])
                if self._meant(block)
                else block
                for block in problem.blocks
            ],
        )

    def figures(self, problem: LeastSquares, state: Causality) -> dict[str, float]:
        return {
            "causal_mean weight": float(jnp.mean(state.weights)),
            "causal_last weight": float(state.weights[-1]),
            "causal_steepness": self.steepness[int(state.step)],
        }

    def remarks(self, state: Causality) -> tuple[str, ...]:
        last, steepness = float(state.weights[-1]), self.steepness[int(state.step)]
        if last > _LET_THROUGH and steepness == self.steepness[-1]:
            return ()
        return (
            f"causal weights did not run through: at the steepness {steepness:g} (of up to "
            f"{self.steepness[-1]:g}) the last part of the time interval has the weight {last:.2g}; "
            "give more iterations or a smaller largest steepness",
        )

    def _state(self, means: Array, step: Array, scale: Array) -> Causality:
        before = jnp.cumsum(means) - means
        steepness = jnp.asarray(self.steepness, means.dtype)[step]
        return Causality(jnp.exp(-steepness * before), step, scale)

    def _means(self, problem: LeastSquares, theta: Array) -> tuple[Array, Array]:
        """Mean square of each time chunk over all candidates, zero where there are none, and of all."""
        parts = [self._totals(problem, block, theta) for block in problem.blocks if self._meant(block)]
        sums, counts = jnp.sum(jnp.stack(parts), axis=0)
        return sums / jnp.maximum(counts, 1.0), jnp.sum(sums) / jnp.sum(counts)

    def _totals(self, problem: LeastSquares, block: Block, theta: Array) -> Array:
        """Sum of squares and number of points (2, chunks) of one block."""
        squares = jnp.sum(problem.values(block, theta, block.candidates) ** 2, 1)
        counted = jnp.isfinite(self.times(block.candidates)).astype(squares.dtype)
        both = jnp.stack([squares * counted, counted], axis=1)
        return jax.ops.segment_sum(both, self._chunk(block.candidates), self.chunks).T

    def _meant(self, block: Block) -> bool:
        return self.block in (block.name, block.part_of)

    def _chunk(self, points: Any) -> Array:
        times = self.times(points)
        since = jnp.where(jnp.isfinite(times), times - self.start_time, 0.0)
        share = since / (self.end_time - self.start_time)
        return jnp.clip((self.chunks * share).astype(int), 0, self.chunks - 1)
