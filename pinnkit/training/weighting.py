"""What a weighting rule is: a pure function of the blocks, applied between the chunks of training.

A rule changes no residual. It multiplies the weight of a block's components, weights its points, or shifts
its rows; all three are folded into the rows, so that every optimiser sees the same changed problem. Its
state is a pytree of arrays, kept in the checkpoint.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .least_squares import Block, LeastSquares
from .resampling import Samples

PyTree = Any
Terms = tuple[Array, ...]


class AbstractRule(eqx.Module):
    """``start``, ``update`` and ``apply`` are pure and jit-able; the options are static.

    ``every`` is the number of iterations between updates; a stage's end is an update too. Rules that keep
    something for each point keep it for each candidate of a block, and it outlives a redraw.
    """

    name: eqx.AbstractClassVar[str]
    summary: eqx.AbstractClassVar[str]
    every: eqx.AbstractVar[int]

    @abc.abstractmethod
    def start(self, problem: LeastSquares, theta: Array) -> Any:
        """The state before the first iteration."""

    @abc.abstractmethod
    def update(self, problem: LeastSquares, theta: Array, state: Any) -> Any:
        """The state after some iterations; ``problem`` is the one that ``apply`` is going to change."""

    @abc.abstractmethod
    def apply(self, problem: LeastSquares, state: Any, samples: Samples) -> LeastSquares:
        """The problem with the rule's weights; ``samples`` say which candidates its points are."""

    def figures(self, problem: LeastSquares, state: Any) -> dict[str, float]:
        """What the history keeps of the state beside the weights of the blocks."""
        return {}

    def remarks(self, state: Any) -> tuple[str, ...]:
        """What the report should say of the state at the end of training."""
        return ()


Rules = Sequence[AbstractRule]


@eqx.filter_jit
def start_rules(problem: LeastSquares, rules: Rules, theta: Array, samples: Samples) -> tuple[Any, ...]:
    """The state of every rule before the first iteration."""
    states = []
    for rule in rules:
        states.append(rule.start(problem, theta))
        problem = rule.apply(problem, states[-1], samples)
    return tuple(states)


@eqx.filter_jit
def update_rules(
    problem: LeastSquares, rules: Rules, theta: Array, states: Sequence[Any], due: tuple[bool, ...],
    samples: Samples,
) -> tuple[Any, ...]:  # fmt: skip
    """The states after an update of the rules that are due; each sees the blocks as those before left them.

    An update that is not finite is not made.
    """
    new = []
    for rule, state, wanted in zip(rules, states, due, strict=True):
        if wanted:
            updated = rule.update(problem, theta, state)
            finite = all_finite(updated)
            state = jax.tree.map(lambda new, old, ok=finite: jnp.where(ok, new, old), updated, state)
        new.append(state)
        problem = rule.apply(problem, state, samples)
    return tuple(new)


def apply_rules(problem: LeastSquares, rules: Rules, states: Sequence[Any], samples: Samples) -> LeastSquares:
    """The problem as optimisers see it: all rules applied in their order."""
    for rule, state in zip(rules, states, strict=True):
        problem = rule.apply(problem, state, samples)
    return problem


def rule_figures(
    problem: LeastSquares, rules: Rules, states: Sequence[Any], samples: Samples
) -> dict[str, float]:
    """Columns of the history: the weight of each component of each block, and each rule's own figures."""
    columns: dict[str, float] = {}
    for block in apply_rules(problem, rules, states, samples).blocks if rules else ():
        weights = np.atleast_1d(np.asarray(block.weight))
        for number, weight in enumerate(weights):
            columns[f"weight_{block.name}" + (f" {number + 1}" if len(weights) > 1 else "")] = float(weight)
    for rule, state in zip(rules, states, strict=True):
        columns |= rule.figures(problem, state)
    return columns


def all_finite(tree: PyTree) -> Array:
    """Whether every number of every leaf is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def weighted(
    block: Block, factor: Array | None = None, points: Array | None = None, shift: Array | None = None
) -> Block:
    """The block with its weight and the weights of its points multiplied, and its rows shifted."""
    if factor is not None:
        block = dataclasses.replace(block, weight=block.weight * factor)
    if points is not None:
        before = 1.0 if block.point_weights is None else block.point_weights
        block = dataclasses.replace(block, point_weights=before * points)
    return block if shift is None else dataclasses.replace(block, shift=shift)


def with_blocks(problem: LeastSquares, blocks: Sequence[Block]) -> LeastSquares:
    """The same fields with other blocks."""
    return eqx.tree_at(lambda p: p.blocks, problem, tuple(blocks))


def at_sample(values: Array, sample: Any) -> Array:
    """Values of candidates at the present points."""
    return values if sample is None else values[sample.positions]


def candidate_residuals(problem: LeastSquares, theta: Array) -> Terms:
    """Unweighted residuals at all candidates of each block, each (N, m)."""
    return tuple(problem.values(block, theta, block.candidates) for block in problem.blocks)
