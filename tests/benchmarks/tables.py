"""Tables of the benchmarks: Markdown, how and where they were measured, and their place in the docs."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERDICT = {True: "reached", False: "**missed**", None: "–"}


@dataclass(frozen=True)
class Gate:
    """What was asked, what was found, whether it was reached; None where it could not be measured."""

    name: str
    must: str
    found: str
    reached: bool | None


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned."""
    cells = [list(header), *map(list, lines)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(header))]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    )


def circumstances(versions: dict[str, str], seeds: Sequence[int] = ()) -> str:
    """Date, seeds, machine and versions, in a sentence."""
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    date = datetime.now(UTC).date().isoformat()
    drawn = f", seeds {', '.join(map(str, seeds))}" if seeds else ""
    return f"{date}{drawn}, {machine()}; {listed}."


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """Architecture, cores, processor."""
    return f"{platform.machine()}, {cores()} cores, {_processor()}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "processor unknown"


def write(file: Path, text: str, part: str = "acceptance") -> None:
    """Put the text between the part's marks on a page of the documentation."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, rest = file.read_text().split(begin)
    after = rest.split(end)[1]
    file.write_text(f"{before}{begin}\n{text}\n{end}{after}")
