"""Memory that optimisers need against memory there is: refused before anything is compiled."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax

from ..declare.errors import DeclarationError
from .checkpoint import Stage
from .optimiser import AbstractOptimiser

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def require_room(
    schedule: Sequence[Stage],
    parameters: int,
    rows: int,
    itemsize: int,
    others: Mapping[str, type[AbstractOptimiser]],
    room: int | None = None,
) -> None:
    """Raises ``DeclarationError`` where a stage needs more than the ``room`` in bytes (None: what is free),
    with what it needs, and those of the ``others`` that do with less.
    """
    room = free_bytes() if room is None else room
    if room is None:
        return
    for number, stage in enumerate(schedule):
        needed = stage.optimiser.bytes_needed(parameters, rows, itemsize)
        if needed <= room:
            continue
        fitting = {
            name: least
            for name, kind in others.items()
            if (least := kind().bytes_needed(parameters, rows, itemsize)) <= room and name != "head"
        }
        raise DeclarationError(
            f"stage {number + 1}: {stage.optimiser.name} needs {in_words(needed)} for "
            f"{parameters:,} parameters and {rows:,} residuals",
            expected=f"at most {in_words(room)}, which are free",
            mend="use instead "
            + ", ".join(f"{name} ({in_words(least)})" for name, least in sorted(fitting.items()))
            if fitting
            else "use fewer points or a smaller network",
            section="optimizer",
        )


def free_bytes() -> int | None:
    """Free memory where JAX computes: of the accelerator, or of the machine; None where unknown."""
    counts = jax.local_devices()[0].memory_stats()
    if counts and "bytes_limit" in counts:
        return counts["bytes_limit"] - counts.get("bytes_in_use", 0)
    found = [count for count in (_of_machine(), _of_group()) if count is not None]
    return min(found, default=None)


def in_words(count: float) -> str:
    """Bytes in the unit that leaves one to three digits before the point."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"


def _of_machine() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines() if ":" in line)
        return 1024 * int(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_group() -> int | None:
    """What a container's limit leaves, where there is one."""
    try:
        limit = (_GROUP / "memory.max").read_text().strip()
        return int(limit) - int((_GROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return None
