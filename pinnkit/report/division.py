"""How the domain is divided among networks: subdomains, and the points at which they are joined."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..declare.problem import Problem
from ..geometry.division import Division
from .canvas import COLOURS, Image, label_axes, new_figure, png
from .planes import Plane, plane
from .tables import faint

_NAMED = 24  # subdomains that a drawing can name
_ARROWS = 20  # for each interface, of which points are drawn
_INSET, _INSETS = 0.006, 5  # of an extent, by which boxes are drawn smaller, each by another multiple
_NEAR = 0.02  # of an extent: how far points of interfaces may be from the plane that is drawn


def division_html(problem: Problem, division: Division) -> str:
    """Numbers and a drawing."""
    told = f"{len(division.names)} subdomains"
    if (found := division.interfaces) is not None:
        told += f", {len(found.pairs)} interfaces with {len(found.points)} points"
    return faint(f"{told}.") + division_image(problem, division).html()


def division_image(problem: Problem, division: Division) -> Image:
    """Subdomains along a line, or on the plane that fields are drawn on, at the start and at the end."""
    if len(problem.variables) == 1:
        return _line(problem, division)
    surface = plane(problem)
    clock = problem.time
    times: list[float | None] = [None]
    if clock is not None and surface.points.shape[1] < len(problem.variables):
        times = [clock.start, clock.end] if _moves(problem, division, surface) else [clock.start]
    figure, axes = new_figure(4.6 * len(times), 4.2, 1, len(times), squeeze=False)
    for one, time in zip(axes[0], times, strict=True):
        points = surface.points if time is None else surface.at(problem, time)
        _draw(one, surface, points, division, len(times) > 1)
        if time is not None and clock is not None and len(times) > 1:
            one.set_title(f"{problem.variables[-1].name} = {time:g}", fontsize=9)
    what = "Boxes within which each network's window is not zero."
    if division.interfaces is not None:
        what = "Some of the points where two of them are joined, with their normals."
    if surface.note:
        what += f" {surface.note}"
    return png(figure, "Subdomains", f"Subdomains. {what}")


def _moves(problem: Problem, division: Division, surface: Plane) -> bool:
    clock = problem.time
    if clock is None:
        return False
    if division.owners is None:
        return bool(np.ptp(division.lower[:, -1]) > 0)
    first, last = (division.owners(surface.at(problem, t)) for t in (clock.start, clock.end))
    return bool((first != last).any())


def _draw(axes: Any, surface: Plane, points: np.ndarray, division: Division, moves: bool) -> None:
    across, up = surface.across, surface.up
    if division.owners is None:
        _boxes(axes, surface, points, division)
    else:
        from matplotlib.colors import ListedColormap

        owners = division.owners(points[surface.triangles].mean(axis=1))
        axes.tripcolor(
            across, up, surface.triangles, facecolors=owners % len(COLOURS),
            cmap=ListedColormap([_pale(colour) for colour in COLOURS]), vmin=-0.5, vmax=len(COLOURS) - 0.5,
        )  # fmt: skip
        _joined(axes, surface, points, division, moves)
        if len(division.names) <= _NAMED:
            _name(axes, surface, owners, division)
    if surface.equal:
        axes.set_aspect("equal")
    label_axes(axes, *surface.labels, grid=False)


def _name(axes: Any, surface: Plane, owners: np.ndarray, division: Division) -> None:
    """Each name where its subdomain is: at the triangle nearest to the middle of its own."""
    middles = np.stack([c[surface.triangles].mean(axis=1) for c in (surface.across, surface.up)], axis=1)
    for k in np.unique(owners):
        own = middles[owners == k]
        place = own[np.argmin(((own - own.mean(axis=0)) ** 2).sum(axis=1))]
        axes.annotate(division.names[k], place, ha="center", va="center", fontsize=8)


def _drawn_columns(surface: Plane, points: np.ndarray) -> tuple[list[int], list[int]]:
    """The columns of points that are drawn, and those that are the same all over the plane."""
    drawn = [
        int(np.argmin([np.abs(points[:, c] - part).max() for c in range(points.shape[1])]))
        for part in (surface.across, surface.up)
    ]
    return drawn, [c for c in range(points.shape[1]) if c not in drawn]


def _pale(colour: str) -> tuple[float, float, float]:
    """Halfway to white and beyond: on it names and points can be read."""
    from matplotlib.colors import to_rgb

    red, green, blue = (0.35 * part + 0.65 for part in to_rgb(colour))
    return red, green, blue


def _joined(axes: Any, surface: Plane, points: np.ndarray, division: Division, moves: bool) -> None:
    found = division.interfaces
    if found is None:
        return
    drawn, still = _drawn_columns(surface, points)
    if not moves:  # then those of all times stand for the one that is drawn
        still = [c for c in still if c < surface.points.shape[1]]
    extent = (division.upper.max(axis=0) - division.lower.min(axis=0))[still]
    near = (np.abs(found.points[:, still] - points[0, still]) <= _NEAR * extent).all(axis=1)
    if not near.any():  # none were drawn there, as where points are few in a solid
        return
    kept = np.concatenate([
        np.flatnonzero(near & (found.sides == pair).all(axis=1))[:_ARROWS] for pair in found.pairs
    ])  # fmt: skip
    places, normals = found.points[kept][:, drawn], found.normals[kept][:, drawn]
    axes.quiver(
        *places.T, *normals.T, color="#222222", width=0.003, scale=30, headwidth=3, headlength=4, alpha=0.8
    )
    axes.plot(*places.T, ".", color="#222222", markersize=2)


def _boxes(axes: Any, surface: Plane, points: np.ndarray, division: Division) -> None:
    from matplotlib.patches import Rectangle

    drawn, still = _drawn_columns(surface, points)
    lower, upper = division.lower, division.upper
    cut = ((lower[:, still] <= points[0, still]) & (points[0, still] <= upper[:, still])).all(axis=1)
    axes.tripcolor(surface.across, surface.up, surface.triangles, facecolors=np.zeros(len(surface.triangles)),
                   cmap="Greys", vmin=-0.1, vmax=2)  # fmt: skip
    extent = upper.max(axis=0)[drawn] - lower.min(axis=0)[drawn]
    for k in np.flatnonzero(cut):
        inset = _INSET * (k % _INSETS) * extent  # so that sides which coincide can be told apart
        low, high = lower[k, drawn] + inset, upper[k, drawn] - inset
        colour = COLOURS[k % len(COLOURS)]
        axes.add_patch(Rectangle(tuple(low), *(high - low), fill=False, edgecolor=colour, linewidth=1.2))
        if len(division.names) <= _NAMED:
            near = {"xytext": (3, 3), "textcoords": "offset points", "fontsize": 8, "color": colour}
            axes.annotate(division.names[k], low, **near)
    axes.autoscale_view()


def _line(problem: Problem, division: Division) -> Image:
    figure, axes = new_figure(8.0, 2.0)
    for k, (low, high) in enumerate(zip(division.lower[:, 0], division.upper[:, 0], strict=True)):
        axes.barh(k, high - low, left=low, height=0.8, color=COLOURS[k % len(COLOURS)], alpha=0.6)
    if division.interfaces is not None:
        for place in division.interfaces.points[:, 0]:
            axes.axvline(place, color="#222222", linewidth=0.8)
    axes.set_xlim(problem.lower[0], problem.upper[0])
    if len(division.names) <= _NAMED:
        axes.set_yticks(range(len(division.names)), division.names)
    label_axes(axes, problem.variables[0].name, "")
    return png(figure, "Subdomains", "Subdomains, and the points where two of them are joined." if (
        division.interfaces) else "Subdomains: where each network's window is not zero.")  # fmt: skip
