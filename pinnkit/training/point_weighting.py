"""Weights of single points, and multipliers of conditions at them."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .least_squares import LeastSquares
from .resampling import Samples
from .weighting import AbstractRule, Terms, at_sample, candidate_residuals, weighted, with_blocks


class PointWeights(eqx.Module):
    """One number for each candidate of each block, each (N,)."""

    values: Terms


class AbstractPointWeighting(AbstractRule):
    """Starts from equal weights."""

    def start(self, problem: LeastSquares, theta: Array) -> PointWeights:
        counts = [jax.tree.leaves(block.candidates)[0].shape[0] for block in problem.blocks]
        return PointWeights(tuple(jnp.ones(count, theta.dtype) for count in counts))

    def figures(self, problem: LeastSquares, state: PointWeights) -> dict[str, float]:
        return {
            f"point_weight_{block.name}": float(jnp.max(values) / jnp.mean(values))
            for block, values in zip(problem.blocks, state.values, strict=True)
            if values.size > 1
        }


class ResidualAttention(AbstractPointWeighting):
    """λᵢ ← γ λᵢ + (1 − γ) |rᵢ|/max|r| and weights λᵢ²/mean(λ²), so that a block's share of the loss stays.

    γ is the ``memory``. Source: Anagnostopoulos, Toscano, Stergiopulos & Karniadakis, Comput. Methods Appl.
    Mech. Eng. 421 (2024), whose η/(1 − γ) cancels here.
    """

    name: ClassVar[str] = "residual_attention"
    summary: ClassVar[str] = "points whose residual stays large are raised, and forgotten once it is small"

    every: int = eqx.field(default=100, static=True)
    memory: float = eqx.field(default=0.9, static=True)

    def update(self, problem: LeastSquares, theta: Array, state: PointWeights) -> PointWeights:
        sizes = [jnp.linalg.norm(r, axis=1) for r in candidate_residuals(problem, theta)]
        shares = [jnp.where(jnp.max(s) > 0, s / jnp.maximum(jnp.max(s), _tiny(s)), 1.0) for s in sizes]
        return PointWeights(
            tuple(
                self.memory * before + (1 - self.memory) * share
                for before, share in zip(state.values, shares, strict=True)
            )
        )

    def apply(self, problem: LeastSquares, state: PointWeights, samples: Samples) -> LeastSquares:
        return with_blocks(
            problem,
            [
                weighted(block, points=at_sample(values**2 / jnp.mean(values**2), sample))
                for block, values, sample in zip(problem.blocks, state.values, samples, strict=True)
            ],
        )


class SelfAdaptive(AbstractPointWeighting):
    """λᵢ ← λᵢ + η w rᵢ²/L̄: weights climb the loss's gradient in λ while the network descends it.

    L̄ is the mean of the blocks' losses, so that η is without units; blocks that weigh more in the loss rise
    more, and no weight ever falls. Source: McClenny & Braga-Neto, J. Comput. Phys. 474 (2023).
    """

    name: ClassVar[str] = "self_adaptive"
    summary: ClassVar[str] = "weights of points and blocks climb as long as their residual is not met"

    every: int = eqx.field(default=100, static=True)
    rate: float = eqx.field(default=0.1, static=True)

    def update(self, problem: LeastSquares, theta: Array, state: PointWeights) -> PointWeights:
        residuals = candidate_residuals(problem, theta)
        squares = [
            jnp.sum(block.weight * residual**2, 1)
            for block, residual in zip(problem.blocks, residuals, strict=True)
        ]
        mean = jnp.mean(jnp.stack([jnp.mean(square) for square in squares]))
        scale = self.rate / jnp.maximum(mean, _tiny(mean))
        return PointWeights(
            tuple(before + scale * square for before, square in zip(state.values, squares, strict=True))
        )

    def apply(self, problem: LeastSquares, state: PointWeights, samples: Samples) -> LeastSquares:
        return with_blocks(
            problem,
            [
                weighted(block, factor=jnp.mean(values), points=at_sample(values / jnp.mean(values), sample))
                for block, values, sample in zip(problem.blocks, state.values, samples, strict=True)
            ],
        )


class Multipliers(eqx.Module):
    """The factor of the penalty, and λ/(2μ) at each candidate, (N, m), for every block."""

    factor: Array
    shifts: Terms


class AugmentedLagrangian(AbstractRule):
    """Conditions h by multipliers: L = f + μ mean(h²) + mean(λ h), λ ← λ + 2μ h, μ ← β μ up to a limit.

    With the square completed the last two terms are μ mean((h + λ/2μ)²), that is, rows shifted by s = λ/2μ
    with s ← (s + h)/β. Only blocks of conditions are touched; their declared weight is the first μ. Sources:
    Powell (1969); Lu, Pestourie, Yao, Wang, Verdugo & Johnson, SIAM J. Sci. Comput. 43 (2021).
    """

    name: ClassVar[str] = "augmented_lagrangian"
    summary: ClassVar[str] = "conditions are met by multipliers, not by a large weight alone"

    every: int = eqx.field(default=500, static=True)
    growth: float = eqx.field(default=2.0, static=True)
    limit: float = eqx.field(default=1e4, static=True)

    def start(self, problem: LeastSquares, theta: Array) -> Multipliers:
        return Multipliers(
            jnp.ones((), theta.dtype),
            tuple(jnp.zeros_like(residual) for residual in candidate_residuals(problem, theta)),
        )

    def update(self, problem: LeastSquares, theta: Array, state: Multipliers) -> Multipliers:
        growth = jnp.clip(self.limit / state.factor, 1.0, self.growth)
        shifts = tuple(
            (shift + residual) / growth
            for shift, residual in zip(state.shifts, candidate_residuals(problem, theta), strict=True)
        )
        return Multipliers(growth * state.factor, shifts)

    def apply(self, problem: LeastSquares, state: Multipliers, samples: Samples) -> LeastSquares:
        return with_blocks(
            problem,
            [
                weighted(block, factor=state.factor, shift=at_sample(shift, sample))
                if block.condition
                else block
                for block, shift, sample in zip(problem.blocks, state.shifts, samples, strict=True)
            ],
        )

    def figures(self, problem: LeastSquares, state: Multipliers) -> dict[str, float]:
        return {
            f"multiplier_{block.name}": float(
                2 * jnp.max(block.weight) * state.factor * jnp.sqrt(jnp.mean(shift**2))
            )
            for block, shift in zip(problem.blocks, state.shifts, strict=True)
            if block.condition
        }


def _tiny(values: Array) -> float:
    return float(np.finfo(values.dtype).tiny)
