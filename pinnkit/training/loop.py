"""The one training loop: a schedule of optimisers in compiled chunks, with redraws, rollback and checkpoints.

The loop is a deterministic function of its saved state, so a run that was stopped and resumed takes the
same steps as one that was not. It knows nothing of references: it reports to callbacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import numpy as np

from .checkpoint import Arrays, Run, Stage, restored, saved
from .least_squares import LeastSquares
from .optimiser import NONFINITE, RUNNING, STAGNATED, AbstractOptimiser, describe, run_chunk
from .resampling import at_positions, draw_by_residual

PyTree = Any
_MOST_RESETS = 2


@dataclass(frozen=True)
class Progress:
    """What a callback learns after each chunk; ``fields()`` builds the present fields on demand."""

    stage: str
    iteration: int
    total: int
    loss: float
    block_losses: Mapping[str, float]
    seconds: float
    fields: Callable[[], PyTree]


@dataclass(frozen=True)
class Callbacks:
    """What the loop tells: ``progress`` after each chunk, ``save`` with arrays and metadata to keep."""

    progress: Callable[[Progress], None] = lambda progress: None
    save: Callable[[Arrays, dict[str, Any]], None] | None = None
    save_seconds: float = 10.0


@dataclass(frozen=True)
class TrainResult:
    """The fields at the end, the history, and how it ended, in words."""

    fields: PyTree
    loss: float
    iterations: int
    history: Mapping[str, np.ndarray]
    seconds: float
    failed: bool
    message: str
    notes: tuple[str, ...] = ()


class TrainingInterrupted(KeyboardInterrupt):
    """Stopped by the user; the state after the last complete chunk was handed to ``save``."""


def train(
    problem: LeastSquares,
    schedule: Sequence[Stage],
    *,
    seed: int,
    chunk: int = 100,
    redraw_every: int = 500,
    tolerance: float = 0.0,
    time_limit: float | None = None,
    callbacks: Callbacks | None = None,
    resume: tuple[Arrays, dict[str, Any]] | None = None,
) -> TrainResult:
    """Minimise the loss stage by stage; points with a pool are redrawn every ``redraw_every`` iterations.

    Ends before the schedule does when √(loss / first loss) ≤ ``tolerance``, or at ``time_limit`` seconds.
    ``resume`` takes what ``save`` was given; raises ``ValueError`` where that belongs to another problem
    or schedule. Raises ``TrainingInterrupted`` on Ctrl-C, after saving.
    """
    callbacks = callbacks or Callbacks()
    key = jax.random.fold_in(jax.random.key(seed), 7)
    if resume:
        run = restored(problem, schedule, resume)
        problem = at_positions(problem, run.chosen)
    else:
        run = Run(problem.theta, (None,) * len(problem.blocks))
    started = time.perf_counter() - run.seconds
    last_save = time.perf_counter()
    failed, message = False, ""
    try:
        while run.stage < len(schedule) and not (message := _reached(run, tolerance, time_limit)):
            stage, objective = schedule[run.stage], _objective(problem)
            if run.state is None:
                state = _init(stage.optimiser, objective, run.theta)
                first = float(state.loss) if np.isnan(run.first_loss) else run.first_loss
                run = replace(run, state=state, first_loss=first)
            wanted = min(chunk, stage.iterations - run.taken)
            theta, state, losses = run_chunk(stage.optimiser, objective, run.theta, run.state, wanted)
            after = run.after(theta, state, losses, time.perf_counter() - started)
            if int(state.status) == NONFINITE:
                run, failed = after, True
                message = f"{stage.optimiser.name}: {describe(NONFINITE)}"
                break
            progress = _progress(problem, after, schedule)
            problem, run = _go_on(problem, after, stage, len(losses), redraw_every, key)
            callbacks.progress(progress)
            if callbacks.save and time.perf_counter() - last_save > callbacks.save_seconds:
                callbacks.save(*saved(problem, run, schedule))
                last_save = time.perf_counter()
    except KeyboardInterrupt as cause:
        if callbacks.save:
            callbacks.save(*saved(problem, run, schedule))
        raise TrainingInterrupted from cause
    final = float(_loss(problem, run.theta))
    if not failed and not (final < 0.5 * run.first_loss or final < 1e-12):
        failed = True
        reason = message or describe(STAGNATED)
        message = f"the loss went from {run.first_loss:.3g} to {final:.3g} only: {reason}"
    if callbacks.save:
        callbacks.save(*saved(problem, run, schedule))
    return TrainResult(
        problem.with_theta(run.theta),
        final,
        run.iterations,
        run.history,
        run.seconds,
        failed,
        message or "all stages were run through",
        run.notes,
    )


def _go_on(
    problem: LeastSquares, run: Run, stage: Stage, last: int, redraw_every: int, key: jax.Array
) -> tuple[LeastSquares, Run]:
    """What follows from a chunk of ``last`` iterations: the next stage, a reset, a redraw, or nothing."""
    status = int(run.state.status)
    hopeful = status == STAGNATED and run.resets < _MOST_RESETS and last > 1
    if status != RUNNING and not hopeful:
        note = f"{stage.optimiser.name} after {run.taken} iterations: {describe(status)}"
        return problem, replace(run, notes=(*run.notes, note)).next_stage()
    if run.taken >= stage.iterations:
        return problem, run.next_stage()
    if hopeful:
        # a fresh sample and fresh curvature often free a stuck line search; not for ever
        problem, run = _redraw(problem, run, key)
        state = _init(stage.optimiser, _objective(problem), run.theta)
        return problem, replace(run, state=state, resets=run.resets + 1)
    due = redraw_every > 0 and run.taken // redraw_every > (run.taken - last) // redraw_every
    if due and any(block.pool is not None for block in problem.blocks):
        problem, run = _redraw(problem, run, key)
        state = _restart(stage.optimiser, _objective(problem), run.theta, run.state)
        return problem, replace(run, state=state)
    return problem, run


def _redraw(problem: LeastSquares, run: Run, key: jax.Array) -> tuple[LeastSquares, Run]:
    draws = run.draws + 1
    chosen = draw_by_residual(problem, run.theta, jax.random.fold_in(key, draws))
    return at_positions(problem, chosen), replace(run, draws=draws, chosen=chosen)


def _objective(problem: LeastSquares) -> LeastSquares:
    """The problem as optimisers see it: without the pools, which no step reads."""
    return eqx.tree_at(
        lambda p: [block.pool for block in p.blocks],
        problem,
        [None] * len(problem.blocks),
        is_leaf=lambda leaf: leaf is None,
    )


def _reached(run: Run, tolerance: float, time_limit: float | None) -> str:
    """Why training ends before its schedule; empty where it does not."""
    if run.iterations and run.history["loss"][-1] <= tolerance**2 * run.first_loss:
        return f"the residual has fallen by the factor {tolerance:g} that was asked for"
    if time_limit is not None and run.seconds > time_limit:
        return f"the time limit of {time_limit:g} s was reached"
    return ""


@eqx.filter_jit
def _init(optimiser: AbstractOptimiser, objective: LeastSquares, theta: jax.Array) -> PyTree:
    return optimiser.init(objective, theta)


@eqx.filter_jit
def _restart(
    optimiser: AbstractOptimiser, objective: LeastSquares, theta: jax.Array, state: PyTree
) -> PyTree:
    return optimiser.restart(objective, theta, state)


@eqx.filter_jit
def _loss(problem: LeastSquares, theta: jax.Array) -> jax.Array:
    return problem.loss(theta)


@eqx.filter_jit
def _block_losses(problem: LeastSquares, theta: jax.Array) -> jax.Array:
    return problem.block_losses(theta)


def _progress(problem: LeastSquares, run: Run, schedule: Sequence[Stage]) -> Progress:
    losses = np.asarray(_block_losses(problem, run.theta))
    return Progress(
        schedule[run.stage].optimiser.name,
        run.iterations,
        sum(stage.iterations for stage in schedule),
        float(run.state.loss),
        {block.name: float(loss) for block, loss in zip(problem.blocks, losses, strict=True)},
        run.seconds,
        lambda: problem.with_theta(run.theta),
    )
