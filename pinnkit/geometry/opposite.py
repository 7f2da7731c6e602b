"""Straight boundary lines on the two ends of a plane domain that a periodic coordinate joins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import GeometryError

_NEAR = 1e-9


def cut_alike(
    lines: Sequence[np.ndarray],
    bent: Sequence[bool],
    bounds: tuple[np.ndarray, np.ndarray],
    axes: Sequence[int],
) -> list[tuple[int, np.ndarray]]:
    """Lines (2, 2) in parts that have a partner on the opposite end: (number of the line, part (2, 2)).

    Where a line ends on one of two opposite ends, the one across is cut too. Other lines, and those that are
    only the chords of ``bent`` ones, stay whole.
    """
    near = _NEAR * float(np.max(bounds[1] - bounds[0]))
    ends = {
        a: [k for k, line in enumerate(lines) if not bent[k] and _end(line, bounds, a) is not None]
        for a in axes
    }
    parts = []
    for number, line in enumerate(lines):
        axis = next((a for a in axes if number in ends[a]), None)
        if axis is None:
            parts.append((number, line))
            continue
        along = 1 - axis
        stops = [place[along] for other in ends[axis] for place in lines[other]]
        first, last = line[:, along]
        direction = np.sign(last - first)
        inner = sorted({s for s in stops if (s - first) * direction > near and (last - s) * direction > near},
                       key=lambda s: s * direction)  # fmt: skip
        kept = [s for k, s in enumerate(inner) if not k or abs(s - inner[k - 1]) > near]
        cuts = np.empty((len(kept) + 2, 2))
        cuts[[0, -1]] = line
        cuts[1:-1, along], cuts[1:-1, axis] = kept, line[0, axis]
        parts += [(number, cuts[k : k + 2]) for k in range(len(cuts) - 1)]
    return parts


def partners(
    lines: Sequence[np.ndarray],
    bent: Sequence[bool],
    bounds: tuple[np.ndarray, np.ndarray],
    axes: Sequence[int],
) -> dict[int, int]:
    """For each line on an upper end, the one on the lower end that lies opposite and runs the other way.

    Raises ``GeometryError`` where a line has none.
    """
    near = _NEAR * float(np.max(bounds[1] - bounds[0]))
    found = {}
    for axis in axes:
        shift = np.zeros(2)
        shift[axis] = bounds[1][axis] - bounds[0][axis]
        flat = [(k, _end(line, bounds, axis)) for k, line in enumerate(lines) if not bent[k]]
        lower, upper = ([k for k, end in flat if end == which] for which in (0, 1))
        for k in upper:
            match = [m for m in lower if np.abs(lines[m][::-1] + shift - lines[k]).max() <= near]
            if len(match) != 1:
                break
            found[k] = match[0]
        if len(lower) != len(upper) or not set(upper) <= set(found):
            raise GeometryError(
                f"the two ends of the domain across coordinate {axis + 1} do not lie opposite each other",
                expected="flat ends that a shift takes onto each other",
                mend="draw both ends alike, or give boundary conditions instead of a periodic one",
            )
    return found


def _end(line: np.ndarray, bounds: tuple[np.ndarray, np.ndarray], axis: int) -> int | None:
    """0 for a line within the lower end across an axis, 1 within the upper, None elsewhere."""
    near = _NEAR * float(np.max(bounds[1] - bounds[0]))
    return next((k for k in (0, 1) if np.abs(line[:, axis] - bounds[k][axis]).max() <= near), None)
