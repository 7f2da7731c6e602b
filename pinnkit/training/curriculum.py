"""A curriculum: training passes through values of a parameter, each started from the last one's fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .least_squares import Block, LeastSquares
from .resampling import Samples
from .weighting import AbstractRule, with_blocks


class Curriculum(AbstractRule):
    """Puts the next of ``values`` for a parameter into one block at each update, the declared one last.

    The value is data at the block's points, so that nothing is compiled anew. The loss that training is
    judged and ended by has the declared value throughout. Source: Krishnapriyan, Gholami, Zhe, Kirby &
    Mahoney, Adv. Neural Inf. Process. Syst. 34 (2021), section 4.
    """

    name: ClassVar[str] = "curriculum"
    summary: ClassVar[str] = "a parameter goes through given values up to the declared one"

    block: str = eqx.field(static=True, kw_only=True)
    parameter: str = eqx.field(static=True, kw_only=True)
    values: tuple[float, ...] = eqx.field(static=True, kw_only=True)
    put: Callable[[Any, Array], Any] = eqx.field(static=True, kw_only=True)  # (points, value) → points
    every: int = eqx.field(default=500, static=True)

    def start(self, problem: LeastSquares, theta: Array) -> Array:
        return jnp.zeros((), jnp.int32)

    def update(self, problem: LeastSquares, theta: Array, state: Array) -> Array:
        return jnp.minimum(state + 1, len(self.values) - 1)

    def apply(self, problem: LeastSquares, state: Array, samples: Samples) -> LeastSquares:
        value = jnp.asarray(self.values)[state]

        def changed(block: Block) -> Block:
            pool = None if block.pool is None else self.put(block.pool, value)
            return eqx.tree_at(
                lambda b: (b.points, b.pool), block, (self.put(block.points, value), pool),
                is_leaf=lambda leaf: leaf is None,
            )  # fmt: skip

        return with_blocks(
            problem, [changed(block) if block.name == self.block else block for block in problem.blocks]
        )

    def figures(self, problem: LeastSquares, state: Array) -> dict[str, float]:
        return {f"curriculum_{self.parameter}": self.values[int(state)]}

    def remarks(self, state: Array) -> tuple[str, ...]:
        reached = int(state)
        if reached == len(self.values) - 1:
            return (f"curriculum: {self.parameter} went through {', '.join(f'{v:g}' for v in self.values)}",)
        return (
            f"the curriculum ended at {self.parameter} = {self.values[reached]:g}, and never trained at the "
            f"declared {self.values[-1]:g}; give more iterations or time, or a smaller curriculum_every",
        )
