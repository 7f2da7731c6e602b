"""What changes while training, and how it is kept in a checkpoint and taken up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .least_squares import LeastSquares
from .optimiser import AbstractOptimiser

PyTree = Any
Arrays = dict[str, np.ndarray]
_HISTORY = {"iteration": int, "loss": float, "stage": int, "seconds": float}


@dataclass(frozen=True)
class Stage:
    """One optimiser and the number of iterations it is given."""

    optimiser: AbstractOptimiser
    iterations: int


@dataclass(frozen=True)
class Run:
    """Everything that changes while training; what ``save`` keeps and ``resume`` reads.

    A chunk with all that follows from it replaces the whole at once, so that an interruption at any
    moment leaves a state from which the same steps are taken.
    """

    theta: jax.Array
    chosen: tuple[jax.Array | None, ...]
    state: PyTree = None
    stage: int = 0
    taken: int = 0
    draws: int = 0
    resets: int = 0
    seconds: float = 0.0
    first_loss: float = float("nan")
    history: Mapping[str, np.ndarray] = field(
        default_factory=lambda: {name: np.zeros(0, kind) for name, kind in _HISTORY.items()}
    )
    notes: tuple[str, ...] = ()

    @property
    def iterations(self) -> int:
        """Iterations taken in all stages."""
        return len(self.history["loss"])

    def after(self, theta: jax.Array, state: PyTree, losses: np.ndarray, seconds: float) -> Run:
        """The run with one more chunk in its history."""
        count = len(losses)
        chunk = {
            "iteration": self.iterations + 1 + np.arange(count),
            "loss": losses,
            "stage": np.full(count, self.stage),
            "seconds": np.full(count, seconds),
        }
        history = {name: np.concatenate([self.history[name], chunk[name]]) for name in _HISTORY}
        return replace(
            self, theta=theta, state=state, taken=self.taken + count, seconds=seconds, history=history
        )

    def next_stage(self) -> Run:
        """At the beginning of the next stage."""
        return replace(self, stage=self.stage + 1, taken=0, state=None, resets=0)


def saved(problem: LeastSquares, run: Run, schedule: Sequence[Stage]) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and metadata from which the run goes on, bit for bit."""
    arrays: Arrays = {"theta": np.asarray(run.theta)}
    for position, leaf in enumerate(jax.tree.leaves(run.state)):
        arrays[f"state_{position}"] = np.asarray(leaf)
    for position, where in enumerate(run.chosen):
        if where is not None:
            arrays[f"chosen_{position}"] = np.asarray(where)
    arrays |= {f"history_{name}": run.history[name] for name in _HISTORY}
    metadata = {
        "stage": run.stage,
        "taken": run.taken,
        "draws": run.draws,
        "resets": run.resets,
        "seconds": run.seconds,
        "first_loss": run.first_loss,
        "notes": list(run.notes),
        "blocks": _named(problem),
        "schedule": [_described(stage) for stage in schedule],
    }
    return arrays, metadata


def _named(problem: LeastSquares) -> list[list[Any]]:
    return [[block.name, block.count] for block in problem.blocks]


def _described(stage: Stage) -> dict[str, Any]:
    """A stage as plain data, as JSON gives it back: name, iterations and every option."""
    options = {option.name: getattr(stage.optimiser, option.name) for option in fields(stage.optimiser)}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
    return {"name": stage.optimiser.name, "iterations": stage.iterations, **plain}


def restored(problem: LeastSquares, schedule: Sequence[Stage], saved: tuple[Arrays, dict[str, Any]]) -> Run:
    """The run that ``saved`` was made of. Raises ``ValueError`` for another problem's or schedule's."""
    arrays, metadata = saved
    _check(problem, schedule, arrays, metadata)
    theta = jnp.asarray(arrays["theta"])
    state = None
    if "state_0" in arrays:
        # the shapes come from a fresh state, the numbers from the checkpoint
        fresh = jax.eval_shape(schedule[metadata["stage"]].optimiser.init, problem, theta)
        leaves, structure = jax.tree.flatten(fresh)
        state = jax.tree.unflatten(structure, [jnp.asarray(arrays[f"state_{k}"]) for k in range(len(leaves))])
    chosen = tuple(
        jnp.asarray(arrays[f"chosen_{k}"]) if f"chosen_{k}" in arrays else None
        for k in range(len(problem.blocks))
    )
    numbers = {
        name: metadata[name] for name in ("stage", "taken", "draws", "resets", "seconds", "first_loss")
    }
    history = {name: arrays[f"history_{name}"] for name in _HISTORY}
    return Run(theta, chosen, state, **numbers, history=history, notes=tuple(metadata["notes"]))


def _check(
    problem: LeastSquares, schedule: Sequence[Stage], arrays: Arrays, metadata: Mapping[str, Any]
) -> None:
    """Stages to come may differ, and the present one may be given other iterations than it was."""
    there, here = arrays["theta"].size, problem.theta.size
    if there != here:
        raise _mismatch(f"{there} parameters", f"this problem has {here}", "options")
    if metadata["blocks"] != _named(problem):
        raise _mismatch(f"the blocks {metadata['blocks']}", f"this problem has {_named(problem)}", "options")
    for number, then in enumerate(metadata["schedule"][: metadata["stage"] + 1]):
        now = _described(schedule[number]) if number < len(schedule) else {"name": "none"}
        if number == metadata["stage"]:
            then, now = ({**stage, "iterations": ""} for stage in (then, now))
        if then != now:
            changed = [
                f"{k}: {then.get(k)} → {now.get(k)}" for k in {**then, **now} if then.get(k) != now.get(k)
            ]
            raise _mismatch(
                f"stage {number + 1} of another schedule", f"changed are {', '.join(changed)}", "schedule"
            )


def _mismatch(there: str, here: str, mend: str) -> ValueError:
    return ValueError(
        f"the checkpoint holds {there}, {here}: resume with the {mend} the run was started with"
    )
