"""Compilation of the stages to come, in a thread beside the stage that trains."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import equinox as eqx
import jax
import jax.numpy as jnp

from .arrays import Vector
from .checkpoint import Stage
from .least_squares import LeastSquares
from .optimiser import run_chunk


class Ahead:
    """Compiles the loops of all stages but the first; ``wait`` returns once a stage's is there.

    One at a time, since a second core is what most machines can spare. What goes wrong here goes wrong
    again, and is told, where the stage itself begins.
    """

    def __init__(self, schedule: Sequence[Stage], objective: LeastSquares, theta: Vector, chunk: int):
        self._settings = (jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision)
        self._pool = ThreadPoolExecutor(1, "compile ahead")
        self._stages: dict[Stage, Future[None]] = {
            stage: self._pool.submit(self._compile, stage, objective, theta, min(chunk, stage.iterations))
            for stage in schedule[1:]
            if stage != schedule[0]
        }

    def close(self) -> None:
        """Drop what has not begun, and return when what has is done."""
        self._pool.shutdown(cancel_futures=True)

    def wait(self, stage: Stage) -> None:
        """Return when the stage's loop is compiled; a stage not begun by then is left to the caller."""
        future = self._stages.pop(stage, None)
        if future is not None and not future.cancel():
            future.exception()

    def _compile(self, stage: Stage, objective: LeastSquares, theta: Vector, iterations: int) -> None:
        double, precision = self._settings
        with jax.enable_x64(double), jax.default_matmul_precision(precision):  # JAX holds both by thread
            shapes = eqx.filter_eval_shape(stage.optimiser.init, objective, theta)
            state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
            run_chunk(stage.optimiser, objective, theta, state, iterations, steps=0)
