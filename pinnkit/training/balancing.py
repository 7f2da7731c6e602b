"""Weights that balance the terms of a loss: each component of each block is a term.

All of them raise the terms that are weak: the one that has the smallest gradient or kernel, or has fallen
least, gets the largest weight.
"""

from __future__ import annotations

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .least_squares import LeastSquares
from .resampling import Samples
from .weighting import AbstractRule, Terms, all_finite, weighted, with_blocks

_MOST_RAISED = 1e4  # a term that is met has no gradient, and would be raised without bound


class Balance(eqx.Module):
    """Factors of the declared weights, (m,) for each block."""

    factors: Terms


class AbstractBalance(AbstractRule):
    """Factors λ ← a λ + (1 − a) mean(x)/x with x a size of each term, and a the ``memory``.

    Measured on the declared loss, whose weights are thereby no more than where balancing starts from.
    """

    memory: eqx.AbstractVar[float]

    @abc.abstractmethod
    def sizes(self, problem: LeastSquares, theta: Array) -> Terms:
        """The size x of each term, (m,) for each block."""

    def start(self, problem: LeastSquares, theta: Array) -> Balance:
        factors = raised(self.sizes(problem, theta))
        finite = all_finite(factors)
        return Balance(tuple(jnp.where(finite, factor, 1.0) for factor in factors))

    def update(self, problem: LeastSquares, theta: Array, state: Balance) -> Balance:
        now = raised(self.sizes(problem, theta))
        return Balance(
            tuple(
                self.memory * before + (1 - self.memory) * after
                for before, after in zip(state.factors, now, strict=True)
            )
        )

    def apply(self, problem: LeastSquares, state: Balance, samples: Samples) -> LeastSquares:
        return with_blocks(
            problem, [weighted(b, factor=f) for b, f in zip(problem.blocks, state.factors, strict=True)]
        )


def raised(sizes: Terms) -> Terms:
    """mean(x)/x for each term, at most 10⁴; one where all are zero."""
    mean = jnp.mean(jnp.concatenate(sizes))
    return tuple(jnp.where(mean > 0, mean / jnp.maximum(x, mean / _MOST_RAISED), 1.0) for x in sizes)


class GradientNorm(AbstractBalance):
    """x = |∇L_b|: all terms pull equally hard.

    Sources: Wang, Teng & Perdikaris, SIAM J. Sci. Comput. 43 (2021); in this form Wang, Sankaran, Wang &
    Perdikaris, arXiv 2308.08468 (2023).
    """

    name: ClassVar[str] = "gradient_norm"
    summary: ClassVar[str] = "every term's gradient gets the same norm"

    every: int = eqx.field(default=100, static=True)
    memory: float = eqx.field(default=0.9, static=True)

    def sizes(self, problem: LeastSquares, theta: Array) -> Terms:
        return problem.term_gradients(theta)


class NeuralTangentKernel(AbstractBalance):
    """x = tr(K_b) with K_b = J_b J_bᵀ of the rows: all terms converge at the same mean rate.

    Source: Wang, Yu & Perdikaris, J. Comput. Phys. 449 (2022).
    """

    name: ClassVar[str] = "ntk"
    summary: ClassVar[str] = "every term's tangent kernel gets the same trace"

    every: int = eqx.field(default=500, static=True)
    memory: float = eqx.field(default=0.5, static=True)

    def sizes(self, problem: LeastSquares, theta: Array) -> Terms:
        return problem.term_traces(theta)


class RelativeBalance(eqx.Module):
    """Factors, the terms' losses at the last update and at the start, and the number of updates."""

    factors: Terms
    last: Terms
    first: Terms
    updates: Array


class ReLoBRaLo(AbstractRule):
    """Relative loss balancing with random lookback: terms that have fallen least are raised.

    λ̂(t, t′) = T softmax(L(t)/(τ L(t′))) over T terms; λ ← a (ρ λ + (1 − ρ) λ̂(t, 0)) + (1 − a) λ̂(t, t − 1)
    with ρ = 1 except once in a while. Source: Bischof & Kraus, arXiv 2110.09813 (2021).
    """

    name: ClassVar[str] = "relobralo"
    summary: ClassVar[str] = "terms that have fallen least are raised"

    every: int = eqx.field(default=100, static=True)
    memory: float = eqx.field(default=0.9, static=True)
    lookback: float = eqx.field(default=0.9, static=True)  # the mean of ρ
    temperature: float = eqx.field(default=0.1, static=True)

    def start(self, problem: LeastSquares, theta: Array) -> RelativeBalance:
        losses = problem.term_losses(theta)
        return RelativeBalance(
            tuple(jnp.ones_like(loss) for loss in losses), losses, losses, jnp.zeros((), jnp.int32)
        )

    def update(self, problem: LeastSquares, theta: Array, state: RelativeBalance) -> RelativeBalance:
        losses = problem.term_losses(theta)
        key = jax.random.fold_in(jax.random.key(0), state.updates)
        keep = jax.random.bernoulli(key, self.lookback)
        since_start, since_last = self._shares(losses, state.first), self._shares(losses, state.last)
        factors = tuple(
            self.memory * jnp.where(keep, before, start) + (1 - self.memory) * last
            for before, start, last in zip(state.factors, since_start, since_last, strict=True)
        )
        return RelativeBalance(factors, losses, state.first, state.updates + 1)

    def apply(self, problem: LeastSquares, state: RelativeBalance, samples: Samples) -> LeastSquares:
        return with_blocks(
            problem, [weighted(b, factor=f) for b, f in zip(problem.blocks, state.factors, strict=True)]
        )

    def _shares(self, losses: Terms, before: Terms) -> Terms:
        now, then = jnp.concatenate(losses), jnp.concatenate(before)
        # a term that was already met has not risen
        ratio = jnp.where(then > 0, now / jnp.where(then > 0, then, 1.0), 0.0)
        shares = ratio.size * jax.nn.softmax(ratio / self.temperature)
        ends = [sum(loss.size for loss in losses[: k + 1]) for k in range(len(losses) - 1)]
        return tuple(jnp.split(shares, ends))
