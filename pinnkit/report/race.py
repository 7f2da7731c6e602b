"""Comparison of solvers: a table, and the error over wall time on one pair of axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle
from statistics import median

from .canvas import COLOURS, Image, label_axes, new_figure, plain, svg
from .style import CSS
from .tables import faint, number, seconds, table


@dataclass(frozen=True)
class Run:
    """One contender with one seed: the errors of every unknown over the seconds, compilation included."""

    label: str
    seed: int
    errors: Mapping[str, float]
    seconds: float
    compile: float
    parameters: int
    curve: tuple[tuple[float, float], ...]
    failure: str = ""

    @property
    def worst(self) -> float:
        """The largest relative L2 error of the unknowns; infinite for a run that failed."""
        return max(self.errors.values(), default=math.inf)


@dataclass(frozen=True)
class Race:
    """All runs on a problem, with finite elements at several tolerances beside them where they apply."""

    problem: str
    tolerance: float
    runs: tuple[Run, ...]
    elements: tuple[Run, ...]
    reference: str
    bar: float
    notes: tuple[str, ...]


HEADER = (
    "Solver", "Seeds", "Median error", "Worst error", "Median s", "Of which compiling",
    "Median s to tolerance", "Parameters",
)  # fmt: skip


def race_rows(race: Race) -> list[tuple[str, ...]]:
    """A row for each solver, the most accurate first, then finite elements at each tolerance."""
    groups = [[run for run in race.runs if run.label == label] for label in _labels(race.runs)]
    groups.sort(key=lambda runs: median(run.worst for run in runs))
    return [_row(runs, race) for runs in [*groups, *([run] for run in race.elements)]]


def race_markdown(race: Race) -> str:
    """The table as Markdown, with what went wrong below it."""
    rows = [HEADER, ("---",) * len(HEADER), *race_rows(race)]
    lines = [f"# {race.problem}", "", _circumstances(race), ""]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", *_failures(race.runs)]
    return "\n".join(lines).rstrip() + "\n"


def race_html(race: Race) -> str:
    """One self-contained page: table, figure, failures."""
    failures = "".join(f"<li>{escape(text)}</li>" for text in _failures(race.runs))
    body = [
        f"<header><h1>{escape(race.problem)}: solvers compared</h1>{faint(_circumstances(race))}</header>",
        table(HEADER, race_rows(race)),
        race_image(race).html(),
        f"<h2>Failures</h2><ul>{failures}</ul>" if failures else "",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(race.problem)} · solvers compared · pinnkit</title><style>{CSS}</style></head>\n"
        f"<body>\n{chr(10).join(part for part in body if part)}\n</body></html>\n"
    )


def race_image(race: Race) -> Image:
    """Error over wall time: a curve for each run, finite elements as points, tolerance and error bar."""
    figure, axes = new_figure(9.5, 4.6)
    for colour, label in zip(cycle(COLOURS), _labels(race.runs), strict=False):
        for run in race.runs:
            if run.label == label and (points := [p for p in run.curve if p[1] > 0 and math.isfinite(p[1])]):
                across, up = zip(*points, strict=True)
                axes.loglog(across, up, "-", color=colour, linewidth=1.2)
                axes.loglog(across[-1], up[-1], "o", color=colour, markersize=5)
        axes.plot([], [], "o-", color=colour, linewidth=1.2, markersize=5, label=plain(label))
    points = [(run.seconds, run.worst, run.parameters) for run in race.elements if run.worst > 0]
    if points:
        across, up, _ = zip(*points, strict=True)
        style = {"color": "#222222", "linewidth": 0.8, "markersize": 5}
        axes.loglog(across, up, "s--", label="finite elements,\nwith their unknowns", **style)
        for moment, error, size in points:
            axes.annotate(
                f"{size:,}", (moment, error), textcoords="offset points", xytext=(6, 4), fontsize=7,
                color="#222222",
            )  # fmt: skip
    axes.axhline(race.tolerance, color="#666666", linestyle="--", linewidth=1.0, label="tolerance")
    if race.bar > 0:
        axes.axhline(race.bar, color="#bbbbbb", linewidth=1.0, label="error bar of the reference")
    label_axes(axes, "seconds, compilation included", "relative L2 error, worst unknown")
    # beside the axes: within them it would lie on curves
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return svg(
        figure,
        "Error over wall time",
        "Relative L2 error over the seconds since the start, each seed a curve to its last state, the dot. A "
        "solver that does not tell its error while it works is a dot alone.",
    )


def _row(runs: Sequence[Run], race: Race) -> tuple[str, ...]:
    done = [run for run in runs if not run.failure]
    label = runs[0].label if len(done) == len(runs) else f"{runs[0].label} ({len(runs) - len(done)} failed)"
    if not done:
        return (label, str(len(runs)), *("–",) * (len(HEADER) - 2))
    return (
        label, str(len(runs)),
        _error(median(run.worst for run in runs), race.bar), _error(max(run.worst for run in runs), race.bar),
        seconds(median(run.seconds for run in done)), _compiling(done),
        _reached(done, len(runs), race.tolerance), str(done[0].parameters),
    )  # fmt: skip


def _error(error: float, bar: float) -> str:
    """The error, or what a mesh that is the reference itself can be told to have: no more than its bar."""
    return f"≤ {number(bar)}, being the reference" if error == 0 and bar > 0 else number(error)


def _compiling(done: Sequence[Run]) -> str:
    """Median of the seconds that compilation took, where there was any."""
    middle = median(run.compile for run in done)
    return seconds(middle) if middle > 0 else "–"


def _reached(done: Sequence[Run], entered: int, tolerance: float) -> str:
    """Median over all seeds of the time from which on the error was within the tolerance."""
    times = sorted(_first_time(run.curve, tolerance) for run in done) + [math.inf] * (entered - len(done))
    middle = median(times)
    return seconds(middle) if math.isfinite(middle) else "not reached"


def _first_time(curve: Iterable[tuple[float, float]], tolerance: float) -> float:
    first = math.inf
    for moment, error in curve:
        if error > tolerance:
            first = math.inf
        elif first == math.inf:
            first = moment
    return first


def _labels(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(run.label for run in runs))


def _circumstances(race: Race) -> str:
    bar = f", error bar {number(race.bar)}" if race.bar > 0 else ""
    return (
        f"Relative L2 error of the worst unknown; tolerance {number(race.tolerance)}; "
        f"judged by: {race.reference}{bar}. Every run in a fresh process with nothing compiled; imports and "
        "the reference are not counted."
    )


def _failures(runs: Sequence[Run]) -> list[str]:
    return [f"{run.label}, seed {run.seed}: {run.failure}" for run in runs if run.failure]
