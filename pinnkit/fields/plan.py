"""What a pass through a network costs with a set of derivatives, and what follows: the choice among sets of
derivatives that serve a residual alike, and how many points a pass for the gradient should take at a time.

Per point, for K keys, layers of o units and i inputs, and rules with t_k terms of b factors:

    operations = Σ_layers 2 K o i  +  o Σ_k Σ_terms (b + 1)          kept numbers = Σ_layers 2 K o

The gradient does the matrix products thrice. Where what a pass keeps exceeds the cache it waits for memory,
and where it exceeds what the allocator reuses, for fresh pages: on two CPU cores both together cost more than
the operations, hence the chunks of points.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax

from .derivatives import Key, closure, partitions
from .ensemble import Ensemble

# Bytes that a pass may keep: of a CPU core's own cache, and of an accelerator's memory.
_CORE_CACHE, _ACCELERATOR = 2**21, 2**30
_FEWEST_POINTS, _POINTS_EACH = 64, 16


@dataclass(frozen=True)
class Cost:
    """Floating-point operations, and numbers kept for the gradient, for one point."""

    operations: int
    kept: int


def cost(layers: Iterable[tuple[int, ...]], needed: Iterable[Key]) -> Cost:
    """The cost of layers (outputs, inputs) with the derivatives needed and those they rest on."""
    keys = closure(frozenset(needed))
    rules = sum(len(blocks) + 1 for key in keys for _, blocks in partitions(key))
    operations = kept = 0
    for outputs, *inputs in layers:
        operations += 2 * len(keys) * outputs * sum(inputs) + outputs * rules
        kept += 2 * len(keys) * outputs
    return Cost(operations, kept)


def layers_of(module: Any) -> tuple[tuple[int, ...], ...]:
    """Shapes (outputs, inputs) of all matrices in a module, of an ensemble those of one network of a kind."""
    module = jax.tree.map(lambda part: part.first_of_each if _many(part) else part, module, is_leaf=_many)
    return tuple(leaf.shape for leaf in jax.tree.leaves(eqx.filter(module, eqx.is_array)) if leaf.ndim == 2)


def points_at_once(module: Any, needed: Iterable[Key]) -> int:
    """How many points a pass for the gradient takes, for it to stay in cache or in memory."""
    leaves = jax.tree.leaves(eqx.filter(module, eqx.is_inexact_array))
    size = leaves[0].dtype.itemsize * cost(layers_of(module), needed).kept
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    room = _CORE_CACHE * cores if jax.default_backend() == "cpu" else _ACCELERATOR
    # every pass fills up a block of rows for each network of an ensemble; to leave the cache costs more than
    # blocks that are half empty
    many = [part.size for part in jax.tree.leaves(module, is_leaf=_many) if _many(part)]
    fewest = max(_FEWEST_POINTS, _POINTS_EACH * max(many, default=0))
    return max(fewest, room // max(size, 1))


def _many(part: Any) -> bool:
    return isinstance(part, Ensemble)
