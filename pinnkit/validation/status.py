"""How a comparison can come out, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Status = Literal["passed", "missed", "limited", "trivial", "failed"]

WORST_FIRST: tuple[Status, ...] = ("failed", "trivial", "missed", "limited", "passed")
FEW_BARS = 3.0  # errors below so many error bars say more about the reference than about the solution


def number(value: float | None) -> str:
    """A number in three digits; – for none."""
    if value is None:
        return "–"
    return f"{value:.3g}" if value == 0 or 0.01 <= abs(value) < 1000 else f"{value:.2e}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: first and last column to the left, those between to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells, last in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:-1], strict=True))
        lines.append("  ".join([name.ljust(widths[0]), *numbers, last]).rstrip())
    return lines
