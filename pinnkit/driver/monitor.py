"""What happens between the chunks of training: the error against the reference, the log, the history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..validation.norms import defined_up_to_constant, space_time_measure
from .progress import Display

if TYPE_CHECKING:
    from ..declare import Problem
    from ..solution import RunDirectory
    from ..training.loop import Progress
    from ..validation import Reference

_HELD_POINTS = 2**14
_MEASURE_EVERY = 1.0  # seconds: the error costs one pass over the held points

Evaluate = Callable[[Any, np.ndarray], Mapping[str, np.ndarray]]


class HeldPoints:
    """Relative L2 error at quadrature points drawn once, where the reference was evaluated beforehand.

    A figure to watch; the verdict is measured anew on the full quadrature. ``known`` is the share of the
    points at which the reference has a value; the others are left out.
    """

    def __init__(self, problem: Problem, reference: Reference):
        measure = space_time_measure(problem)
        if len(measure.points) > _HELD_POINTS:
            drawn = np.random.default_rng(0).choice(len(measure.points), _HELD_POINTS, replace=False)
            measure = measure.where(np.sort(drawn))
        with np.errstate(all="ignore"):  # what is not finite is counted below
            truth = reference.evaluate(measure.points)
        names = [name for name in problem.unknown_names if name in truth]
        known = np.all([np.isfinite(truth[name]) for name in names], axis=0)
        self.known = float(known.mean())
        self._measure = measure.where(known)
        self._truth = {name: np.asarray(truth[name])[known] for name in names}
        self._free = defined_up_to_constant(problem)
        self.points = self._measure.points

    def errors(self, values: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Relative L2 error of each unknown that the reference knows."""
        found = {}
        for name, truth in self._truth.items():
            value = np.asarray(values[name])
            if name in self._free:
                value = self._measure.without_mean(value, self._free[name])
                truth = self._measure.without_mean(truth, self._free[name])
            size = self._measure.l2(truth)
            found[name] = self._measure.l2(value - truth) / size if size else float("nan")
        return found


class Monitor:
    """The callback of the training loop: measures, shows and logs; keeps what the history needs.

    ``heed`` raises ``KeyboardInterrupt`` where one was lost.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        held: HeldPoints | None,
        display: Display,
        directory: RunDirectory | None,
        heed: Callable[[], None],
    ):
        self._evaluate, self._held, self._display, self._directory = evaluate, held, display, directory
        self._heed = heed
        self._measured = 0.0
        self._errors: dict[str, float] = {}
        self.entries: list[dict[str, Any]] = []

    def take_up(self, iteration: int) -> None:
        """Start from the log of an interrupted run, up to the iteration that was saved."""
        entries = self._directory.read_log() if self._directory is not None else []
        self.entries = [e for e in entries if e.get("event") == "training" and e["iteration"] <= iteration]

    def __call__(self, progress: Progress) -> None:
        """Take note of one chunk."""
        entry: dict[str, Any] = {
            "event": "training", "stage": progress.stage, "iteration": progress.iteration,
            "loss": progress.loss, "blocks": dict(progress.block_losses), "seconds": progress.seconds,
            "adaptivity": dict(progress.adaptivity),
        }  # fmt: skip
        last = progress.ended or progress.iteration >= progress.total
        if self._held is not None and (last or time.monotonic() - self._measured > _MEASURE_EVERY):
            self._errors = self._held.errors(self._evaluate(progress.fields(), self._held.points))
            self._measured = time.monotonic()
            entry["errors"] = self._errors
        self.entries.append(entry)
        self._display.training(
            progress.stage, progress.iteration, progress.total, progress.loss, self._errors, progress.seconds
        )
        if self._directory is not None:
            self._directory.append_log(entry)
        self._heed()

    def history(self, losses: Mapping[str, np.ndarray], stages: list[str]) -> dict[str, np.ndarray]:
        """The loop's history with stage names, block losses, weights and errors where they are known."""
        iterations = np.asarray(losses["iteration"], dtype=int)
        columns: dict[str, np.ndarray] = {
            "iteration": iterations,
            "seconds": np.asarray(losses["seconds"], dtype=float),
            "loss": np.asarray(losses["loss"], dtype=float),
            "stage": np.asarray([stages[int(k)] for k in losses["stage"]]),
        }
        for entry in self.entries:
            figures = {f"loss_{name}": value for name, value in entry["blocks"].items()}
            figures |= {f"error_{name}": value for name, value in entry.get("errors", {}).items()}
            figures |= entry["adaptivity"]
            for name, value in figures.items():
                column = columns.setdefault(name, np.full(len(iterations), np.nan))
                if value is not None and 0 < entry["iteration"] <= len(iterations):
                    column[entry["iteration"] - 1] = value
        return columns
