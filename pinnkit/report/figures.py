"""The figures of a report: the domain, and each field and residual in the way its dimension asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from ..declare.conditions import PointValue
from ..declare.errors import DeclarationError
from ..declare.measurements import read_measurements
from ..declare.problem import Problem
from .canvas import COLOURS, Image, label_axes, new_figure, plain, svg
from .curves import history_image, line_image, profiles_image, residual_lines
from .maps import residual_maps, value_maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Evaluate = Callable[[np.ndarray], Mapping[str, np.ndarray]]

_LEGEND = 12

__all__ = ["domain_image", "field_images", "history_image", "residual_image"]


def domain_image(problem: Problem) -> Image | None:
    """The domain, its named boundaries, point values and sensors; None where no plane can show it."""
    dimension = len(problem.coordinates)
    if dimension > 2 or (dimension == 1 and problem.time is None):
        return None
    figure, axes = new_figure(*_domain_size(problem))
    names = dict.fromkeys(problem.domain.boundary_names)
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    if dimension == 1:
        _draw_space_time(axes, problem, colour)
    else:
        _draw_pieces(axes, problem, colour)
    for fixed in problem.conditions:
        if not isinstance(fixed, PointValue):
            continue
        label = f"{str(fixed.unknown).partition('(')[0]} fixed"
        if len(fixed.at) == 1:  # a point of space in a space-time drawing: fixed at all times
            axes.axhline(fixed.at[0], color="black", linestyle="--", linewidth=1.0, label=label)
            continue
        across, up = fixed.at[::-1] if dimension == 1 else fixed.at[:2]
        axes.plot([across], [up], "*", color="black", markersize=9, label=label)
    unread = _draw_sensors(axes, problem)
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    hidden = f"; {len(names) - _LEGEND} further names not listed" if len(names) > _LEGEND else ""
    caption = f"The domain, boundaries by name{hidden}.{unread}"
    return svg(figure, "The domain and its named boundaries", caption)


def field_images(
    problem: Problem, name: str, solution: Evaluate, reference: Evaluate | None, mean_removed: bool = False
) -> list[Image]:
    """Solution, reference and error of one unknown: lines, a space-time plane, or maps at several times."""
    if len(problem.coordinates) > 1:
        return [value_maps(problem, name, solution, reference, mean_removed)]
    if problem.time is None:
        return [line_image(problem, name, solution, reference, mean_removed)]
    return [
        value_maps(problem, name, solution, reference, mean_removed),
        profiles_image(problem, name, solution, reference),
    ]


def residual_image(problem: Problem, residual: Evaluate) -> Image:
    """The size of each equation's residual over the domain."""
    if len(problem.variables) == 1:
        return residual_lines(problem, residual)
    return residual_maps(problem, residual)


def _domain_size(problem: Problem) -> tuple[float, float]:
    """Inches that leave a drawing at equal scales no empty margins, with room for the legend."""
    if len(problem.coordinates) == 1:
        return 6.0, 3.4
    low, high = problem.domain.bounds
    across, up = (float(side) for side in np.subtract(high, low))
    scale = min(4.4 / across, 4.0 / up)
    return max(across * scale, 1.2) + 2.0, max(up * scale, 1.2) + 0.6


def _draw_pieces(axes: Axes, problem: Problem, colour: Mapping[str, str]) -> None:
    along = np.linspace(0.0, 1.0, 401)[:, None]
    listed: set[str] = set()
    for piece in problem.domain.pieces():
        points, _, kept = piece.propose(along)
        points = np.where(kept[:, None], points, np.nan)  # breaks the line where a part was cut away
        label = plain(piece.name) if piece.name not in listed and len(listed) < _LEGEND else None
        listed.add(piece.name)
        axes.plot(points[:, 0], points[:, 1], color=colour[piece.name], linewidth=1.8, label=label)
    axes.set_aspect("equal")
    across, up = problem.coordinates
    label_axes(axes, across.name, up.name)


def _draw_sensors(axes: Axes, problem: Problem) -> str:
    """Mark where values were measured; a sentence where that can no longer be read."""
    unread: list[str] = []
    for entry, marker in zip(problem.observations, cycle("ox^v+")):
        name = entry.unknown.func.__name__
        try:
            points, _ = read_measurements(entry, problem)
        except DeclarationError:  # the file may be gone by the time a run is reported on once more
            unread.append(name)
            continue
        shown = points[:, ::-1] if len(problem.coordinates) == 1 else np.unique(points[:, :2], axis=0)
        label = f"{plain(name)} measured"
        axes.plot(*shown.T, marker, color="black", markersize=3, alpha=0.6, linestyle="", label=label)
    where = " and ".join(unread)
    return f" Not drawn: where {where} was measured; its file cannot be read." if unread else ""


def _draw_space_time(axes: Axes, problem: Problem, colour: Mapping[str, str]) -> None:
    assert problem.time is not None
    start, end = problem.time.start, problem.time.end
    for piece in problem.domain.pieces():
        points, _ = piece.sample(np.zeros((1, 0)))
        at, label = points[0, 0], plain(piece.name)
        axes.plot([start, end], [at, at], color=colour[piece.name], linewidth=2.2, label=label)
    axes.plot(
        [start, start], [problem.lower[0], problem.upper[0]], color="#777777", linewidth=2.2, linestyle=":",
        label="start of time",
    )
    label_axes(axes, problem.time.name, problem.coordinates[0].name)
