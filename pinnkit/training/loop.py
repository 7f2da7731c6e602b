"""The one training loop: a schedule of optimisers in compiled chunks, with redraws, rollback and checkpoints.

The loop is a deterministic function of its saved state, so a run that was stopped and resumed takes the
same steps as one that was not. It knows nothing of references: it reports to callbacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .least_squares import LeastSquares
from .optimiser import CONVERGED, NONFINITE, RUNNING, STAGNATED, AbstractOptimiser, describe, run_chunk
from .resampling import at_positions, draw_by_residual

PyTree = Any
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Stage:
    """One optimiser and the number of iterations it is given."""

    optimiser: AbstractOptimiser
    iterations: int


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
    """The best fields found, the history, and how it ended, in words."""

    fields: PyTree
    loss: float
    iterations: int
    history: Mapping[str, np.ndarray]
    seconds: float
    failed: bool
    message: str
    notes: tuple[str, ...] = ()


class TrainingInterrupted(KeyboardInterrupt):
    """Stopped by the user; the state of the last complete chunk was handed to ``save``."""


@dataclass
class _Run:
    """Everything that changes while training; what ``save`` keeps and ``resume`` reads."""

    theta: jax.Array
    state: PyTree = None
    stage: int = 0
    taken: int = 0
    draws: int = 0
    seconds: float = 0.0
    first_loss: float = float("nan")
    resets: int = 0
    chosen: tuple[Any, ...] = ()
    history: dict[str, list[float]] = field(
        default_factory=lambda: {"iteration": [], "loss": [], "stage": [], "seconds": []}
    )
    notes: list[str] = field(default_factory=list)


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
    ``resume`` takes what ``save`` was given. Raises ``TrainingInterrupted`` on Ctrl-C, after saving.
    """
    callbacks = callbacks or Callbacks()
    key = jax.random.fold_in(jax.random.key(seed), 7)
    run = _restore(problem, schedule, resume) if resume else _Run(problem.theta)
    if resume:
        problem = at_positions(problem, run.chosen)
    started = time.perf_counter() - run.seconds
    last_save = time.perf_counter()
    total = sum(stage.iterations for stage in schedule)
    failed, message = False, ""
    objective = _objective(problem)
    try:
        while run.stage < len(schedule) and not failed:
            stage = schedule[run.stage]
            if run.state is None:
                run.state = _init(stage.optimiser, objective, run.theta)
            if np.isnan(run.first_loss):
                run.first_loss = float(run.state.loss)
            while run.taken < stage.iterations:
                wanted = min(chunk, stage.iterations - run.taken)
                before = run.theta
                run.theta, run.state, losses = run_chunk(
                    stage.optimiser, objective, run.theta, run.state, wanted
                )
                run.taken += len(losses)
                run.seconds = time.perf_counter() - started
                _record(run, schedule, losses)
                status = int(run.state.status)
                if status == NONFINITE:
                    run.theta = before
                    failed, message = True, f"{stage.optimiser.name}: {describe(status)}"
                    break
                _report(callbacks, problem, run, schedule, total)
                if status == STAGNATED and run.resets < 2 and len(losses) > 1:
                    # a fresh sample or fresh curvature often frees a stuck line search; twice, not for ever
                    run.resets += 1
                    problem = _redraw(problem, run, key)
                    objective = _objective(problem)
                    run.state = _init(stage.optimiser, objective, run.theta)
                elif status != RUNNING:
                    run.notes.append(
                        f"{stage.optimiser.name} after {run.taken} iterations: {describe(status)}"
                    )
                    break
                elif run.taken < stage.iterations and _due(run.taken, len(losses), redraw_every):
                    redrawn = _redraw(problem, run, key)
                    if redrawn is not problem:
                        problem = redrawn
                        objective = _objective(problem)
                        run.state = _restart(stage.optimiser, objective, run.theta, run.state)
                if callbacks.save and time.perf_counter() - last_save > callbacks.save_seconds:
                    callbacks.save(*_saved(run, schedule))
                    last_save = time.perf_counter()
                if _reached(run, tolerance, time_limit):
                    break
            if failed or _reached(run, tolerance, time_limit):
                break
            run.stage, run.taken, run.state, run.resets = run.stage + 1, 0, None, 0
    except KeyboardInterrupt as cause:
        if callbacks.save:
            callbacks.save(*_saved(run, schedule))
        raise TrainingInterrupted from cause
    final = float(_loss(problem, run.theta))
    if not failed and not (final < 0.5 * run.first_loss or final < 1e-12):
        failed = True
        message = f"the loss went from {run.first_loss:.3g} to {final:.3g} only: " + describe(STAGNATED)
    if callbacks.save:
        callbacks.save(*_saved(run, schedule))
    history = {name: np.asarray(values) for name, values in run.history.items()}
    return TrainResult(
        problem.with_theta(run.theta),
        final,
        len(history["loss"]),
        history,
        run.seconds,
        failed,
        message or describe(CONVERGED if final < 1e-12 else RUNNING),
        tuple(run.notes),
    )


def _objective(problem: LeastSquares) -> LeastSquares:
    """The problem as optimisers see it: without the pools, which no step reads."""
    return eqx.tree_at(
        lambda p: [block.pool for block in p.blocks],
        problem,
        [None] * len(problem.blocks),
        is_leaf=lambda leaf: leaf is None,
    )


def _reached(run: _Run, tolerance: float, time_limit: float | None) -> bool:
    """Whether training may end before its schedule; the last loss counts, not one at old points."""
    if run.history["loss"] and run.history["loss"][-1] <= tolerance**2 * run.first_loss:
        return True
    return time_limit is not None and run.seconds > time_limit


def _due(taken: int, last: int, every: int) -> bool:
    return every > 0 and taken // every > (taken - last) // every


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


def _redraw(problem: LeastSquares, run: _Run, key: jax.Array) -> LeastSquares:
    run.draws += 1
    if all(block.pool is None for block in problem.blocks):
        return problem
    run.chosen = draw_by_residual(problem, run.theta, jax.random.fold_in(key, run.draws))
    return at_positions(problem, run.chosen)


def _record(run: _Run, schedule: Sequence[Stage], losses: np.ndarray) -> None:
    start = len(run.history["loss"])
    run.history["iteration"] += list(range(start + 1, start + 1 + len(losses)))
    run.history["loss"] += losses.tolist()
    run.history["stage"] += [run.stage] * len(losses)
    run.history["seconds"] += [run.seconds] * len(losses)


def _report(
    callbacks: Callbacks, problem: LeastSquares, run: _Run, schedule: Sequence[Stage], total: int
) -> None:
    theta = run.theta
    losses = np.asarray(_block_losses(problem, theta))
    callbacks.progress(
        Progress(
            schedule[run.stage].optimiser.name,
            len(run.history["loss"]),
            total,
            float(run.state.loss),
            {block.name: float(loss) for block, loss in zip(problem.blocks, losses, strict=True)},
            run.seconds,
            lambda: problem.with_theta(theta),
        )
    )


def _saved(run: _Run, schedule: Sequence[Stage]) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and metadata from which the run goes on, bit for bit."""
    arrays: Arrays = {"theta": np.asarray(run.theta)}
    for position, leaf in enumerate(jax.tree.leaves(run.state)):
        arrays[f"state_{position}"] = np.asarray(leaf)
    for position, where in enumerate(run.chosen):
        if where is not None:
            arrays[f"chosen_{position}"] = np.asarray(where)
    for name, values in run.history.items():
        arrays[f"history_{name}"] = np.asarray(values)
    metadata = {
        "stage": run.stage,
        "taken": run.taken,
        "draws": run.draws,
        "seconds": run.seconds,
        "first_loss": run.first_loss,
        "resets": run.resets,
        "notes": run.notes,
        "blocks": len(run.chosen),
        "schedule": [[s.optimiser.name, s.iterations] for s in schedule],
    }
    return arrays, metadata


def _restore(problem: LeastSquares, schedule: Sequence[Stage], saved: tuple[Arrays, dict[str, Any]]) -> _Run:
    arrays, metadata = saved
    theta = jnp.asarray(arrays["theta"])
    if theta.shape != problem.theta.shape:
        raise ValueError(
            f"the checkpoint holds {theta.size} parameters, this problem has {problem.theta.size}: "
            "resume with the options the run was started with"
        )
    state = None
    if "state_0" in arrays:
        # the shapes come from a fresh state, the numbers from the checkpoint
        fresh = jax.eval_shape(schedule[metadata["stage"]].optimiser.init, problem, theta)
        leaves, structure = jax.tree.flatten(fresh)
        state = jax.tree.unflatten(structure, [jnp.asarray(arrays[f"state_{k}"]) for k in range(len(leaves))])
    chosen = tuple(
        jnp.asarray(arrays[f"chosen_{k}"]) if f"chosen_{k}" in arrays else None
        for k in range(metadata["blocks"])
    ) or (None,) * len(problem.blocks)
    history = {
        name.removeprefix("history_"): values.tolist()
        for name, values in arrays.items()
        if name.startswith("history_")
    }
    return _Run(
        theta,
        state,
        metadata["stage"],
        metadata["taken"],
        metadata["draws"],
        metadata["seconds"],
        metadata["first_loss"],
        metadata["resets"],
        chosen,
        history,
        list(metadata["notes"]),
    )
