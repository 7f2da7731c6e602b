"""Reference values in text: CSV, and the tables that COMSOL writes and PINNacle publishes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .data_arrays import from_arrays
from .data_files import Table, Wanted
from .elements import Array


def read_text(wanted: Wanted) -> Table:
    """A table with one row a point: coordinates, then values, for several times side by side.

    A COMSOL header (lines of ``%``) names the columns in its last line; a CSV may name them in its first.
    Without either, columns that are asked for have numbers, from 1.
    """
    titles, named, table = _parsed(wanted)
    if not titles and wanted.columns:
        titles = [str(k + 1) for k in range(table.shape[1])]
    space, time, names = wanted.space, wanted.time, wanted.names
    plain = [re.split(r"[\s(@]", t)[0].lower() for t in titles]
    long_form = time is not None and wanted.called(time).lower() in plain
    sought = [*space, *([time] if long_form and time else []), *names]
    called = {n: wanted.called(n).lower() for n in sought}
    once = all(plain.count(c) == 1 for c in called.values())
    if len(titles) == table.shape[1] and once and (long_form or time is None):
        arrays = {n: table[:, plain.index(c)] for n, c in called.items()}
        if long_form:
            return _long(wanted, arrays)
        return from_arrays(replace(wanted, columns={}), arrays)
    missing = [wanted.called(n) for n in sought if called[n] not in plain]
    if titles and missing and (not named or wanted.columns):
        raise wanted.bad(
            f"its columns are called {', '.join(titles)}; there is no {', '.join(missing)}",
            "name all of them under `columns`, unknown or coordinate: title (or number, from 1)",
        )
    return _side_by_side(wanted, titles, table)


def _parsed(wanted: Wanted) -> tuple[list[str], bool, Array]:
    """Titles, whether a header of ``%`` or ``#`` named them, and the rows."""
    with open(wanted.path, encoding="utf-8", errors="replace") as stream:
        lines = [line.strip() for line in stream if line.strip()]
    header = [line for line in lines if line.startswith(("%", "#"))]
    body = [line for line in lines if not line.startswith(("%", "#"))]
    split = "," if body and "," in body[0] else ";" if body and ";" in body[0] else None
    titles: list[str] = []
    if header:
        titles = re.split(rf"\s*{split}\s*" if split else r"\s{2,}", header[-1].lstrip("%# ").strip())
    elif body and not _is_number(body[0].split(split)[0]):
        titles = [t.strip().strip('"') for t in body.pop(0).split(split)]
    rows = [line.split(split) for line in body]
    widths = {len(row) for row in rows}
    if not rows:
        raise wanted.bad("it holds no rows of numbers")
    if len(widths) > 1:
        odd = next(k for k, row in enumerate(rows) if len(row) != len(rows[0]))
        raise wanted.bad(
            f"its rows are not made of equally many numbers: row {odd + 1} has {len(rows[odd])}, "
            f"the first {len(rows[0])}",
            "write the file again; it may be cut off",
        )
    try:
        return titles, bool(header), np.array(rows, float)
    except ValueError as cause:
        raise wanted.bad(f"its rows are not made of equally many numbers ({cause})") from None


def _side_by_side(wanted: Wanted, titles: Sequence[str], table: Array) -> Table:
    """Columns by position: coordinates, then the unknowns at the first time, at the next, and so on."""
    d, names = len(wanted.space), wanted.names
    steps, odd = divmod(table.shape[1] - d, len(names))
    if odd or steps < 1 or (wanted.time is None and steps != 1):
        expected = f"{d} coordinates and {len(names)} values" + (" for each time" if wanted.time else "")
        raise wanted.bad(
            f"{table.shape[1]} columns where {expected} are expected",
            "name the columns in the first line, and under `columns` those that are called otherwise",
        )
    stamps = [m.group(1) for t in titles if (m := re.search(r"\bt\s*=\s*([-+.\deE]+)", t))]
    times, notes = None, ()
    if wanted.time is not None and wanted.span is not None:
        if len(stamps) == steps * len(names):
            times = np.array([float(s) for s in stamps[:: len(names)]])
        else:
            times = np.linspace(*wanted.span, steps)
            notes = (
                f"the file names no times: its {steps} were taken equidistant over all of {wanted.time}",
            )
    block = table[:, d:].reshape(len(table), steps, len(names))
    values = {n: block[:, :, i].T.copy() for i, n in enumerate(names)}
    return Table(table[:, :d], None, times, values, notes=notes)


def _long(wanted: Wanted, arrays: Mapping[str, Array]) -> Table:
    """Rows (x, t, u) in any order, the same points at every time."""
    space, time = wanted.space, str(wanted.time)
    times = np.unique(arrays[time])
    order = np.lexsort([*(arrays[s] for s in reversed(space)), arrays[time]])
    count = len(order) // len(times)
    points = np.stack([arrays[s][order] for s in space], axis=1)
    even = count * len(times) == len(order)
    if not even or (points.reshape(len(times), count, -1) != points[:count]).any():
        raise wanted.bad(
            "its times do not all hold the same points", "give the values at the same points for every time"
        )
    values = {n: arrays[n][order].reshape(len(times), count) for n in wanted.names}
    return Table(points[:count], None, times, values)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
