"""Figures of lines: fields in one dimension, profiles at several times, residuals, the loss history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from ..declare.problem import Problem
from ..solution.dataset import at_time
from .canvas import COLOURS, WIDTH, Image, label_axes, new_figure, plain, positive, svg
from .planes import line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Evaluate = Callable[[np.ndarray], Mapping[str, np.ndarray]]

_PROFILES = 4
_DRAWN = 2_000  # points of a history curve
_FEW = 60  # below this the points themselves are marked


def history_image(history: Mapping[str, np.ndarray], tolerance: float | None) -> Image | None:
    """Loss, errors against the reference and weights that changed, one below the other, with stage marks.

    Redraws of the points and refinements of cells are ticks at the foot of the loss.
    """
    if "loss" not in history or not len(history["loss"]):
        return None
    if "slab_end" in history:
        return _slabs_image(history)
    iterations = np.asarray(history.get("iteration", np.arange(len(history["loss"]))), dtype=float)
    errors, terms, weights = _columns(history, "error_"), _columns(history, "loss_"), _weights(history)
    count = 1 + bool(errors) + bool(weights)
    figure, panels = new_figure(8.0, 1.4 + 1.8 * count, rows=count, sharex=True, squeeze=False)
    top, *below = panels[:, 0]
    for colour, (name, values) in zip(cycle(COLOURS[1:]), terms.items(), strict=False):
        _curve(top, iterations, values, colour, plain(name), 0.8)
    _curve(top, iterations, history["loss"], COLOURS[0], "loss", 1.5)
    _mark_stages(top, iterations, history.get("stage"))
    _mark_changes(top, iterations, history.get("redraws"))
    _mark_changes(top, iterations, history.get("refined_tests"))
    label_axes(top, "", "loss")
    if terms:
        top.legend(frameon=False, fontsize=8)
    if errors:
        for colour, (name, values) in zip(cycle(COLOURS), errors.items(), strict=False):
            _curve(below[0], iterations, values, colour, plain(name), 1.5)
        if tolerance is not None:
            below[0].axhline(tolerance, color="#666666", linestyle="--", linewidth=1.0, label="tolerance")
        label_axes(below[0], "", "relative L2 error")
    if weights:
        for colour, (name, values) in zip(cycle(COLOURS), weights.items(), strict=False):
            _curve(below[-1], iterations, values, colour, plain(name), 1.2)
        label_axes(below[-1], "", "weights")
    for axes in below:
        _mark_stages(axes, iterations, history.get("stage"), names=False)
        axes.legend(frameon=False, fontsize=8)
    panels[-1, 0].set_xlabel("iteration", fontsize=9)
    shown = ["Loss", *(["error against the reference"] if errors else []), *(["weights"] if weights else [])]
    caption = f"{', '.join(shown)} over the iterations."
    return svg(figure, "Loss history", caption)


def _slabs_image(history: Mapping[str, np.ndarray]) -> Image:
    """What a march left at the end of each slab, over the problem's time: nothing was iterated there."""
    ends = np.asarray(history["slab_end"], dtype=float)
    figure, (top, bottom) = new_figure(8.0, 4.2, rows=2, sharex=True)
    _curve(top, ends, np.sqrt(history["loss"]), COLOURS[0], "residual", 1.5)
    label_axes(top, "", "relative residual")
    bottom.step(ends, history["features"], where="pre", color=COLOURS[1], linewidth=1.5)
    bottom.plot(ends, history["features"], "|", color=COLOURS[1])
    label_axes(bottom, "time at the end of the slab", "features")
    bottom.set_ylim(bottom=0)
    caption = "Residual between the points, relative to the solution, and number of features, slab by slab."
    return svg(figure, "Slabs", caption)


def residual_lines(problem: Problem, residual: Evaluate) -> Image:
    """The size of each equation's residual along a one-dimensional domain."""
    points = line(problem)
    figure, axes = new_figure(8.0, 3.0)
    for colour, (name, values) in zip(cycle(COLOURS), residual(points).items(), strict=False):
        axes.semilogy(points[:, 0], positive(values), color=colour, linewidth=1.2, label=plain(name))
    label_axes(axes, problem.coordinates[0].name, "|residual|")
    axes.legend(frameon=False, fontsize=8)
    return svg(figure, "Residual of each equation", "Size of the residual lhs − rhs of each equation.")


def line_image(
    problem: Problem, name: str, solution: Evaluate, reference: Evaluate | None, mean_removed: bool
) -> Image:
    """One unknown along a one-dimensional domain, with the reference and the size of the error below."""
    points = line(problem)
    values = np.asarray(solution(points)[name])
    figure, panels = new_figure(8.0, 4.6 if reference else 3.0, rows=2 if reference else 1, sharex=True)
    top = panels[0] if reference else panels
    if reference is not None:
        truth = np.asarray(reference(points)[name])
        if mean_removed:
            values, truth = values - np.nanmean(values), truth - np.nanmean(truth)
        top.plot(points[:, 0], truth, color="#999999", linewidth=3.0, label="reference")
        panels[1].semilogy(points[:, 0], positive(values - truth), color=COLOURS[1], linewidth=1.2)
        label_axes(panels[1], problem.coordinates[0].name, "|error|")
    top.plot(points[:, 0], values, color=COLOURS[0], linewidth=1.4, label="solution")
    label_axes(top, "" if reference else problem.coordinates[0].name, name)
    top.legend(frameon=False, fontsize=8)
    return svg(figure, f"{name} along the domain", f"{name}{' and its error' if reference else ''}.")


def profiles_image(problem: Problem, name: str, solution: Evaluate, reference: Evaluate | None) -> Image:
    """Profiles over space at several times."""
    assert problem.time is not None
    times = np.linspace(problem.time.start, problem.time.end, _PROFILES)
    figure, panels = new_figure(WIDTH, 2.6, columns=len(times), sharey=True)
    for axes, time in zip(panels, times, strict=True):
        points = at_time(line(problem), problem, time)
        if reference is not None:
            truth = reference(points)[name]
            axes.plot(points[:, 0], truth, color="#aaaaaa", linewidth=3.0, label="reference")
        axes.plot(points[:, 0], solution(points)[name], color=COLOURS[0], linewidth=1.3, label="solution")
        axes.set_title(f"{problem.time.name} = {time:.3g}", fontsize=9)
        label_axes(axes, problem.coordinates[0].name, name if axes is panels[0] else "")
    panels[0].legend(frameon=False, fontsize=8)
    return svg(figure, f"Profiles of {name} at several times", f"Profiles of {name}.")


def _curve(axes: Axes, across: np.ndarray, values: np.ndarray, colour: str, label: str, width: float) -> None:
    """A curve on a logarithmic axis, thinned so that its file stays small."""
    values = np.asarray(values, dtype=float)
    shown = np.flatnonzero(np.isfinite(values) & (values > 0))
    if len(shown) > _DRAWN:
        shown = shown[np.linspace(0, len(shown) - 1, _DRAWN).astype(int)]
    style = ".-" if len(shown) < _FEW else "-"
    axes.semilogy(across[shown], values[shown], style, color=colour, linewidth=width, label=label)


def _mark_stages(
    axes: Axes, iterations: np.ndarray, stages: np.ndarray | None, names: bool = True
) -> None:
    if stages is None or not len(stages):
        return
    for i in [0, *(np.flatnonzero(stages[1:] != stages[:-1]) + 1)]:
        if i:
            axes.axvline(float(iterations[i]), color="#bbbbbb", linewidth=0.8)
        if names:
            axes.annotate(
                str(stages[i]), (iterations[i], 1.0), xycoords=("data", "axes fraction"), xytext=(3, 3),
                textcoords="offset points", fontsize=8, color="#555555",
            )


def _mark_changes(axes: Axes, iterations: np.ndarray, counted: np.ndarray | None) -> None:
    """A tick at the foot for each time that redraws or tests became more, found at the next chunk's end."""
    if counted is None:
        return
    known = np.flatnonzero(np.isfinite(np.asarray(counted, dtype=float)))
    counts = np.asarray(counted, dtype=float)[known]
    for position in known[1:][np.diff(counts) > 0]:
        axes.axvline(float(iterations[position]), ymax=0.03, color="#888888", linewidth=0.8)


def _weights(history: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What rules made of weights, under the names of their columns in words."""
    found = {}
    for prefix in ("weight_", "point_weight_", "multiplier_", "causal_", "curriculum_"):
        kind = prefix.removesuffix("_").replace("_", " ")
        found |= {f"{kind}: {name}": values for name, values in _columns(history, prefix).items()}
    return found


def _columns(history: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Columns of a history that were measured, by the name after their prefix."""
    columns = {name: np.asarray(v, dtype=float) for name, v in history.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): v for name, v in columns.items() if np.isfinite(v).any()}
