"""The one training loop: a schedule of optimisers in compiled chunks, with redraws, rollback and checkpoints.

The loop is a deterministic function of its saved state, so a run that was stopped and resumed takes the
same steps as one that was not. It knows nothing of references: it reports to callbacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from .checkpoint import Arrays, Run, Stage, refinement_in, restored, saved
from .devices import agreed, at_home, everywhere
from .judgement import succeeded, unit_of
from .least_squares import LeastSquares
from .memory import require_room
from .optimiser import CONVERGED, NONFINITE, RUNNING, STAGNATED, describe, evaluated, loss_at, run_chunk
from .refinement import AbstractRefinement
from .resampling import REDRAWS, Redraw, at_samples, first_samples
from .schedule import OPTIMISERS
from .weighting import Rules, apply_rules, rule_figures, start_rules, update_rules, with_blocks

PyTree = Any
_MOST_RESETS = 2
_NOTICEABLE = 0.01


@dataclass(frozen=True)
class Progress:
    """What a callback learns after each chunk; ``fields()`` builds the present fields on demand.

    ``loss`` is the one that was minimised, with the weights of the rules; ``adaptivity`` holds those weights,
    the rules' own figures, those of refinement and the number of redraws so far, each by the name of its
    column in the history. ``ended`` says that the stage has come to its end.
    """

    stage: str
    iteration: int
    total: int
    loss: float
    block_losses: Mapping[str, float]
    adaptivity: Mapping[str, float]
    seconds: float
    fields: Callable[[], PyTree]
    ended: bool = False


@dataclass(frozen=True)
class Callbacks:
    """What the loop tells: ``progress`` after each chunk, ``save`` with arrays and metadata to keep."""

    progress: Callable[[Progress], None] = lambda progress: None
    save: Callable[[Arrays, dict[str, Any]], None] | None = None
    save_seconds: float = 10.0


@dataclass(frozen=True)
class TrainResult:
    """The fields at the end, the history, and how it ended, in words; ``refinement`` is its last state."""

    fields: PyTree
    loss: float
    iterations: int
    history: Mapping[str, np.ndarray]
    seconds: float
    failed: bool
    message: str
    notes: tuple[str, ...] = ()
    refinement: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class _Adaptivity:
    """What changes the problem between chunks, the rule and interval of redraws, the weighting, refinement;
    and the unit of the loss that optimisers see.
    """

    redraw: Redraw
    redraw_every: int
    rules: Rules
    unit: float
    refinement: AbstractRefinement | None = None


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
    refinement: AbstractRefinement | None = None,
    tolerance: float = 0.0,
    time_limit: float | None = None,
    callbacks: Callbacks | None = None,
    resume: tuple[Arrays, dict[str, Any]] | None = None,
    mesh: Mesh | None = None,
) -> TrainResult:
    """Minimise the loss stage by stage; points with a pool are redrawn every ``redraw_every`` iterations.

    ``redraw`` names how (``REDRAWS``). Weighting ``rules`` are applied one after the other; the loss that is
    returned and judged is the declared one, the history has the one that was minimised. ``refinement``
    replaces the blocks before the stages that say so, and keeps what they are made of.
    Ends before the schedule does when √(loss / first loss) ≤ ``tolerance`` on the last blocks, or at
    ``time_limit`` seconds.
    Points are dealt out over the devices of ``mesh``, which may be those of several processes: then all of
    them call this with the same arguments, callbacks apart, and the fields they get are their own.
    ``resume`` takes what ``save`` was given; raises ``ValueError`` where that belongs to another problem
    or schedule, and ``DeclarationError`` where a stage needs more memory than there is. Raises
    ``TrainingInterrupted`` on Ctrl-C, after saving.

    Failed is what neither halved its loss nor brought it below a hundredth of that of zero fields. A loss far
    from order one is scaled by that of zero fields for the optimisers, whose tolerances are absolute.
    """
    callbacks = callbacks or Callbacks()
    if resume and refinement is not None:
        problem = refinement.posed(refinement_in(resume[0]))
    problem = problem.over(mesh)
    start = problem.theta
    require_room(schedule, start.size, _rows(problem), start.dtype.itemsize, OPTIMISERS)
    of_zero = _loss(problem, jnp.zeros_like(start))
    unit = unit_of(of_zero)
    key = jax.random.fold_in(jax.random.key(seed), 7)
    adapt = _Adaptivity(REDRAWS[redraw], redraw_every, rules, unit, refinement)
    chunk = min([chunk, *(rule.every for rule in rules)])
    first_points = first_samples(problem)
    if resume:
        run = restored(problem, schedule, rules, first_points, resume)
        run = replace(
            run, theta=everywhere(mesh, run.theta), state=everywhere(mesh, run.state),
            weighting=everywhere(mesh, run.weighting), samples=everywhere(mesh, run.samples),
        )  # fmt: skip
        problem = at_samples(problem, run.samples)
    else:
        weighting = start_rules(problem, rules, problem.theta, first_points)
        made_of = {} if refinement is None else refinement.start()
        run = Run(problem.theta, first_points, weighting, refinement=made_of)
    started = time.perf_counter() - run.seconds
    last_save = time.perf_counter()
    failed, message = False, ""
    try:
        while run.stage < len(schedule) and not (message := _reached(run, schedule, tolerance, time_limit)):
            stage, objective = schedule[run.stage], _objective(problem, run, adapt)
            wanted = min(chunk, stage.iterations - run.taken)
            if run.state is None:
                state = stage.optimiser.init(objective, run.theta)
                state = evaluated(stage.optimiser, objective, run.theta, state, wanted)
                now = _declared_loss(problem, run.theta, state, adapt)
                first = now if np.isnan(run.first_loss) else run.first_loss
                run = replace(run, state=state, first_loss=first)
            theta, state, losses = run_chunk(stage.optimiser, objective, run.theta, run.state, wanted)
            theta, state = everywhere(mesh, (theta, state))
            seconds = time.perf_counter() - started
            if time_limit is not None:  # all processes end together
                seconds = agreed(mesh, seconds)
            after = run.after(theta, state, unit * losses, seconds)
            if int(state.status) == NONFINITE and not _has_another_route(after, schedule):
                run, failed = after, True
                message = f"{stage.optimiser.name}: {describe(NONFINITE)}"
                break
            after = replace(after, declared_loss=_declared_loss(problem, theta, state, adapt))
            progress = _progress(problem, after, schedule, adapt)
            problem, run = _go_on(problem, after, stage, len(losses), adapt, key)
            if ended := run.stage > after.stage:
                problem, run = _refine(problem, run, schedule, adapt)
            callbacks.progress(replace(progress, ended=ended))
            if callbacks.save and time.perf_counter() - last_save > callbacks.save_seconds:
                callbacks.save(*saved(problem, run, schedule, rules))
                last_save = time.perf_counter()
    except KeyboardInterrupt as cause:
        if callbacks.save:
            callbacks.save(*saved(problem, run, schedule, rules))
        raise TrainingInterrupted from cause
    final = _loss(problem, run.theta)
    if not failed and not succeeded(final, run.first_loss, of_zero):
        failed = True
        reason = message or describe(STAGNATED)
        message = f"the loss went from {run.first_loss:.3g} to {final:.3g} only: {reason}"
        if of_zero > 0:
            message += f" (fields of zero have {of_zero:.3g})"
    told = [note for rule, its in zip(rules, run.weighting, strict=True) for note in rule.remarks(its)]
    if refinement is not None:
        run = _measured(problem, run, refinement)
        told += refinement.remarks(run.refinement)
    if callbacks.save:
        callbacks.save(*saved(problem, run, schedule, rules))
    return TrainResult(
        _fields(problem, run),
        final,
        run.iterations,
        run.history,
        run.seconds,
        failed,
        message or "all stages were run through",
        (*run.notes, *told),
        run.refinement,
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
    moved = any(due) and _moved(problem, run, adapt)
    fresh = moved and last > 0 and status in (STAGNATED, CONVERGED)
    stuck = status == NONFINITE or (status == STAGNATED and last > 1)
    hopeful = (fresh or (stuck and run.resets < _MOST_RESETS)) and run.taken < stage.iterations
    if ended:
        run = replace(run, notes=(*run.notes, *_notes(run, stage, hopeful)))
    if ended and not hopeful:
        return problem, run.next_stage()
    if hopeful:
        # a fresh sample and fresh curvature often free a stuck line search; not for ever
        problem, run = _redraw(problem, run, adapt, key)
        objective = _objective(problem, run, adapt)
        state = stage.optimiser.init(objective, run.theta)
        return problem, replace(run, state=state, resets=run.resets + (not fresh))
    drawn = _passed(run, last, adapt.redraw_every) and any(b.pool is not None for b in problem.blocks)
    if drawn:
        problem, run = _redraw(problem, run, adapt, key)
    if drawn or any(due):
        objective = _objective(problem, run, adapt)
        run = replace(run, state=stage.optimiser.restart(objective, run.theta, run.state))
    return problem, run


def _measured(problem: LeastSquares, run: Run, refinement: AbstractRefinement) -> Run:
    state = refinement.measured(problem, run.theta, run.refinement, run.iterations)
    return replace(run, refinement=state)


def _refine(
    problem: LeastSquares, run: Run, schedule: Sequence[Stage], adapt: _Adaptivity
) -> tuple[LeastSquares, Run]:
    """Other blocks, where the stage that begins asks for them; rules start anew on them."""
    refinement = adapt.refinement
    if refinement is None or run.stage == len(schedule) or not schedule[run.stage].refine:
        return problem, run
    run = _measured(problem, run, refinement)
    state = refinement.refined(run.refinement)
    problem = with_blocks(problem, refinement.posed(state).blocks).dealt()
    require_room(
        schedule[run.stage :], run.theta.size, _rows(problem), run.theta.dtype.itemsize, OPTIMISERS
    )
    samples = first_samples(problem)
    weighting = start_rules(problem, adapt.rules, run.theta, samples)
    return problem, replace(run, refinement=state, samples=samples, weighting=weighting)


def _notes(run: Run, stage: Stage, hopeful: bool) -> list[str]:
    """What an optimiser met with and why it ended, where it did so before its iterations were used up."""
    told, status = f"{stage.optimiser.name} after {run.taken} iterations: ", int(run.state.status)
    notes = [told + faults] if (faults := run.state.faults()) else []
    if status != RUNNING:
        notes.append(told + describe(status) + ("; begun anew from there" if hopeful else ""))
    return notes


def _moved(problem: LeastSquares, run: Run, adapt: _Adaptivity) -> bool:
    """Whether new weights have changed the loss by more than a hundredth."""
    now, before = float(loss_at(_objective(problem, run, adapt), run.theta)), float(run.state.loss)
    return abs(now - before) > _NOTICEABLE * before


def _passed(run: Run, last: int, every: int) -> bool:
    """Whether the last iterations passed a multiple of ``every``; never for zero."""
    return every > 0 and run.taken // every > (run.taken - last) // every


def _redraw(problem: LeastSquares, run: Run, adapt: _Adaptivity, key: jax.Array) -> tuple[LeastSquares, Run]:
    number = jax.numpy.asarray(run.draws)
    key = jax.random.fold_in(key, run.draws + 1)
    samples = adapt.redraw(problem, run.theta, key, number, run.samples)
    return at_samples(problem, samples), replace(run, draws=run.draws + 1, samples=samples)


def _has_another_route(run: Run, schedule: Sequence[Stage]) -> bool:
    """Whether a loss that is not finite can be answered by a fresh start or another optimiser."""
    stage = schedule[run.stage]
    fresh = run.resets < _MOST_RESETS and run.taken < stage.iterations
    return run.iterations > 0 and (fresh or run.stage + 1 < len(schedule))


def _rows(problem: LeastSquares) -> int:
    """Number of residuals."""
    return jax.eval_shape(problem.residual, problem.theta).size


def _objective(problem: LeastSquares, run: Run, adapt: _Adaptivity) -> LeastSquares:
    """The problem as optimisers see it: weighted, in its unit, and without the pools, which no step reads."""
    problem = apply_rules(problem, adapt.rules, run.weighting, run.samples)
    if adapt.unit != 1:
        weights = [block.weight / adapt.unit for block in problem.blocks]
        problem = eqx.tree_at(lambda p: [block.weight for block in p.blocks], problem, weights)
    return _without_pools(problem)


def _without_pools(problem: LeastSquares) -> LeastSquares:
    return eqx.tree_at(
        lambda p: [block.pool for block in p.blocks],
        problem,
        [None] * len(problem.blocks),
        is_leaf=lambda leaf: leaf is None,
    )


def _reached(run: Run, schedule: Sequence[Stage], tolerance: float, time_limit: float | None) -> str:
    """Why training ends before its schedule; empty where it does not.

    A residual that is small for the present blocks says nothing before the last ones.
    """
    to_come = any(stage.refine for stage in schedule[run.stage + (run.taken > 0) :])
    if not to_come and run.iterations and run.declared_loss <= tolerance**2 * run.first_loss:
        return f"the residual has fallen by the factor {tolerance:g} that was asked for"
    if time_limit is not None and run.seconds > time_limit:
        return f"the time limit of {time_limit:g} s was reached"
    return ""


def _loss(problem: LeastSquares, theta: jax.Array) -> float:
    """The declared loss, of the same program that tells the blocks' losses."""
    weights = np.array([float(block.weight) for block in problem.blocks])
    return float(weights @ np.asarray(_block_losses(_without_pools(problem), theta)))


@eqx.filter_jit
def _block_losses(problem: LeastSquares, theta: jax.Array) -> jax.Array:
    return problem.block_losses(theta)


def _declared_loss(problem: LeastSquares, theta: jax.Array, state: PyTree, adapt: _Adaptivity) -> float:
    """The loss with the weights declared, which is comparable over all of training."""
    return _loss(problem, theta) if adapt.rules else adapt.unit * float(state.loss)


def _progress(problem: LeastSquares, run: Run, schedule: Sequence[Stage], adapt: _Adaptivity) -> Progress:
    losses = np.asarray(_block_losses(_without_pools(problem), run.theta))
    adaptivity = rule_figures(problem, adapt.rules, run.weighting, run.samples)
    if any(block.pool is not None for block in problem.blocks):
        adaptivity["redraws"] = float(run.draws)
    if adapt.refinement is not None:
        adaptivity |= adapt.refinement.figures(run.refinement)
    return Progress(
        schedule[run.stage].optimiser.name,
        run.iterations,
        sum(stage.iterations for stage in schedule),
        adapt.unit * float(run.state.loss),
        {block.name: float(loss) for block, loss in zip(problem.blocks, losses, strict=True)},
        adaptivity,
        run.seconds,
        lambda: _fields(problem, run),
    )


def _fields(problem: LeastSquares, run: Run) -> PyTree:
    fields = problem.with_theta(run.theta)
    return fields if problem.mesh is None else at_home(fields)
