"""Maps of values, errors and residuals over a plane, at several times where time does not run across it.

Colours: viridis for values of one sign, a symmetric diverging map for signed ones, magma on a logarithmic
scale for the size of errors and residuals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.problem import Problem
from .canvas import WIDTH, Image, label_axes, new_figure, plain, png
from .planes import Plane, plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

Evaluate = Callable[[np.ndarray], Mapping[str, np.ndarray]]

_SNAPSHOTS = 4
_DECADES = 1e-4  # an error map shows this share of its largest value and above
_OUTSIDE = "#c9ccd1"  # a grey that no colour map holds, so that a hole is not taken for a value
_NOTHING = 1e-16  # top of the scale of an error that is zero everywhere


def value_maps(
    problem: Problem, name: str, solution: Evaluate, reference: Evaluate | None, mean_removed: bool
) -> Image:
    """Solution, reference and size of the error of one unknown side by side, one row per time."""
    canvas = plane(problem)
    times = _snapshots(problem, name)
    shown = [_values(solution, canvas, problem, time, name, mean_removed) for time in times]
    truths = [] if reference is None else [
        _values(reference, canvas, problem, time, name, mean_removed) for time in times
    ]
    errors = [np.abs(value - truth) for value, truth in zip(shown, truths, strict=False)]
    norm, colours = _value_norm([*shown, *truths])
    columns = [("solution", shown, norm, colours)]
    if truths:
        columns += [("reference", truths, norm, colours), ("|error|", errors, _log_norm(errors), "magma")]
    image = _sheet(canvas, columns, [_when(problem, time, len(times)) for time in times], name)
    text = f"{name}, less its mean" if mean_removed else name
    text += ": solution, reference and the size of the error" if truths else ""
    return png(image, f"Maps of {name}", _caption(text, canvas))


def residual_maps(problem: Problem, residual: Evaluate) -> Image:
    """The size of each equation's residual, one column per equation and one row per time."""
    canvas = plane(problem)
    times = _snapshots(problem)
    at = [residual(canvas.at(problem, time)) for time in times]
    columns = []
    for name in at[0]:
        sizes = [np.abs(np.asarray(values[name], dtype=float)) for values in at]
        columns.append((f"|residual| of {name}", sizes, _log_norm(sizes), "magma"))
    image = _sheet(canvas, columns, [_when(problem, time, len(times)) for time in times])
    return png(image, "Residual map", _caption("Size of the residual lhs − rhs of each equation", canvas))


def _sheet(
    canvas: Plane,
    columns: Sequence[tuple[str, list[np.ndarray], Normalize, str]],
    rows: Sequence[str],
    label: str = "",
) -> Figure:
    """A grid of equal panels whose height follows the shape; columns of one scale share their colour bar."""
    width = min(WIDTH / len(columns), 5.2)
    height = min(max((width - 0.8) * canvas.shape, 1.2), 6.0) + 0.4
    size = (width * len(columns), height * len(rows) + 0.5)
    figure, panels = new_figure(*size, len(rows), len(columns), squeeze=False, sharex=True, sharey=True)
    for column, (title, values, norm, colours) in enumerate(columns):
        for row, when in enumerate(rows):
            axes = panels[row][column]
            drawn = _draw(axes, canvas, values[row], norm, colours)
            axes.set_title(plain(title) + when, fontsize=9)
            axes.label_outer()
        first = next(i for i, (_, _, other, _) in enumerate(columns) if other is norm)
        if column + 1 == len(columns) or columns[column + 1][2] is not norm:
            _colour_bar(figure, panels[:, first : column + 1], drawn, label)
    return figure


def _values(
    evaluate: Evaluate, canvas: Plane, problem: Problem, time: float, name: str, mean_removed: bool
) -> np.ndarray:
    values = np.asarray(evaluate(canvas.at(problem, time))[name], dtype=float)
    return values - canvas.mean(values) if mean_removed else values


def _draw(axes: Axes, canvas: Plane, values: np.ndarray, norm: Normalize, colours: str) -> Any:
    from matplotlib.tri import Triangulation

    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    triangles = Triangulation(
        canvas.across, canvas.up, canvas.triangles, mask=~known[canvas.triangles].all(axis=1)
    )
    drawn = axes.tripcolor(
        triangles, np.where(known, values, 0.0), norm=norm, cmap=colours, shading="gouraud", rasterized=True
    )
    drawn.set_in_layout(False)  # its extent is that of the axes, and takes a path for every triangle to find
    axes.set_facecolor(_OUTSIDE)
    axes.set_aspect("equal" if canvas.equal else "auto")
    axes.set_xlim(canvas.across.min(), canvas.across.max())
    axes.set_ylim(canvas.up.min(), canvas.up.max())
    label_axes(axes, *canvas.labels, grid=False)
    return drawn


def _value_norm(fields: Sequence[np.ndarray]) -> tuple[Normalize, str]:
    """One scale for all panels: symmetric about zero where both signs matter."""
    from matplotlib.colors import Normalize

    low, high = _range(fields)
    reach = max(-low, high)
    if low < 0 < high and min(-low, high) > 0.2 * reach:
        return Normalize(-reach, reach), "RdBu_r"
    return Normalize(low, high if high > low else low + 1.0), "viridis"


def _log_norm(fields: Sequence[np.ndarray]) -> Normalize:
    from matplotlib.colors import LogNorm

    _, high = _range(fields)
    high = high if high > 0 else _NOTHING
    return LogNorm(high * _DECADES, high, clip=True)


def _range(fields: Sequence[np.ndarray]) -> tuple[float, float]:
    known = np.concatenate([field[np.isfinite(field)] for field in fields])
    return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)


def _colour_bar(figure: Figure, panels: np.ndarray, drawn: Any, label: str) -> None:
    from matplotlib.colors import LogNorm

    logarithmic = isinstance(drawn.norm, LogNorm)
    extend = "min" if logarithmic else "neither"
    bar = figure.colorbar(drawn, ax=panels, aspect=18 * len(panels), pad=0.015, fraction=0.06, extend=extend)
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=7)
    bar.set_label("log scale" if logarithmic else label, fontsize=8)


def _snapshots(problem: Problem, name: str | None = None) -> np.ndarray:
    """Times of maps; one alone for steady problems, steady unknowns and space-time planes."""
    if problem.time is None:
        return np.zeros(1)
    steady = name is not None and problem.time not in problem.unknowns[problem.unknown_names.index(name)].args
    if steady or len(problem.coordinates) == 1:
        return np.array([problem.time.start])
    return np.linspace(problem.time.start, problem.time.end, _SNAPSHOTS)


def _when(problem: Problem, time: float, count: int) -> str:
    return f", {problem.time.name} = {time:.3g}" if problem.time is not None and count > 1 else ""


def _caption(text: str, canvas: Plane) -> str:
    return f"{text}, on the slice {canvas.note}." if canvas.note else f"{text}."
