"""Observations from their files: points and measured values, checked against the problem."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .conditions import Observations
from .errors import DeclarationError, unknown_word

if TYPE_CHECKING:
    from .problem import Problem

# Relative to the domain's diameter: sensors on a curved boundary may be rounded to a few digits.
OUTSIDE = 1e-4


def read_measurements(entry: Observations, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) in the problem's variables and values (n,), in its units, of one set of observations.

    The file has a line of column names, perhaps after # or %, then one line of numbers for each point,
    separated by commas or blanks. Raises ``DeclarationError`` for what is missing, no number, or outside.
    """
    lines = [line.strip() for line in _text(entry).splitlines()]
    rows = [(i, line) for i, line in enumerate(lines, 1) if line]
    separator = "," if rows and "," in rows[0][1] else None
    names = [name.strip() for name in rows[0][1].lstrip("#%").split(separator)] if rows else []
    columns = dict(entry.columns)
    wanted = [columns.get(word, word) for word in (*map(str, problem.variables), entry.unknown.func.__name__)]
    for name in wanted:
        if name not in names:
            error = unknown_word("column", name, names, otherwise="add it, or name another by `columns`")
            expected = error.expected or "a first line with the names of the columns"
            raise _fault(entry, f"{error.what} of the observations", expected, error.mend)
    found = np.array([_numbers(entry, number, line, separator, len(names)) for number, line in rows[1:]])
    if not len(found):
        raise _fault(entry, "the file of observations holds no point", "a line for each point", "add data")
    data = found[:, [names.index(name) for name in wanted]]
    _check_inside(entry, problem, data[:, :-1])
    return data[:, :-1], entry.offset + entry.unit * data[:, -1]


def _text(entry: Observations) -> str:
    try:
        return Path(entry.file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "it is not text"
        raise _fault(entry, f"cannot read observations: {reason}", "a text file", "check the path") from None


def _numbers(entry: Observations, number: int, line: str, separator: str | None, count: int) -> list[float]:
    words = line.split(separator)
    try:
        row = [float(word) for word in words]
    except ValueError:
        row = []
    if len(row) != count or not np.all(np.isfinite(row)):
        raise _fault(
            entry, f"line {number} is {line[:60]!r}", f"{count} finite numbers", "correct or remove it"
        )
    return row


def _check_inside(entry: Observations, problem: Problem, points: np.ndarray) -> None:
    inside = problem.domain.contains(points[:, : len(problem.coordinates)], OUTSIDE * problem.domain.diameter)
    if problem.time is not None:
        inside &= (points[:, -1] >= problem.time.start) & (points[:, -1] <= problem.time.end)
    if not np.all(inside):
        first = points[int(np.argmin(inside))].tolist()
        raise _fault(
            entry,
            f"{int(np.sum(~inside))} of {len(points)} points lie outside the domain, the first at {first}",
            f"points in {', '.join(map(str, problem.variables))}",
            "check the order of the columns and the units",
        )


def _fault(entry: Observations, what: str, expected: str, mend: str) -> DeclarationError:
    return DeclarationError(f"{entry.file}: {what}", expected=expected, mend=mend, place=entry.place)
