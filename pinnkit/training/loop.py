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
from .optimiser import CONVERGED, NONFINITE, RUNNING, STAGNATED, AbstractOptimiser, describe, run_chunk
from .resampling import REDRAWS, Redraw, at_samples, first_samples
from .weighting import Rules, apply_rules, rule_figures, start_rules, update_rules

PyTree = Any
_MOST_RESETS = 2
_NOTICEABLE = 0.01


@dataclass(frozen=True)
class Progress:
    """What a callback learns after each chunk; ``fields()`` builds the present fields on demand.

    ``loss`` is the one that was minimised, with the weights of the rules; ``adaptivity`` holds those weights,
    the rules' own figures and the number of redraws so far, each by the name of its column in the history.
    """

    stage: str
    iteration: int
    total: int
    loss: float
    block_losses: Mapping[str, float]
    adaptivity: Mapping[str, float]
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


@dataclass(frozen=True)
class _Adaptivity:
    """What changes the problem between chunks: the rule and interval of redraws, and the weighting."""

    redraw: Redraw
    redraw_every: int
    rules: Rules


class TrainingInterrupted(KeyboardInterrupt):
    """Stopped by the user; the state after the last complete chunk was handed to ``save``."""


def train(
    problem: LeastSquares,
    schedule: Sequence[Stage],
    *,
    seed: int,
    chunk: int = 100,
    redraw_every: int = 500,
    redraw: str = "rad",
    rules: Rules = (),
    tolerance: float = 0.0,
    time_limit: float | None = None,
    callbacks: Callbacks | None = None,
    resume: tuple[Arrays, dict[str, Any]] | None = None,
) -> TrainResult:
    """Minimise the loss stage by stage; points with a pool are redrawn every ``redraw_every`` iterations.

    ``redraw`` names how (``REDRAWS``). Weighting ``rules`` are applied one after the other; the loss that is
    returned and judged is the declared one, the history has the one that was minimised.
    Ends before the schedule does when √(loss / first loss) ≤ ``tolerance``, or at ``time_limit`` seconds.
    ``resume`` takes what ``save`` was given; raises ``ValueError`` where that belongs to another problem
    or schedule. Raises ``TrainingInterrupted`` on Ctrl-C, after saving.
    """
    callbacks = callbacks or Callbacks()
    key = jax.random.fold_in(jax.random.key(seed), 7)
    adapt = _Adaptivity(REDRAWS[redraw], redraw_every, rules)
    chunk = min([chunk, *(rule.every for rule in rules)])
    first_points = first_samples(problem)
    if resume:
        run = restored(problem, schedule, rules, first_points, resume)
        problem = at_samples(problem, run.samples)
    else:
        weighting = start_rules(problem, rules, problem.theta, first_points)
        run = Run(problem.theta, first_points, weighting)
    started = time.perf_counter() - run.seconds
    last_save = time.perf_counter()
    failed, message = False, ""
    try:
        while run.stage < len(schedule) and not (message := _reached(run, tolerance, time_limit)):
            stage, objective = schedule[run.stage], _objective(problem, run, rules)
            if run.state is None:
                state = _init(stage.optimiser, objective, run.theta)
                now = _declared_loss(problem, run.theta, state, rules)
                first = now if np.isnan(run.first_loss) else run.first_loss
                run = replace(run, state=state, first_loss=first)
            wanted = min(chunk, stage.iterations - run.taken)
            theta, state, losses = run_chunk(stage.optimiser, objective, run.theta, run.state, wanted)
            after = run.after(theta, state, losses, time.perf_counter() - started)
            if int(state.status) == NONFINITE:
                run, failed = after, True
                message = f"{stage.optimiser.name}: {describe(NONFINITE)}"
                break
            after = replace(after, declared_loss=_declared_loss(problem, theta, state, rules))
            progress = _progress(problem, after, schedule, rules)
            problem, run = _go_on(problem, after, stage, len(losses), adapt, key)
            callbacks.progress(progress)
            if callbacks.save and time.perf_counter() - last_save > callbacks.save_seconds:
                callbacks.save(*saved(problem, run, schedule, rules))
                last_save = time.perf_counter()
    except KeyboardInterrupt as cause:
        if callbacks.save:
            callbacks.save(*saved(problem, run, schedule, rules))
        raise TrainingInterrupted from cause
    final = float(_loss(problem, run.theta))
    if not failed and not (final < 0.5 * run.first_loss or final < 1e-12):
        failed = True
        reason = message or describe(STAGNATED)
        message = f"the loss went from {run.first_loss:.3g} to {final:.3g} only: {reason}"
    if callbacks.save:
        callbacks.save(*saved(problem, run, schedule, rules))
    return TrainResult(
        problem.with_theta(run.theta),
        final,
        run.iterations,
        run.history,
        run.seconds,
        failed,
        message or "all stages were run through",
        (
            *run.notes,
            *(note for rule, its in zip(rules, run.weighting, strict=True) for note in rule.remarks(its)),
        ),
    )


def _go_on(
    problem: LeastSquares, run: Run, stage: Stage, last: int, adapt: _Adaptivity, key: jax.Array
) -> tuple[LeastSquares, Run]:
    """What follows from a chunk of ``last`` iterations: the next stage, a reset, a redraw, or nothing.

    Rules see the points that were trained on, before these are redrawn.
    """
    status = int(run.state.status)
    ended = status != RUNNING or run.taken >= stage.iterations
    due = tuple(ended or _passed(run, last, rule.every) for rule in adapt.rules)
    if any(due):
        weighting = update_rules(problem, adapt.rules, run.theta, run.weighting, due, run.samples)
        run = replace(run, weighting=weighting)
    # a search that is stuck on weights that have moved on since has another problem before it
    moved = any(due) and _moved(problem, run, adapt.rules)
    fresh = moved and last > 0 and status in (STAGNATED, CONVERGED)
    hopeful = fresh or (status == STAGNATED and last > 1 and run.resets < _MOST_RESETS)
    if status != RUNNING and not hopeful:
        note = f"{stage.optimiser.name} after {run.taken} iterations: {describe(status)}"
        return problem, replace(run, notes=(*run.notes, note)).next_stage()
    if run.taken >= stage.iterations:
        return problem, run.next_stage()
    if hopeful:
        # a fresh sample and fresh curvature often free a stuck line search; not for ever
        problem, run = _redraw(problem, run, adapt, key)
        objective = _objective(problem, run, adapt.rules)
        state = _init(stage.optimiser, objective, run.theta)
        return problem, replace(run, state=state, resets=run.resets + (not fresh))
    drawn = _passed(run, last, adapt.redraw_every) and any(b.pool is not None for b in problem.blocks)
    if drawn:
        problem, run = _redraw(problem, run, adapt, key)
    if drawn or any(due):
        objective = _objective(problem, run, adapt.rules)
        run = replace(run, state=_restart(stage.optimiser, objective, run.theta, run.state))
    return problem, run


def _moved(problem: LeastSquares, run: Run, rules: Rules) -> bool:
    """Whether new weights have changed the loss by more than a hundredth."""
    now, before = float(_loss(_objective(problem, run, rules), run.theta)), float(run.state.loss)
    return abs(now - before) > _NOTICEABLE * before


def _passed(run: Run, last: int, every: int) -> bool:
    """Whether the last iterations passed a multiple of ``every``; never for zero."""
    return every > 0 and run.taken // every > (run.taken - last) // every


def _redraw(problem: LeastSquares, run: Run, adapt: _Adaptivity, key: jax.Array) -> tuple[LeastSquares, Run]:
    number = jax.numpy.asarray(run.draws)
    key = jax.random.fold_in(key, run.draws + 1)
    samples = adapt.redraw(problem, run.theta, key, number, run.samples)
    return at_samples(problem, samples), replace(run, draws=run.draws + 1, samples=samples)


def _objective(problem: LeastSquares, run: Run, rules: Rules) -> LeastSquares:
    """The problem as optimisers see it: weighted, and without the pools, which no step reads."""
    problem = apply_rules(problem, rules, run.weighting, run.samples)
    return eqx.tree_at(
        lambda p: [block.pool for block in p.blocks],
        problem,
        [None] * len(problem.blocks),
        is_leaf=lambda leaf: leaf is None,
    )


def _reached(run: Run, tolerance: float, time_limit: float | None) -> str:
    """Why training ends before its schedule; empty where it does not."""
    if run.iterations and run.declared_loss <= tolerance**2 * run.first_loss:
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


def _declared_loss(problem: LeastSquares, theta: jax.Array, state: PyTree, rules: Rules) -> float:
    """The loss with the weights declared, which is comparable over all of training."""
    return float(_loss(problem, theta) if rules else state.loss)


def _progress(problem: LeastSquares, run: Run, schedule: Sequence[Stage], rules: Rules) -> Progress:
    losses = np.asarray(_block_losses(problem, run.theta))
    adaptivity = rule_figures(problem, rules, run.weighting, run.samples)
    if any(block.pool is not None for block in problem.blocks):
        adaptivity["redraws"] = float(run.draws)
    return Progress(
        schedule[run.stage].optimiser.name,
        run.iterations,
        sum(stage.iterations for stage in schedule),
        float(run.state.loss),
        {block.name: float(loss) for block, loss in zip(problem.blocks, losses, strict=True)},
        adaptivity,
        run.seconds,
        lambda: problem.with_theta(run.theta),
    )
