"""What changes while training, and how it is kept in a checkpoint and taken up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .least_squares import LeastSquares
from .optimiser import AbstractOptimiser
from .resampling import Sample, Samples
from .weighting import Rules, start_rules

PyTree = Any
Arrays = dict[str, np.ndarray]
_NUMBERS = ("stage", "taken", "draws", "resets", "seconds", "first_loss", "declared_loss")
_REFINEMENT = "refinement_"
_HISTORY = {"iteration": int, "loss": float, "stage": int, "seconds": float}


@dataclass(frozen=True)
class Stage:
    """One optimiser and its number of iterations; ``refine`` says that the blocks are refined before it."""

    optimiser: AbstractOptimiser
    iterations: int
    refine: bool = False


@dataclass(frozen=True)
class Run:
    """Everything that changes while training; what ``save`` keeps and ``resume`` reads.

    A chunk with all that follows from it replaces the whole at once, so that an interruption at any
    moment leaves a state from which the same steps are taken.
    """

    theta: jax.Array
    samples: Samples
    weighting: tuple[PyTree, ...] = ()
    state: PyTree = None
    stage: int = 0
    taken: int = 0
    draws: int = 0
    resets: int = 0
    seconds: float = 0.0
    first_loss: float = float("nan")
    declared_loss: float = float("nan")
    history: Mapping[str, np.ndarray] = field(
        default_factory=lambda: {name: np.zeros(0, kind) for name, kind in _HISTORY.items()}
    )
    notes: tuple[str, ...] = ()
    refinement: Mapping[str, np.ndarray] = field(default_factory=dict)

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


def saved(
    problem: LeastSquares, run: Run, schedule: Sequence[Stage], rules: Rules
) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and metadata from which the run goes on, bit for bit."""
    arrays: Arrays = {"theta": np.asarray(run.theta)}
    for position, leaf in enumerate(jax.tree.leaves(run.state)):
        arrays[f"state_{position}"] = np.asarray(leaf)
    for position, leaf in enumerate(jax.tree.leaves(run.weighting)):
        arrays[f"weighting_{position}"] = np.asarray(leaf)
    for position, sample in enumerate(run.samples):
        if sample is not None:
            arrays[f"sample_{position}"] = np.asarray(sample.positions)
        if sample is not None and sample.weights is not None:
            arrays[f"sample_weights_{position}"] = np.asarray(sample.weights)
    arrays |= {f"history_{name}": run.history[name] for name in _HISTORY}
    arrays |= {f"{_REFINEMENT}{name}": array for name, array in run.refinement.items()}
    metadata = {
        **{name: getattr(run, name) for name in _NUMBERS},
        "notes": list(run.notes),
        "blocks": _named(problem),
        "schedule": [_described(stage) for stage in schedule],
        "rules": [_options(rule) for rule in rules],
    }
    return arrays, metadata


def _named(problem: LeastSquares) -> list[list[Any]]:
    return [[block.name, block.count] for block in problem.blocks]


def _described(stage: Stage) -> dict[str, Any]:
    """A stage as plain data, as JSON gives it back: name, iterations and every option."""
    refine = {"refine": True} if stage.refine else {}
    return {"iterations": stage.iterations, **_options(stage.optimiser), **refine}


def _options(chosen: Any) -> dict[str, Any]:
    """Name and options of an optimiser or a rule; what is no plain data is left out."""
    options = {option.name: getattr(chosen, option.name) for option in fields(chosen)}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
    return {"name": chosen.name, **{name: value for name, value in plain.items() if not callable(value)}}


def restored(
    problem: LeastSquares,
    schedule: Sequence[Stage],
    rules: Rules,
    first: Samples,
    saved: tuple[Arrays, dict[str, Any]],
) -> Run:
    """The run that ``saved`` was made of. Raises ``ValueError`` for another problem's or schedule's."""
    arrays, metadata = saved
    _check(problem, schedule, rules, arrays, metadata)
    theta = jnp.asarray(arrays["theta"])
    state = None
    if "state_0" in arrays:
        fresh = jax.eval_shape(schedule[metadata["stage"]].optimiser.init, problem, theta)
        state = _filled(fresh, arrays, "state")
    weighting = _filled(eqx.filter_eval_shape(start_rules, problem, rules, theta, first), arrays, "weighting")
    samples = tuple(_sample(arrays, position) for position in range(len(problem.blocks)))
    numbers = {name: metadata[name] for name in _NUMBERS}
    history = {name: arrays[f"history_{name}"] for name in _HISTORY}
    return Run(
        theta, samples, weighting, state, **numbers, history=history, notes=tuple(metadata["notes"]),
        refinement=refinement_in(arrays),
    )  # fmt: skip


def refinement_in(arrays: Arrays) -> Arrays:
    """What a checkpoint's blocks are made of; empty where nothing refines them."""
    found = {name: array for name, array in arrays.items() if name.startswith(_REFINEMENT)}
    return {name.removeprefix(_REFINEMENT): array for name, array in found.items()}


def _filled(fresh: PyTree, arrays: Arrays, prefix: str) -> Any:
    """The structure of a fresh state with the numbers of the checkpoint."""
    leaves, structure = jax.tree.flatten(fresh)
    return jax.tree.unflatten(structure, [jnp.asarray(arrays[f"{prefix}_{k}"]) for k in range(len(leaves))])


def _sample(arrays: Arrays, position: int) -> Sample | None:
    if f"sample_{position}" not in arrays:
        return None
    weights = arrays.get(f"sample_weights_{position}")
    return Sample(
        jnp.asarray(arrays[f"sample_{position}"]), None if weights is None else jnp.asarray(weights)
    )


def _check(
    problem: LeastSquares,
    schedule: Sequence[Stage],
    rules: Rules,
    arrays: Arrays,
    metadata: Mapping[str, Any],
) -> None:
    """Stages to come may differ, and the present one may be given other iterations than it was."""
    there, here = arrays["theta"].size, problem.theta.size
    if there != here:
        raise _mismatch(f"{there} parameters", f"this problem has {here}", "options")
    if metadata["blocks"] != _named(problem):
        raise _mismatch(f"the blocks {metadata['blocks']}", f"this problem has {_named(problem)}", "options")
    if "rules" not in metadata:
        raise _mismatch(
            "no weighting rules, as an earlier version left them out", "this version needs them", "version"
        )
    if metadata["rules"] != (now := [_options(rule) for rule in rules]):
        raise _mismatch(f"the weighting {metadata['rules']}", f"this run has {now}", "options")
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
